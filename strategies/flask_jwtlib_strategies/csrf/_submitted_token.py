"""What a request submits to prove that a page of this app made it, and the validator that compares it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import BearerToken, Claims, KeyProvider, TokenValidator
from flask_jwtlib.errors import CrossSiteError, VerificationUnavailable
from flask_jwtlib.evidence import CrossSiteCheck, MustBeConfirmed

from ..validators._wrapping import WrapsValidator, check_wrapped

__all__ = ["DoubleSubmitValidator", "SubmittedToken", "owner_of"]


@frozen
class SubmittedToken(MustBeConfirmed):
    """Evidence: the double-submit token of a request, whose signature was checked.

    Attributes:
        owner: Whom it was made for, as ``owner_of`` returns. None if the request needs no such token.
        fault: Why there is no valid one, for the log.
    """

    owner: str | None = field(default=None, repr=False)
    fault: str | None = None


def owner_of(claims: Mapping[str, Any]) -> str | None:
    """Return a digest of the session or user that claims name; None if they name none.

    It is made of ``iss`` and ``sid``, or else ``sub``, which stay the same when the token is renewed.
    """
    issuer, kind = claims.get("iss"), "sid" if "sid" in claims else "sub"
    name: object = claims.get(kind)
    if not isinstance(issuer, str | None) or not isinstance(name, str) or not name:
        return None
    return sha256(json.dumps([issuer, kind, name]).encode()).hexdigest()


@frozen
class DoubleSubmitValidator(WrapsValidator):
    """Compares the double-submit token of a request with the claims that another validator returns."""

    validator: TokenValidator = field(validator=check_wrapped)

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider]:
        """Return the validator of the access token, for ``explain``."""
        return self.validator, keys

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token.

        Raises:
            AuthenticationError: The validator refuses the token.
            CrossSiteError: The request has no double-submit token that was made for its caller.
            VerificationUnavailable: The extractor of this feature is missing.
        """
        claims = self.validator.validate(token, keys)
        submitted = token.evidence.get(SubmittedToken)
        if submitted is None:
            if (
                token.ambient
                and token.evidence.get(CrossSiteCheck) is not CrossSiteCheck.SAFE_METHOD
            ):
                raise VerificationUnavailable(
                    f"the token from the {token.source} needs a double-submit token, which no extractor has "
                    "read: put DoubleSubmit().extractor(…) around yours"
                )
            return claims
        returned: Any = claims
        if not isinstance(returned, Mapping):
            # The Authenticator refuses it.
            return claims
        if not isinstance(returned, Claims):
            claims = Claims(cast("Mapping[str, Any]", returned), checked_at=time.time())
        fault = submitted.fault
        if fault is None and submitted.owner is not None:
            owner = owner_of(claims)
            if owner is None:
                fault = (
                    "the claims have neither sid nor sub, to which a double-submit token is tied"
                )
            elif owner != submitted.owner:
                fault = "the double-submit token was made for another user or session"
        if fault is not None:
            raise CrossSiteError(fault, description="The request has no valid CSRF token")
        return claims.confirming(SubmittedToken)
