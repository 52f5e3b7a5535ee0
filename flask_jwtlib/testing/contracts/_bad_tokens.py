"""Tokens that no validator may accept."""

from __future__ import annotations

from collections.abc import Iterator

from ...keys import ALGORITHMS
from ..issuer import base64url

__all__ = ["MARK", "garbage", "marked_tokens", "unsigned_token", "variants"]

MARK = "sent-by-the-client"
_UNSIGNED_HEADER = base64url(b'{"alg":"none"}')
_FOREIGN_CHARACTERS = ("=", " ", "\n", "+", "\x00", "\xe9", ".")


def unsigned_token() -> str:
    """Return a well-formed token without a signature (RFC 7519 §6)."""
    return f"{_UNSIGNED_HEADER}.e30."


def marked_tokens() -> Iterator[str]:
    """Yield malformed and unsigned tokens with a mark in each place that a client controls."""
    signature = base64url(bytes(256))
    payload = base64url(f'{{"iss":"{MARK}","aud":"{MARK}","sub":"{MARK}"}}'.encode())
    for alg in (MARK, *sorted(ALGORITHMS)):
        header = f'{{"alg":"{alg}","kid":"{MARK}","typ":"{MARK}","crit":["{MARK}"]}}'
        yield f"{base64url(header.encode())}.{payload}.{signature}"
        header = f'{{"alg":"{alg}","kid":"{MARK}","typ":"{MARK}"}}'
        yield f"{base64url(header.encode())}.{payload}.{signature}"


def variants(token: str) -> Iterator[str]:
    """Yield texts that differ slightly from a token."""
    yield token[:-1]
    yield token[1:]
    yield token + token[-1]
    for character in _FOREIGN_CHARACTERS:
        yield token + character
        yield character + token
        middle = len(token) // 2
        yield token[:middle] + character + token[middle:]
    places = {*range(0, len(token), max(1, len(token) // 24)), len(token) - 1}
    for place in sorted(places):
        # Its neighbour in the alphabet differs in the last bit, which a lenient decoder ignores.
        for other in _NEIGHBOURS.get(token[place], "A"):
            yield token[:place] + other + token[place + 1 :]


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_NEIGHBOURS = {
    character: (_ALPHABET[number ^ 1], _ALPHABET[number ^ 32])
    for number, character in enumerate(_ALPHABET)
}


def garbage() -> Iterator[str]:
    """Yield texts that are not tokens."""
    yield from ("", ".", "..", "...", "....", " ", "null", "a", "a.b", "a.b.c", "a.b.c.d.e")
    yield from ("\x00", "\xe9.\xe9.\xe9", "\U0001f511.\U0001f511.\U0001f511", "\ud800.a.b")
    yield from ("a" * 100_000, "." * 100_000, "a.b." + "c" * 100_000)
    yield f"{_UNSIGNED_HEADER}.e30."
    yield f"{_UNSIGNED_HEADER}.e30.AAAA"
    for header in _GARBAGE_HEADERS:
        yield f"{base64url(header)}.e30.AAAA"
        yield f"{base64url(header)}.{base64url(header)}.{base64url(header)}"


_GARBAGE_HEADERS = (
    b"",
    b" ",
    b"null",
    b"[]",
    b'"alg"',
    b"1e999",
    b"NaN",
    b"{",
    b"{}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 5_000,
    b'{"a":' * 1_000,
    b"9" * 5_000,
    b'{"alg":null}',
    b'{"alg":["HS256"]}',
    b'{"alg":"HS256","alg":"none"}',
    b'{"alg":"RS256","kid":{"a":1}}',
    b'{"alg":"RS256","crit":["exp"]}',
    b'{"alg":"RS256","b64":false,"crit":["b64"]}',
    b'{"alg":"RS256","zip":"DEF"}',
    b'{"alg":"dir","enc":"A256GCM"}',
    b'{"alg":"\\ud800"}',
    b'{"alg":"NONE"}',
)
