"""The text and the headers of a refusal: ``WWW-Authenticate`` (RFC 6750 §3) and ``Retry-After``."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from .errors import (
    AuthenticationError,
    ConfigurationError,
    InsufficientScopeError,
    VerificationUnavailable,
)

__all__ = ["bearer_challenge", "check_realm", "refusal_headers", "refusal_text"]

# RFC 6750 §3 allows these characters in error_description and scope. A realm may have no others either.
_UNSAFE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def refusal_text(error: AuthenticationError | VerificationUnavailable) -> str:
    """Return the ``description`` of a refusal, which is its text for the client, as a plain string.

    Lazy strings are evaluated, and other values converted by ``str``. Half surrogate pairs, which can't be
    encoded, become ``?``. The text is empty if there is no description or ``str`` raises.
    """
    return _plain(error.description)


def _plain(value: object) -> str:
    if value is None:
        return ""
    try:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - a lazy translation may raise anything
        return ""
    return text if text.isascii() else text.encode(errors="replace").decode()


def bearer_challenge(error: AuthenticationError, *, realm: str | None = None) -> str:
    """Return the value of ``WWW-Authenticate`` for a refusal (RFC 6750 §3).

    Characters that the header doesn't allow become ``?``.

    Args:
        error: The refusal. If it has no code, as ``MissingTokenError``, the challenge has only the scheme
            and the realm.
        realm: The name of the protected space.
    """
    scope = error.scope if isinstance(error, InsufficientScopeError) else None
    if scope is not None and type(scope) is not str:
        scope = _plain(scope)
    description = error.description
    if description is not None and type(description) is not str:
        description = _plain(description)
    return _challenge(realm, error.code, description, scope)


# Nearly all refusals are among a few. The bound is for descriptions that an application generates.
@lru_cache(maxsize=256)
def _challenge(
    realm: str | None, code: str | None, description: str | None, scope: str | None
) -> str:
    parameters = {"realm": realm}
    if code is not None:
        parameters |= {"error": code, "error_description": description, "scope": scope}
    shown = [f'{name}="{_UNSAFE.sub("?", value)}"' for name, value in parameters.items() if value]
    return f"Bearer {', '.join(shown)}" if shown else "Bearer"


def refusal_headers(
    error: AuthenticationError | VerificationUnavailable, *, realm: str | None = None
) -> list[tuple[str, str]]:
    """Return the headers of a refusal: ``WWW-Authenticate``, or ``Retry-After`` without keys."""
    if isinstance(error, VerificationUnavailable):
        return [("Retry-After", _whole_seconds(error.retry_after))]
    return [("WWW-Authenticate", bearer_challenge(error, realm=realm))]


def _whole_seconds(value: Any) -> str:
    """Return whole seconds for ``Retry-After`` (RFC 9110 §10.2.3). It is 5 if the value isn't a number."""
    try:
        return str(max(0, math.ceil(value)))
    except (TypeError, ValueError, OverflowError):
        return "5"


def check_realm(realm: Any) -> str | None:
    """Return a realm, if a challenge can show it unchanged.

    Raises:
        ConfigurationError: It has characters that a challenge doesn't allow.
    """
    if realm is not None and (not isinstance(realm, str) or _UNSAFE.search(realm)):
        raise ConfigurationError(
            f"realm is {realm!r}, expected printable ASCII without quotes and backslashes"
        )
    return realm
