"""Tokens that an app must accept, as controls."""

from __future__ import annotations

from ..issuer import TokenIssuer
from ._making import with_claims
from ._samples import GoodToken

__all__ = ["GOOD_TOKENS"]


def _for_several(issuer: TokenIssuer) -> str:
    audience = issuer.claims.get("aud")
    if not isinstance(audience, str):
        return issuer.token()
    return issuer.token(aud=["https://other.example", audience])


def _with_fractions(issuer: TokenIssuer) -> str:
    now = issuer.clock()
    return issuer.token(iat=now - 0.5, nbf=now - 0.5, exp=now + 60.5)


GOOD_TOKENS = (
    GoodToken("plain", "it has what the issuer puts into a token", lambda issuer: issuer.token()),
    GoodToken("for-several", "its audience is a list with the right one", _for_several),
    GoodToken("fractions", "its dates have fractions (RFC 7519 §2)", _with_fractions),
    GoodToken(
        "unknown-claims",
        "claims that an app doesn't know are ignored (RFC 7519 §4)",
        with_claims(**{"https://issuer.example/plan": {"name": "free", "seats": [1, 2]}}),
    ),
    GoodToken("any-letters", "its sub has letters of any script", with_claims(sub="Зоя 愛 é")),
)
"""Tokens that an app must accept."""
