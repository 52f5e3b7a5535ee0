"""Tokens that the issuer signed, with claims that must be refused."""

from __future__ import annotations

from typing import Any

from ..issuer import TokenIssuer
from ._making import with_claims
from ._samples import BadToken

__all__ = ["REFUSED_CLAIMS"]

_DAY = 86400
_OTHER = "https://other.example"
_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def _audience(issuer: TokenIssuer) -> Any:
    return issuer.claims.get("aud", "api")


def _expired(issuer: TokenIssuer) -> str:
    now = int(issuer.clock())
    return issuer.token(iat=now - 2 * _DAY, exp=now - _DAY)


def _not_yet_valid(issuer: TokenIssuer) -> str:
    now = int(issuer.clock())
    return issuer.token(nbf=now + _DAY, exp=now + 2 * _DAY)


def _with_other_slash(issuer: TokenIssuer) -> str:
    name = issuer.issuer
    return issuer.token(iss=name.rstrip("/") if name.endswith("/") else f"{name}/")


REFUSED_CLAIMS = (
    BadToken("expired", "it expired a day ago (RFC 7519 §4.1.4)", _expired, "expired-token"),
    BadToken(
        "not-yet-valid",
        "it is valid from tomorrow (RFC 7519 §4.1.5)",
        _not_yet_valid,
        "token-not-yet-valid",
    ),
    BadToken(
        "expiry-as-text",
        "its exp is a string (RFC 7519 §2)",
        lambda issuer: issuer.token(exp=str(int(issuer.clock()) + _DAY)),
        "unaccepted-claim",
    ),
    BadToken(
        "no-expiry", "it never expires", with_claims(exp=None), "missing-claim", rule="Expiry"
    ),
    BadToken(
        "other-issuer",
        "its issuer is another one (RFC 8725 §3.8)",
        with_claims(iss=_OTHER),
        "wrong-issuer",
        rule="Issuer",
    ),
    BadToken(
        "issuer-with-other-slash",
        "its issuer has a slash at the end, or lacks it (RFC 8725 §3.8)",
        _with_other_slash,
        "wrong-issuer",
        rule="Issuer",
    ),
    BadToken(
        "issuer-of-attacker",
        "its issuer only starts like the right one",
        lambda issuer: issuer.token(iss=f"{issuer.issuer}.attacker.example"),
        "wrong-issuer",
        rule="Issuer",
    ),
    BadToken(
        "issuer-in-a-list",
        "its issuer is a list (RFC 7519 §4.1.1)",
        lambda issuer: issuer.token(iss=[issuer.issuer]),
    ),
    BadToken("no-issuer", "it names no issuer", with_claims(iss=None), rule="Issuer"),
    BadToken(
        "other-audience",
        "it was issued for another API (RFC 8725 §3.9)",
        with_claims(aud=_OTHER),
        "wrong-audience",
    ),
    BadToken(
        "audience-of-attacker",
        "its audience only contains the right one",
        lambda issuer: issuer.token(aud=f"{_audience(issuer)}.attacker.example"),
        "wrong-audience",
    ),
    BadToken(
        "empty-audience", "its audience is an empty list", with_claims(aud=[]), "wrong-audience"
    ),
    BadToken(
        "audience-in-an-object",
        "its audience is an object (RFC 7519 §4.1.3)",
        lambda issuer: issuer.token(aud={str(_audience(issuer)): True}),
        "unaccepted-claim",
    ),
    BadToken(
        "no-audience",
        "it names no API (RFC 8725 §3.9)",
        with_claims(aud=None),
        "missing-claim",
        rule="Audience",
    ),
    BadToken(
        "subject-in-a-list",
        "its sub is a list (RFC 7519 §4.1.2)",
        with_claims(sub=["alice"]),
        "unaccepted-claim",
    ),
    BadToken(
        "subject-as-number",
        "its sub is a number (RFC 7519 §4.1.2)",
        with_claims(sub=42),
        "unaccepted-claim",
        rule="ClaimTypes",
    ),
    BadToken(
        "bound-to-key",
        "it is bound to a key, and nothing proves that the client has it (RFC 9449 §7.2)",
        with_claims(cnf={"jkt": _THUMBPRINT}),
        "unaccepted-claim",
    ),
    BadToken(
        "bound-to-certificate",
        "it is bound to a client certificate that the request doesn't have (RFC 8705 §3)",
        with_claims(cnf={"x5t#S256": _THUMBPRINT}),
        "unaccepted-claim",
    ),
)
"""Tokens that are signed by the issuer, and not valid for the app now."""
