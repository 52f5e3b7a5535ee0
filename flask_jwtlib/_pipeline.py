"""The steps of a decision about a request: request → token → claims → principal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen
from flask import after_this_request

from ._composition import as_claims, check_extracted
from ._flask.authorization_schemes import missing_token_text
from ._flask.cache_headers import make_private, vary_by_authorization
from ._flask.decision_log import report_accepted, report_refused
from ._flask.state import RequestState, begin_decision, current_context, current_g
from .claim_rules import ClaimRule, apply_rules
from .errors import AuthenticationError, MissingTokenError, VerificationUnavailable
from .failure_handlers import UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .log_text import library_logger
from .signals import request_accepted
from .values import BearerToken, Claims, Principal

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

__all__ = ["Outcome", "Pipeline"]

Refusal = AuthenticationError | VerificationUnavailable
Outcome = Principal | Refusal

_logger = library_logger("flask_jwtlib")


@frozen(eq=False)
class Pipeline:
    """Decides about requests with the strategies of one ``Authenticator``.

    Args:
        extractor: Finds the token.
        keys: Provides the keys. It raises only ``AuthenticationError`` and
            ``VerificationUnavailable``.
        validator: Verifies the token and returns its claims.
        failure_handler: Makes the response to a refused request.
    """

    extractor: TokenExtractor
    keys: KeyProvider
    validator: TokenValidator
    failure_handler: FailureHandler

    def decide(self, request: Request) -> Outcome:
        """Return the caller of a request, or why it is refused."""
        try:
            token = self.extractor.extract(request)
            if token is None:
                sent: str | None = request.environ.get("HTTP_AUTHORIZATION")
                return MissingTokenError(missing_token_text(sent)) if sent else MissingTokenError()
            if type(token) is not BearerToken or type(token.value) is not str:
                check_extracted(token)
            claims = self.validator.validate(token, self.keys)
            if type(claims) is not Claims:
                claims = as_claims(claims)
            return Principal(token, claims)
        except (AuthenticationError, VerificationUnavailable) as error:
            # The request keeps the error. Without its traceback, the error doesn't keep the request.
            return error.with_traceback(None)

    def enter(
        self, authenticator: object, rules: tuple[ClaimRule, ...], optional: bool
    ) -> tuple[ResponseReturnValue | None, Callable[[], None] | None]:
        """Decide whether the current request may enter a view.

        Args:
            authenticator: The ``Authenticator``, for the signals.
            rules: The view's own claim rules.
            optional: Whether the view accepts requests without a valid token.

        Returns:
            The response to a refused request, or None to let it in. Then, inside another guarded view, a
            function that publishes that view's caller again, or None.
        """
        context, published = current_context(), vars(current_g())
        state, restore = begin_decision(context, published)
        try:
            outcome = state.outcomes.get(self)
            if outcome is None:
                outcome = state.outcomes[self] = self.decide(context.request)
            if rules and isinstance(outcome, Principal):
                outcome = _apply_view_rules(outcome, rules)
            if isinstance(outcome, Principal):
                self.accept(authenticator, outcome, state, published)
                return None, restore
            return self._refuse(authenticator, outcome, optional), restore
        except BaseException:
            # A failure handler may raise its response instead of returning it.
            if restore is not None:
                restore()
            raise

    def accept(
        self,
        authenticator: object,
        principal: Principal,
        state: RequestState,
        published: dict[str, Any],
    ) -> None:
        """Publish the current request's caller."""
        state.publish(principal, published)
        after_this_request(
            vary_by_authorization if principal.token.source == "header" else make_private
        )
        if request_accepted.receivers:
            report_accepted(authenticator, principal)

    def _refuse(
        self, authenticator: object, error: Refusal, optional: bool
    ) -> ResponseReturnValue | None:
        """Report a refusal, and return the response, or None if the view accepts the request anyway."""
        anonymous = optional and isinstance(error, AuthenticationError) and error.allows_anonymous
        report_refused(authenticator, error, optional=anonymous)
        if anonymous:
            self.failure_handler.anonymous(cast("AuthenticationError", error))
            after_this_request(vary_by_authorization)
            return None
        response: ResponseReturnValue | None = self.failure_handler.deny(error)
        if response is None:
            _logger.error(
                "%s.deny returned None; the default refusal is sent",
                type(self.failure_handler).__name__,
            )
            return UnauthorizedHandler().deny(error)
        return response


def _apply_view_rules(principal: Principal, rules: tuple[ClaimRule, ...]) -> Outcome:
    """Return the principal, or why a view's own rules refuse it."""
    try:
        apply_rules(principal.claims, rules)
    except (AuthenticationError, VerificationUnavailable) as error:
        return error.with_traceback(None)
    return principal
