"""The body of an HTTP response, read up to a limit and parsed as strict JSON."""

from __future__ import annotations

import time
import zlib
from codecs import BOM_UTF8
from typing import Any

from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import read_json_object
from flask_jwtlib.log_text import error_text

from .errors import FetchError

__all__ = ["MAX_SIZE", "check_size", "parse_object", "read_body"]

MAX_SIZE = 1024 * 1024
"""Maximum size of a body in bytes, both as sent and after decompression."""

_BLOCK = 65536
# zlib's window bits for gzip (RFC 1952), and for the two formats that servers send as "deflate":
# RFC 1950, which is right, and RFC 1951.
_WINDOW_BITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


def read_body(raw: Any, encoding: str, deadline: float) -> bytes:
    """Read a body of at most ``MAX_SIZE`` bytes, and decompress it.

    Args:
        raw: The response, a ``urllib3.response.HTTPResponse``.
        encoding: Its ``Content-Encoding``.
        deadline: Reading raises ``TimeoutError`` when ``time.monotonic()`` reaches this.

    Raises:
        FetchError: The body is larger, or it isn't compressed as ``encoding`` says.
    """
    body = bytearray()
    while block := raw.read1(_BLOCK, decode_content=False):
        body += block
        check_size(body)
        if time.monotonic() >= deadline:
            raise TimeoutError("timed out")
    return _decoded(bytes(body), encoding.strip().lower())


def check_size(body: bytes | bytearray) -> None:
    """Check a body's size.

    Raises:
        FetchError: The body has more than ``MAX_SIZE`` bytes.
    """
    if len(body) > MAX_SIZE:
        raise FetchError(f"the body has more than {MAX_SIZE} bytes")


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a body as one JSON object: UTF-8, no duplicate members, bounded depth (RFC 8259, RFC 7493).

    Raises:
        FetchError: The body is anything else.
    """
    try:
        # RFC 8259 §8.1: a byte order mark may be ignored.
        return read_json_object(body.removeprefix(BOM_UTF8), "body")
    except MalformedTokenError as error:
        fault = error_text(error)
    raise FetchError(fault)


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in _WINDOW_BITS:
        raise FetchError("the body has a Content-Encoding that was not asked for")
    for window_bits in _WINDOW_BITS[encoding]:
        decompressor = zlib.decompressobj(window_bits)
        try:
            decoded = decompressor.decompress(body, MAX_SIZE + 1)
        except zlib.error:
            continue
        if len(decoded) > MAX_SIZE:
            raise FetchError(f"the body has more than {MAX_SIZE} bytes when it is decompressed")
        if decompressor.eof and not decompressor.unused_data:
            return decoded
    raise FetchError(f"the body is not {encoding} data, although its Content-Encoding says so")
