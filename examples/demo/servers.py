"""HTTP servers on free ports of the loopback interface, and a client for them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from threading import Thread

from attrs import frozen
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

__all__ = ["HOST", "Response", "send", "serving"]

HOST = "127.0.0.1"


class _QuietRequestHandler(WSGIRequestHandler):
    """Logs no requests: the demonstration prints its own output."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - Werkzeug's name
        """Log nothing."""


@contextmanager
def serving(app: Flask) -> Generator[int, None, None]:
    """Serve an app, with a thread for each request, and yield the port."""
    server = make_server(HOST, 0, app, threaded=True, request_handler=_QuietRequestHandler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@frozen
class Response:
    """An HTTP response.

    Attributes:
        status: The status code.
        reason: The reason phrase.
        challenge: The ``WWW-Authenticate`` header, or None if it is absent.
        body: The body.
    """

    status: int
    reason: str
    challenge: str | None
    body: bytes


def send(port: int, method: str, path: str, token: str | None = None) -> Response:
    """Send a request, with a bearer token if one is given."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with closing(HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Response(
            response.status,
            response.reason,
            response.getheader("WWW-Authenticate"),
            response.read(),
        )
