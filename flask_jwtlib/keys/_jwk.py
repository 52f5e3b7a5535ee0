"""Reads a public key, or an HMAC secret, from a JWK (RFC 7517)."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha1, sha256
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from ..errors import ConfigurationError
from ..log_text import quoted
from ._jose import KeyMaterial
from ._strength import jwk_fault

__all__ = ["load_jwk", "present_members", "thumbprints_of", "use_names"]

# base64url in JOSE has no padding (RFC 7515 §2), but some issuers write it.
_BASE64URL = re.compile(r"([A-Za-z0-9_-]+)(={0,2})")
_PRIVATE_MEMBERS = frozenset({"d", "dp", "dq", "oth", "p", "q", "qi"})
_BLANK_MEANS_ABSENT = _PRIVATE_MEMBERS | {"alg", "key_ops", "use"}
_JWK_MEMBERS = {"EC": ("x", "y"), "OKP": ("x",), "RSA": ("n", "e"), "oct": ("k",)}
# RFC 7518 §6.2.1.1, RFC 8812 §3.1, RFC 8037 §2
_CURVES: dict[str, dict[str, Any]] = {
    "EC": {
        "P-256": ec.SECP256R1,
        "P-384": ec.SECP384R1,
        "P-521": ec.SECP521R1,
        "secp256k1": ec.SECP256K1,
    },
    "OKP": {"Ed25519": Ed25519PublicKey, "Ed448": Ed448PublicKey},
}
_DIGESTS = {"x5t#S256": sha256, "x5t": sha1}
"""The hash of each thumbprint parameter, the stronger one first. SHA-1 only identifies a key here."""


def use_names(value: object) -> frozenset[str]:
    """Return the accepted values of ``use``, one or several, after checking that each is a string.

    Raises:
        ConfigurationError: One isn't a non-empty string, or there are none.
    """
    names = (value,) if isinstance(value, str) else value
    checked = tuple(cast("Iterable[object]", names)) if isinstance(names, Iterable) else ()
    if not checked or not all(isinstance(name, str) and name for name in checked):
        raise ConfigurationError(
            f'uses= must be one or several values of a JWK\'s use, such as ("sig",), not {value!r}'
        )
    return frozenset(cast("tuple[str, ...]", checked))


def present_members(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JWK's members without those that serialisers write for absent ones: null or blank."""
    return {
        name: value
        for name, value in jwk.items()
        if value is not None and not (name in _BLANK_MEANS_ABSENT and value == "")
    }


def load_jwk(jwk: Mapping[str, Any], uses: frozenset[str]) -> KeyMaterial:
    """Read a JWK's key (RFC 7518 §6, RFC 8037 §2, RFC 8812 §3).

    Args:
        jwk: The JWK's present members.
        uses: The values of ``use`` that mark a signature key.

    Raises:
        ConfigurationError: It isn't a JWK, holds a private key, or is meant for another use.
    """
    kty = jwk.get("kty")
    names = _JWK_MEMBERS.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise ConfigurationError(
            "this is not a JWK of a known type: kty must be RSA, EC, OKP or oct"
        )
    _check_purpose(jwk, uses)
    values = [_decoded(jwk, name) for name in names]
    curve = _curve(jwk)
    if fault := jwk_fault(jwk):
        raise ConfigurationError(fault)
    try:
        if kty == "RSA":
            n, e = (int.from_bytes(value, "big") for value in values)
            return RSAPublicNumbers(e, n).public_key()
        if kty == "EC":
            x, y = (int.from_bytes(value, "big") for value in values)
            return ec.EllipticCurvePublicNumbers(x, y, curve()).public_key()
        return values[0] if kty == "oct" else curve.from_public_bytes(values[0])
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            f"the OpenSSL library that cryptography uses doesn't support {jwk.get('crv', kty)}"
        ) from None
    except ValueError:
        # The cause's text may quote the key.
        raise ConfigurationError(f"this {kty} JWK does not hold a valid key") from None


def thumbprints_of(jwk: Mapping[str, Any], material: KeyMaterial) -> dict[str, str]:
    """Return the certificate thumbprints by which tokens may name a key (RFC 7515 §4.1.7, §4.1.8).

    Each is the JWK's own ``x5t`` or ``x5t#S256``. Where the JWK lacks it, it is computed from the first
    certificate in ``x5c``, if that certificate is for the JWK's key. The certificate is used for nothing
    else, and one that can't be read is ignored.
    """
    own = {name: jwk[name].rstrip("=") for name in _DIGESTS if isinstance(jwk.get(name), str)}
    missing = [name for name in _DIGESTS if name not in own]
    der = _certificate(jwk, material) if missing and "x5c" in jwk else None
    if der is None:
        return own
    computed = {name: urlsafe_b64encode(_DIGESTS[name](der).digest()) for name in missing}
    return own | {name: value.decode().rstrip("=") for name, value in computed.items()}


def _certificate(jwk: Mapping[str, Any], material: KeyMaterial) -> bytes | None:
    chain: Any = jwk["x5c"]
    try:
        der = b64decode(chain[0])
        key: object = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # noqa: BLE001 - a certificate can be broken in any way, and the key doesn't need it
        return None
    return der if key == material else None


def _check_purpose(jwk: Mapping[str, Any], uses: frozenset[str]) -> None:
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise ConfigurationError(
            "this JWK holds a private key: a resource server needs only the public key"
        )
    use: object = jwk.get("use")
    if use is not None and not (isinstance(use, str) and use in uses):
        expected = " or ".join(map(repr, sorted(uses)))
        raise ConfigurationError(
            f"this JWK is not for signatures: its use is {quoted(use)}, expected {expected}"
        )
    operations: Any = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list | tuple) or "verify" not in operations:
        raise ConfigurationError('this JWK is not for verifying: its key_ops lack "verify"')


def _decoded(jwk: Mapping[str, Any], name: str) -> bytes:
    value: object = jwk.get(name)
    match = _BASE64URL.fullmatch(value) if isinstance(value, str) else None
    digits = match[1] if match else ""
    if match is None or len(digits) % 4 == 1 or (match[2] and len(match[0]) % 4):
        raise ConfigurationError(f"this JWK's member {name!r} is missing or not base64url")
    return urlsafe_b64decode(digits + "==")


def _curve(jwk: Mapping[str, Any]) -> Any:
    kty, crv = jwk["kty"], jwk.get("crv")
    known = _CURVES.get(kty)
    if known is None:
        return None
    if not isinstance(crv, str) or crv not in known:
        raise ConfigurationError(
            f"this {kty} JWK's curve is not supported: crv must be one of {', '.join(known)}"
        )
    return known[crv]
