"""Recognises keys and certificates in DER by their structure.

Nothing is loaded, so keys that ``cryptography`` can't use are recognised too: unknown curves and algorithms,
encrypted keys, and keys of any size.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["der_key"]

# The tags of the elements in the outer SEQUENCE: 02 INTEGER, 03 BIT STRING, 04 OCTET STRING, 06 OBJECT
# IDENTIFIER, 30 SEQUENCE, 31 SET, a0 and a1 optional parts.
_PRIVATE = re.compile(
    rb"\x02\x30\x04[\xa0\xa1\x81]*"  # PKCS #8 (RFC 5958)
    rb"|\x02\x04[\xa0\xa1]*"  # SEC 1 (RFC 5915)
    rb"|\x02{6}|\x02{9}\x30?",  # OpenSSL's DSA form, PKCS #1 (RFC 8017 §A.1.2)
    re.DOTALL,
)
# PKCS #12 (RFC 7292 §4), also in BER, where lengths may be indefinite.
_PKCS12 = re.compile(
    rb"\x30.{1,5}\x02\x01\x03\x30.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07", re.DOTALL
)
_CERTIFICATE = b"\x30\x30\x03"  # also a certificate request
_PUBLIC = b"\x30\x03"  # SubjectPublicKeyInfo (RFC 5280 §4.1.2.7)
_PUBLIC_NUMBERS = b"\x02\x02"  # PKCS #1 (RFC 8017 §A.1.1)
_ENCRYPTED = b"\x30\x04"  # PKCS #8, EncryptedPrivateKeyInfo
_PKCS7 = b"\x06\xa0"  # certificates, in a ContentInfo (RFC 5652 §3)
_OID = 6
_SEQUENCE = 0x30
# Bytes. Other structures consist of two integers too, but only a modulus is this long.
_MIN_MODULUS = 33


def der_key(data: bytes) -> Literal["private", "public"] | None:
    """Return which kind of key or certificate the bytes begin with, in DER.

    Returns:
        ``"private"``, also for PKCS #12; ``"public"``, also for certificates, certificate requests and
        PKCS #7; None for anything else.
    """
    if _PKCS12.match(data):
        return "private"
    outer = _element(data, 0)
    if outer is None or outer[0] != _SEQUENCE:
        return None
    elements = _elements(outer[1])
    tags = bytes(tag for tag, _ in elements)
    first = elements[0][1] if elements else b""
    if _PRIVATE.fullmatch(tags):
        return "private"
    if tags == _ENCRYPTED and first[:1] == bytes([_OID]):
        return "private"
    if tags == _PUBLIC and first[:1] == bytes([_OID]):
        return "public"
    if tags == _PUBLIC_NUMBERS and len(first) >= _MIN_MODULUS:
        return "public"
    return "public" if tags in {_CERTIFICATE, _PKCS7} else None


def _elements(content: bytes) -> list[tuple[int, bytes]]:
    """Return the elements in a constructed element's content, or none if one of them is cut off."""
    elements: list[tuple[int, bytes]] = []
    position = 0
    while position < len(content):
        element = _element(content, position)
        if element is None:
            return []
        tag, inner, position = element
        elements.append((tag, inner))
    return elements


def _element(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Return an element's tag, content and end (X.690 §8.1, §10.1), or None if it is cut off."""
    header = data[start : start + 2]
    if len(header) < 2:
        return None
    tag, length = header
    begin = start + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[begin : begin + size], "big")
        begin += size
    end = begin + length
    return (tag, data[begin:end], end) if end <= len(data) else None
