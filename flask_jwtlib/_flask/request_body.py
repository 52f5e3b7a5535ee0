"""Reads a request's body before authentication, and leaves it to be read by the view again."""

from __future__ import annotations

import re
from binascii import a2b_qp
from functools import lru_cache
from io import BytesIO, RawIOBase
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import get_content_length

from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from flask import Request

__all__ = ["form_values", "is_ascii_form", "read_body"]

_LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NON_ASCII_ESCAPE = re.compile(rb"%[89A-Fa-f][0-9A-Fa-f]")


def read_body(request: Request, *, max_length: int) -> bytes | None:
    """Return the body of a request, unless it is too long.

    Use it in every extractor that reads a body: it bounds the amount of data that an unauthenticated client
    can make the server read. Afterwards, ``form``, ``files``, ``stream`` and ``get_data()`` still return the
    whole body.

    Args:
        request: The request.
        max_length: Longest body, in bytes. A smaller ``MAX_CONTENT_LENGTH`` of the application takes
            precedence.

    Returns:
        The body, or None if it is longer or its length is unknown, as with ``Transfer-Encoding: chunked``.
        Such a body has no token. If the application has read a part of the body, the rest is returned.

    Raises:
        InvalidRequestError: The body can't be read to its end.
    """
    environ = request.environ
    length = get_content_length(environ)
    limit = request.max_content_length
    if length is None or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    if limit is not None and limit < max_length:
        max_length = limit
    if length > max_length:
        return None
    attributes = vars(request)
    # Werkzeug has no public name for the data that get_data() keeps.
    kept: bytes | None = attributes.get("_cached_data")
    if kept is not None:
        return kept if len(kept) <= max_length else None
    if "stream" in attributes:
        # The application may have read a part of it, so the length of the rest is unknown.
        body, ended, fault = _read(attributes["stream"], max_length + 1)
        attributes["stream"] = BytesIO(body) if ended else _Continued(body, attributes["stream"])
    else:
        # If the server ends the input, it may be longer than announced: a middleware can decompress it.
        unbounded = bool(environ.get("wsgi.input_terminated"))
        rest = environ.get("wsgi.input")
        body, ended, fault = _read(rest, max_length + 1 if unbounded else length)
        complete = len(body) >= length and (ended or not unbounded)
        environ["wsgi.input"] = BytesIO(body) if complete else _Continued(body, rest)
        if ended and len(body) < length:
            fault = "the input ended"
    if fault is not None:
        raise InvalidRequestError(
            f"the request's body can't be read: {fault} after {len(body)} of {length} bytes",
            description="The request body is incomplete",
        )
    return body if len(body) <= max_length else None


def _read(stream: Any, at_most: int) -> tuple[bytes, bool, str | None]:
    """Read up to ``at_most`` bytes. Return them, whether the stream ended, and why reading it failed."""
    chunks: list[bytes] = []
    left = at_most
    try:
        while left > 0:
            chunk = stream.read(left)
            if not chunk:
                return b"".join(chunks), True, None
            chunks.append(bytes(chunk))
            left -= len(chunk)
    except RequestEntityTooLarge:
        # The application's own limit, which has been reached.
        return b"".join(chunks), True, None
    # A server may raise anything when a connection breaks. Only the name is kept: the exception's traceback
    # refers to the request, which keeps the refusal.
    except Exception as error:  # noqa: BLE001
        return b"".join(chunks), False, type(error).__name__
    return b"".join(chunks), False, None


class _Continued(RawIOBase):
    """An input stream whose beginning was read already, and can be read again."""

    def __init__(self, beginning: bytes, rest: Any) -> None:
        self._beginning = BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._beginning.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def form_values(body: bytes, name: str) -> list[str]:
    """Return the values of a parameter in an ``application/x-www-form-urlencoded`` body, in their order.

    Only this parameter is decoded, so the cost doesn't depend on the number of parameters. Its name may be
    percent-encoded in part or as a whole.

    Args:
        body: The body.
        name: The parameter's name. It may have letters, digits, ``-``, ``.``, ``_`` and ``~``.
    """
    if b"%" not in body and name.encode() not in body:
        return []
    values: list[bytes] = _field(name).findall(b"&" + body)
    return [_decoded(value).decode(errors="replace") for value in values]


def _decoded(value: bytes) -> bytes:
    """Decode a value as ``unquote_plus`` does, but without an object for each escape in it."""
    value = value.replace(b"+", b" ")
    if b"%" not in value:
        return value
    # Quoted-printable uses "=" instead of "%".
    escaped = _LONE_PERCENT.sub(b"%25", value).replace(b"=", b"%3D")
    return a2b_qp(escaped.replace(b"%", b"="))


@lru_cache(maxsize=64)
def _field(name: str) -> re.Pattern[bytes]:
    """Return a pattern for a field of a form, after an ampersand. Its group is the encoded value."""
    spelled = b"".join(
        b"(?:%s|%%(?i:%02x))" % (re.escape(bytes([byte])), byte) for byte in name.encode()
    )
    return re.compile(b"&%s(?:=([^&]*))?(?![^&])" % spelled)


def is_ascii_form(body: bytes) -> bool:
    """Whether all names and values of an ``application/x-www-form-urlencoded`` body are ASCII."""
    return body.isascii() and _NON_ASCII_ESCAPE.search(body) is None
