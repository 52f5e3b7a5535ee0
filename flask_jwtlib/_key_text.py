"""Reads public keys from text: PEM and OpenSSH lines. And tells such text from a secret."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ._jose import KeyMaterial
from .errors import ConfigurationError

__all__ = ["load_openssh", "load_pem", "looks_asymmetric", "parse_json"]

_OPENSSH_TYPES = frozenset(
    {"ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
)
# PEM, SSH's own armour, an OpenSSH line, and such a line's base64 alone.
_ASYMMETRIC_TEXT = re.compile(
    r"-{4,5} ?(?:BEGIN|END) |\A\s*(?:ssh|sk-ssh|ecdsa-sha2|sk-ecdsa)-"
    r"|AAAAB3NzaC1|AAAAC3NzaC1|AAAAE2VjZHNhLXNoYTIt"
)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON that holds keys, without quoting it in an error.

    Raises:
        ConfigurationError: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError("this text is not JSON") from None


def looks_asymmetric(secret: bytes) -> bool:
    """Whether bytes given as an HMAC secret are a public or private key in some encoding (RFC 8725 §2.1)."""
    try:
        bare = b64decode(b"".join(secret.split()), validate=True)
    except ValueError:
        bare = b""
    return any(
        _ASYMMETRIC_TEXT.search(data.decode("latin-1")) or _is_public_jwk(data) or _is_der_key(data)
        for data in (secret, bare)
    )


def _is_public_jwk(data: bytes) -> bool:
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict):
        return False
    members = cast("dict[str, object]", value)
    return "keys" in members or members.get("kty") in ("RSA", "EC", "OKP")


def _is_der_key(data: bytes) -> bool:
    loaders: tuple[Callable[[bytes], object], ...] = (
        serialization.load_der_public_key,
        x509.load_der_x509_certificate,
        partial(serialization.load_der_private_key, password=None),
    )
    for load in loaders:
        try:
            load(data)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
        return True
    return False


def load_pem(text: Any) -> KeyMaterial:
    """Read a public key from PEM: SubjectPublicKeyInfo, PKCS#1, or the first of some X.509 certificates.

    Raises:
        ConfigurationError: It is none of these, or holds a private key.
    """
    if not isinstance(text, str | bytes):
        raise ConfigurationError(f"PEM is text, not {type(text).__name__}")
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if b"PRIVATE KEY-----" in data:
        raise ConfigurationError(
            "this PEM holds a private key: a resource server is given the public key alone"
        )
    try:
        if b"-----BEGIN CERTIFICATE-----" in data:
            key: Any = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data.strip())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise ConfigurationError(
            "this PEM does not hold a public key or a certificate that can be read"
        ) from None
    return cast("KeyMaterial", key)


def load_openssh(text: str) -> KeyMaterial:
    """Read a public key from an OpenSSH line, ``ssh-rsa AAAA… comment``, however it was wrapped.

    Raises:
        ConfigurationError: It is none, or of a type that signs no JWT.
    """
    name, *words = text.split() or ("",)
    if name not in _OPENSSH_TYPES:
        raise ConfigurationError(
            "this OpenSSH text is not a plain RSA, ECDSA or Ed25519 public key"
        )
    # White space parts the key from its comment and may also stand within the key, where a line was
    # wrapped: the key ends where it can be read.
    for count in range(1, len(words) + 1):
        try:
            line = " ".join((name, "".join(words[:count])))
            return cast("KeyMaterial", serialization.load_ssh_public_key(line.encode()))
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise ConfigurationError("this OpenSSH public key is damaged: no key can be read from it")
