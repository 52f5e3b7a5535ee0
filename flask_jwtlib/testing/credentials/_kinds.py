"""Tokens of the issuer that are not access tokens."""

from __future__ import annotations

from typing import Any

from ..issuer import TokenIssuer
from ._making import with_claims
from ._samples import BadToken

__all__ = ["OTHER_KINDS"]

_LOGOUT: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}


def _logout_token(issuer: TokenIssuer) -> str:
    return issuer.token(header={"typ": "logout+jwt"}, events=_LOGOUT, jti="1")


OTHER_KINDS = tuple(
    BadToken(name, why, make, "wrong-token-kind", rule="AccessToken")
    for name, why, make in (
        (
            "id-token",
            "it is an ID token: it has a nonce (OpenID Connect Core §2)",
            with_claims(nonce="n-0S6_WzA2Mj"),
        ),
        (
            "id-token-with-at-hash",
            "it is an ID token: it has at_hash (OpenID Connect Core §3.1.3.6)",
            with_claims(at_hash="77QmUPtjPfzWtF2AnpK9RQ"),
        ),
        ("refresh-token", "it is a refresh token: its typ says so", with_claims(typ="Refresh")),
        (
            "logout-token",
            "it is a logout token (OpenID Connect Back-Channel Logout §2.4)",
            _logout_token,
        ),
    )
)
"""Tokens of other kinds, for the same audience (RFC 8725 §3.12)."""
