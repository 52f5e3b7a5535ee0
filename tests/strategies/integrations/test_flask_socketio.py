"""Refused connections of Flask-SocketIO."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask_socketio import Namespace, SocketIO

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    KeyProvider,
    RaisingHandler,
    Scope,
    TokenValidator,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ExpiredTokenError, MissingTokenError
from flask_jwtlib.signals import request_accepted
from flask_jwtlib.testing import TokenIssuer, bearer
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


class Down(TokenValidator):
    """Can't verify anything."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        raise VerificationUnavailable("the keys are gone")


def swallow(sockets: SocketIO) -> None:
    """Install a function for errors that returns None."""
    sockets.on_error_default(lambda error: None)


def accept(sockets: SocketIO) -> None:
    """Install a function for errors that returns True, in the namespace."""
    sockets.on_error("/")(lambda error: True)


ERROR_HANDLERS: dict[str, ErrorHandler] = {
    "none": lambda sockets: None,
    "returns None": swallow,
    "returns True": accept,
    "ours": lambda sockets: sockets.on_error_default(acknowledge_refusal),
}
CALLERS: dict[str, dict[str, Any] | None] = {
    "nothing": None,
    "expired": {"exp": 1},
    "without the scope": {},
    "malformed act": {"scope": "chat", "act": []},
    "bound": {"scope": "chat", "cnf": {"jkt": "k"}},
}


def headers_of(issuer: TokenIssuer, claims: dict[str, Any] | None) -> dict[str, str]:
    """Return the headers of a caller."""
    return {} if claims is None else bearer(issuer.token(**claims))


@pytest.mark.parametrize("handler", ERROR_HANDLERS.values(), ids=ERROR_HANDLERS)
@pytest.mark.parametrize("claims", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("parameters", [0, 1], ids=["no parameter", "payload"])
def test_a_refused_caller_is_not_connected(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    claims: dict[str, Any] | None,
    handler: ErrorHandler,
    parameters: int,
) -> None:
    """Whatever the app does with errors, a refused caller isn't connected, and no event is handled."""
    sockets = SocketIO(app, async_mode="threading")
    handler(sockets)
    ran: list[str | None] = []

    def run() -> None:
        ran.append(current_principal.subject)

    connect: Any = run if parameters == 0 else (lambda payload: run())
    guarded = auth.requires_authentication(rules=[Scope("chat")])(connect)
    sockets.on_event("connect", refuse_connection(guarded))
    sockets.on_event("report", lambda: "the report")

    refused = sockets.test_client(app, headers=headers_of(issuer, claims))
    assert not refused.is_connected()
    assert not ran
    client = sockets.test_client(app, headers=bearer(issuer.token(scope="chat")))
    assert client.emit("report", callback=True) == "the report"
    assert ran == ["alice"]


@pytest.mark.parametrize("parameters", [0, 1], ids=["no parameter", "payload"])
def test_a_caller_is_accepted_once(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, parameters: int
) -> None:
    """Flask-SocketIO tries handlers with and without the payload; only one of the calls counts."""
    sockets = SocketIO(app, async_mode="threading")
    connect: Any = (lambda: None) if parameters == 0 else (lambda payload: None)
    sockets.on_event("connect", refuse_connection(auth.requires_authentication(connect)))
    accepted: list[object] = []

    def receive(_: object, principal: object, **details: object) -> None:
        accepted.append(principal)

    with request_accepted.connected_to(receive):
        assert sockets.test_client(app, headers=bearer(issuer.token())).is_connected()
    assert len(accepted) == 1


def test_without_the_decorator_an_error_handler_connects_the_caller(
    app: Flask, auth: Authenticator
) -> None:
    """The decorator is needed where the app's function for errors returns."""
    sockets = SocketIO(app, async_mode="threading")
    swallow(sockets)
    sockets.on_event("connect", auth.requires_authentication(lambda: None))

    assert sockets.test_client(app).is_connected()


REFUSALS: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "nothing": (
        None,
        {
            "message": "Authentication is required",
            "data": {"status": 401, "reason": MissingTokenError.reason},
        },
    ),
    "expired": (
        {"exp": 1},
        {
            "message": "The access token expired",
            "data": {"status": 401, "reason": ExpiredTokenError.reason},
        },
    ),
}


