"""A local HTTP server that can send incorrect responses."""

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

from ._behaviour import Behaviour, PlannedResponse, ReceivedRequest

__all__ = ["MisbehavingServer"]

_LONGEST_BODY = 1024 * 1024


class MisbehavingServer:
    """Serves each connection in its own thread until it is closed.

    Args:
        address: The address to listen on. Port 0 means any free port.
        connected: Called for each connection.
        responding: Called for each request. It returns a context manager that is entered while the response
            is sent, with the response and the event that a hanging response waits for.
        tls: The TLS settings, to serve HTTPS.

    Attributes:
        port: The port that it listens on.
        closing: Set when it closes.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        connected: Callable[[], None],
        responding: Callable[
            [ReceivedRequest], AbstractContextManager[tuple[PlannedResponse, threading.Event]]
        ],
        tls: SSLContext | None,
    ) -> None:
        self.closing = threading.Event()
        self.responding = responding
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
        """Refuse new connections, close the open ones, and wait for the threads to end."""
        self.closing.set()
        # Closing a socket doesn't wake a thread in accept(), but a connection does.
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
            # Clients may disconnect at any time, which many tests are about.
            with suppress(OSError):
                if self._tls is None:
                    _Handler(connection, address, self)
                else:
                    # A duplicate, so that close() can shut down the original at any time.
                    with self._tls.wrap_socket(connection.dup(), server_side=True) as secured:
                        _Handler(secured, address, self)
        finally:
            connection.close()
            with self._lock:
                del self._open[connection]


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: Any

    def __init__(
        self, connection: socket.socket, address: tuple[str, int], server: MisbehavingServer
    ) -> None:
        super().__init__(connection, address, server)  # type: ignore[arg-type]  # it only stores the server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep the test's output free of access logs."""

    def do_GET(self) -> None:
        """Respond to a request without a body."""
        self._respond(b"")

    def do_POST(self) -> None:
        """Respond to a request with a body of at most 1 MiB, whose length the client states."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self.send_error(411)
        elif len(length) > len(str(_LONGEST_BODY)) or int(length) > _LONGEST_BODY:
            self.send_error(413)
        else:
            self._respond(self.rfile.read(int(length)))

    def _respond(self, body: bytes) -> None:
        url = urlsplit(self.path)
        request = ReceivedRequest(
            url.path, url.query, self.headers, self.client_address[1], self.command, body
        )
        with self.server.responding(request) as (response, hold):
            behaviour: Behaviour = response.behaviour
            if behaviour.hang:
                hold.wait()
            if self.server.closing.wait(behaviour.delay):
                raise ConnectionAbortedError
            if behaviour.reset:
                # With a linger time of 0, closing the socket resets the connection.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise ConnectionAbortedError
            self.wfile.write(
                self._all_but_last(self._paced([response.head()], behaviour.drip_headers))
            )
            last = self._all_but_last(self._paced(response.body(), behaviour.drip))
        # Outside of the block, so that a client's next request doesn't count as concurrent with this one.
        self.wfile.write(last)
        if behaviour.cut is not None:
            raise ConnectionAbortedError

    def _all_but_last(self, pieces: Iterable[bytes]) -> bytes:
        """Send all pieces but the last, and return that one."""
        last = b""
        for piece in pieces:
            self.wfile.write(last)
            last = piece
        return last

    def _paced(self, pieces: Iterable[bytes], rate: float | None) -> Iterator[bytes]:
        """Yield the pieces at a rate in bytes per second, or at once if it is None."""
        for piece in pieces:
            if rate is None:
                yield piece
                continue
            step = max(1, round(rate / 10))
            for start in range(0, len(piece), step):
                yield piece[start : start + step]
                if self.server.closing.wait(step / rate):
                    raise ConnectionAbortedError
