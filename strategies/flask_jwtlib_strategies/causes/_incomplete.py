"""Causes in the parts of a token: one is missing, cut, or of another format."""

from __future__ import annotations

import re

from flask_jwtlib.errors import BadSignatureError
from flask_jwtlib.explain import Facts, Found, recognises

from ._settings import setting
from ._token_text import header_of, is_malformed, object_in, parts_of_text

__all__ = ["FINDERS"]

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_LIMITS = frozenset({64, 128, 255, 256, 512, 1023, 1024, 2000, 2047, 2048, 4000, 4095, 4096})
# RFC 7518 §3.2, §3.4: the lengths of signatures that don't depend on the key, in bytes.
_SIGNATURE_SIZES = {
    "HS256": 32,
    "HS384": 48,
    "HS512": 64,
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "EdDSA": 64,
}
_RSA_SIZES = frozenset({256, 384, 512, 1024})
_SHORTEST_BEGIN = 10
_TOO_LARGE = "The access token is too large"


@recognises("token-too-large")
def too_large(facts: Facts) -> Found | None:
    """The token is longer than ``max_size``, often because of the user's groups or roles."""
    if str(facts.error) != _TOO_LARGE:
        return None
    return Found(
        f"The token has {len(facts.token)} characters, more than the app accepts, often because "
        "it lists all groups or roles of the user.",
        "Let the provider put only this application's groups and roles into tokens; if the size "
        f"is right, raise {setting(facts, 'max_size')}, and the limits of the servers in front of "
        "the app, too.",
    )


@recognises("algorithm-none")
def unsigned(facts: Facts) -> Found | None:
    """The token isn't signed: its ``alg`` is ``none``."""
    alg = facts.alg or str(header_of(facts).get("alg", ""))
    if alg.lower() == "none" and facts.error.reason in {"malformed-token", "unaccepted-algorithm"}:
        return Found(
            "The token says that it is not signed (alg is none), so anybody can write one.",
            "Get a signed token from the provider: such a token comes from a test tool or an "
            "attacker, and is never accepted.",
        )
    return None


@recognises("encrypted-token")
def encrypted(facts: Facts) -> Found | None:
    """The token is encrypted (JWE, five parts), so only the holder of the decryption key can read it."""
    if is_malformed(facts) and (len(parts_of_text(facts)) == 5 or "enc" in header_of(facts)):
        return Found(
            "The token is encrypted (JWE, RFC 7516): it has five parts or names an encryption, "
            "and a signed token has three parts.",
            "Let the provider issue signed tokens for this API: at Auth0, request the API's "
            "identifier as audience and switch JSON Web Encryption off in the API's settings; "
            "otherwise decrypt it in front of the app.",
        )
    return None


@recognises("signature-missing")
def signature_missing(facts: Facts) -> Found | None:
    """The token has a header and claims, but no signature."""
    parts = [part for part in parts_of_text(facts) if part]
    if is_malformed(facts) and len(parts) == 2 and all(map(object_in, parts)):
        return Found(
            "The token has a header and claims, but its third part, the signature, is missing.",
            "Send the whole token: tools that show the claims leave the signature out, and a "
            "proxy may remove it.",
        )
    return None


@recognises("base64-padding")
def padding(facts: Facts) -> Found | None:
    """Parts of the token end with ``=``, as the tokens of AWS load balancers do."""
    parts = parts_of_text(facts)
    if is_malformed(facts) and len(parts) == 3 and any(part.endswith("=") for part in parts):
        return Found(
            "Parts of the token end with =, and the base64url of a token has no padding (RFC "
            "7515 §2).",
            "Use base64url without padding in the program that makes the token; for the "
            "x-amzn-oidc-data of AWS load balancers, use x-amzn-oidc-accesstoken instead.",
        )
    return None


@recognises("standard-base64")
def standard_base64(facts: Facts) -> Found | None:
    """The token is encoded in base64 with ``+`` and ``/`` in place of base64url."""
    text = facts.token
    if is_malformed(facts) and text.count(".") == 2 and ("+" in text or "/" in text):
        return Found(
            "The token has the characters + or /, so it is base64, and a token is base64url (RFC "
            "7515 §2).",
            "Use base64url, with - and _ and without padding, in the program that makes the "
            "token, such as Python's urlsafe_b64encode.",
        )
    return None


def _signature_is_short(facts: Facts) -> bool:
    parts = parts_of_text(facts)
    header = header_of(facts)
    if len(parts) != 3 or not header or not _SEGMENT.fullmatch(parts[2]):
        return False
    alg = str(header.get("alg", ""))
    size = len(parts[2]) * 3 // 4
    if alg in _SIGNATURE_SIZES:
        return size < _SIGNATURE_SIZES[alg]
    return alg[:2] in {"RS", "PS"} and size not in _RSA_SIZES and size < max(_RSA_SIZES)


def _is_begun(facts: Facts) -> bool:
    """Whether the text begins as a JWT does, with a JSON object, and has less than one."""
    parts = parts_of_text(facts)
    return (
        len(parts) < 3
        and len(parts[0]) > _SHORTEST_BEGIN
        and parts[0].startswith("eyJ")
        and all(map(_SEGMENT.fullmatch, filter(None, parts)))
    )


@recognises("token-cut-off")
def cut_off(facts: Facts) -> Found | None:
    """The end of the token is missing, or its middle was replaced by dots."""
    text = facts.token.strip()
    shortened = "..." in text or "\u2026" in text
    malformed = is_malformed(facts) and (
        shortened or _is_begun(facts) or _signature_is_short(facts)
    )
    if not (
        malformed or (isinstance(facts.error, BadSignatureError) and _signature_is_short(facts))
    ):
        return None
    if shortened:
        found = "its middle or its end was replaced by dots"
    elif len(text) in _LIMITS:
        found = f"it has exactly {len(text)} characters, which is the limit of some terminal, column or field"
    else:
        found = f"its end is missing after {len(text)} characters"
    return Found(
        f"The token was cut: {found}.",
        "Copy or store the whole token: use `flask jwtlib explain -` and a pipe instead of a "
        "prompt, and a column or a variable without a limit.",
    )


FINDERS = (too_large, unsigned, encrypted, signature_missing, padding, cut_off, standard_base64)
