"""Refused events of Flask-SocketIO."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_jwtlib import (
    Authenticator,
    JWTValidator,
    Scope,
)
from flask_jwtlib.errors import CrossSiteError, ExpiredTokenError, MissingTokenError
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.integrations.flask_socketio import (
    acknowledge_refusal,
    refuse_connection,
)

ErrorHandler = Callable[[SocketIO], object]


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with sessions, which Flask-SocketIO reads."""
    app.config.update(SECRET_KEY="of the session", TESTING=False)
    return app


def test_events_are_acknowledged(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A refused event returns the refusal to the client. Other errors and results stay as they are."""
    sockets = SocketIO(app, async_mode="threading")
    sockets.on_error_default(acknowledge_refusal)
    sockets.on_event("connect", refuse_connection(auth.requires_authentication(lambda: None)))
    guarded = auth.requires_authentication(rules=[Scope("rename")])
    sockets.on_event("rename", refuse_connection(guarded(lambda name: f"now {name}")))
    sockets.on_event("fail", auth.requires_authentication(lambda: 1 / 0))

    poor = sockets.test_client(app, headers=bearer(issuer.token()))
    assert poor.emit("rename", "bob", callback=True) == {
        "error": {
            "message": "The access token lacks a required scope",
            "status": 403,
            "reason": "insufficient-scope",
        }
    }
    assert poor.is_connected()
    rich = sockets.test_client(app, headers=bearer(issuer.token(scope="rename")))
    assert rich.emit("rename", "bob", callback=True) == "now bob"
    with pytest.raises(ZeroDivisionError):
        rich.emit("fail", callback=True)


def test_a_token_that_expires_during_the_connection(app: Flask, issuer: TokenIssuer) -> None:
    """Each decorated event verifies the token again, and tells the client; the connection stays open."""
    now = [1000.0]
    auth = Authenticator(
        keys=issuer.verification_key, validator=JWTValidator(clock=lambda: now[0], leeway=0)
    )
    sockets = SocketIO(app, async_mode="threading")
    sockets.on_error_default(acknowledge_refusal)
    sockets.on_event("connect", refuse_connection(auth.requires_authentication(lambda: None)))
    sockets.on_event("report", auth.requires_authentication(lambda: "the report"))
    client = sockets.test_client(app, headers=bearer(issuer.token(iat=1000, exp=1010)))

    assert client.emit("report", callback=True) == "the report"
    now[0] = 1010.0
    assert client.emit("report", callback=True)["error"]["reason"] == ExpiredTokenError.reason
    assert client.is_connected()


def test_a_client_cannot_pretend_to_connect(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """An event that a connected client names "connect" is an ordinary one."""
    sockets = SocketIO(app, async_mode="threading")
    sockets.on_error_default(acknowledge_refusal)
    guarded = auth.requires_authentication(rules=[Scope("chat")])(lambda payload=None: "in")
    sockets.on_event("connect", refuse_connection(guarded))
    client = sockets.test_client(app, headers=bearer(issuer.token(scope="chat")))

    assert client.emit("connect", {}, callback=True) == "in"
    environ = sockets.server.environ[client.eio_sid]
    environ["HTTP_AUTHORIZATION"] = bearer(issuer.token(exp=1))["Authorization"]
    assert client.emit("connect", {}, callback=True)["error"]["status"] == 401


SITES: dict[str, tuple[dict[str, str], bool]] = {
    "our page": ({"Sec-Fetch-Site": "same-origin"}, True),
    "another site": ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
    "a sibling": ({"Sec-Fetch-Site": "same-site", "Origin": "https://evil.app.example"}, False),
    "a listed sibling": (
        {"Sec-Fetch-Site": "same-site", "Origin": "https://chat.app.example"},
        True,
    ),
    "an old browser": ({"Origin": "https://evil.example"}, False),
    "no browser": ({}, False),
}


@pytest.mark.parametrize(("headers", "connected"), SITES.values(), ids=SITES)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_cookie_from_another_site(
    app: Flask,
    issuer: TokenIssuer,
    headers: dict[str, str],
    connected: bool,
    transport: str,
) -> None:
    """A cookie is checked though a connection begins with a GET, also one that isn't a WebSocket's."""
    cookie = CookieTokenExtractor(origins=["https://chat.app.example"])
    auth = Authenticator(keys=issuer.verification_key, extractor=cookie)
    sockets = SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    sockets.on_event("connect", refuse_connection(auth.requires_authentication(lambda: None)))
    sockets.on_event("plain", lambda: "in")
    sockets.on_event("report", auth.requires_authentication(lambda: "the report"))
    sent = {**headers, "Cookie": f"{cookie.name}={issuer.token()}"}
    if transport == "websocket":
        sent.update({"Upgrade": "websocket", "Connection": "Upgrade"})

    client = sockets.test_client(app, headers=sent)
    assert client.is_connected() is connected
    if connected:
        assert client.emit("report", callback=True) == "the report"


def test_an_event_is_not_a_safe_method(app: Flask, issuer: TokenIssuer) -> None:
    """Where ``connect`` requires nothing, the events of another site's page are refused."""
    cookie = CookieTokenExtractor()
    auth = Authenticator(keys=issuer.verification_key, extractor=cookie)
    sockets = SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    sockets.on_error_default(acknowledge_refusal)
    sockets.on_event("report", auth.requires_authentication(lambda: "the report"))
    sent = {"Sec-Fetch-Site": "cross-site", "Cookie": f"{cookie.name}={issuer.token()}"}
    client = sockets.test_client(app, headers=sent)

    assert client.is_connected()
    answer = client.emit("report", callback=True)
    assert answer["error"]["reason"] == CrossSiteError.reason


def test_outside_of_socketio(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A decorated function that something else calls raises the refusal itself."""
    guarded = refuse_connection(auth.requires_authentication(lambda: "in"))

    with app.test_request_context("/"), pytest.raises(MissingTokenError):
        guarded()
    with app.test_request_context("/", headers=bearer(issuer.token())):
        assert guarded() == "in"

    @refuse_connection
    def raising() -> None:
        raise MissingTokenError

    with pytest.raises(MissingTokenError):
        raising()
