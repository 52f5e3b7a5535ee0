"""What the only module that imports python-jose guarantees."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jose.constants import ALGORITHMS as JOSE_ALGORITHMS

from flask_jwtlib import ConfigurationError, VerificationKey
from flask_jwtlib.keys import _jose
from flask_jwtlib.testing import TokenIssuer

SECRET = b"an HMAC secret of sixty-four bytes, which is enough for HS512 too"[:64]
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_the_algorithms_are_those_of_the_rfcs() -> None:
    """All registered signature algorithms are there, and "none" is not."""
    assert {
        *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"),
    } == _jose.ALGORITHMS


def test_nothing_is_registered_with_python_jose() -> None:
    """Our own algorithms are passed as instances: python-jose's registry doesn't change."""
    TokenIssuer(algorithm="EdDSA").verification_key.verify("EdDSA", b"x", b"y")

    assert {"EdDSA", "Ed25519", "Ed448", "ES256K", "PS256"}.isdisjoint(JOSE_ALGORITHMS.KEYS)


@pytest.mark.parametrize("algorithm", sorted(_jose.ALGORITHMS))
def test_a_verifier_returns_true_or_false(algorithm: str) -> None:
    """The prepared check returns True or False, and raises nothing."""
    issuer = TokenIssuer(algorithm=algorithm)
    verify = _jose.make_verifier(issuer.verification_key.material, algorithm)
    signature = issuer.sign(b"text")

    assert verify(b"text", signature) is True
    assert verify(b"other", signature) is False
    assert verify(b"text", signature[:-1]) is False
    assert verify(b"text", b"") is False


@pytest.mark.parametrize(
    ("material", "key_type", "algorithm"),
    [
        (SECRET, "oct", "HS256"),
        (RSA.public_key(), "RSA", "RS256"),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), "EC", "ES384"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "OKP", "EdDSA"),
    ],
    ids=["oct", "RSA", "EC", "OKP"],
)
def test_each_kind_of_key_has_its_type(material: Any, key_type: str, algorithm: str) -> None:
    """A key's type and algorithms follow from the key, and it is strong enough."""
    assert _jose.key_type_of(material) == key_type
    assert _jose.algorithms_of(material)[0] == algorithm
    assert _jose.weakness(material, algorithm) is None


@pytest.mark.parametrize(
    "material", [RSA, "text", None, 5, object()], ids=lambda value: type(value).__name__
)
def test_other_objects_have_no_algorithms(material: Any) -> None:
    """An object that is neither a public key nor a secret has no algorithms."""
    with pytest.raises(ConfigurationError, match="can't verify signatures here"):
        _jose.algorithms_of(material)


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [("HS256", 32), ("HS384", 48), ("HS512", 64)],
    ids=["HS256", "HS384", "HS512"],
)
def test_a_secret_must_be_as_long_as_the_hash(algorithm: str, size: int) -> None:
    """RFC 7518 §3.2: one byte less is weak."""
    assert _jose.weakness(bytes(size), algorithm) is None
    weakness = _jose.weakness(bytes(size - 1), algorithm)
    assert weakness is not None
    assert f"of {size - 1} bytes" in weakness
    assert f"needs at least {size}" in weakness


@pytest.mark.filterwarnings("ignore::flask_jwtlib.errors.InsecureKeyWarning")
def test_a_key_that_is_too_short_for_a_hash_verifies_nothing() -> None:
    """A weak key may be allowed, but PS512 doesn't fit into 512 bits (RFC 8017 §9.1.1)."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << 511) | (1 << 200) | 1)
    key = VerificationKey(numbers.public_key(), algorithms="PS512", allow_weak=True)

    assert key.verify("PS512", b"signed", bytes(64)) is False
