"""Keys in disguise: recognises public and private keys in text and bytes that are given as something else.

A public key is never an HMAC secret: everybody who has it could sign tokens (RFC 8725 §2.1). A private key
has no place on a resource server. Both come in many spellings, and for the question what they are, spelling
doesn't matter. ``VerificationKey.from_secret`` documents what is recognised; keep the two in step.
"""

from __future__ import annotations

import re
from base64 import a85decode, b32decode, b85decode
from binascii import a2b_base64, unhexlify
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from ._der import der_key
from .errors import ConfigurationError

__all__ = ["PRIVATE_KEY_REFUSED", "holds_private_key", "kind_of_key", "refuse_private_key"]

PRIVATE_KEY_REFUSED = "this holds a private key: a resource server is given the public key alone"

# Layers of hex, base64 and the like that are looked through.
_MAX_LAYERS = 2
# Bytes: in longer text, keys are looked for as it stands.
_MAX_ENCODED = 65_536
_ASCII = bytes(range(128))


def _member(*names: str) -> re.Pattern[bytes]:
    """Find a member of a mapping, in JSON or printed by a program, also within a quoted string."""
    name = "|".join(names).encode()
    return re.compile(
        rb"[\"'](?:%b)\\?[\"']\s*[:=]|\(\s*[\"'](?:%b)[\"']\s*," % (name, name), re.IGNORECASE
    )


_PRIVATE_TEXT = re.compile(
    rb"-{4,5}\W{0,3}(?:BEGIN|END)\b[\w \t+%]{0,40}PRIVATE\b|PRIVATE\W{1,3}KEY(?:\W{1,3}BLOCK)?\W?-{4,5}"
    rb"|PuTTY-User-Key-File-|openssh-key-v1|SSH PRIVATE KEY FILE FORMAT",
    re.IGNORECASE,
)
# .NET's XML; the key stores of Java.
_PRIVATE_DATA = re.compile(rb"<(?:D|DP|DQ|InverseQ)>|\A(?:\xfe\xed\xfe\xed|\xce\xce\xce\xce)")
_PUBLIC_TEXT = re.compile(
    # PEM and its like: SSH2, PGP.
    rb"-{4,5}\W{0,3}(?:BEGIN|END)\b"
    # An OpenSSH line; and its key anywhere, in base64 and in bytes (RFC 4253 §6.6).
    rb"|\A\s*(?:ssh|sk-ssh|ecdsa-sha2|sk-ecdsa)-"
    rb"|AAAA[B-Q](?:[HXn3](?:NzaC1|NrLXNzaC|NrLWVjZHNh)|[GWm2]VjZHNhLXNoYTIt)"
    rb"|\0\0\0.(?:ssh-|sk-ssh-|ecdsa-sha2-|sk-ecdsa-)"
    # .NET and XML Signature.
    rb"|<(?:\w+:)?(?:RSA|EC|DSA)KeyValue\b",
    re.DOTALL,
)
_KTY = re.compile(rb"\bkty\s*[:=]\s*\W{0,2}(?:RSA|EC|OKP|oct)\b", re.IGNORECASE)
_JWK_MEMBERS = (
    (_member("kty", "keys", "x5c"),),
    (_member("n", "modulus"), _member("e", "exponent")),
    (_member("x"), _member("y", "crv")),
)
_PRIVATE_MEMBERS = re.compile(
    rb"[\"'](?:d|p|q|dp|dq|qi)\\?[\"']\s*[:=,]\s*[bu]?\\?[\"']\w", re.IGNORECASE
)

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ESCAPE = re.compile(rb"\\(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([bfnrt])|(.))", re.DOTALL)
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# Shorter ones hold no key.
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{60,}")
_BYTE_VALUES = re.compile(rb"-?\d{1,3}(?:\s*,\s*-?\d{1,3}){29,}")
_QUOTED = re.compile(rb"b?([\"'])(.*)\1")
_BASE64URL = bytes.maketrans(b"-_", b"+/")
_PRIVATE, _PUBLIC, _JWK = _KINDS = ("a private key", "a public key", "a JWK")


def kind_of_key(data: str | bytes) -> str | None:
    """Say which kind of key a text is or holds, None if nothing tells it from a secret.

    Returns:
        ``"a private key"``, ``"a public key"`` or ``"a JWK"``, the worst of what was found.
    """
    found = set(_keys_in(_as_bytes(data)))
    return next((kind for kind in _KINDS if kind in found), None)


def holds_private_key(data: str | bytes) -> bool:
    """Whether text or bytes, as a file's content, hold a private key that should not be on this machine.

    It is found in PEM, DER (PKCS #1, PKCS #8, SEC 1, PKCS #12), the forms of OpenSSH and PuTTY, and a JWK,
    in any encoding that ``VerificationKey.from_secret`` names.
    """
    return _PRIVATE in _keys_in(_as_bytes(data))


def refuse_private_key(data: str | bytes) -> None:
    """Raise if text or bytes hold a private key.

    Raises:
        ConfigurationError: They do.
    """
    if holds_private_key(data):
        raise ConfigurationError(PRIVATE_KEY_REFUSED)


def _as_bytes(data: str | bytes) -> bytes:
    # Half a surrogate pair is no reason to look no further.
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data


def _keys_in(data: bytes, layers: int = _MAX_LAYERS) -> Iterator[str]:
    """The kinds of the keys that bytes are, as they stand and below some layers of encoding."""
    if layers < _MAX_LAYERS and len(data.translate(None, _ASCII)) * 4 > len(data):
        # Decoded to no text, as most words are that merely look like base64.
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
    if _KTY.search(reading) or any(
        all(member.search(reading) for member in members) for members in _JWK_MEMBERS
    ):
        yield _PRIVATE if _PRIVATE_MEMBERS.search(reading) else _JWK


def _readings(data: bytes) -> set[bytes]:
    """The same text in narrow characters, and with the escapes of JSON, Python and URLs undone."""
    readings = {data}
    # UTF-16 and UTF-32 differ from ASCII in zero bytes alone, for all that is looked for.
    for mark in _BYTE_ORDER_MARKS:
        data = data.removeprefix(mark)
    readings.add(data.replace(b"\0", b""))
    # Bytes may have been decoded as Latin-1 on their way.
    with suppress(UnicodeError):
        readings.add(data.decode().encode("latin-1"))
    readings |= {_ESCAPE.sub(_unescaped, reading) for reading in readings if b"\\" in reading}
    readings |= {unquote_to_bytes(reading) for reading in readings if b"%" in reading}
    return readings


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1] or match[2]
    if code:
        return unhexlify(code)
    return _CONTROLS.get(match[3], b"") or match[4]


def _decoded(reading: bytes) -> Iterator[bytes]:
    """What a text encodes: as a whole, or between other words."""
    # White space may part a key from a word or stand within the key. Dashes may be base64url or PEM's.
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
        yield bytes(int(value) & 0xFF for value in values.split(b","))
    whole = re.sub(rb"\s+", b"", reading)
    quoted = _QUOTED.fullmatch(whole)
    for decode in _WHOLE_TEXT if whole.isascii() else ():
        for text in {whole, quoted[2] if quoted else whole}:
            with suppress(ValueError):
                yield decode(text)


def _base32(text: bytes) -> bytes:
    return b32decode(text + b"=" * (-len(text) % 8), casefold=True)


_WHOLE_TEXT: Iterable[Callable[[bytes], bytes]] = (_base32, b85decode, a85decode)