@pytest.mark.parametrize(("claims", "told"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("by", ["decorator", "error handler"])
def test_the_client_is_told_why(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    claims: dict[str, Any] | None,
    told: dict[str, Any],
    by: str,
) -> None:
    """The refusal has the text for clients, the status and the reason; the log has its own text, once."""
    sockets = SocketIO(app, async_mode="threading")
    connect = auth.requires_authentication(lambda: None)
    sockets.on_event("connect", refuse_connection(connect) if by == "decorator" else connect)
    sockets.on_error_default(acknowledge_refusal)
    sent: list[Any] = []

    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        client = sockets.test_client(app, headers=bearer(issuer.token()))
        monkeypatch.setattr(sockets.server, "_send_packet", lambda sid, it: sent.append(it.data))
        client.disconnect()
        client.connect(headers=headers_of(issuer, claims))

    assert sent[-1] == told
    assert len([record for record in caplog.records if record.name == "flask_jwtlib"]) == 1


def test_an_outage_refuses(app: Flask, issuer: TokenIssuer) -> None:
    """While tokens can't be verified, nobody is connected."""
    auth = Authenticator(keys=issuer.verification_key, validator=Down())
    sockets = SocketIO(app, async_mode="threading")
    swallow(sockets)
    sockets.on_event("connect", refuse_connection(auth.optional_authentication(lambda: None)))

    assert not sockets.test_client(app, headers=bearer(issuer.token())).is_connected()
    assert sockets.test_client(app).is_connected()


@pytest.mark.parametrize("by", ["policy in the handler", "authenticate", "raising handler"])
def test_whatever_refuses_within_the_handler(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, by: str
) -> None:
    """A policy that the handler calls, ``authenticate()`` and ``RaisingHandler`` refuse, too."""
    sockets = SocketIO(app, async_mode="threading")
    swallow(sockets)
    handlers: dict[str, Any] = {
        "policy in the handler": auth.requires_authentication(
            lambda: Scope("chat")(current_principal.claims)
        ),
        "authenticate": lambda: Scope("chat")(auth.authenticate().claims),
        "raising handler": auth.evolve(failure_handler=RaisingHandler()).requires_authentication(
            rules=[Scope("chat")]
        )(lambda: None),
    }
    sockets.on_event("connect", refuse_connection(handlers[by]))

    assert not sockets.test_client(app, headers=bearer(issuer.token())).is_connected()
    assert sockets.test_client(app, headers=bearer(issuer.token(scope="chat"))).is_connected()


@pytest.mark.parametrize("catches", [False, True], ids=["plain", "with a method for errors"])
def test_a_namespace_refuses(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    catches: bool,
) -> None:
    """So does ``on_connect`` of a class, though its ``error`` catches every exception."""
    sockets = SocketIO(app, async_mode="threading")

    class Chat(Namespace):  # type: ignore[misc] # Flask-SocketIO has no annotations
        @refuse_connection
        @auth.requires_authentication
        def on_connect(self, payload: Any = None) -> None:
            """Accept."""

        def on_report(self) -> str:
            return "the report"

    if catches:
        Chat.error = lambda self, error: None
    sockets.on_namespace(Chat("/chat"))

    for headers in ({}, bearer(issuer.token(exp=1))):
        assert not sockets.test_client(app, namespace="/chat", headers=headers).is_connected(
            "/chat"
        )
    told: list[Any] = []
    client = sockets.test_client(app, namespace="/chat", headers=bearer(issuer.token()))
    with monkeypatch.context() as patched:
        patched.setattr(sockets.server, "_send_packet", lambda sid, it: told.append(it.data))
        client.disconnect("/chat")
        client.connect(namespace="/chat", headers={})
    # What refuses in place of the exception has no reason.
    assert ("data" in told[-1]) is not catches
    client = sockets.test_client(app, namespace="/chat", headers=bearer(issuer.token()))
    assert client.is_connected("/chat")
    assert client.emit("report", namespace="/chat", callback=True) == "the report"


@pytest.mark.parametrize("given", [None, "connect", SocketIO], ids=["None", "str", "class"])
def test_only_functions_are_decorated(given: Any) -> None:
    """Anything else is an error at import, and so is an async function."""

    async def connect() -> None:
        return None

    for each in (given, connect):
        with pytest.raises(ConfigurationError, match="decorates a plain function"):
            refuse_connection(each)


def test_flask_socketio_is_not_installed(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Flask-SocketIO, the error has the install command."""
    monkeypatch.setitem(sys.modules, "flask_socketio", None)

    with app.test_request_context("/") as context:
        request: Any = context.request
        request.event = {"message": "connect", "args": (request.environ,)}
        with pytest.raises(ModuleNotFoundError, match="python -m pip install flask-socketio"):
            refuse_connection(auth.requires_authentication(lambda: None))()
