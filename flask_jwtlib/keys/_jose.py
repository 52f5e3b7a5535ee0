"""Algorithms and their verifiers: the only module that imports python-jose.

Subclasses of python-jose's ``Key`` verify signatures with ``cryptography``. python-jose lacks some algorithms
(PS256, EdDSA, ES256K), and prepares the others again for each signature. The subclasses are not registered
with python-jose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC
from jose.backends.base import Key
from jose.backends.cryptography_backend import CryptographyHMACKey
from jose.exceptions import JWKError

from ..errors import ConfigurationError

__all__ = [
    "ALGORITHMS",
    "KeyMaterial",
    "Verifier",
    "algorithm_names",
    "algorithms_of",
    "key_type_of",
    "make_verifier",
    "weakness",
]

KeyMaterial = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey | bytes
"""A public key, or the bytes of an HMAC secret."""

Verifier = Callable[[bytes, bytes], bool]

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# RFC 7518 §3.4, RFC 8812 §3.2: the curve belongs to the algorithm. The names are cryptography's.
_CURVES = {
    "secp256r1": "ES256",
    "secp384r1": "ES384",
    "secp521r1": "ES512",
    "secp256k1": "ES256K",
}
_HMAC = ("HS256", "HS384", "HS512")
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# RFC 8037 §3.1 has one name for both curves; RFC 9864 §2.2 gives each the name of its curve.
_ED25519 = ("EdDSA", "Ed25519")
_ED448 = ("EdDSA", "Ed448")

ALGORITHMS = frozenset((*_HMAC, *_RSA, *_CURVES.values(), *_ED25519, *_ED448))
"""Every signature algorithm that can be configured. ``none`` is not one."""


def algorithm_names(value: object) -> tuple[str, ...]:
    """Return configured algorithms, one or several, after checking that each is known.

    Raises:
        ConfigurationError: One is unknown, or there are none.
    """
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise ConfigurationError(f"algorithms is {value!r}, expected a string or a list of strings")
    checked = tuple(cast("Iterable[object]", names))
    if not checked:
        raise ConfigurationError(
            "algorithms is empty: expected at least one algorithm, such as 'RS256'"
        )
    for name in checked:
        if not isinstance(name, str) or name not in ALGORITHMS:
            known = ", ".join(sorted(ALGORITHMS))
            raise ConfigurationError(
                f"{name!r} is not a known signature algorithm: expected one of {known}"
            )
    return cast("tuple[str, ...]", checked)


def key_type_of(material: KeyMaterial) -> str:
    """Return the key's ``kty`` (RFC 7518 §6.1, RFC 8037 §2)."""
    if isinstance(material, bytes):
        return "oct"
    if isinstance(material, RSAPublicKey):
        return "RSA"
    return "EC" if isinstance(material, EllipticCurvePublicKey) else "OKP"


def algorithms_of(material: KeyMaterial) -> tuple[str, ...]:
    """Return the algorithms that fit a key's type and, for ECDSA, its curve."""
    if isinstance(material, bytes):
        return _HMAC
    if isinstance(material, RSAPublicKey):
        return _RSA
    if isinstance(material, EllipticCurvePublicKey):
        if material.curve.name in _CURVES:
            return (_CURVES[material.curve.name],)
        raise ConfigurationError(
            f"no JWS algorithm uses the curve {material.curve.name}: "
            "expected P-256, P-384, P-521 or secp256k1"
        )
    if isinstance(material, Ed25519PublicKey):
        return _ED25519
    if isinstance(material, Ed448PublicKey):
        return _ED448
    raise ConfigurationError(
        f"a {type(material).__name__} can't verify signatures here: "
        "expected an RSA, EC, Ed25519 or Ed448 public key"
    )


