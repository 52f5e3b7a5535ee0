"""An HTTP server on loopback whose every answer can go wrong."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from ._behaviour import Answer, Behaviour, ReceivedRequest

__all__ = ["MisbehavingServer"]


class MisbehavingServer:
    """Serves each connection in a thread of its own, until it is closed.

    Args:
        address: Where to listen; port 0 is a free one.
        connected: Called for each connection.
        answering: Called for each request, and entered while it is answered: the answer, and what to
            wait for before a hanging one.
        tls: Serve HTTPS by this context.

    Attributes:
        port: Where it listens.
        closing: Set when it closes.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        connected: Callable[[], None],
        answering: Callable[
            [ReceivedRequest], AbstractContextManager[tuple[Answer, threading.Event]]
        ],
        tls: SSLContext | None,
    ) -> None:
        self.closing = threading.Event()
        self.answering = answering
        self._connected = connected
        self._tls = tls
        self._listener = socket.create_server(address, backlog=512)
        self._address: tuple[str, int] = self._listener.getsockname()
        self.port = self._address[1]
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name="idp", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Refuse connections, break off those that are open, and wait for the threads to end."""
        self.closing.set()
        # Closing a socket wakes nobody who waits at it; a visitor does.
        with socket.create_connection(self._address):
            self._acceptor.join()
        self._listener.close()
        with self._lock:
            serving = dict(self._open)
        for connection, thread in serving.items():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self) -> None:
        while True:
            connection, address = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            self._connected()
            thread = threading.Thread(
                target=self._serve, args=(connection, address), name="idp-connection", daemon=True
            )
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            # Clients leave when they like: that is what many of the tests are about.
            with suppress(OSError):
                if self._tls is None:
                    _Handler(connection, address, self)
                else:
                    # Over a copy, so that `close` breaks off the original at any time.
                    with self._tls.wrap_socket(connection.dup(), server_side=True) as secured:
                        _Handler(secured, address, self)
        finally:
            connection.close()
            with self._lock:
                del self._open[connection]


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: Any

    def __init__(
        self, connection: socket.socket, address: tuple[str, int], server: MisbehavingServer
    ) -> None:
        super().__init__(connection, address, server)  # type: ignore[arg-type]  # any object will do

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write nothing into the test's output."""

    def do_GET(self) -> None:
        """Answer one request."""
        url = urlsplit(self.path)
        request = ReceivedRequest(url.path, url.query, self.headers, self.client_address[1])
        with self.server.answering(request) as (answer, hold):
            behaviour: Behaviour = answer.behaviour
            if behaviour.hang:
                hold.wait()
            if self.server.closing.wait(behaviour.delay):
                raise ConnectionAbortedError
            if behaviour.reset:
                # A socket that lingers for no time resets its connection when it is closed.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise ConnectionAbortedError
            self.wfile.write(
                self._all_but_last(self._paced([answer.head()], behaviour.drip_headers))
            )
            last = self._all_but_last(self._paced(answer.body(), behaviour.drip))
        # Whoever has the whole answer can ask again at once, and is no second one at the same time.
        self.wfile.write(last)
        if behaviour.cut is not None:
            raise ConnectionAbortedError

    def _all_but_last(self, pieces: Iterable[bytes]) -> bytes:
        """Send all pieces but the last, which is answered."""
        last = b""
        for piece in pieces:
            self.wfile.write(last)
            last = piece
        return last

    def _paced(self, pieces: Iterable[bytes], rate: float | None) -> Iterator[bytes]:
        """Let pieces through at so many bytes a second."""
        for piece in pieces:
            if rate is None:
                yield piece
                continue
            step = max(1, round(rate / 10))
            for start in range(0, len(piece), step):
                yield piece[start : start + step]
                if self.server.closing.wait(step / rate):
                    raise ConnectionAbortedError
