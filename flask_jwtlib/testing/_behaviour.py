"""Correct and incorrect responses of a test server."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from attrs import field, frozen

__all__ = ["Behaviour", "PlannedResponse", "ReceivedRequest"]

_BLOCK = b" " * 65536
_BLOCKS_PER_MIB = 16
# RFC 1952, RFC 1950 and RFC 1951, in zlib's numbers.
_WINDOW_BITS = {"gzip": 31, "deflate": 15, "raw deflate": -15}


@frozen
class ReceivedRequest:
    """A request that an ``IdentityProvider`` received.

    Attributes:
        path: Its path, without the query.
        query: Its query, empty if it has none.
        headers: Its headers, with case-insensitive names.
        client_port: The client's port, which differs for each connection.
        method: ``"GET"`` or ``"POST"``.
        body: Its body, empty if it has none.
    """

    path: str
    query: str
    headers: Message
    client_port: int
    method: str = "GET"
    body: bytes = b""


@frozen(kw_only=True)
class Behaviour:
    """How an ``IdentityProvider`` responds. Without arguments, correctly.

    The arguments can be combined: a compressed body can be sent slowly, and a redirect can be delayed.

    Args:
        status: The response's status.
        headers: Headers to add or replace. None as a value removes one.
        body: The body to send instead of the document: bytes and text as they are, anything else as JSON.
        redirect_to: Redirect to this URL, with 302 unless ``status`` is set.
        etag: Send an ``ETag``, and 304 for a request that has it (RFC 9110 §13.1.2).
        encoding: Compress the body and name the encoding: ``"gzip"``, ``"deflate"``, or ``"raw deflate"``,
            which some servers send as deflate. Use it with ``grow`` to make a decompression bomb.
        grow: Mebibytes of white space to add to the body.
        chunked: Send the body in chunks, without ``Content-Length``.
        cut: Close the connection after this many bytes of the body.
        delay: Seconds to wait before responding.
        hang: Wait for ``IdentityProvider.release`` before responding. The response is the one that was due
            when the request came in.
        drip: Send the body at this rate, in bytes per second.
        drip_headers: Send the status line and the headers at this rate, in bytes per second.
        reset: Reset the connection instead of responding.
    """

    status: int | None = None
    headers: Mapping[str, str | None] = field(factory=dict[str, "str | None"])
    body: Any = None
    redirect_to: str | None = None
    etag: bool = False
    encoding: str | None = None
    grow: int = 0
    chunked: bool = False
    cut: int | None = None
    delay: float = 0
    hang: bool = False
    drip: float | None = None
    drip_headers: float | None = None
    reset: bool = False


class PlannedResponse:
    """The response to one request. It is decided when the request comes in, and made while it is sent.

    Args:
        request: The request.
        behaviour: How to respond.
        documents: The served documents, by path.
    """

    def __init__(
        self, request: ReceivedRequest, behaviour: Behaviour, documents: Mapping[str, Any]
    ) -> None:
        self.behaviour = behaviour
        self._status = 200
        if behaviour.body is not None:
            document = behaviour.body
        elif request.path in documents:
            document = documents[request.path]
        else:
            self._status, document = 404, {"error": "not_found"}
        self._content = _as_bytes(document)
        self._headers: dict[str, str | None] = {
            "Content-Type": "application/json",
            "Date": formatdate(usegmt=True),
        }
        if behaviour.redirect_to is not None:
            self._status = 302
            self._headers["Location"] = behaviour.redirect_to
        if behaviour.etag:
            etag = f'"{hashlib.sha256(self._content).hexdigest()[:16]}"'
            self._headers["ETag"] = etag
            if request.headers.get("If-None-Match") == etag:
                self._status, self._content = 304, b""
        self._encoded = None if behaviour.encoding is None else self._encode(behaviour.encoding)

    def _encode(self, encoding: str) -> bytes:
        self._headers["Content-Encoding"] = encoding.rsplit(maxsplit=1)[-1]
        compressor = zlib.compressobj(9, zlib.DEFLATED, _WINDOW_BITS[encoding])
        return b"".join(map(compressor.compress, self._grown())) + compressor.flush()

    def _grown(self) -> Iterator[bytes]:
        # Before the last bracket, so that JSON stays valid.
        yield self._content[:-1]
        for _ in range(self.behaviour.grow * _BLOCKS_PER_MIB):
            yield _BLOCK
        yield self._content[-1:]

    def head(self) -> bytes:
        """Return the status line and the headers."""
        status = self.behaviour.status or self._status
        headers = dict(self._headers)
        if self.behaviour.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif self._encoded is None:
            grown = self.behaviour.grow * _BLOCKS_PER_MIB * len(_BLOCK)
            headers["Content-Length"] = str(len(self._content) + grown)
        else:
            headers["Content-Length"] = str(len(self._encoded))
        for name, value in self.behaviour.headers.items():
            for present in [present for present in headers if present.lower() == name.lower()]:
                del headers[present]
            headers[name] = value
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def body(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        left = self.behaviour.cut
        for whole in self._grown() if self._encoded is None else (self._encoded,):
            piece = whole[:left]
            if left is not None:
                left -= len(piece)
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.behaviour.chunked else piece
        if self.behaviour.chunked and left is None:
            yield b"0\r\n\r\n"


def _as_bytes(document: Any) -> bytes:
    if isinstance(document, bytes):
        return document
    return (document if isinstance(document, str) else json.dumps(document)).encode()
