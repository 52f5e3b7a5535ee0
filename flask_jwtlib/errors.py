"""The errors of a request, a composition or a key source.

An error has two texts. ``str(error)`` is for the log and may name claims and settings. ``description`` is
for the client: it is a fixed text and never repeats what a client sent. Neither contains a token, a
signature or key material.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

__all__ = [
    "AlgorithmError",
    "AuthenticationError",
    "BadSignatureError",
    "ClaimError",
    "ConfigurationError",
    "ExpiredTokenError",
    "InsecureKeyWarning",
    "InsufficientScopeError",
    "InvalidRequestError",
    "InvalidTokenError",
    "JWTLibError",
    "MalformedTokenError",
    "MissingClaimError",
    "MissingTokenError",
    "UnacceptedAudienceError",
    "UnknownKeyError",
    "VerificationUnavailable",
]


class InsecureKeyWarning(UserWarning):
    """A key is weaker than RFC 7518 §3.2 and §3.3 require. It is used because you allowed it."""


class JWTLibError(Exception):
    """The base class of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, pickle would call the constructor with the complete message.
        return _revived, (type(self), self.args, vars(self))


def _revived(
    kind: type[JWTLibError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> JWTLibError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class ConfigurationError(JWTLibError, ValueError):
    """A composition, a setting or a key is wrong. It is raised while composing, before any request is served.

    Args:
        fault: What is wrong.
        advice: How to fix it, where the error is raised.

    Attributes:
        fault: What is wrong, without the advice, for code that catches the error and has better advice.
    """

    def __init__(self, fault: str = "", *, advice: str = "") -> None:
        super().__init__(f"{fault}; {advice}" if advice else fault)
        self.fault = fault


class VerificationUnavailable(JWTLibError):
    """The keys are unavailable, so the token can't be verified. It is the server's fault: 503, not 401.

    Attributes:
        retry_after: Seconds after which the client may retry, sent as ``Retry-After`` (RFC 9110 §10.2.3).
    """

    status: ClassVar[int] = 503
    log_level: ClassVar[int] = logging.ERROR
    description = "The token can't be verified at the moment"

    def __init__(
        self, message: str = "the verification keys are unavailable", *, retry_after: int = 5
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AuthenticationError(JWTLibError):
    """The request is refused: the caller is not authenticated, or lacks a permission.

    Raise one of the subclasses from a strategy or a claim rule to refuse a request.

    Args:
        message: The text for the log. It is never sent. Defaults to the description.
        description: The text for the client, ``error_description`` in RFC 6750 §3. Unauthenticated clients
            get it, too. A lazy string, such as Flask-Babel's, is evaluated when the response is made.
            Defaults to the class's description.

    Attributes:
        code: The ``error`` code of the challenge (RFC 6750 §3.1). None if there must not be one.
        status: The HTTP status of the refusal.
        log_level: The level at which the refusal is logged, one of ``logging``'s.
    """

    code: ClassVar[str | None] = "invalid_token"
    status: ClassVar[int] = 401
    log_level: ClassVar[int] = logging.INFO
    description: str | None = None

    def __init__(self, message: str | None = None, *, description: str | None = None) -> None:
        if description is not None:
            self.description = description
        # A refusal takes microseconds, and a chain of constructors would be a good part of them.
        text = type(self).__name__ if self.description is None else self.description
        self.args = (message or text,)

    @property
    def allows_anonymous(self) -> bool:
        """Whether an optional route accepts the request anyway: True for 400 and 401.

        An authenticated caller who lacks a permission (403) is refused on every route.
        """
        return self.status in _UNAUTHENTICATED


_UNAUTHENTICATED = (400, 401)


class MissingTokenError(AuthenticationError):
    """The request has no bearer token. The challenge has no error code (RFC 6750 §3.1)."""

    code: ClassVar[str | None] = None
    description = "Authentication is required"

    def __init__(self, message: str = "no bearer token in the request") -> None:
        self.args = (message,)


class InvalidRequestError(AuthenticationError, ValueError):
    """The credentials are malformed, or sent in more than one place (RFC 6750 §2, §3.1)."""

    code: ClassVar[str | None] = "invalid_request"
    status: ClassVar[int] = 400
    description = "The request's credentials are malformed"


class InvalidTokenError(AuthenticationError):
    """The token was sent correctly, but it is not accepted."""

    description = "The access token is invalid"


class MalformedTokenError(InvalidTokenError):
    """The token is not a well-formed, signed JWT in compact form (RFC 7515 §5.2, RFC 7519 §7.2)."""

    description = "The access token is malformed"


class AlgorithmError(InvalidTokenError):
    """The token's ``alg`` is not one of the configured algorithms (RFC 8725 §3.1)."""

    description = "The access token's signature algorithm is not accepted"


class UnknownKeyError(InvalidTokenError):
    """No configured key fits the token's ``kid`` and ``alg``."""

    description = "The access token's signing key is unknown"


class BadSignatureError(InvalidTokenError):
    """The signature does not verify."""

    description = "The access token's signature is invalid"


class ClaimError(InvalidTokenError):
    """The token's signature is valid, but one of its claims is not accepted.

    Attributes:
        claim: The claim's name, such as ``"iss"``.
    """

    description = "The access token's claims are not accepted here"

    def __init__(
        self, claim: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        self.claim = claim
        super().__init__(message or f"the claim {claim!r} is not accepted", description=description)


class ExpiredTokenError(ClaimError):
    """The token has expired (RFC 7519 §4.1.4)."""

    description = "The access token expired"


class MissingClaimError(ClaimError, KeyError):
    """A required claim is absent. Reading ``claims[name]`` raises it, so it is also a ``KeyError``."""

    description = "The access token lacks a required claim"

    def __init__(
        self, claim: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        super().__init__(
            claim, message or f"the claim {claim!r} is missing", description=description
        )

    def __str__(self) -> str:
        # KeyError.__str__ returns the repr of its argument.
        return str(self.args[0])


class UnacceptedAudienceError(ClaimError):
    """The token has an audience, but no audience is configured.

    It is logged as a warning, since the token's signature is valid: most likely, the setting was forgotten.
    """

    log_level: ClassVar[int] = logging.WARNING
    description = "The access token is meant for another audience"


class InsufficientScopeError(AuthenticationError):
    """The caller is authenticated, but the token lacks a scope (RFC 6750 §3.1): 403 on every route.

    Attributes:
        scope: The scopes that the route requires, separated by spaces. They are sent in the challenge.
    """

    code: ClassVar[str | None] = "insufficient_scope"
    status: ClassVar[int] = 403
    description = "The access token lacks a required scope"

    def __init__(
        self, scope: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        self.scope = scope
        super().__init__(message or f"the scope {scope!r} is required", description=description)
