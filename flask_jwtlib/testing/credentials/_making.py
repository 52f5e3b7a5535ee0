"""How the bad tokens are made."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import attrs

from ..issuer import TokenIssuer, base64url

__all__ = [
    "Make",
    "attacker",
    "changed",
    "decoded",
    "encoded",
    "forged",
    "parts_of",
    "with_claims",
    "with_header",
]

Make = Callable[[TokenIssuer], str]


@lru_cache(maxsize=16)
def attacker(algorithm: str) -> TokenIssuer:
    """Return an issuer with a key that the app doesn't trust."""
    return TokenIssuer("https://attacker.example", algorithm=algorithm, kid="attackers-key")


def forged(issuer: TokenIssuer, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Make a token like the issuer's, but signed by an attacker's key."""
    forger = attrs.evolve(issuer, private_key=attacker(issuer.algorithm).private_key)
    return forger.token(header=header, **claims)


def parts_of(issuer: TokenIssuer) -> tuple[str, str, str]:
    """Return the three parts of a valid token."""
    header, payload, signature = issuer.token().split(".")
    return header, payload, signature


def decoded(part: str) -> Any:
    """Decode a part of a valid token."""
    return json.loads(urlsafe_b64decode(part + "=="))


def encoded(members: dict[str, Any]) -> str:
    """Encode JSON as a part of a token."""
    return base64url(json.dumps(members).encode())


def changed(
    *, header: Callable[[bytes], bytes] = bytes, payload: Callable[[bytes], bytes] = bytes
) -> Make:
    """Return a function that makes a token whose header and payload are changed before they are signed."""

    def make(issuer: TokenIssuer) -> str:
        parts = [urlsafe_b64decode(part + "==") for part in parts_of(issuer)[:2]]
        return issuer.compact(header(parts[0]), payload(parts[1]))

    return make


def with_claims(**claims: Any) -> Make:
    """Return a function that makes a token with other claims."""
    return lambda issuer: issuer.token(**claims)


def with_header(**header: Any) -> Make:
    """Return a function that makes a token with another header."""
    return lambda issuer: issuer.token(header=header)
