"""Reads keys as the documented module API is given them: one text that may be many things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from . import _key_text
from .errors import ConfigurationError
from .key_set import KeySet
from .keys import VerificationKey

__all__ = ["check_material", "read_keys"]


def read_keys(material: object, algorithms: tuple[str, ...]) -> KeySet:
    """Make keys of what ``set_permanent_verification_key`` or ``retrieve_verification_key`` gave.

    Weak keys are accepted with an ``InsecureKeyWarning``, since existing users have them.

    Args:
        material: PEM, OpenSSH text, a JWK or JWK set, or, where an HS algorithm is configured, any
            other text: that is the secret, byte for byte.
        algorithms: The configured algorithms.

    Raises:
        ConfigurationError: No key can be made of it, or none that is for these algorithms.
    """
    keys = check_material(material, algorithms)
    if keys is None:
        symmetric = _symmetric(algorithms)
        if not symmetric:
            raise ConfigurationError(
                "the verification key is no PEM, JWK or OpenSSH public key, "
                f"as {', '.join(algorithms)} needs"
            )
        secret = cast("str | bytes", material)
        return KeySet((VerificationKey.from_secret(secret, algorithms=symmetric, allow_weak=True),))
    if keys.keys and keys.algorithms.isdisjoint(algorithms):
        raise ConfigurationError(
            f"the verification key is for {', '.join(sorted(keys.algorithms))}, "
            f"JWT_ALGO is {', '.join(algorithms)}"
        )
    return keys


def check_material(material: object, algorithms: tuple[str, ...]) -> KeySet | None:
    """Read a key that can be told from its form alone.

    Returns:
        The keys, or None for a text that can only be an HMAC secret.

    Raises:
        ConfigurationError: It is no key and no secret: empty, a damaged or private key, JSON that
            is no JWK.
    """
    if isinstance(material, Mapping):
        return _read_jwk(cast("Mapping[str, Any]", material), algorithms)
    if not isinstance(material, str | bytes):
        return KeySet.of(material, allow_weak=True)
    data = material.encode() if isinstance(material, str) else material
    if not data.strip():
        raise ConfigurationError("the verification key is empty")
    if _key_text.looks_asymmetric(data):
        return KeySet.of(material, allow_weak=True)
    # A number is JSON too, and may be a secret of digits.
    if data.strip()[:1] not in b'{["nft':
        return None
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, Mapping) or not ("kty" in value or "keys" in value):
        raise ConfigurationError(
            "the verification key is JSON and no JWK, as an error page of a key server may be"
        )
    return _read_jwk(cast("Mapping[str, Any]", value), algorithms)


def _read_jwk(jwk: Mapping[str, Any], algorithms: tuple[str, ...]) -> KeySet:
    symmetric = _symmetric(algorithms)
    if jwk.get("kty") == "oct" and "alg" not in jwk and symmetric:
        # Else it would be tried, and warned of, for every HS algorithm.
        return KeySet((VerificationKey.from_jwk(jwk, algorithms=symmetric, allow_weak=True),))
    return KeySet.of(jwk, allow_weak=True)


def _symmetric(algorithms: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in algorithms if name.startswith("HS"))
