"""Recognises private keys, so that a file that holds one is named and never used."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

__all__ = ["holds_private_key", "holds_private_member"]

# PEM of every kind, PGP, SSH2, SSH1, PuTTY, and .NET's XML.
_PRIVATE_TEXT = re.compile(
    r"PRIVATE KEY(?: BLOCK)? ?-{4,5}|SSH PRIVATE KEY FILE FORMAT|PuTTY-User-Key-File-"
    r"|<(?:D|DP|DQ|InverseQ)>"
)
# Text that looks like a JWK and is not JSON: half-written, or a printed dictionary.
_PRIVATE_PAIR = re.compile(r"""(["'])(?:d|dp|dq|p|q|qi)\1\s*:\s*["'][A-Za-z0-9_-]{16}""")
_PRIVATE_MEMBERS = frozenset({"d", "dp", "dq", "oth", "p", "q", "qi"})
_PUBLIC_MEMBERS = frozenset({"crv", "kty", "n", "x"})
# PKCS#12 (RFC 7292 §4), and the key stores of Java.
_KEY_STORE = re.compile(
    rb"0.{1,5}\x02\x01\x030.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
    rb"|\xfe\xed\xfe\xed|\xce\xce\xce\xce",
    re.DOTALL,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
_HEX = re.compile(r"[0-9A-Fa-f]{32,}")


def holds_private_key(content: bytes, text: str) -> bool:
    """Whether a file holds a private key: as PEM, DER, PKCS#12, JWK, OpenSSH, PuTTY, PGP or XML.

    DER is also recognised as base64 or hexadecimal text without PEM's armour, and PEM as base64 of it.

    Args:
        content: The file's bytes.
        text: The same as text.
    """
    if _PRIVATE_TEXT.search(text) or _is_private_binary(content) or _is_private_json(text):
        return True
    decoded = _decoded("".join(text.split()))
    return _is_private_binary(decoded) or bool(_PRIVATE_TEXT.search(decoded.decode("latin-1")))


def holds_private_member(document: object) -> bool:
    """Whether a JSON document has a JWK with private members anywhere in it (RFC 7518 §6.2.2, §6.3.2)."""
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            given = {name for name, member in members.items() if member is not None}
            if given & _PRIVATE_MEMBERS and given & _PUBLIC_MEMBERS:
                return True
            waiting.extend(members.values())
        elif isinstance(value, list):
            waiting += value
    return False


def _is_private_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        return holds_private_member(json.loads(text))
    except (ValueError, RecursionError):
        return bool(_PRIVATE_PAIR.search(text))


def _is_private_binary(data: bytes) -> bool:
    if _KEY_STORE.match(data):
        return True
    if not data.startswith(b"0"):
        return False
    try:
        serialization.load_der_private_key(data, password=None)
    except ValueError:
        return False
    except (TypeError, UnsupportedAlgorithm):
        # It is encrypted, or a private key of a type that isn't known.
        return True
    return True


def _decoded(text: str) -> bytes:
    if _HEX.fullmatch(text) and len(text) % 2 == 0:
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return b""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    # What remains of a length that no base64 has is cut off.
    return b64decode(standard[: len(standard) - (len(standard) % 4 == 1)] + "==")
