"""Finds public keys that are broken, which ``allow_weak`` doesn't allow either."""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ._edwards import ED448, ED25519

__all__ = ["MAX_RSA_BITS", "jwk_fault", "key_fault"]

MAX_RSA_BITS = 16384
"""Longest accepted RSA modulus. OpenSSL verifies no signature with a longer one."""

# FIPS 186-5 §A.1.1. Checking a signature takes longer the larger the exponent is.
_MAX_EXPONENT_BITS = 256
# FIPS 186-5 and SP 800-186 §3.2.1; SEC 2 §2.4.1. By the JWK's crv.
_FIELDS = {
    "P-256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "P-384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "P-521": 2**521 - 1,
    "secp256k1": 2**256 - 2**32 - 977,
}


def key_fault(material: object) -> str | None:
    """Return why a public key can't be trusted or checked, or None if nothing is wrong with it.

    Unlike a key that is merely short (RFC 7518 §3.2, §3.3), such a key is never accepted.

    Args:
        material: A public key object of ``cryptography``. For anything else None is returned.
    """
    if isinstance(material, RSAPublicKey):
        return _rsa_fault(material)
    if isinstance(material, Ed25519PublicKey):
        return ED25519.fault(material.public_bytes_raw())
    if isinstance(material, Ed448PublicKey):
        return ED448.fault(material.public_bytes_raw())
    return None


def jwk_fault(jwk: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a JWK's numbers, or None if nothing is.

    Call it before making a key object. The object no longer shows that a coordinate was beyond the field,
    and making one from millions of bits takes long.

    Args:
        jwk: A JWK whose members are strings of base64url, with or without padding.
    """
    if jwk.get("kty") == "RSA":
        return _size_fault(_number(jwk["n"]).bit_length())
    # Members that don't belong to the key's type are ignored (RFC 7517 §4): a secret may have any crv.
    crv: object = jwk.get("crv") if jwk.get("kty") == "EC" else None
    field = _FIELDS.get(crv) if isinstance(crv, str) else None
    if field is not None and any(_number(jwk[name]) >= field for name in ("x", "y")):
        return f"a coordinate of this EC key is beyond the field of {crv} (RFC 7518 §6.2.1)"
    return None


def _rsa_fault(key: RSAPublicKey) -> str | None:
    # The size comes first: it is known without copying the numbers.
    if fault := _size_fault(key.key_size):
        return fault
    numbers = key.public_numbers()
    if numbers.n % 2 == 0:
        return "this RSA key's modulus is even: anyone can compute its private key"
    if math.isqrt(numbers.n) ** 2 == numbers.n:
        return "this RSA key's modulus is a square: anyone can compute its private key"
    if numbers.e < 3 or numbers.e % 2 == 0:
        # With 1, every padded message is its own signature. Older versions of cryptography load such a key.
        return "this RSA key's exponent must be odd and at least 3, such as 65537"
    if numbers.e.bit_length() > _MAX_EXPONENT_BITS:
        return (
            f"this RSA key's exponent has {numbers.e.bit_length()} bits; "
            f"at most {_MAX_EXPONENT_BITS} are accepted"
        )
    return None


def _size_fault(bits: int) -> str | None:
    if bits > MAX_RSA_BITS:
        return f"an RSA key of {bits} bits is too long: at most {MAX_RSA_BITS} are accepted"
    return None


def _number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=="), "big")
