"""Development tokens at real servers: on loopback, behind a real proxy, and on a Unix socket."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from attrs import frozen
from werkzeug.serving import make_server

from flask_jwtlib_strategies.development.issue import issue_development_token
from tests.kit import PROCESS_PATIENCE

from .development_kit import state_folder

HERE = Path(__file__).parent
# Seconds until a server notices that it is to stop.
POLL = 0.01


def load_app() -> Any:
    """Load the app as a server does."""
    spec = importlib.util.spec_from_file_location("served_app", HERE / "served_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@frozen
class Server:
    """A running server.

    Args:
        port: Its port at 127.0.0.1.
        token: A token that its app accepts.
        path: The path of its Unix socket.
        log: What it logs.
    """

    port: int
    token: str
    path: Path
    log: Path

    def ask(self, *headers: str, target: str = "/", port: int | None = None) -> tuple[int, str]:
        """Send a request with the token and these header lines. Return the status and the body."""
        lines = [f"GET {target} HTTP/1.1", f"Authorization: Bearer {self.token}", *headers]
        with socket.create_connection(("127.0.0.1", port or self.port), PROCESS_PATIENCE) as sent:
            return answer(sent, lines)

    @property
    def here(self) -> str:
        """The ``Host`` of a local request."""
        return f"Host: 127.0.0.1:{self.port}"


def answer(connection: socket.socket, lines: list[str]) -> tuple[int, str]:
    """Send header lines, and return the status and the body of the response."""
    connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    with connection.makefile("rb") as received:
        head, _, body = received.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


@contextmanager
def development_server(folder: Path) -> Iterator[int]:
    """Serve the app by the server of ``flask run``, in this process."""
    server = make_server("127.0.0.1", 0, load_app(), threaded=True)
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": POLL})
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join(PROCESS_PATIENCE)
        server.server_close()


@contextmanager
def gunicorn(folder: Path) -> Iterator[int]:
    """Serve the app by gunicorn, on loopback and on a Unix socket."""
    pytest.importorskip("gunicorn")
    command = [
        *(sys.executable, "-m", "gunicorn", "served_app:app", "--pythonpath", str(HERE)),
        *("--bind", "127.0.0.1:0", "--bind", f"unix:{folder / 'socket'}"),
        *("--worker-class", "gthread", "--threads", "4", "--graceful-timeout", "5"),
    ]
    environment = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=written, stderr=written
        )
    try:
        yield port_in(log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PROCESS_PATIENCE)


def port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait until gunicorn has started, and return its port."""
    deadline = time.monotonic() + PROCESS_PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(errors="replace")
        listening = re.search(r"Listening at: .*http://127\.0\.0\.1:(\d+)", text)
        if listening and "Booting worker" in text:
            return int(listening[1])
        time.sleep(0.02)
    raise AssertionError(f"gunicorn did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def running(serve: Callable[[Path], Any], folder: Path) -> Iterator[Server]:
    """Serve the app, and make a key and a token."""
    with state_folder(folder), serve(folder) as port:
        token = issue_development_token(load_app(), "ada").value
        yield Server(port, token, folder / "socket", folder / "log")


@pytest.fixture(scope="module")
def by_gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app, served by gunicorn."""
    with running(gunicorn, tmp_path_factory.mktemp("gunicorn")) as server:
        yield server


@pytest.fixture(params=["flask run", "gunicorn"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """The app, served by each server."""
    if request.param == "gunicorn":
        yield request.getfixturevalue("by_gunicorn")
    else:
        with running(development_server, tmp_path) as server:
            yield server


def proxy_of(server: Server, *, adds: dict[str, str]) -> ThreadingHTTPServer:
    """Return a proxy in front of a server, which adds headers to each request."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            upstream = HTTPConnection("127.0.0.1", server.port, timeout=PROCESS_PATIENCE)
            # As nginx does by default, it sends the upstream's name as Host.
            headers = {"Authorization": self.headers["Authorization"], **adds}
            upstream.request("GET", self.path, headers=headers)
            response = upstream.getresponse()
            body = response.read()
            upstream.close()
            self.send_response(response.status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Proxy)


@contextmanager
def behind_proxy(server: Server, **adds: str) -> Iterator[int]:
    """Run a proxy, and yield its port."""
    named = {name.replace("_", "-"): value for name, value in adds.items()}
    with proxy_of(server, adds=named) as proxy:
        serving = Thread(target=proxy.serve_forever, kwargs={"poll_interval": POLL})
        serving.start()
        try:
            yield proxy.server_port
        finally:
            proxy.shutdown()
            serving.join(PROCESS_PATIENCE)


def test_a_local_request_is_accepted(server: Server) -> None:
    """A request on loopback is accepted."""
    assert server.ask(server.here) == (200, "ada")
    assert server.ask("Host: localhost") == (200, "ada")


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: evil.example:{port}",),
        ("Host: localhost", "Host: evil.example"),
        ("Host: evil.example", "Host: localhost"),
        ("Host: localhost", "X-Forwarded-For: 127.0.0.1"),
        ("Host: localhost", "Forwarded: for=127.0.0.1"),
        ("Host:",),
        (),
    ],
    ids=lambda headers: ", ".join(headers) or "no host",
)
def test_other_requests_are_refused(server: Server, headers: tuple[str, ...]) -> None:
    """Whatever the server makes of such headers, the request isn't accepted."""
    status, body = server.ask(*(line.replace("{port}", str(server.port)) for line in headers))
    assert status in (400, 401)
    assert "ada" not in body


def test_a_proxy_that_says_so_is_refused(server: Server) -> None:
    """A proxy on the same machine that adds a header makes the request a forwarded one."""
    for adds in ({"X_Forwarded_For": "203.0.113.9"}, {"Via": "1.1 proxy"}, {"X_Real_IP": "::1"}):
        with behind_proxy(server, **adds) as port:
            assert server.ask("Host: api.example", port=port)[0] == 401


def test_a_silent_proxy_looks_local_so_the_key_protects(server: Server) -> None:
    """A proxy that adds nothing can't be seen. Then a token is still needed that the key has signed."""
    with behind_proxy(server) as port:
        assert server.ask("Host: api.example", port=port) == (200, "ada")
        header, payload, _ = server.token.split(".")
        stranger = Server(server.port, f"{header}.{payload}.{'A' * 86}", server.path, server.log)
        assert stranger.ask("Host: api.example", port=port)[0] == 401


def test_a_unix_socket_is_refused(by_gunicorn: Server) -> None:
    """A server on a Unix socket, which is behind a proxy, doesn't know the peer."""
    server = by_gunicorn
    assert server.ask(server.here) == (200, "ada")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.path))
        lines = ["GET / HTTP/1.1", "Host: localhost", f"Authorization: Bearer {server.token}"]
        assert answer(connection, lines)[0] == 401
    log = server.log.read_text()
    assert "the peer is ''" in log
    assert "A DEVELOPMENT TOKEN was accepted, of the subject 'ada'" in log
    assert "DEVELOPMENT TOKENS are accepted" in log
    assert server.token not in log
