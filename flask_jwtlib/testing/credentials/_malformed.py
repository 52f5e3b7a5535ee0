"""Tokens that are not strict JWTs, though a lenient parser can read most of them."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable

from ..issuer import TokenIssuer, base64url
from ._making import Make, changed, encoded, parts_of, with_claims, with_header
from ._samples import BadToken

__all__ = ["MALFORMED_TOKENS"]

_LARGE = 256 * 1024


def _without_signature(issuer: TokenIssuer) -> str:
    header, payload, _ = parts_of(issuer)
    return f"{header}.{payload}"


def _encrypted(issuer: TokenIssuer) -> str:
    header = encoded({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": issuer.kid})
    return ".".join([header, *(base64url(bytes(size)) for size in (256, 12, 200, 16))])


def _with_spare_bits(issuer: TokenIssuer) -> str:
    """Set bits of the payload's last character that a lenient decoder ignores (RFC 4648 §3.5)."""
    header, payload, _ = parts_of(issuer)
    text = urlsafe_b64decode(payload + "==")
    payload = base64url(text + b" " * ((1 - len(text)) % 3))
    signing_input = f"{header}.{payload[:-1]}{_NEXT[payload[-1]]}"
    return f"{signing_input}.{base64url(issuer.sign(signing_input.encode()))}"


# The last of two characters for one byte has four spare bits.
_NEXT = {"A": "B", "Q": "R", "g": "h", "w": "x"}


def _repeated(member: bytes) -> Callable[[bytes], bytes]:
    return lambda text: b"{" + member + b"," + text[1:]


def _with_member(member: bytes) -> Callable[[bytes], bytes]:
    return lambda text: text[:-1] + b"," + member + b"}"


def _malformed(name: str, why: str, make: Make) -> BadToken:
    return BadToken(name, why, make, "malformed-token")


MALFORMED_TOKENS = (
    _malformed("two-parts", "its signature is missing, with the dot before it", _without_signature),
    _malformed(
        "empty-signature",
        "its signature is empty",
        lambda issuer: f"{_without_signature(issuer)}.",
    ),
    _malformed(
        "four-parts", "a part follows its signature", lambda issuer: f"{issuer.token()}.e30"
    ),
    _malformed("encrypted", "it has the five parts of an encrypted token (RFC 7516)", _encrypted),
    _malformed(
        "padded",
        "it ends with the = of base64 (RFC 7515 §2)",
        lambda issuer: f"{issuer.token()}=",
    ),
    _malformed(
        "foreign-characters",
        "its signature has characters that base64url doesn't have",
        lambda issuer: f"{issuer.token()}~~~~",
    ),
    _malformed(
        "spare-bits", "its payload has bits that a lenient decoder ignores", _with_spare_bits
    ),
    _malformed(
        "too-large",
        "it has more than 256 KiB",
        lambda issuer: issuer.token(padding="x" * _LARGE),
    ),
    _malformed(
        "deep",
        "its claims have 500 lists in one another",
        changed(payload=_with_member(b'"deep":' + b"[" * 500 + b"]" * 500)),
    ),
    _malformed(
        "header-in-a-list", "its header is a list", changed(header=lambda text: b"[%b]" % text)
    ),
    _malformed(
        "claims-in-a-list", "its claims are a list", changed(payload=lambda text: b"[%b]" % text)
    ),
    _malformed(
        "repeated-header-parameter",
        "its header has alg twice (RFC 7515 §4)",
        changed(header=_repeated(b'"alg":"none"')),
    ),
    _malformed(
        "repeated-claim",
        "it has sub twice (RFC 7519 §4)",
        changed(payload=_repeated(b'"sub":"admin"')),
    ),
    _malformed(
        "utf-16",
        "its claims are encoded in UTF-16 (RFC 8725 §3.7)",
        changed(payload=lambda text: text.decode().encode("utf-16-le")),
    ),
    _malformed(
        "not-utf-8",
        "a claim has a byte that isn't UTF-8 (RFC 8725 §3.7)",
        changed(payload=_with_member(b'"name":"\xff"')),
    ),
    _malformed(
        "critical-extension",
        "its crit names an extension that nobody knows (RFC 7515 §4.1.11)",
        with_header(crit=["urgent"], urgent=True),
    ),
    _malformed(
        "unencoded-payload",
        "its b64 says that its payload isn't encoded (RFC 7797)",
        with_header(crit=["b64"], b64=False),
    ),
    _malformed(
        "compressed",
        "its zip says that its payload is compressed (RFC 8725 §3.6)",
        with_header(zip="DEF"),
    ),
    _malformed("expiry-not-a-number", "its exp is NaN", with_claims(exp=float("nan"))),
    _malformed(
        "expiry-too-large",
        "its exp is larger than any number of a computer",
        changed(payload=_with_member(b'"exp":1e999')),
    ),
)
"""Tokens of a wrong form, most of them signed by the issuer."""
