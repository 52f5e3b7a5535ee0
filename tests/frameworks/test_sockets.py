"""Refused callers of Socket.IO handlers and WebSockets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import simple_websocket
from flask import Flask
from flask_sock import Sock
from flask_socketio import ConnectionRefusedError as SocketRefused
from flask_socketio import Namespace, SocketIO
from werkzeug.serving import make_server

from flask_jwtlib import AuthenticationError, Authenticator, Scope, current_principal
from flask_jwtlib.errors import ExpiredTokenError, InsufficientScopeError
from tests.kit import PATIENCE

Headers = dict[str, str]


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with sessions, which Flask-SocketIO reads."""
    app.config["SECRET_KEY"] = "of the session"
    return app


@pytest.fixture(params=["no route", "catch-all", "catch-all with authentication"])
def served(app: Flask, auth: Authenticator, request: pytest.FixtureRequest) -> Flask:
    """The app, with and without a view that matches the requests of Socket.IO."""
    view = lambda path: "a page"  # noqa: E731 - it is decorated below
    if request.param == "catch-all":
        app.add_url_rule("/<path:path>", "page", view)
    elif request.param == "catch-all with authentication":
        app.add_url_rule("/<path:path>", "page", auth.requires_authentication(view))
    return app


def connected(sockets: SocketIO, app: Flask, headers: Headers, namespace: str = "/") -> Any:
    """Return a client that has tried to connect."""
    try:
        return sockets.test_client(app, namespace=namespace, headers=headers)
    except AuthenticationError:
        return None


@pytest.mark.parametrize("sent", ["expired", "nothing"])
def test_a_connect_handler_refuses(
    served: Flask, auth: Authenticator, good: Headers, expired: Headers, sent: str
) -> None:
    """What a ``connect`` handler returns refuses nobody, so the decorator raises: nobody is connected."""
    sockets = SocketIO(served, async_mode="threading")
    ran: list[str | None] = []

    @sockets.on("connect")
    @auth.requires_authentication
    def connect(_: Any = None) -> None:
        ran.append(current_principal.subject)

    sockets.on_event("report", lambda: "the report")
    refused = connected(sockets, served, expired if sent == "expired" else {})

    assert refused is None or not refused.is_connected()
    assert not ran
    client = connected(sockets, served, good)
    assert client.is_connected()
    assert client.emit("report", callback=True) == "the report"
    assert ran == ["alice"]


def test_the_method_of_a_namespace_refuses(
    served: Flask, auth: Authenticator, good: Headers, expired: Headers
) -> None:
    """So does the ``on_connect`` of a class-based namespace."""
    sockets = SocketIO(served, async_mode="threading")

    class Reports(Namespace):
        @auth.requires_authentication
        def on_connect(self, _: Any = None) -> None:
            """Accept."""

        def on_report(self) -> str:
            return "the report"

    sockets.on_namespace(Reports("/reports"))
    refused = connected(sockets, served, expired, "/reports")

    assert refused is None or not refused.is_connected("/reports")
    assert connected(sockets, served, good, "/reports").is_connected("/reports")


@pytest.mark.parametrize("by", ["decorator", "rule", "policy in the handler", "authenticate"])
def test_an_event_handler_refuses(
    served: Flask,
    auth: Authenticator,
    good: Headers,
    expired: Headers,
    signals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    by: str,
) -> None:
    """A handler of an event raises the refusal, which ``on_error_default`` sees. It is logged once."""
    sockets = SocketIO(served, async_mode="threading")
    errors: list[Exception] = []
    sockets.default_exception_handler = errors.append

    def report() -> str:
        if by == "policy in the handler":
            Scope("admin")(current_principal.claims)
        elif by == "authenticate":
            return str(auth.authenticate().subject)
        return "the report"

    if by == "decorator":
        report = auth.requires_authentication(report)
    elif by == "rule":
        report = auth.requires_authentication(rules=[Scope("admin")])(report)
    elif by == "policy in the handler":
        report = auth.requires_authentication(report)
    sockets.on_event("report", report)
    headers = expired if by in ("decorator", "authenticate") else good
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        reported = sockets.test_client(served, headers=headers).emit("report", callback=True)

    assert not reported
    kind = ExpiredTokenError if headers is expired else InsufficientScopeError
    assert [type(error) for error in errors] == [kind]
    assert [type(signal["error"]) for signal in signals] == [kind]
    assert len([record for record in caplog.records if record.name == "flask_jwtlib"]) == 1
    if by == "decorator":
        assert sockets.test_client(served, headers=good).emit("report", callback=True)


def test_a_handler_of_errors_that_returns_connects_the_caller(
    served: Flask, auth: Authenticator, expired: Headers
) -> None:
    """An ``on_error_default`` that returns accepts the connection. One that raises refuses it."""
    sockets = SocketIO(served, async_mode="threading")
    sockets.on_event("connect", auth.requires_authentication(lambda _=None: None))

    @sockets.on_error_default
    def handle(error: Exception) -> None:
        if refuse:
            raise SocketRefused(str(error))

    refuse = False
    assert sockets.test_client(served, headers=expired).is_connected()
    refuse = True
    assert not sockets.test_client(served, headers=expired).is_connected()


@pytest.fixture
def websocket_url(app: Flask) -> Iterator[str]:
    """The URL of a running server of the app."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.server_port}/reports"
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def report_to(socket: Any) -> None:
    """Send the report when asked, and leave it to the client to close the socket."""
    # The client loses a message that arrives together with the response to its handshake.
    socket.receive(PATIENCE)
    socket.send("the report")
    socket.receive(PATIENCE)


def received(url: str, headers: Headers) -> Any:
    """Return what a WebSocket receives first; None if the server closes it."""
    client = simple_websocket.Client(url, headers=headers)
    try:
        client.send("please")
        return client.receive(PATIENCE)
    except (simple_websocket.ConnectionClosed, OSError):
        return None
    finally:
        with suppress(simple_websocket.ConnectionClosed, OSError):
            client.close()
        client.thread.join(PATIENCE)
        client.sock.close()


@pytest.mark.parametrize("order", ["below", "helper"])
def test_a_websocket_handler_does_not_run_for_a_refused_caller(
    app: Flask,
    auth: Authenticator,
    good: Headers,
    expired: Headers,
    websocket_url: str,
    order: str,
) -> None:
    """The socket of a refused caller is closed, and the handler of flask-sock sends and receives nothing."""
    ran: list[str | None] = []

    def reports(socket: Any) -> None:
        ran.append(current_principal.subject)
        report_to(socket)

    handler = auth.requires_authentication(reports)

    def careless(socket: Any) -> None:
        handler(socket)

    Sock(app).route("/reports")(handler if order == "below" else careless)

    for headers in (expired, {}):
        assert received(websocket_url, headers) is None
    assert not ran
    assert received(websocket_url, good) == "the report"
    assert ran == ["alice"]


def test_a_websocket_is_refused_before_the_handshake(
    app: Flask, auth: Authenticator, good: Headers, expired: Headers, websocket_url: str
) -> None:
    """Behind a guard, a refused caller gets the 401 in place of the handshake."""
    Sock(app).route("/reports")(report_to)
    auth.protect(app)

    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    refused = app.test_client().get("/reports", headers={**upgrade, **expired})
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert received(websocket_url, good) == "the report"