def weakness(material: KeyMaterial, algorithm: str) -> str | None:
    """Return why a key is too weak for an algorithm (RFC 7518 §3.2, §3.3), or None if it isn't."""
    if isinstance(material, bytes):
        needed = _HASHES[algorithm[2:]].digest_size
        if len(material) < needed:
            return (
                f"an HMAC secret of {len(material)} bytes is too short: "
                f"{algorithm} needs at least {needed}"
            )
    elif isinstance(material, RSAPublicKey) and material.key_size < 2048:
        return f"an RSA key of {material.key_size} bits is too short: expected at least 2048"
    return None


def make_verifier(material: KeyMaterial, algorithm: str) -> Verifier:
    """Return a function ``(signing_input, signature) -> bool`` for a key and one of its algorithms."""
    if isinstance(material, bytes):
        try:
            key: Key = _HMACKey(material, algorithm)
        except JWKError:
            raise ConfigurationError(
                "python-jose refuses this HMAC secret: it looks like a public key or a certificate"
            ) from None
    elif isinstance(material, RSAPublicKey):
        key = _RSAKey(material, algorithm)
    elif isinstance(material, EllipticCurvePublicKey):
        key = _ECKey(material, algorithm)
    else:
        key = _EdwardsKey(material, algorithm)
    prepared: Any = key
    return cast("Verifier", prepared.verify)


# For each signature, python-jose's own classes create the padding, hash or MAC again and check whether the
# key is public. That costs up to two microseconds.


class _HMACKey(CryptographyHMACKey):
    """HMAC with SHA-2 (RFC 7518 §3.2). The secret is hashed once."""

    def __init__(self, secret: bytes, algorithm: str) -> None:
        parent: Any = super()
        parent.__init__(secret, algorithm)
        self._keyed = HMAC(secret, _HASHES[algorithm[2:]])

    def verify(self, msg: bytes, sig: bytes) -> bool:
        mac = self._keyed.copy()
        mac.update(msg)
        try:
            mac.verify(sig)
        except InvalidSignature:
            return False
        return True


class _RSAKey(Key):
    """RSASSA-PKCS1-v1_5, and RSASSA-PSS with a salt as long as the hash (RFC 7518 §3.3, §3.5)."""

    def __init__(self, key: RSAPublicKey, algorithm: str) -> None:
        self._key = key
        self._hash = _HASHES[algorithm[2:]]
        self._size = (key.key_size + 7) // 8
        self._padding: padding.AsymmetricPadding = (
            padding.PSS(padding.MGF1(self._hash), self._hash.digest_size)
            if algorithm.startswith("PS")
            else padding.PKCS1v15()
        )

    def verify(self, msg: bytes, sig: bytes) -> bool:
        # A signature is as long as the modulus (RFC 8017 §8.1.2, §8.2.2). OpenSSL also accepts a PSS
        # signature without its leading zero bytes, which would give one token two spellings.
        if len(sig) != self._size:
            return False
        try:
            self._key.verify(sig, msg, self._padding, self._hash)
        except (InvalidSignature, ValueError):
            # A weak key may be too short for a hash (RFC 8017 §9.1.1).
            return False
        return True


class _ECKey(Key):
    """ECDSA. The signature is r and s, both of full length (RFC 7518 §3.4, RFC 8812 §3.2)."""

    def __init__(self, key: EllipticCurvePublicKey, algorithm: str) -> None:
        self._key = key
        self._size = (key.key_size + 7) // 8
        self._ecdsa = ECDSA(_HASHES[algorithm[2:5]])

    def verify(self, msg: bytes, sig: bytes) -> bool:
        size = self._size
        if len(sig) != 2 * size:
            return False
        r, s = int.from_bytes(sig[:size], "big"), int.from_bytes(sig[size:], "big")
        try:
            self._key.verify(encode_dss_signature(r, s), msg, self._ecdsa)
        except InvalidSignature:
            return False
        return True


class _EdwardsKey(Key):
    """EdDSA without a context (RFC 8037 §3.1). The key decides whether it is Ed25519 or Ed448."""

    def __init__(self, key: Ed25519PublicKey | Ed448PublicKey, algorithm: str) -> None:
        self._key = key

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self._key.verify(sig, msg)
        except InvalidSignature:
            return False
        return True
