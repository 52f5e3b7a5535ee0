"""Tokens in the payload that Socket.IO clients send when they connect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
import socketio
from flask import Flask, Request
from flask_socketio import Namespace, SocketIO
from socketio.packet import CONNECT, Packet
from werkzeug.serving import make_server

from flask_jwtlib import (
    Authenticator,
    BearerTokenExtractor,
    ConfigurationError,
    Scope,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib.testing.request import make_request
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.integrations.flask_socketio import (
    ConnectPayloadTokenExtractor,
    acknowledge_refusal,
    refuse_connection,
)
from tests.kit import PATIENCE


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with sessions, which Flask-SocketIO reads."""
    app.config.update(SECRET_KEY="of the session", TESTING=False)
    return app


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` that takes tokens from the header or the payload."""
    return Authenticator(
        keys=issuer.verification_key,
        extractor=CompositeTokenExtractor(BearerTokenExtractor(), ConnectPayloadTokenExtractor()),
    )


@pytest.fixture
def sockets(app: Flask, auth: Authenticator) -> SocketIO:
    """A server with two namespaces, whose handlers require authentication."""
    # A client that disconnects waits for the server's next ping.
    sockets = SocketIO(app, async_mode="threading", ping_interval=0.1, ping_timeout=PATIENCE)
    sockets.on_error_default(acknowledge_refusal)
    for namespace in ("/", "/other"):
        connect = refuse_connection(auth.requires_authentication(lambda: None))
        sockets.on_event("connect", connect, namespace=namespace)
        who = auth.requires_authentication(
            lambda: f"{current_principal.subject} by {current_principal.token.source}"
        )
        sockets.on_event("who", who, namespace=namespace)
    admin = auth.requires_authentication(rules=[Scope("admin")])(lambda: "done")
    sockets.on_event("admin", admin)
    return sockets


def test_the_token_counts_for_the_connection(
    app: Flask, sockets: SocketIO, issuer: TokenIssuer
) -> None:
    """It is the caller of ``connect`` and of every event, with the policies of each handler."""
    client = sockets.test_client(app, auth={"token": issuer.token("alice")})

    assert client.is_connected()
    for _ in range(2):
        assert client.emit("who", callback=True) == "alice by connect payload"
    assert client.emit("admin", callback=True)["error"]["status"] == 403
    rich = sockets.test_client(app, auth={"token": issuer.token("alice", scope="admin")})
    assert rich.emit("admin", callback=True) == "done"


def test_each_namespace_has_its_own_token(
    app: Flask, sockets: SocketIO, issuer: TokenIssuer
) -> None:
    """A client that connects to two namespaces with two tokens is two callers."""
    client = sockets.test_client(app, auth={"token": issuer.token("alice")})
    # `client.connect` would begin another connection.
    for payload, connected in (({}, False), ({"token": issuer.token("bob")}, True)):
        packet = Packet(CONNECT, payload, namespace="/other")
        sockets.server._handle_eio_message(client.eio_sid, packet.encode())
        client.connected["/other"] = True
        seen = client.emit("who", namespace="/other", callback=True)
        assert seen == ("bob by connect payload" if connected else None)
        assert client.emit("who", callback=True) == "alice by connect payload"


def test_a_connection_does_not_inherit_a_token(
    app: Flask, sockets: SocketIO, issuer: TokenIssuer
) -> None:
    """A client that disconnects and connects again without a token is refused."""
    client = sockets.test_client(app, auth={"token": issuer.token("alice")})
    client.disconnect()
    client.connect()

    assert not client.is_connected()


def connect_to(sockets: SocketIO, client: Any, namespace: str, token: str) -> None:
    """Ask for a connection in a namespace. `client.connect` would begin another connection."""
    packet = Packet(CONNECT, {"token": token}, namespace=namespace)
    sockets.server._handle_eio_message(client.eio_sid, packet.encode())


def test_refused_tokens_are_not_kept(app: Flask, sockets: SocketIO, issuer: TokenIssuer) -> None:
    """However often a client is refused, the server keeps one token for each namespace."""
    client = sockets.test_client(app, auth={"token": issuer.token("alice")})
    for number in range(200):
        connect_to(sockets, client, "/other", f"refused{number}")

    assert str(sockets.server.environ[client.eio_sid]).count("refused") == 1
    assert client.emit("who", callback=True) == "alice by connect payload"


def test_a_client_cannot_fill_the_memory_with_namespaces() -> None:
    """Of a client that connects to any number of namespaces, the newest tokens are kept."""
    extractor, environ = ConnectPayloadTokenExtractor(), make_request().environ

    def found(number: int, **event: Any) -> Any:
        request: Any = Request(environ)
        request.sid, request.namespace, request.event = f"sid{number}", f"/{number}", event
        return extractor.extract(request)

    for number in range(1000):
        text = f"token{number}"
        assert found(number, message="connect", args=(environ, {"token": text})).value == text

    kept = [found(number, message="who", args=()) for number in range(1000)]
    assert [token.value for token in kept if token] == [f"token{n}" for n in range(936, 1000)]
    assert str(environ).count("token") == 64


ATTACKS: dict[str, Any] = {
    "nothing": None,
    "empty": {},
    "another member": {"access_token": "TOKEN"},
    "another case": {"Token": "TOKEN"},
    "array": ["TOKEN"],
    "text": "TOKEN",
    "with its scheme": {"token": "Bearer TOKEN"},
    "number": {"token": 1},
    "null": {"token": None},
    "true": {"token": True},
    "nested": {"token": {"token": "TOKEN"}},
    "list": {"token": ["TOKEN"]},
    "blank": {"token": ""},
    "line break": {"token": "TOKEN\n"},
    "two": {"token": "TOKEN,TOKEN"},
    "not ASCII": {"token": "TOKEN\u0661"},
    "large": {"token": "A" * 100_000},
    "not a JWT": {"token": "x"},
    "expired": {"token": "EXPIRED"},
}


def filled(value: Any, issuer: TokenIssuer) -> Any:
    """Put a token in place of its name."""
    if isinstance(value, str):
        return value.replace("EXPIRED", issuer.token(exp=1)).replace("TOKEN", issuer.token())
    if isinstance(value, dict):
        return {name: filled(member, issuer) for name, member in value.items()}
    return [filled(member, issuer) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("payload", ATTACKS.values(), ids=ATTACKS)
def test_no_other_payload_is_a_token(
    app: Flask, sockets: SocketIO, issuer: TokenIssuer, payload: Any
) -> None:
    """Whatever a client sends, it isn't connected without a valid token in the right place."""
    sockets.on_error_default(lambda error: None)

    assert not sockets.test_client(app, auth=filled(payload, issuer)).is_connected()


def test_two_tokens_are_refused(app: Flask, sockets: SocketIO, issuer: TokenIssuer) -> None:
    """A payload beside a header names two callers."""
    token = issuer.token()

    assert not sockets.test_client(app, headers=bearer(token), auth={"token": token}).is_connected()
    assert sockets.test_client(app, headers=bearer(token), auth={}).is_connected()


def test_a_bound_token_is_refused(app: Flask, sockets: SocketIO, issuer: TokenIssuer) -> None:
    """A payload proves no possession of a key."""
    token = issuer.token(cnf={"jkt": "k"})

    assert not sockets.test_client(app, auth={"token": token}).is_connected()


def test_a_connected_client_cannot_change_its_token(
    app: Flask, sockets: SocketIO, issuer: TokenIssuer
) -> None:
    """An event named "connect", with a payload, leaves the connection's caller as it is."""
    client = sockets.test_client(app, auth={"token": issuer.token("alice")})
    for args in ([{"token": issuer.token("bob")}], [{}, {"token": issuer.token("bob")}], []):
        client.emit("connect", *args)

    assert client.emit("who", callback=True) == "alice by connect payload"


def test_a_connect_handler_without_authentication(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Then no token is read, and the handlers that need one refuse."""
    sockets = SocketIO(app, async_mode="threading")
    sockets.on_error_default(acknowledge_refusal)
    sockets.on_event("who", auth.requires_authentication(lambda: "in"))
    client = sockets.test_client(app, auth={"token": issuer.token()})

    assert client.emit("who", callback=True)["error"]["status"] == 401


def test_a_class_based_namespace(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """Methods of a namespace find the token, too."""
    sockets = SocketIO(app, async_mode="threading")

    class Chat(Namespace):  # type: ignore[misc] # Flask-SocketIO has no annotations
        @refuse_connection
        @auth.requires_authentication
        def on_connect(self, payload: Any) -> None:
            """Accept."""

        @auth.requires_authentication
        def on_who(self) -> str | None:
            return current_principal.subject

    sockets.on_namespace(Chat("/chat"))
    token = {"token": issuer.token("alice")}
    client = sockets.test_client(app, namespace="/chat", auth=token)

    assert client.emit("who", namespace="/chat", callback=True) == "alice"
    assert not sockets.test_client(app, namespace="/chat", auth={}).is_connected("/chat")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"member": ""}, "member is ''"),
        ({"member": None}, "member is None"),
        ({"member": ["token"]}, "expected the name"),
        ({"max_size": 0}, "max_size is 0"),
        ({"max_size": "1"}, "expected a number of bytes"),
        ({"max_size": True}, "max_size is True"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused(options: dict[str, Any], said: str) -> None:
    """The error says what was given and what is expected."""
    with pytest.raises(ConfigurationError, match=said):
        ConnectPayloadTokenExtractor(**options)


def test_options(app: Flask, issuer: TokenIssuer) -> None:
    """The member has another name, and tokens have at most the configured size."""
    token = issuer.token()
    for size, connected in ((len(token), True), (len(token) - 1, False)):
        auth = Authenticator(
            keys=issuer.verification_key,
            extractor=ConnectPayloadTokenExtractor("jwt", max_size=size),
        )
        sockets = SocketIO(app, async_mode="threading")
        connect = auth.requires_authentication(lambda: None)
        sockets.on_event("connect", refuse_connection(connect))
        assert sockets.test_client(app, auth={"jwt": token}).is_connected() is connected


def test_http_requests_have_no_payload(app: Flask, issuer: TokenIssuer) -> None:
    """A view finds nothing, so the request is refused unless another extractor finds a token."""
    auth = Authenticator(keys=issuer.verification_key, extractor=ConnectPayloadTokenExtractor())
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    assert app.test_client().get("/", headers=bearer(issuer.token())).status_code == 401


class TestContract(TokenExtractorContract):
    """The extractor conforms, for the request of a new connection."""

    def make_extractor(self) -> ConnectPayloadTokenExtractor:
        """Make it."""
        return ConnectPayloadTokenExtractor()

    def request_with(self, token: object) -> Request:
        """Make a request as Flask-SocketIO does."""
        request: Any = make_request()
        request.sid = "sid-1"
        request.event = {"message": "connect", "args": (request.environ, {"token": token})}
        return cast("Request", request)

    def malformed_requests(self) -> list[Request]:
        """Make requests whose payload has something else."""
        return [self.request_with(each) for each in ("a b", 1, None, [], "")]


@pytest.fixture
def url(app: Flask, sockets: SocketIO) -> Iterator[str]:
    """The URL of a running server."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def test_a_real_client(app: Flask, url: str, issuer: TokenIssuer) -> None:
    """A client of python-socketio is connected, acknowledged, and refused with the reason."""
    token = issuer.token("alice")
    for options in ({"headers": bearer(token)}, {"auth": {"token": token}}):
        client = socketio.Client(reconnection=False)
        client.connect(url, transports=["polling"], wait_timeout=PATIENCE, **options)
        assert client.call("who", timeout=PATIENCE).startswith("alice by ")
        assert client.call("admin", timeout=PATIENCE)["error"]["status"] == 403
        client.disconnect()
    told: list[Any] = []
    for options in ({}, {"auth": {"token": issuer.token(exp=1)}}):
        client = socketio.Client(reconnection=False)
        client.on("connect_error", told.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(url, transports=["polling"], wait_timeout=PATIENCE, **options)
        assert not client.connected
    assert [each["message"] for each in told] == [
        "Authentication is required",
        "The access token expired",
    ]
