"""Recognises public and private keys in text and bytes that are given as something else.

A public key must not be an HMAC secret: anyone who has it could sign tokens (RFC 8725 §2.1). A private key
must not be on a resource server. Both occur in many encodings, so the text is decoded and searched again.
``VerificationKey.from_secret`` documents what is recognised; keep the two in step.
"""

from __future__ import annotations

import re
from base64 import a85decode, b32decode, b85decode
from binascii import a2b_base64, unhexlify
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from ..errors import ConfigurationError
from ._der import der_key

__all__ = ["PRIVATE_KEY_REFUSED", "holds_private_key", "kind_of_key", "refuse_private_key"]

PRIVATE_KEY_REFUSED = "this holds a private key: a resource server needs only the public key"

# Layers of encoding, such as hex and base64, that are decoded.
_MAX_LAYERS = 2
# Bytes. Longer text is searched without decoding it.
_MAX_ENCODED = 65_536
_ASCII = bytes(range(128))


def _member(*names: str) -> re.Pattern[bytes]:
    """Match a mapping's member, in JSON or as a program prints it, also within a quoted string."""
    name = "|".join(names).encode()
    return re.compile(
        rb"[\"'](?:%b)\\?[\"']\s*[:=]|\(\s*[\"'](?:%b)[\"']\s*," % (name, name), re.IGNORECASE
    )


def _named(names: bytes, value: bytes) -> re.Pattern[bytes]:
    """Match a value soon after its name, whatever a program prints in between."""
    return re.compile(
        rb"(?<![\w+/-])(?:%b)(?![\w+/-]).{1,20}?(?:%b)" % (names, value), re.IGNORECASE | re.DOTALL
    )


_PRIVATE_TEXT = re.compile(
    rb"-{4,5}\W{0,3}(?:BEGIN|END)\b[\w \t+%]{0,40}PRIVATE\b|PRIVATE\W{1,3}KEY(?:\W{1,3}BLOCK)?\W?-{4,5}"
    rb"|PuTTY-User-Key-File-|openssh-key-v1|SSH PRIVATE KEY FILE FORMAT",
    re.IGNORECASE,
)
# The AlgorithmIdentifier (RFC 5280 §4.1.1.2) of RSA, EC, Ed25519 and Ed448. It also shows DER that is cut off
# or follows other bytes.
_DER_ALGORITHM = (
    rb"\x30[\x05-\x7f]\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01[\x01-\x0e]"
    rb"|[\x07\x08]\x2a\x86\x48\xce\x3d[\x02\x04]|\x03\x2b\x65[\x70\x71])"
)
_PRIVATE_DATA = re.compile(
    # .NET's XML; Java key stores.
    rb"<(?:D|DP|DQ|InverseQ)>\s*(?:[\w+/]{20}|[\w+/]*={0,2}</)|\A(?:\xfe\xed\xfe\xed|\xce\xce\xce\xce)"
    # PKCS #8 and PKCS #1, only at the start: in a certificate, the serial number 1 looks like a version.
    rb"|\A\x30(?:[\x10-\x7f]|\x81.|\x82..)\x02\x01[\0\1]%b"
    rb"|\A\x30\x82..\x02\x01\0\x02[\x81\x82].{1,2}\0[\x80-\xff]" % _DER_ALGORITHM,
    re.DOTALL,
)
_PUBLIC_TEXT = re.compile(
    # PEM and similar formats: SSH2, PGP.
    rb"-{4,5}\W{0,3}(?:BEGIN|END)\b"
    # An OpenSSH line; its key anywhere, in base64 and in bytes (RFC 4253 §6.6).
    rb"|\A\s*(?:ssh|sk-ssh|ecdsa-sha2|sk-ecdsa)-"
    rb"|AAAA[B-Q](?:[HXn3](?:NzaC1|NrLXNzaC|NrLWVjZHNh)|[GWm2]VjZHNhLXNoYTIt)"
    rb"|\0\0\0.(?:ssh-|sk-ssh-|ecdsa-sha2-|sk-ecdsa-)"
    # .NET and XML Signature.
    rb"|<(?:\w+:)?(?:RSA|EC|DSA)KeyValue\b"
    # DER; the second alternative is PKCS #1.
    rb"|%b|\A\x30\x82..\x02[\x81\x82].{1,2}\0[\x80-\xff]" % _DER_ALGORITHM,
    re.DOTALL,
)
# The digits of a number. OpenSSL prints pairs with colons.
_DIGITS = rb"[\w+/-]{40}|(?:[0-9a-f]{2}[\s:]+){20}"
_JWK_MEMBERS = (
    (_member("kty", "keys", "x5c"),),
    (_member("n", "modulus"), _member("e", "exponent")),
    (_member("x"), _member("y", "crv")),
    # The same members without quotation marks.
    (_named(rb"kty", rb"\b(?:RSA|EC|OKP|oct)\b"),),
    (
        _named(rb"n|modulus", _DIGITS),
        _named(rb"e|(?:public_?)?exponent", rb"\b(?:AQAB|AAEAAQ|Aw|65537|3|0x0*10001)\b"),
    ),
    (_named(rb"x", _DIGITS), _named(rb"y", _DIGITS)),
    (_named(rb"x", _DIGITS), _named(rb"crv", rb"P-\d{3}|secp\d{3}|Ed25519|Ed448")),
)
_PRIVATE_MEMBERS = re.compile(
    rb"[\"'](?:d|p|q|dp|dq|qi)\\?[\"']\s*[:=,]\s*[bu]?\\?[\"']\w", re.IGNORECASE
)
_PRIVATE_NUMBERS = re.compile(
    rb"(?<![\w+/:.\"'-])(?:d|p|q|dp|dq|qi)\s*[:=\]>]\W{0,7}[\w+/-]{20}", re.IGNORECASE
)

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ESCAPE = re.compile(rb"\\(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([bfnrt])|(.))", re.DOTALL)
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# Shorter runs can't encode a key.
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{60,}")
_BYTE_VALUE = re.compile(rb"-?\d{1,3}")
_BYTE_VALUES = re.compile(rb"-?\d{1,3}(?:(?:\s*,\s*|\s+)-?\d{1,3}){29,}")
_QUOTED = re.compile(rb"b?([\"'])(.*)\1")
_BASE64URL = bytes.maketrans(b"-_", b"+/")
_PRIVATE, _PUBLIC, _JWK = _KINDS = ("a private key", "a public key", "a JWK")


