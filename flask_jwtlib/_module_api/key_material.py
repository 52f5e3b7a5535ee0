"""Reads the keys that the documented module API is given, in any of their forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from ..errors import ConfigurationError
from ..keys import KeySet, VerificationKey, as_text, kind_of_key

__all__ = ["check_material", "read_keys"]

_NO_JSON = object()


def read_keys(material: object, algorithms: tuple[str, ...]) -> KeySet:
    """Read keys that were set with ``set_permanent_verification_key`` or fetched.

    Weak keys are accepted with an ``InsecureKeyWarning``, since existing applications have them.

    Args:
        material: PEM, OpenSSH text, a JWK or a JWK set. If an HS algorithm is configured, any other text
            is the secret, byte for byte.
        algorithms: The configured algorithms.

    Raises:
        ConfigurationError: No key can be read, or none is for these algorithms.
    """
    keys = check_material(material, algorithms)
    if keys is None:
        symmetric = _symmetric(algorithms)
        if not symmetric:
            raise ConfigurationError(
                "the verification key is not a PEM, JWK or OpenSSH public key, "
                f"which {', '.join(algorithms)} needs"
            )
        secret = cast("str | bytes", material)
        return KeySet((VerificationKey.from_secret(secret, algorithms=symmetric, allow_weak=True),))
    if keys.keys and keys.algorithms.isdisjoint(algorithms):
        raise ConfigurationError(
            f"the verification key is for {', '.join(sorted(keys.algorithms))}, "
            f"but JWT_ALGO is {', '.join(algorithms)}"
        )
    return keys


def check_material(material: object, algorithms: tuple[str, ...]) -> KeySet | None:
    """Read a key that can be recognised by its form.

    Returns:
        The keys, or None for a text that can only be an HMAC secret.

    Raises:
        ConfigurationError: It is neither a key nor a secret: it is empty, a damaged or private key, a public
            key in an unsupported form, or JSON that isn't a JWK.
    """
    if isinstance(material, Mapping):
        return _read_jwk(cast("Mapping[str, Any]", material), algorithms)
    if not isinstance(material, str | bytes):
        return KeySet.of(material, allow_weak=True)
    data = material.encode("utf-8", "surrogatepass") if isinstance(material, str) else material
    if not data.strip():
        raise ConfigurationError("the verification key is empty")
    document = _json_document(data)
    if isinstance(document, Mapping) and ("kty" in document or "keys" in document):
        return _read_jwk(cast("Mapping[str, Any]", document), algorithms)
    if kind_of_key(data) is not None:
        # If the key can't be read, the error says why.
        return KeySet.of(material, allow_weak=True)
    if document is not _NO_JSON:
        raise ConfigurationError(
            "the verification key is JSON but not a JWK; it may be the error page of a key server"
        )
    return None


def _json_document(data: bytes) -> object:
    # A server may send it with a byte order mark or in wide characters.
    text = as_text(data).replace("\0", "").strip()
    # A number is JSON too, but may be a secret of digits.
    if text[:1] not in '{["nft':
        return _NO_JSON
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return _NO_JSON


def _read_jwk(jwk: Mapping[str, Any], algorithms: tuple[str, ...]) -> KeySet:
    symmetric = _symmetric(algorithms)
    if jwk.get("kty") == "oct" and not jwk.get("alg") and symmetric:
        # Otherwise it would be for every HS algorithm, with a warning for each that it is too short for.
        return KeySet((VerificationKey.from_jwk(jwk, algorithms=symmetric, allow_weak=True),))
    return KeySet.of(jwk, allow_weak=True)


def _symmetric(algorithms: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in algorithms if name.startswith("HS"))
