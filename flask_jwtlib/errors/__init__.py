"""The errors of a request, a composition or a key source.

An error that refuses a request has two texts. ``log_message`` is for the log and may name claims and
settings. ``description``, which ``str`` returns, is for the client: it is a fixed text and never repeats what
a client sent. Neither contains a token, a signature or key material.
"""

from __future__ import annotations

from ._base import AbsentClaimError, ConfigurationError, InsecureKeyWarning, JWTLibError
from ._reasons import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    CrossSiteError,
    ExpiredTokenError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    MalformedCredentialsError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    NotYetValidError,
    TokenKindError,
    UnacceptedAudienceError,
    UnknownKeyError,
    WrongAudienceError,
    WrongIssuerError,
)
from ._refusals import AuthenticationError, Refusal, RefusalContext, VerificationUnavailable

__all__ = [
    "AbsentClaimError",
    "AlgorithmError",
    "AuthenticationError",
    "BadSignatureError",
    "ClaimError",
    "ConfigurationError",
    "CrossSiteError",
    "ExpiredTokenError",
    "ForbiddenError",
    "InsecureKeyWarning",
    "InsufficientScopeError",
    "InvalidRequestError",
    "InvalidTokenError",
    "JWTLibError",
    "MalformedCredentialsError",
    "MalformedTokenError",
    "MissingClaimError",
    "MissingTokenError",
    "NotYetValidError",
    "Refusal",
    "RefusalContext",
    "TokenKindError",
    "UnacceptedAudienceError",
    "UnknownKeyError",
    "VerificationUnavailable",
    "WrongAudienceError",
    "WrongIssuerError",
]
