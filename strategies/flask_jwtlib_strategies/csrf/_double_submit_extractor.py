"""Reads the double-submit token of a request, and checks its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import flask
from attrs import Attribute, field, frozen
from itsdangerous import BadData

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import MalformedTokenError, VerificationUnavailable
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.extractors import form_values, read_body
from flask_jwtlib.interfaces import challenges_of, request_arguments_of
from flask_jwtlib.jws import CompactJWS

from ..extractors._cross_site_rules import CrossSiteRules
from ..extractors._wrapping import check_wrapped, vary_with
from ._submitted_token import SubmittedToken, owner_of

if TYPE_CHECKING:
    from flask import Request

    from .double_submit import DoubleSubmit

__all__ = ["DoubleSubmitExtractor"]

_FORM = "application/x-www-form-urlencoded"
_NOT_NEEDED = SubmittedToken()


def _owner_of(token: str) -> str | None:
    """Return whom the claims of a token name, before it is verified; None if they can't be read."""
    try:
        return owner_of(CompactJWS(token, max_size=len(token)).claims())
    except MalformedTokenError:
        return None


def _check_extractor(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_wrapped(instance, attribute, value)
    if isinstance(value, DoubleSubmitExtractor):
        raise ConfigurationError("the extractor has a DoubleSubmit already")


@frozen
class DoubleSubmitExtractor(TokenExtractor):
    """Attaches the double-submit token of a request to the ambient token that another extractor finds.

    Args:
        extractor: The extractor.
        options: Where the double-submit token is, and how it is signed.
    """

    extractor: TokenExtractor = field(validator=_check_extractor)
    options: DoubleSubmit

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the extractor."""
        return challenges_of(self.extractor)

    @property
    def vary(self) -> tuple[str, ...]:
        """The headers that the extractor reads, and that of the double-submit token."""
        return vary_with(self.extractor, self.options.header)

    def request_with(self, token: str) -> dict[str, Any] | None:
        """Return what a request needs to have a token, and the double-submit token that belongs to it."""
        described = request_arguments_of(self.extractor, token)
        owner = _owner_of(token)
        if described is None or owner is None:
            return described
        try:
            signer = self.options.signer_of(flask.current_app)
        except ConfigurationError:
            return described
        submitted = {self.options.header: signer.sign(owner).decode()}
        return {**described, "headers": {**described.get("headers", {}), **submitted}}

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token, and attach the double-submit token to an ambient one.

        Raises:
            AuthenticationError: The extractor refuses the request.
            VerificationUnavailable: The app has no ``SECRET_KEY``.
        """
        token = self.extractor.extract(request)
        if not getattr(token, "ambient", False):
            return token
        token = cast("BearerToken", token)
        outcome = token.evidence.get(CrossSiteCheck)
        if outcome is CrossSiteCheck.SAFE_METHOD:
            return token
        # Without an outcome, the check may be around this extractor.
        if outcome is not CrossSiteCheck.PASSED and CrossSiteRules().is_safe(request):
            return token.with_evidence(_NOT_NEEDED)
        return token.with_evidence(self._submitted(request))

    def _submitted(self, request: Request) -> SubmittedToken:
        options = self.options
        try:
            signer = options.signer_of(flask.current_app)
        except ConfigurationError as error:
            raise VerificationUnavailable(str(error)) from None
        values = self._values(request)
        if len(values) != 1:
            places = f"the header {options.header}"
            if options.form_field is not None:
                places += f" or the form field {options.form_field}"
            found = f"{len(values)} double-submit tokens" if values else "no double-submit token"
            return SubmittedToken(fault=f"the request has {found}, expected one in {places}")
        try:
            owner, signed_at = signer.unsign(values[0], return_timestamp=True)
        except BadData:
            return SubmittedToken(
                fault="the double-submit token is not signed with SECRET_KEY or SECRET_KEY_FALLBACKS"
            )
        age = options.clock() - signed_at.timestamp()
        if age > options.max_age:
            return SubmittedToken(
                fault=f"the double-submit token is {age:.0f} seconds old, and max_age is {options.max_age}"
            )
        return SubmittedToken(owner.decode())

    def _values(self, request: Request) -> list[str]:
        options = self.options
        sent = request.headers.get(options.header)
        if sent is not None:
            return [sent]
        if options.form_field is None:
            return []
        # The application may have parsed the form already, so that the bytes are gone.
        form: Any = vars(request).get("form")
        if form is not None:
            return list(form.getlist(options.form_field))
        if request.mimetype != _FORM:
            return []
        body = read_body(request, max_length=options.max_form_size)
        return [] if body is None else form_values(body, options.form_field)
