"""Ed448: the signatures of RFC 8032, section 7.4, under the names of RFC 8037 and RFC 9864."""

from __future__ import annotations

import pytest

from flask_jwtlib import VerificationKey
from flask_jwtlib.testing import base64url

# The public key, the message and the signature of "Blank" and "1 octet".
VECTORS = {
    "blank": (
        (
            "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778"
            "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180"
        ),
        "",
        (
            "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f"
            "2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a"
            "9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db"
            "b61149f05a7363268c71d95808ff2e652600"
        ),
    ),
    "one octet": (
        (
            "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086"
            "6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480"
        ),
        "03",
        (
            "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435"
            "2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb"
            "cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f"
            "f3348ab21aa4adafd1d234441cf807c03a00"
        ),
    ),
}


def key_of(point: str) -> VerificationKey:
    """Return the vector's public key as a JWK (RFC 8037 §2)."""
    return VerificationKey.from_jwk(
        {"kty": "OKP", "crv": "Ed448", "x": base64url(bytes.fromhex(point))}
    )


@pytest.mark.parametrize("name", ["EdDSA", "Ed448"])
@pytest.mark.parametrize("vector", VECTORS)
def test_the_signature_verifies_under_both_names(vector: str, name: str) -> None:
    """An Ed448 key verifies the RFC's signature as EdDSA (RFC 8037 §3.1) and as Ed448 (RFC 9864 §2.2)."""
    point, message, signature = VECTORS[vector]

    assert key_of(point).verify(name, bytes.fromhex(message), bytes.fromhex(signature)) is True


@pytest.mark.parametrize("vector", VECTORS)
def test_changed_signatures_do_not_verify(vector: str) -> None:
    """A changed message or signature, another length, the other key or another algorithm is refused."""
    point, text, signature_text = VECTORS[vector]
    message, signature = bytes.fromhex(text), bytes.fromhex(signature_text)
    key = key_of(point)
    other = key_of(next(VECTORS[name][0] for name in VECTORS if name != vector))

    assert not key.verify("Ed448", message + b"x", signature)
    for position in range(0, len(signature), 19):
        changed = bytearray(signature)
        changed[position] ^= 1
        assert not key.verify("Ed448", message, bytes(changed))
    for wrong in (b"", signature[:-1], signature + b"\0", signature[:64]):
        assert not key.verify("Ed448", message, wrong)
    assert not other.verify("Ed448", message, signature)
    assert not key.verify("Ed25519", message, signature)
