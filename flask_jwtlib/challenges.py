"""The headers and the text of a refusal: challenges (RFC 6750 §3), and when to retry."""

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

# RFC 6750 §3: what error_description and scope may hold. A realm is kept to the same characters.
_UNSAFE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def refusal_text(error: AuthenticationError | VerificationUnavailable) -> str:
    """Return a refusal's text for the wire, its ``description``, as a plain string.

    A lazy string is evaluated, and any other value shown by ``str``. Half surrogate pairs, which can't be
    encoded, become ``?``. Without a description, and where ``str`` raises, the text is empty.
    """
    return _plain(error.description)


def _plain(value: object) -> str:
    if value is None:
        return ""
    try:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - whatever a translation raises, the request is refused
        return ""
    return text if text.isascii() else text.encode(errors="replace").decode()


def bearer_challenge(error: AuthenticationError, *, realm: str | None = None) -> str:
    """Write the value of ``WWW-Authenticate`` for a refusal (RFC 6750 §3).

    Characters that it may not hold become ``?``.

    Args:
        error: The refusal. One without a code, such as a missing token, shows nothing but the
            scheme and realm.
        realm: The protected space's name.
    """
    scope = error.scope if isinstance(error, InsufficientScopeError) else None
    if scope is not None and type(scope) is not str:
        scope = _plain(scope)
    description = error.description
    if description is not None and type(description) is not str:
        description = _plain(description)
    return _challenge(realm, error.code, description, scope)


# Few different refusals make up nearly all; the bound is for descriptions that an application makes up.
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
    """The headers that belong to a refusal: the challenge, or ``Retry-After`` where the fault is ours."""
    if isinstance(error, VerificationUnavailable):
        return [("Retry-After", _whole_seconds(error.retry_after))]
    return [("WWW-Authenticate", bearer_challenge(error, realm=realm))]


def _whole_seconds(value: Any) -> str:
    """Write seconds as RFC 9110 §10.2.3 has them. What isn't a number of seconds becomes 5."""
    try:
        return str(max(0, math.ceil(value)))
    except (TypeError, ValueError, OverflowError):
        return "5"


def check_realm(realm: Any) -> str | None:
    """Answer a realm that a challenge can show as it is.

    Raises:
        ConfigurationError: It has characters that a challenge can't hold.
    """
    if realm is not None and (not isinstance(realm, str) or _UNSAFE.search(realm)):
        raise ConfigurationError(
            f"a realm is printable ASCII without quotes and backslashes, not {realm!r}"
        )
    return realm
