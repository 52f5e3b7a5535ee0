"""ES256K (RFC 8812, section 3): ECDSA on secp256k1 with SHA-256.

The RFC has no example of a signature. These are the deterministic ones (RFC 6979) that implementations of
secp256k1 commonly test with, by the private key 1, whose public key is the curve's generator.
"""

from __future__ import annotations

import pytest

from flask_jwtlib import ConfigurationError, VerificationKey
from flask_jwtlib.testing import base64url

# SEC 2, section 2.4.1
GENERATOR = {
    "kty": "EC",
    "crv": "secp256k1",
    "x": base64url(
        bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    ),
    "y": base64url(
        bytes.fromhex("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
    ),
}
VECTORS = {
    b"Satoshi Nakamoto": (
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
    ),
    b"All those moments will be lost in time, like tears in rain. Time to die...": (
        "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b"
        "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21"
    ),
}


@pytest.mark.parametrize("message", VECTORS, ids=["short", "long"])
def test_the_signature_verifies(message: bytes) -> None:
    """Exactly r and s, 64 bytes, of this message verify under ES256K."""
    key = VerificationKey.from_jwk({**GENERATOR, "alg": "ES256K"})
    signature = bytes.fromhex(VECTORS[message])

    assert key.verify("ES256K", message, signature) is True
    assert not key.verify("ES256K", message + b"x", signature)
    for wrong in (b"", signature[:-1], signature + b"\0", b"\0" + signature, bytes(64)):
        assert not key.verify("ES256K", message, wrong)


def test_the_curve_belongs_to_the_algorithm() -> None:
    """A secp256k1 key verifies ES256K alone, and no key of another curve does (RFC 8812 §3.2)."""
    key = VerificationKey.from_jwk(GENERATOR)

    assert key.algorithms == ("ES256K",)
    for message, signature in VECTORS.items():
        assert not key.verify("ES256", message, bytes.fromhex(signature))
    with pytest.raises(ConfigurationError, match="alg doesn't fit"):
        VerificationKey.from_jwk({**GENERATOR, "alg": "ES256"})
    with pytest.raises(ConfigurationError, match="does not hold a valid key"):
        VerificationKey.from_jwk({**GENERATOR, "crv": "P-256"})
