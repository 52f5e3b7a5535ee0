"""What a key file holds: PEM, OpenSSH lines, a JWK or a JWK set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import attrs

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey

__all__ = ["MAX_SIZE", "PrivateKeyError", "keys_of"]

MAX_SIZE = 1024 * 1024
"""Bytes that a key file may have."""

_PRIVATE_TEXT = re.compile(r"PRIVATE KEY ?-{4,5}")
_PRIVATE_MEMBERS = frozenset({"d", "dp", "dq", "oth", "p", "q", "qi"})
_PEM_BEGIN = "-----BEGIN "
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----")
_OPENSSH_KEY = re.compile(r"^[ \t]*(?=ssh-|ecdsa-)", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^[ \t]*#.*$", re.MULTILINE)


class PrivateKeyError(ConfigurationError):
    """A key file holds a private key."""


def keys_of(content: bytes, *, kid: str | None = None) -> KeySet:
    """Make a key set of a file's content.

    Keys that can't be used are passed over, as long as there is another one. Only a JWK set may be
    empty.

    Args:
        content: The content.
        kid: The key ID of keys that have none of their own.

    Raises:
        PrivateKeyError: It holds a private key.
        ConfigurationError: No key can be read from it, or it is not complete.
    """
    if len(content) > MAX_SIZE:
        raise ConfigurationError(f"it has more than {MAX_SIZE} bytes")
    # A byte order mark is no part of the text. What is not UTF-8 may stand around PEM.
    text = content.decode("utf-8-sig", "replace").strip()
    if not text:
        raise ConfigurationError("it is empty")
    if _PRIVATE_TEXT.search(text):
        raise PrivateKeyError("it holds a private key, which is not used")
    if text.startswith("{"):
        return _with_kid(KeySet.of(_json(text)), kid)
    if _PEM_BEGIN in text:
        return _all_of(_pem_blocks(text), VerificationKey.from_pem, kid)
    lines = _COMMENT_LINE.sub("", text).strip()
    if _OPENSSH_KEY.match(lines):
        return _all_of(_OPENSSH_KEY.split(lines)[1:], VerificationKey.from_openssh, kid)
    raise ConfigurationError("it is no PEM, OpenSSH public key, JWK or JWK set")


def _json(text: str) -> Mapping[str, Any]:
    try:
        parsed: Any = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        # Raised here, it does not carry the parser's error, which holds what was read.
        raise ConfigurationError("it begins like a JSON object and is none")
    document = cast("dict[str, Any]", parsed)
    members: object = document.get("keys")
    jwks = cast("list[object]", members) if isinstance(members, list) else []
    for jwk in [document, *jwks]:
        if isinstance(jwk, dict) and not _PRIVATE_MEMBERS.isdisjoint(cast("dict[str, Any]", jwk)):
            raise PrivateKeyError("it holds a private key, which is not used")
    return document


def _with_kid(key_set: KeySet, kid: str | None) -> KeySet:
    if kid is None:
        return key_set
    keys = (key if key.kid is not None else attrs.evolve(key, kid=kid) for key in key_set.keys)
    return attrs.evolve(key_set, keys=tuple(keys))


def _pem_blocks(text: str) -> list[str]:
    """The public keys in PEM, and the first of its certificates, which the others vouch for."""
    blocks = list(_PEM_BLOCK.finditer(text))
    if len(blocks) != text.count(_PEM_BEGIN):
        raise ConfigurationError("a PEM block in it is not complete")
    certificates = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    return [block[0] for block in blocks if block[1].endswith("PUBLIC KEY")] + certificates[:1]


def _all_of(texts: Iterable[str], make: Callable[..., VerificationKey], kid: str | None) -> KeySet:
    keys: list[VerificationKey] = []
    skipped: list[str] = []
    for text in texts:
        try:
            keys.append(make(text, kid=kid))
        except ConfigurationError as error:
            skipped.append(str(error))
    if not keys:
        raise ConfigurationError("; ".join(skipped) or "there is no public key in it")
    return KeySet(tuple(keys), skipped=tuple(skipped))
