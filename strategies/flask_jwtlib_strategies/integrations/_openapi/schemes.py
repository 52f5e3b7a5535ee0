"""Security schemes: what a client sends, in the words of OpenAPI."""

from __future__ import annotations

import re
from typing import Any

from attrs import field, frozen

__all__ = [
    "BEARER",
    "Credential",
    "Credentials",
    "api_key",
    "in_authorization",
    "in_body",
    "in_header",
]

# IANA's registry of HTTP authentication schemes, which OpenAPI refers to.
_REGISTERED = frozenset(
    {
        *("basic", "bearer", "concealed", "digest", "dpop", "gnap", "hoba", "mutual", "negotiate"),
        *("oauth", "privatetoken", "scram-sha-1", "scram-sha-256", "vapid"),
    }
)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@frozen
class Credential:
    """Something that a client sends.

    Attributes:
        name: What to call it in a document.
        scheme: The security scheme.
        ambient: Whether a browser sends it by itself.
        has_scopes: Whether it is a token with scopes, and not an addition to one.
        guessed: Whether the scheme is only a guess, since the extractor is not of this package.
    """

    name: str
    scheme: dict[str, Any]
    ambient: bool = field(default=False, kw_only=True)
    has_scopes: bool = field(default=True, kw_only=True)
    guessed: bool = field(default=False, kw_only=True)


Credentials = tuple[Credential, ...]
"""Credentials that are sent together."""


BEARER = Credential("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
"""A token in the ``Authorization`` header (RFC 6750 §2.1)."""


def api_key(place: str, name: str, description: str | None = None) -> dict[str, Any]:
    """Return the scheme of a token in a header, a cookie or the query."""
    scheme = {"type": "apiKey", "in": place, "name": name}
    return scheme if description is None else {**scheme, "description": description}


def in_body(kind: str, name: str) -> Credential:
    """Return a token in a body."""
    # RFC 6750 §2.2: a token in the body belongs to the scheme, too. OpenAPI has nothing closer.
    description = f"The token is sent as {name} in the {kind} body, and not in a header."
    return Credential(f"bearerIn{kind.capitalize()}", {**BEARER.scheme, "description": description})


def in_authorization(scheme: str) -> Credential:
    """Return a token in the ``Authorization`` header."""
    if scheme.lower() == "bearer":
        return BEARER
    name = _NOT_IN_NAMES.sub("-", scheme)
    if scheme.lower() in _REGISTERED:
        return Credential(name.lower(), {"type": "http", "scheme": scheme.lower()})
    description = f"{scheme}, a space, and the token."
    return Credential(name, api_key("header", "Authorization", description))


def in_header(name: str, description: str | None = None, *, ambient: bool = False) -> Credential:
    """Return a token in a header of its own."""
    scheme = api_key("header", name, description)
    return Credential(_NOT_IN_NAMES.sub("-", name), scheme, ambient=ambient)
