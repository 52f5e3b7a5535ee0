"""Every way in which a request, a composition or a key source can fail.

An error has two texts. ``str(error)`` is for the log: it may name claims and settings.
``description`` is for the wire: it is fixed by us or by the application and never repeats what a
client sent. Neither holds a token, a signature or key material.
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
    """A key is weaker than RFC 7518 §3.2 and §3.3 ask for, and is used because that was allowed."""


class JWTLibError(Exception):
    """The base of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the constructor with the finished text.
        return _revived, (type(self), self.args, vars(self))


def _revived(
    kind: type[JWTLibError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> JWTLibError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class ConfigurationError(JWTLibError, ValueError):
    """A composition, a setting or a key is wrong. Raised while composing, before any request is served.

    Args:
        fault: What is wrong.
        advice: What the caller can do about it, for the place that the error is raised in.

    Attributes:
        fault: What is wrong, without the advice, which may not apply where the error is reported.
    """

    def __init__(self, fault: str = "", *, advice: str = "") -> None:
        super().__init__(f"{fault}; {advice}" if advice else fault)
        self.fault = fault


class VerificationUnavailable(JWTLibError):
    """The keys that would decide could not be had. It is our fault, never the caller's: 503, not 401.

    Attributes:
        retry_after: Seconds after which asking again makes sense, sent as ``Retry-After`` (RFC 9110
            §10.2.3).
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
    """The caller did not prove who they are, or may not do this.

    Raise one of the subclasses from a strategy or a claim rule to refuse a request.

    Args:
        message: The text for the log, never sent. The class's own description when left out.
        description: The text for the wire, ``error_description`` in RFC 6750 §3. It is sent to
            whoever asks. A lazy string, such as Flask-Babel's, becomes text when the response is made.

    Attributes:
        code: The ``error`` code of the challenge (RFC 6750 §3.1), None where none may be sent.
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
        # Refusals are answered in microseconds, of which a chain of constructors would be a good part.
        text = type(self).__name__ if self.description is None else self.description
        self.args = (message or text,)

    @property
    def allows_anonymous(self) -> bool:
        """Whether an optional route may go on without a caller: where nobody was authenticated.

        A caller who is known and lacks a permission, 403, is refused on every route.
        """
        return self.status in _UNAUTHENTICATED


_UNAUTHENTICATED = (400, 401)


class MissingTokenError(AuthenticationError):
    """The request carries no bearer token at all; its challenge has no error code (RFC 6750 §3.1)."""

    code: ClassVar[str | None] = None
    description = "Authentication is required"

    def __init__(self, message: str = "no bearer token in the request") -> None:
        self.args = (message,)


class InvalidRequestError(AuthenticationError, ValueError):
    """The credentials are malformed, or stand in more than one place (RFC 6750 §2, §3.1)."""

    code: ClassVar[str | None] = "invalid_request"
    status: ClassVar[int] = 400
    description = "The request's credentials are malformed"


class InvalidTokenError(AuthenticationError):
    """The token was presented properly and does not convince."""

    description = "The access token is invalid"


class MalformedTokenError(InvalidTokenError):
    """The token is not a strictly formed, signed JWT in compact form (RFC 7515 §5.2, RFC 7519 §7.2)."""

    description = "The access token is malformed"


class AlgorithmError(InvalidTokenError):
    """The token's ``alg`` is not one of those configured (RFC 8725 §3.1)."""

    description = "The access token's signature algorithm is not accepted"


class UnknownKeyError(InvalidTokenError):
    """No key of ours may verify the token."""

    description = "The access token's signing key is unknown"


class BadSignatureError(InvalidTokenError):
    """The signature does not verify."""

    description = "The access token's signature is invalid"


class ClaimError(InvalidTokenError):
    """The token is authentic and one of its claims does not fit.

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
    """The token's time is over (RFC 7519 §4.1.4)."""

    description = "The access token expired"


class MissingClaimError(ClaimError, KeyError):
    """A claim that is needed is absent. Reading ``claims[name]`` raises it, so it is a ``KeyError`` too."""

    description = "The access token lacks a required claim"

    def __init__(
        self, claim: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        super().__init__(
            claim, message or f"the claim {claim!r} is missing", description=description
        )

    def __str__(self) -> str:
        # KeyError would show the repr of its argument.
        return str(self.args[0])


class UnacceptedAudienceError(ClaimError):
    """The token names its audience and no audience of ours is configured.

    Only a token with a good signature gets this far, so it is most likely a setting that was
    forgotten: the log line is a warning.
    """

    log_level: ClassVar[int] = logging.WARNING
    description = "The access token is meant for another audience"


class InsufficientScopeError(AuthenticationError):
    """The caller is known and the token lacks a scope (RFC 6750 §3.1): 403 on every route.

    Attributes:
        scope: The scopes that the route needs, separated by spaces, sent in the challenge.
    """

    code: ClassVar[str | None] = "insufficient_scope"
    status: ClassVar[int] = 403
    description = "The access token lacks a required scope"

    def __init__(
        self, scope: str, message: str | None = None, *, description: str | None = None
    ) -> None:
        self.scope = scope
        super().__init__(message or f"the scope {scope!r} is needed", description=description)
