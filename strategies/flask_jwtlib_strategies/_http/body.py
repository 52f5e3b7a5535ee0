"""Reads the body of an HTTP response within bounds, and one JSON object strictly."""

from __future__ import annotations

import time
import zlib
from codecs import BOM_UTF8
from typing import Any

from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import read_json_object

__all__ = ["MAX_SIZE", "Fault", "check_size", "parse_object", "read_body"]

MAX_SIZE = 1024 * 1024
"""Bytes that a body may have, as it is sent and when it is decoded."""

_BLOCK = 65536
# What zlib calls RFC 1952 and RFC 1950, and RFC 1951, which some servers send by the name "deflate".
_WINDOW_BITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class Fault(Exception):
    """A response isn't what it should be. The text quotes nothing of it.

    Attributes:
        status: The HTTP status, where that is what is wrong.
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def read_body(raw: Any, encoding: str, deadline: float) -> bytes:
    """Read a body of at most ``MAX_SIZE`` bytes, and decompress it.

    Args:
        raw: The response, as a ``urllib3.response.HTTPResponse``.
        encoding: Its ``Content-Encoding``.
        deadline: When ``time.monotonic()`` has reached this, reading raises ``TimeoutError``.

    Raises:
        Fault: It is larger, or compressed in another way than it says.
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
        Fault: It has more than ``MAX_SIZE`` bytes.
    """
    if len(body) > MAX_SIZE:
        raise Fault(f"the body has more than {MAX_SIZE} bytes")


def parse_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object: UTF-8, no duplicate member, bounded depth (RFC 8259, RFC 7493).

    Raises:
        Fault: It is anything else.
    """
    try:
        # RFC 8259 §8.1: a byte order mark may be ignored.
        return read_json_object(body.removeprefix(BOM_UTF8), "body")
    except MalformedTokenError as error:
        fault = str(error)
    raise Fault(fault)


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in _WINDOW_BITS:
        raise Fault("the body is compressed in a way that was not asked for")
    for window_bits in _WINDOW_BITS[encoding]:
        decompressor = zlib.decompressobj(window_bits)
        try:
            decoded = decompressor.decompress(body, MAX_SIZE + 1)
        except zlib.error:
            continue
        if len(decoded) > MAX_SIZE:
            raise Fault(f"the body has more than {MAX_SIZE} bytes when it is decompressed")
        if decompressor.eof and not decompressor.unused_data:
            return decoded
    raise Fault(f"the body is not {encoding}, as it says")
