"""Tokens in the handshake of a WebSocket, with real sockets of flask-sock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import simple_websocket
from flask import Flask
from flask_sock import Sock
from werkzeug.serving import make_server

from flask_jwtlib import Authenticator, current_principal
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor
from tests.frameworks.kit import in_production
from tests.kit import PATIENCE

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def ran() -> list[str | None]:
    """The subjects for whom the handler ran."""
    return []


@pytest.fixture(scope="module")
def url(issuer: TokenIssuer, ran: list[str | None]) -> Iterator[str]:
    """The URL of a running server, whose app requires a token for everything."""
    app = in_production(Flask("sockets"))
    app.config["SOCK_SERVER_OPTIONS"] = {"subprotocols": ["chat"]}
    extractor = WebSocketTokenExtractor(parameter="access_token")
    Authenticator(keys=issuer.verification_key, extractor=extractor).protect(app)

    @Sock(app).route("/ws")
    def chat(socket: Any) -> None:
        ran.append(current_principal.subject)
        # The client loses a message that arrives together with the response to its handshake.
        socket.receive(PATIENCE)
        socket.send(f"{current_principal.subject} by {socket.subprotocol}")
        socket.receive(PATIENCE)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.server_port}/ws"
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def told(url: str, *offered: str) -> tuple[Any, Any]:
    """Return what the server sends first, and the subprotocol that it has accepted."""
    client = simple_websocket.Client(url, subprotocols=list(offered))
    try:
        client.send("please")
        return client.receive(PATIENCE), client.subprotocol
    finally:
        with suppress(simple_websocket.ConnectionClosed, OSError):
            client.close()
        client.thread.join(PATIENCE)
        client.sock.close()


def test_the_server_accepts_the_subprotocol_without_the_token(
    url: str, issuer: TokenIssuer
) -> None:
    """The token comes as a subprotocol, in any order, and the server accepts the other one."""
    token = f"bearer.{issuer.token()}"

    assert told(url, "chat", token) == ("alice by chat", "chat")
    assert told(url, token, "chat") == ("alice by chat", "chat")


def test_the_token_is_never_accepted_as_the_subprotocol(url: str, issuer: TokenIssuer) -> None:
    """A client that offers only the token gets a connection without a subprotocol, as browsers refuse."""
    assert told(url, f"bearer.{issuer.token()}") == ("alice by None", None)


def test_the_token_may_be_in_the_query(url: str, issuer: TokenIssuer) -> None:
    """With ``parameter``, the URL of the socket may have the token."""
    assert told(f"{url}?access_token={issuer.token()}", "chat") == ("alice by chat", "chat")


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("none", 401),
        ("header", 401),
        ("expired", 401),
        ("forged", 401),
        ("expired query", 401),
        ("two", 400),
        ("both", 400),
    ],
)
def test_the_handshake_is_refused(
    url: str,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    ran: list[str | None],
    place: str,
    status: int,
) -> None:
    """Without exactly one valid token, where the extractor looks for it, no connection is made."""
    good, expired = issuer.token(), issuer.token(exp=1)
    query = {"both": f"?access_token={good}", "expired query": f"?access_token={expired}"}
    offered = {
        "expired": [expired],
        "forged": [other_issuer.token()],
        "two": [good, issuer.token("bob")],
        "both": [good],
    }
    subprotocols = ["chat", *(f"bearer.{token}" for token in offered.get(place, []))]
    headers = {**UPGRADE, "Sec-WebSocket-Protocol": ", ".join(subprotocols)}
    before = len(ran)

    # The client of simple_websocket doesn't say which status it got.
    connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request(
            "GET",
            f"/ws{query.get(place, '')}",
            headers={**headers, **(bearer(good) if place == "header" else {})},
        )
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()

    assert response.status == status
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(ran) == before
