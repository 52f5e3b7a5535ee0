"""The steps of a decision about a request: request → token → claims → policies → principal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from attrs import frozen
from flask import Response, after_this_request

from .._flask.authorization_schemes import missing_token_text
from .._flask.decision_log import report_accepted
from .._flask.state import judged_principal
from ..errors import (
    AbsentClaimError,
    AuthenticationError,
    MissingClaimError,
    MissingTokenError,
    VerificationUnavailable,
)
from ..evidence import NO_EVIDENCE, offered_evidence
from ..interfaces import KeyProvider, TokenValidator
from ..policies import Call, Policy, refusal_by
from ..signals import request_accepted
from ..values import BearerToken, Claims, Principal
from .composition import (
    as_claims,
    check_actor,
    check_ambient,
    check_confirmed,
    check_evidence,
    check_extracted,
)
from .outcomes import Outcome, Refused
from .refusing import RefusingPipeline

if TYPE_CHECKING:
    from flask import Request

__all__ = ["Pipeline"]


@frozen(eq=False, kw_only=True)
class Pipeline(RefusingPipeline):
    """Decides about requests with the strategies of one ``Authenticator``.

    Args:
        keys: Provides the keys. It raises only ``AuthenticationError`` and ``VerificationUnavailable``.
        validator: Verifies the token and returns its claims.
        implied_scopes: For each scope, all scopes that it implies.
        confirmed_elsewhere: The members of ``cnf`` that needn't be confirmed by a validator.
    """

    keys: KeyProvider
    validator: TokenValidator
    implied_scopes: Mapping[str, frozenset[str]]
    confirmed_elsewhere: frozenset[str]

    def current(self) -> Pipeline:
        """Return this pipeline. An ``AppAuthenticator`` has one for each app."""
        return self

    def decide(self, request: Request) -> Outcome:
        """Return the caller of a request, or why it is refused. Policies are judged later."""
        token: BearerToken | None = None
        try:
            token = self.extractor.extract(request)
            if token is None:
                sent: str | None = request.environ.get("HTTP_AUTHORIZATION")
                if not self.accepts_bearer:
                    return Refused(MissingTokenError("no token in the request"))
                return Refused(
                    MissingTokenError(missing_token_text(sent)) if sent else MissingTokenError()
                )
            if type(token) is not BearerToken or type(token.value) is not str:
                check_extracted(token)
            if token.ambient:
                check_ambient(token)
            return self.validated(token, self.confirmed_elsewhere)
        except (AuthenticationError, VerificationUnavailable) as error:
            # The request keeps the error. Without its traceback and that of the error before it, the error
            # doesn't keep the request.
            error.__context__ = None
            return Refused(
                error.with_traceback(None), token if isinstance(token, BearerToken) else None
            )

    def validated(self, token: BearerToken, elsewhere: Collection[str]) -> Principal:
        """Return the caller that a token identifies. Policies are judged later.

        Args:
            token: The token.
            elsewhere: The members of ``cnf`` that something else than the validator confirms.

        Raises:
            AuthenticationError: The token is refused.
            VerificationUnavailable: The keys are unavailable.
        """
        evidence = token.evidence
        offered = None if evidence is offered_evidence.get() else offered_evidence.set(evidence)
        try:
            claims = self.validator.validate(token, self.keys)
        except AbsentClaimError as error:
            raise MissingClaimError(error.claim) from None
        finally:
            if offered is not None:
                offered_evidence.reset(offered)
        if type(claims) is not Claims:
            claims = as_claims(claims)
        if "cnf" in claims:
            check_confirmed(claims, elsewhere, evidence)
        if evidence is not NO_EVIDENCE:
            check_evidence(claims, evidence)
        if "act" in claims:
            check_actor(claims)
        if self.implied_scopes:
            claims = claims.implying(self.implied_scopes)
        return Principal(token, claims)

    def judged(self, principal: Principal, policies: tuple[Policy, ...], call: Call) -> Outcome:
        """Return the caller, or why some policies refuse this caller."""
        judging = judged_principal.set(principal)
        try:
            error = refusal_by(policies, principal.claims, call)
        except VerificationUnavailable as unavailable:
            return Refused(unavailable.with_traceback(None), principal.token)
        finally:
            judged_principal.reset(judging)
        if error is None:
            return principal
        scopes = tuple(scope for policy in policies for scope in policy.scopes)
        return Refused(error, principal.token, principal, scopes, by_policy=True)

    def accept(self, principal: Principal, *, quiet: bool = False) -> None:
        """Mark the response to a caller, and report the caller unless ``quiet``."""
        token, claims = principal.token, principal.claims
        after_this_request(self.mark_for(token))
        if claims.response_headers and claims.made_for(token.evidence):
            after_this_request(_adding(claims.response_headers))
        if request_accepted.receivers and not quiet:
            report_accepted(self.authenticator, principal)


def _adding(headers: tuple[tuple[str, str], ...]) -> Callable[[Response], Response]:
    def add(response: Response) -> Response:
        for name, value in headers:
            # A guard, a decorator and `authenticate` may all accept the same caller.
            if value not in response.headers.getlist(name):
                response.headers.add(name, value)
        return response

    return add
