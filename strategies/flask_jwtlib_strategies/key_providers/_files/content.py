"""The content of a key file: PEM, DER, OpenSSH lines, a JWK or a JWK set."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey
from flask_jwtlib.keys import holds_private_key

__all__ = ["MAX_SIZE", "PrivateKeyError", "UnknownFormatError", "keys_of"]

MAX_SIZE = 1024 * 1024
"""Maximum size of a key file in bytes."""

_PEM_BEGIN = "-----BEGIN "
_PEM_END = "-----END "
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----")
_OPENSSH_KEY = re.compile(r"[ \t]*(?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)")


class PrivateKeyError(ConfigurationError):
    """A key file contains a private key."""


class UnknownFormatError(ConfigurationError):
    """A file doesn't look like a key file."""


def keys_of(
    content: bytes,
    *,
    kid: str | None = None,
    max_keys: int = 100,
    uses: Iterable[str] = ("sig",),
) -> KeySet:
    """Make a key set of a file's content.

    In PEM or OpenSSH's format, every key must be usable, because a faulty one may mean that the file isn't
    completely written. JSON shows where it ends, so unusable members of a JWK set are skipped, unless all
    are unusable.

    Args:
        content: The content.
        kid: The key ID for keys that have none.
        max_keys: Maximum number of keys in the file.
        uses: The values of ``use`` that mark a JWK for signatures.

    Raises:
        PrivateKeyError: The content has a private key.
        UnknownFormatError: The content doesn't look like a key in any format.
        ConfigurationError: A key in it can't be read, it isn't complete, or it has too many keys.
    """
    if len(content) > MAX_SIZE:
        raise ConfigurationError(f"it has more than {MAX_SIZE} bytes")
    text = _text_of(content)
    if not text.strip():
        raise ConfigurationError("it is empty")
    if holds_private_key(content):
        raise PrivateKeyError(
            "it contains a private key, which is not used; expected public keys only"
        )
    if text.lstrip().startswith("{"):
        return _with_kid(_json_keys(text, max_keys, uses), kid)
    if _PEM_BEGIN in text:
        return _all_of(_pem_blocks(text), VerificationKey.from_pem, kid, max_keys)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if _OPENSSH_KEY.match("\n".join(lines).lstrip()):
        return _all_of(_openssh_keys(lines), _from_openssh, kid, max_keys)
    if content.startswith(b"0"):
        return KeySet((VerificationKey(_der_key(content), kid=kid),))
    return _with_kid(_other_text(text), kid)


def _text_of(content: bytes) -> str:
    """Decode UTF-8 or UTF-16, with or without a byte order mark. Any text may surround PEM."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if content[:1] and content[1:2] == b"\0":
        return content.decode("utf-16-le", "replace")
    if content[:1] == b"\0":
        return content.decode("utf-16-be", "replace")
    return content.decode("utf-8-sig", "replace")


def _json_keys(text: str, max_keys: int, uses: Iterable[str]) -> KeySet:
    try:
        parsed: Any = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        # Raised outside of the except block: the parser's error contains the text.
        raise ConfigurationError("it starts like a JSON object but isn't one")
    document = cast("dict[str, Any]", parsed)
    if "kty" in document and "keys" not in document:
        return KeySet((VerificationKey.from_jwk(document, uses=uses),))
    members: object = document.get("keys")
    listed = cast("list[object]", members) if isinstance(members, list) else document
    _check_number(len(listed), max_keys)
    key_set = KeySet.from_jwks(document, uses=uses) if "keys" in document else KeySet.of(document)
    if key_set.skipped and not key_set.keys:
        raise ConfigurationError(
            f"none of its {len(key_set.skipped)} keys can be used: {key_set.skipped[0]}"
        )
    return key_set


def _with_kid(key_set: KeySet, kid: str | None) -> KeySet:
    if kid is None:
        return key_set
    keys = (key if key.kid is not None else attrs.evolve(key, kid=kid) for key in key_set.keys)
    return attrs.evolve(key_set, keys=tuple(keys))


def _pem_blocks(text: str) -> Sequence[str]:
    """Return the public keys in PEM, and the first certificate, which the others only certify."""
    blocks = list(_PEM_BLOCK.finditer(text))
    # A block that is cut off in its first line leaves the start of that line.
    rest = text.rpartition("\n")[2].strip()
    is_cut_off = bool(rest) and _PEM_BEGIN.startswith(rest)
    if is_cut_off or not len(blocks) == text.count(_PEM_BEGIN) == text.count(_PEM_END):
        raise ConfigurationError("a PEM block in it is not complete")
    certificates = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    return [block[0] for block in blocks if block[1].endswith("PUBLIC KEY")] + certificates[:1]


def _openssh_keys(lines: Iterable[str]) -> Sequence[Sequence[str]]:
    """Return the lines of each key; several if the key is wrapped."""
    keys: list[list[str]] = []
    for line in lines:
        if _OPENSSH_KEY.match(line):
            keys.append([line])
        elif line.strip():
            keys[-1].append(line)
    return keys


def _from_openssh(lines: Sequence[str], *, kid: str | None) -> VerificationKey:
    if len(lines) > 1 and _is_openssh_key(lines[:-1]):
        raise ConfigurationError("a line in it is not an OpenSSH public key")
    return VerificationKey.from_openssh("\n".join(lines), kid=kid)


def _is_openssh_key(lines: Sequence[str]) -> bool:
    try:
        VerificationKey.from_openssh("\n".join(lines))
    except ConfigurationError:
        return False
    return True


def _all_of(
    texts: Sequence[Any], make: Callable[..., VerificationKey], kid: str | None, max_keys: int
) -> KeySet:
    if not texts:
        raise ConfigurationError("it contains no public key")
    _check_number(len(texts), max_keys)
    keys: list[VerificationKey] = []
    for number, text in enumerate(texts, 1):
        try:
            keys.append(make(text, kid=kid))
        except ConfigurationError as error:
            which = f"its key {number} of {len(texts)} can't be used: " if len(texts) > 1 else ""
            raise ConfigurationError(f"{which}{error.fault}") from None
    return KeySet(tuple(keys))


def _check_number(number: int, max_keys: int) -> None:
    if number > max_keys:
        raise ConfigurationError(f"it has {number} keys, {max_keys} are allowed (max_keys)")


def _der_key(content: bytes) -> Any:
    for load in (serialization.load_der_public_key, x509.load_der_x509_certificate):
        try:
            loaded: Any = load(content)
        except Exception:  # noqa: BLE001, S112 - any error means another format
            continue
        return loaded.public_key() if isinstance(loaded, x509.Certificate) else loaded
    raise UnknownFormatError("it is not a readable public key or certificate in DER")


def _other_text(text: str) -> KeySet:
    """Read a key in any other form that ``KeySet.of`` accepts."""
    try:
        return KeySet.of(text)
    except ConfigurationError:
        raise UnknownFormatError(
            "it is not PEM, DER, an OpenSSH public key, a JWK or a JWK set"
        ) from None
