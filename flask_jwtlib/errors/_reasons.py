"""The reasons for which a request is refused."""

from __future__ import annotations

import logging
from typing import ClassVar

from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized

from ._refusals import AuthenticationError

__all__ = [
    "AlgorithmError",
    "BadSignatureError",
    "ClaimError",
    "CrossSiteError",
    "ExpiredTokenError",
    "ForbiddenError",
    "InsufficientScopeError",
    "InvalidRequestError",
    "InvalidTokenError",
    "MalformedCredentialsError",
    "MalformedTokenError",
    "MissingClaimError",
    "MissingTokenError",
    "NotYetValidError",
    "TokenKindError",
    "UnacceptedAudienceError",
    "UnknownKeyError",
    "WrongAudienceError",
    "WrongIssuerError",
]


class MissingTokenError(AuthenticationError, Unauthorized):
    """The request has no token. The challenge has no error code (RFC 6750 §3.1)."""

    reason: ClassVar[str] = "missing-token"
    error_code: ClassVar[str | None] = None
    description = "Authentication is required"

    def __init__(self, message: str = "no bearer token in the request") -> None:
        self.log_message = message
        self.args = (message,)


class InvalidRequestError(AuthenticationError, BadRequest):
    """The credentials are malformed, or sent in more than one place (RFC 6750 §2, §3.1)."""

    reason: ClassVar[str] = "malformed-credentials"
    error_code: ClassVar[str | None] = "invalid_request"
    description = "The request's credentials are malformed"


class MalformedCredentialsError(AuthenticationError, Unauthorized):
    """As ``InvalidRequestError``, but with the 401 that the documented module API promises.

    RFC 6750 §3.1 recommends 400, which a composed ``Authenticator`` sends.
    """

    reason: ClassVar[str] = "malformed-credentials"
    error_code: ClassVar[str | None] = "invalid_request"
    description = InvalidRequestError.description


class InvalidTokenError(AuthenticationError, Unauthorized):
    """The token was sent correctly, but it is not accepted."""

    reason: ClassVar[str] = "invalid-token"
    description = "The access token is invalid"


class MalformedTokenError(InvalidTokenError):
    """The token is not a well-formed, signed JWT in compact form (RFC 7515 §5.2, RFC 7519 §7.2)."""

    reason: ClassVar[str] = "malformed-token"
    description = "The access token is malformed"


class AlgorithmError(InvalidTokenError):
    """The token's ``alg`` is not one of the configured algorithms (RFC 8725 §3.1)."""

    reason: ClassVar[str] = "unaccepted-algorithm"
    description = "The access token's signature algorithm is not accepted"


class UnknownKeyError(InvalidTokenError):
    """No configured key fits the token's ``kid`` and ``alg``."""

    reason: ClassVar[str] = "unknown-key"
    description = "The access token's signing key is unknown"


class BadSignatureError(InvalidTokenError):
    """The signature does not verify."""

    reason: ClassVar[str] = "bad-signature"
    description = "The access token's signature is invalid"


class ClaimError(InvalidTokenError):
    """The token's signature is valid, but one of its claims is not accepted.

    Attributes:
        claim: The claim's name, such as ``"iss"``.
    """

    reason: ClassVar[str] = "unaccepted-claim"
    description = "The access token's claims are not accepted here"

    def __init__(
        self, claim: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        self.claim = claim
        super().__init__(message or f"the claim {claim!r} is not accepted", description=description)


class ExpiredTokenError(ClaimError):
    """The token has expired (RFC 7519 §4.1.4), or is older than the application accepts."""

    reason: ClassVar[str] = "expired-token"
    description = "The access token expired"


class MissingClaimError(ClaimError):
    """A required claim is absent."""

    reason: ClassVar[str] = "missing-claim"
    description = "The access token lacks a required claim"

    def __init__(
        self, claim: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        super().__init__(
            claim, message or f"the claim {claim!r} is missing", description=description
        )


class NotYetValidError(ClaimError):
    """The token is not valid yet (RFC 7519 §4.1.5), or was issued in the future: a clock is wrong."""

    reason: ClassVar[str] = "token-not-yet-valid"
    description = "The access token is not valid yet"


class WrongIssuerError(ClaimError):
    """The token names another issuer (RFC 7519 §4.1.1)."""

    reason: ClassVar[str] = "wrong-issuer"
    description = "The access token is from another issuer"


class WrongAudienceError(ClaimError):
    """The token is meant for another API (RFC 7519 §4.1.3)."""

    reason: ClassVar[str] = "wrong-audience"
    description = "The access token is meant for another audience"


class UnacceptedAudienceError(WrongAudienceError):
    """The token has an audience, but no audience is configured.

    It is logged as a warning, since the token's signature is valid: most likely, the setting was forgotten.
    """

    log_level: ClassVar[int] = logging.WARNING


class TokenKindError(ClaimError):
    """The token is of another kind, such as an ID token in place of an access token (RFC 8725 §3.12)."""

    reason: ClassVar[str] = "wrong-token-kind"
    description = "The token is of another kind"


class ForbiddenError(AuthenticationError, Forbidden):
    """The caller is authenticated, but lacks a permission that no scope would give: 403 on every route.

    The response has no challenge, since no scope that a client could ask for would help.
    """

    reason: ClassVar[str] = "forbidden"
    error_code: ClassVar[str | None] = None
    description = "The caller lacks a permission"


class InsufficientScopeError(ForbiddenError):
    """The caller is authenticated, but the token lacks a scope (RFC 6750 §3.1): 403 on every route.

    Attributes:
        scope: The missing scopes, separated by spaces. The challenge names all scopes of the route.
    """

    reason: ClassVar[str] = "insufficient-scope"
    error_code: ClassVar[str | None] = "insufficient_scope"
    description = "The access token lacks a required scope"

    def __init__(
        self, scope: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        self.scope = scope
        super().__init__(message or f"the scope {scope!r} is required", description=description)


class CrossSiteError(ForbiddenError):
    """Another site may have made the browser send this request, with the caller's credentials: 403."""

    reason: ClassVar[str] = "cross-site-request"
    log_level: ClassVar[int] = logging.WARNING
    description = "The request may come from another site"
