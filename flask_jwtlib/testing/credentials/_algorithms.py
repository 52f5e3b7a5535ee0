"""Tokens whose algorithm or key ID is an attack."""

from __future__ import annotations

from ..issuer import TokenIssuer, base64url
from ._making import attacker, decoded, encoded, parts_of, with_header
from ._samples import BadToken

__all__ = ["ALGORITHM_ATTACKS"]


def _unsigned(issuer: TokenIssuer, alg: str, signature: str = "") -> str:
    header, payload, _ = parts_of(issuer)
    return f"{encoded({**decoded(header), 'alg': alg})}.{payload}.{signature}"


def _with_hmac(issuer: TokenIssuer, secret: bytes, **header: str) -> str:
    """Make a token that is signed with HMAC, by another algorithm than the issuer's."""
    alg = "HS512" if issuer.algorithm == "HS256" else "HS256"
    first, payload, _ = parts_of(issuer)
    signing_input = f"{encoded({**decoded(first), 'alg': alg, **header})}.{payload}"
    signer = TokenIssuer(algorithm=alg, private_key=secret)
    return f"{signing_input}.{base64url(signer.sign(signing_input.encode()))}"


def _with_public_key(issuer: TokenIssuer) -> str:
    has_secret = isinstance(issuer.private_key, bytes)
    return _with_hmac(issuer, b"secret" if has_secret else issuer.public_pem.encode())


def _with_other_algorithm(issuer: TokenIssuer) -> str:
    signer = attacker("RS256" if issuer.algorithm == "ES256" else "ES256")
    header, payload, _ = parts_of(issuer)
    signing_input = f"{encoded({**decoded(header), 'alg': signer.algorithm})}.{payload}"
    return f"{signing_input}.{base64url(signer.sign(signing_input.encode()))}"


ALGORITHM_ATTACKS = (
    BadToken(
        "alg-none",
        "it has no signature, and its alg is none (RFC 8725 §2.1)",
        lambda issuer: _unsigned(issuer, "none"),
        "malformed-token",
    ),
    BadToken(
        "alg-none-in-other-letters",
        "it has no signature, and its alg is nOnE (RFC 8725 §2.1)",
        lambda issuer: _unsigned(issuer, "nOnE"),
        "malformed-token",
    ),
    BadToken(
        "alg-none-with-signature",
        "its alg is none, and it has some signature",
        lambda issuer: _unsigned(issuer, "none", parts_of(issuer)[2]),
        "unaccepted-algorithm",
    ),
    BadToken(
        "hmac-with-public-key",
        "it is signed with HMAC, with the public key's PEM as the secret (RFC 8725 §2.1)",
        _with_public_key,
        "unaccepted-algorithm",
    ),
    BadToken(
        "key-id-is-a-path",
        "its kid is the path of an empty file, and it is signed with an empty secret (RFC 8725 §3.10)",
        lambda issuer: _with_hmac(issuer, b"", kid="../../../../../../dev/null"),
        "unaccepted-algorithm",
    ),
    BadToken(
        "other-algorithm",
        "it is signed with an attacker's key and another algorithm",
        _with_other_algorithm,
        "unaccepted-algorithm",
    ),
    BadToken("no-alg", "its header has no alg", with_header(alg=None), "malformed-token"),
    BadToken(
        "alg-in-a-list",
        "its alg is a list",
        lambda issuer: issuer.token(header={"alg": [issuer.algorithm]}),
        "malformed-token",
    ),
)
"""Tokens whose header names an algorithm or a key that must not be used."""