def kind_of_key(data: str | bytes) -> str | None:
    """Return which kind of key a text is or contains, or None if it may be a secret.

    Returns:
        ``"a private key"``, ``"a public key"`` or ``"a JWK"``. If several are found, a private key comes
        first.
    """
    found = set(_keys_in(_as_bytes(data)))
    return next((kind for kind in _KINDS if kind in found), None)


def holds_private_key(data: str | bytes) -> bool:
    """Return whether text or bytes contain a private key, for example in a file of public keys.

    It is recognised in PEM, DER (PKCS #1, PKCS #8, SEC 1, PKCS #12), the formats of OpenSSH and PuTTY, and
    JWKs, in any encoding that ``VerificationKey.from_secret`` lists.
    """
    return _PRIVATE in _keys_in(_as_bytes(data))


def refuse_private_key(data: str | bytes) -> None:
    """Check that text or bytes don't contain a private key.

    Raises:
        ConfigurationError: They contain one.
    """
    if holds_private_key(data):
        raise ConfigurationError(PRIVATE_KEY_REFUSED)


def _as_bytes(data: str | bytes) -> bytes:
    # Text with half of a surrogate pair is searched too.
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data


def _keys_in(data: bytes, layers: int = _MAX_LAYERS) -> Iterator[str]:
    """Yield the kinds of keys that the bytes contain, as they are and after decoding them."""
    if layers < _MAX_LAYERS and len(data.translate(None, _ASCII)) * 4 > len(data):
        # The decoded bytes are not text. Most words that merely look like base64 end here.
        yield from _keys_of(data)
        return
    readings = _readings(data)
    for reading in readings:
        yield from _keys_of(reading)
    if layers and len(data) <= _MAX_ENCODED:
        for decoded in {decoded for reading in readings for decoded in _decoded(reading)}:
            yield from _keys_in(decoded, layers - 1)


def _keys_of(reading: bytes) -> Iterator[str]:
    der = der_key(reading.lstrip(b"b(\"'` \t\r\n"))
    if der == "private" or _PRIVATE_TEXT.search(reading) or _PRIVATE_DATA.search(reading):
        yield _PRIVATE
    if der == "public" or _PUBLIC_TEXT.search(reading):
        yield _PUBLIC
    if any(all(member.search(reading) for member in members) for members in _JWK_MEMBERS):
        private = _PRIVATE_MEMBERS.search(reading) or _PRIVATE_NUMBERS.search(reading)
        yield _PRIVATE if private else _JWK


def _readings(data: bytes) -> set[bytes]:
    """Return the text in single-byte characters, with and without the escapes of JSON, Python and URLs."""
    readings = {data}
    # For all that is searched for, UTF-16 and UTF-32 differ from ASCII only in zero bytes.
    for mark in _BYTE_ORDER_MARKS:
        data = data.removeprefix(mark)
    readings.add(data.replace(b"\0", b""))
    # The bytes may have been decoded as Latin-1 before.
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        with suppress(UnicodeError):
            readings.add(data.decode(encoding).encode("latin-1"))
    readings |= {_ESCAPE.sub(_unescaped, reading) for reading in readings if b"\\" in reading}
    readings |= {unquote_to_bytes(reading) for reading in readings if b"%" in reading}
    return readings


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1] or match[2]
    if code:
        return unhexlify(code)
    return _CONTROLS.get(match[3], b"") or match[4]


def _decoded(reading: bytes) -> Iterator[bytes]:
    """Yield what a text encodes, as a whole or between other words."""
    # White space may separate a key from a word or be part of the key. Dashes may be base64url or PEM's.
    views = {
        re.sub(space, b"", text)
        for text in (reading, re.sub(rb"-{2,}", b" ", reading))
        for space in (rb"\A\Z", rb"[\r\n]+", rb"\s+")
    }
    for run in {run for view in views for run in _BASE64_RUN.findall(view)}:
        quads = run[: len(run) - (len(run) % 4 == 1)]
        yield a2b_base64(quads.translate(_BASE64URL) + b"==")
    digits = re.sub(rb"0x|[\s:,;-]", b"", reading)
    for run in _HEX_RUN.findall(digits):
        yield unhexlify(run[: len(run) // 2 * 2])
    for values in _BYTE_VALUES.findall(reading):
        yield bytes(int(value) & 0xFF for value in _BYTE_VALUE.findall(values))
    whole = re.sub(rb"\s+", b"", reading)
    quoted = _QUOTED.fullmatch(whole)
    for decode in _WHOLE_TEXT if whole.isascii() else ():
        bare = quoted[2] if quoted else whole
        # Adobe puts Ascii85 between these marks.
        for text in {whole, bare, bare.removeprefix(b"<~").removesuffix(b"~>")}:
            with suppress(ValueError):
                yield decode(text)


def _base32(text: bytes) -> bytes:
    return b32decode(text + b"=" * (-len(text) % 8), casefold=True)


_WHOLE_TEXT: Iterable[Callable[[bytes], bytes]] = (_base32, b85decode, a85decode)
