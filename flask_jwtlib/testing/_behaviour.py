"""How a server on loopback can answer a request, rightly or wrongly."""

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

__all__ = ["Answer", "Behaviour", "ReceivedRequest"]

_BLOCK = b" " * 65536
_BLOCKS_PER_MIB = 16
# RFC 1952, RFC 1950 and RFC 1951, in zlib's numbers.
_WINDOW_BITS = {"gzip": 31, "deflate": 15, "raw deflate": -15}


@frozen
class ReceivedRequest:
    """A request that an ``IdentityProvider`` was sent.

    Attributes:
        path: Its path, without the query.
        query: Its query, empty if it has none.
        headers: Its headers; their names may be asked for in any case.
        client_port: The port that it came from: each connection has its own.
    """

    path: str
    query: str
    headers: Message
    client_port: int


@frozen(kw_only=True)
class Behaviour:
    """How an ``IdentityProvider`` answers; without arguments, well.

    Everything goes together: a compressed body can drip, and a redirect can be late.

    Args:
        status: The status of the answer.
        headers: Headers to add or replace; None as a value leaves one out.
        body: What to answer in place of the document: bytes and text as they are, anything else as
            JSON.
        redirect_to: Redirect to this URL, by 302 if no other status is given.
        etag: Answer with an ``ETag``, and a request that has it with 304 (RFC 9110 §13.1.2).
        encoding: Compress the body and say so: ``"gzip"``, ``"deflate"``, or ``"raw deflate"``,
            which some servers send by that name. Together with ``grow`` it is a bomb.
        grow: Mebibytes of white space to add to the body, made while they are sent.
        chunked: Send the body in chunks, with no ``Content-Length``.
        cut: Close the connection after so many bytes of the body.
        delay: Seconds to wait before the answer.
        hang: Don't answer before ``IdentityProvider.release`` is called, and then answer what would
            have been the answer at once.
        drip: Send the body at so many bytes a second.
        drip_headers: Send the status line and the headers at so many bytes a second.
        reset: Reset the connection instead of an answer.
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


class Answer:
    """The answer to one request, decided when the request comes in, made while it is sent.

    Args:
        request: The request.
        behaviour: How to answer it.
        documents: What is served, by path.
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
        # The white space goes before the last bracket, so that JSON stays JSON.
        yield self._content[:-1]
        for _ in range(self.behaviour.grow * _BLOCKS_PER_MIB):
            yield _BLOCK
        yield self._content[-1:]

    def head(self) -> bytes:
        """The status line and the headers."""
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
        """What follows the headers, piece by piece."""
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
