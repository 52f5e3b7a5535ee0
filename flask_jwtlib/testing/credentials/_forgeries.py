"""Tokens that the issuer didn't sign."""

from __future__ import annotations

from ..issuer import TokenIssuer, base64url
from ._making import Make, attacker, decoded, encoded, forged, parts_of
from ._samples import BadToken

__all__ = ["FORGERIES"]


def _changed(issuer: TokenIssuer) -> str:
    header, payload, signature = parts_of(issuer)
    claims = {**decoded(payload), "sub": "admin"}
    return f"{header}.{encoded(claims)}.{signature}"


def _zeros(issuer: TokenIssuer) -> str:
    header, payload, signature = parts_of(issuer)
    return f"{header}.{payload}.{'A' * len(signature)}"


def _cut(issuer: TokenIssuer) -> str:
    header, payload, signature = parts_of(issuer)
    return f"{header}.{payload}.{signature[:8]}"


def _with_its_key(issuer: TokenIssuer) -> str:
    signer = attacker(issuer.algorithm)
    if isinstance(signer.private_key, bytes):
        return forged(issuer, {"jwk": {"kty": "oct", "k": base64url(signer.private_key)}})
    return forged(issuer, {"jwk": signer.jwk})


def _with_url(parameter: str, file: str) -> Make:
    return lambda issuer: forged(issuer, {parameter: f"https://attacker.invalid/{file}"})


FORGERIES = (
    BadToken("other-key", "it is signed with another key of the same kid", forged, "bad-signature"),
    BadToken(
        "other-key-id",
        "it is signed with another key, whose kid the app doesn't know",
        lambda issuer: forged(issuer, {"kid": "attackers-key"}),
    ),
    BadToken(
        "no-key-id",
        "it is signed with another key and has no kid",
        lambda issuer: forged(issuer, {"kid": None}),
        "bad-signature",
    ),
    BadToken("changed-claims", "its sub was changed after signing", _changed, "bad-signature"),
    BadToken("signature-of-zeros", "its signature is all zeros", _zeros, "bad-signature"),
    BadToken("signature-cut-off", "its last characters are missing", _cut, "bad-signature"),
    BadToken(
        "key-in-header",
        "the key that signed it is in its header, as jwk (RFC 7515 §4.1.3)",
        _with_its_key,
        "bad-signature",
    ),
    BadToken(
        "key-set-url",
        "its header names a URL of keys, as jku, which must not be fetched (RFC 7515 §4.1.2)",
        _with_url("jku", "jwks.json"),
        "bad-signature",
    ),
    BadToken(
        "certificate-url",
        "its header names a URL of a certificate, as x5u, which must not be fetched (RFC 7515 §4.1.5)",
        _with_url("x5u", "certificate.pem"),
        "bad-signature",
    ),
)
"""Tokens with another key's signature, or with none of the whole token."""
