from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    JWTValidator,
    Principal,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import (
    ExpiredTokenError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
)
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer


class Listener:
    """Records the signals that it receives."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any, dict[str, Any]]] = []

    def accepted(self, sender: Any, **values: Any) -> None:
        self.heard.append(("accepted", sender, values))

    def refused(self, sender: Any, **values: Any) -> None:
        self.heard.append(("refused", sender, values))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener connected to both signals."""
    listener = Listener()
    request_accepted.connect(listener.accepted)
    request_refused.connect(listener.refused)
    yield listener
    request_accepted.disconnect(listener.accepted)
    request_refused.disconnect(listener.refused)


def broken_fetch() -> object:
    """Fail as an unreachable key server does."""
    raise ConnectionError("the key server is down")


def serve(app: Flask, auth: Authenticator) -> None:
    """Add a route of each kind."""
    app.add_url_rule("/", "needed", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(lambda: "in"))
    scoped = auth.optional_authentication(rules=[Scope("reports")])
    app.add_url_rule("/scoped", "scoped", scoped(lambda: "in"))


@pytest.mark.parametrize("path", ["/", "/optional"])
def test_an_accepted_caller_is_signalled(
    auth: Authenticator, app: Flask, token: str, listener: Listener, path: str
) -> None:
    """``request_accepted`` is sent once, by the app itself, with Authenticator and principal."""
    serve(app, auth)

    app.test_client().get(path, headers=bearer(token))

    [(kind, sender, values)] = listener.heard
    assert kind == "accepted"
    assert sender is app
    assert values.keys() == {"authenticator", "principal"}
    assert values["authenticator"] is auth
    assert isinstance(values["principal"], Principal)
    assert values["principal"].subject == "alice"


def test_a_listener_sees_the_published_caller(auth: Authenticator, app: Flask, token: str) -> None:
    """When the signal is sent, the caller is already published."""
    seen: list[str | None] = []

    def listen(sender: Any, **values: Any) -> None:
        seen.append(current_principal.subject)

    serve(app, auth)
    with request_accepted.connected_to(listen, sender=app):
        app.test_client().get("/", headers=bearer(token))

    assert seen == ["alice"]


@pytest.mark.parametrize(
    ("path", "headers", "error", "code", "status", "optional"),
    [
        pytest.param("/", {}, MissingTokenError, None, 401, False, id="missing"),
        pytest.param("/optional", {}, MissingTokenError, None, 401, True, id="optional missing"),
        pytest.param("/", "expired", ExpiredTokenError, "invalid_token", 401, False, id="expired"),
        pytest.param(
            "/optional",
            "expired",
            ExpiredTokenError,
            "invalid_token",
            401,
            True,
            id="optional expired",
        ),
        pytest.param(
            "/",
            {"Authorization": "Bearer !"},
            InvalidRequestError,
            "invalid_request",
            400,
            False,
            id="malformed",
        ),
        pytest.param(
            "/scoped", "good", InsufficientScopeError, "insufficient_scope", 403, False, id="scope"
        ),
    ],
)
def test_a_refused_caller_is_signalled_with_its_reason(
    auth: Authenticator,
    app: Flask,
    token: str,
    expired: str,
    listener: Listener,
    path: str,
    headers: Any,
    error: type,
    code: str | None,
    status: int,
    optional: bool,
) -> None:
    """``request_refused`` has the error, whether the view still runs, and who lacks a permission."""
    serve(app, auth)
    sent = {"good": bearer(token), "expired": bearer(expired)}.get(str(headers), headers)

    app.test_client().get(path, headers=sent)

    [(kind, sender, values)] = listener.heard
    assert kind == "refused"
    assert sender is app
    assert values.keys() == {"authenticator", "error", "optional", "principal"}
    assert values["authenticator"] is auth
    assert type(values["error"]) is error
    assert (values["error"].error_code, values["error"].status) == (code, status)
    assert values["optional"] is optional
    principal = values["principal"]
    assert (principal and principal.subject) == ("alice" if status == 403 else None)


@pytest.mark.parametrize("path", ["/", "/optional"])
def test_an_outage_is_signalled(app: Flask, token: str, listener: Listener, path: str) -> None:
    """Unavailable keys send ``request_refused``, on optional routes as well."""
    serve(app, Authenticator(keys=broken_fetch))

    app.test_client().get(path, headers=bearer(token))

    [(kind, _, values)] = listener.heard
    assert kind == "refused"
    assert isinstance(values["error"], VerificationUnavailable)
    assert values["error"].status == 503
    assert values["optional"] is False


def test_the_refused_claim_is_named(
    auth: Authenticator, app: Flask, expired: str, listener: Listener
) -> None:
    """A listener can count refusals by claim."""
    serve(app, auth)

    app.test_client().get("/", headers=bearer(expired))

    assert listener.heard[0][2]["error"].claim == "exp"


def test_listeners_may_choose_their_app(auth: Authenticator, token: str) -> None:
    """A listener connected to one app gets no signals of another."""
    listener = Listener()
    apps = [Flask(name, root_path=".") for name in ("one", "two")]
    for app in apps:
        serve(app, auth)

    with request_accepted.connected_to(listener.accepted, sender=apps[0]):
        for app in apps:
            app.test_client().get("/", headers=bearer(token))

    assert [sender for _, sender, _ in listener.heard] == [apps[0]]


def test_async_listeners_are_awaited(auth: Authenticator, app: Flask, token: str) -> None:
    """A listener may be async, as with Flask's own signals."""
    heard: list[str | None] = []

    async def accepted(sender: Any, principal: Principal, **_: Any) -> None:
        heard.append(principal.subject)

    async def refused(sender: Any, error: Exception, **_: Any) -> None:
        heard.append(type(error).__name__)

    serve(app, auth)
    with request_accepted.connected_to(accepted), request_refused.connected_to(refused):
        app.test_client().get("/", headers=bearer(token))
        app.test_client().get("/")

    assert heard == ["alice", "MissingTokenError"]


@pytest.mark.parametrize("path", ["/", "/optional"])
def test_a_failing_listener_propagates(
    auth: Authenticator, app: Flask, token: str, path: str
) -> None:
    """A listener's exception propagates, and the view doesn't run."""

    def listen(sender: Any, **values: Any) -> None:
        raise LookupError("a bug")

    serve(app, auth)
    with request_accepted.connected_to(listen), pytest.raises(LookupError):
        app.test_client().get(path, headers=bearer(token))
    with request_refused.connected_to(listen), pytest.raises(LookupError):
        app.test_client().get(path)


@pytest.mark.parametrize(
    ("path", "headers", "level", "text"),
    [
        pytest.param("/", {}, logging.INFO, "MissingTokenError: ", id="missing"),
        pytest.param("/optional", {}, logging.INFO, "MissingTokenError", id="optional missing"),
        pytest.param("/", "expired", logging.INFO, "ExpiredTokenError: expired", id="expired"),
        pytest.param("/", "forged", logging.INFO, "BadSignatureError", id="forged"),
        pytest.param("/", "foreign", logging.WARNING, "JWT_AUDIENCE", id="audience forgotten"),
        pytest.param(
            "/scoped",
            "good",
            logging.INFO,
            "required: scope reports; the caller is 'alice' of 'https://issuer.example', without scopes",
            id="scope",
        ),
    ],
)
def test_refusals_are_logged(
    auth: Authenticator,
    app: Flask,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: Any,
    level: int,
    text: str,
) -> None:
    """Each refusal is one line on the logger ``flask_jwtlib``, with its kind and reason, and no token."""
    serve(app, auth)
    tokens = {
        "good": issuer.token(),
        "expired": issuer.token(exp=1),
        "forged": other_issuer.token(),
        "foreign": issuer.token(aud="somebody else"),
    }
    sent = bearer(tokens[headers]) if isinstance(headers, str) else headers

    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        app.test_client().get(path, headers=sent)

    [record] = [record for record in caplog.records if record.name == "flask_jwtlib"]
    assert record.levelno == level
    assert text in record.getMessage()
    assert record.getMessage().endswith(f" [GET {vars(record)['endpoint']}]")
    assert vars(record)["method"] == "GET"
    assert "eyJ" not in caplog.text


def test_an_accepted_request_is_not_logged(
    auth: Authenticator, app: Flask, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An accepted request writes no log line."""
    serve(app, auth)

    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        app.test_client().get("/", headers=bearer(token))

    assert caplog.records == []


@pytest.mark.parametrize("path", ["/", "/optional"])
def test_an_outage_is_logged_as_an_error_with_its_cause(
    app: Flask, token: str, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """The log names the cause of the outage, at level ERROR."""
    serve(app, Authenticator(keys=broken_fetch))

    app.test_client().get(path, headers=bearer(token))

    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "ConnectionError: the key server is down" in caplog.text
    assert token not in caplog.text


def test_hostile_text_stays_on_one_log_line(
    auth: Authenticator, app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Text from a token is logged in ASCII on one line and shortened, so it can't forge log entries."""
    serve(app, auth)
    kid = "\r\n2030-01-01 ERROR all is well \x1b[31m\N{SNOWMAN}" + "x" * 500

    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        app.test_client().get("/", headers=bearer(issuer.token(header={"kid": kid})))

    message = caplog.records[0].getMessage()
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 250


def test_audiences_in_the_log_are_bounded(
    auth: Authenticator, app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A long list of audiences is shortened in the log."""
    strict = auth.evolve(validator=JWTValidator(rules=[Audience("me")]))
    serve(app, strict)

    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        app.test_client().get("/", headers=bearer(issuer.token(aud=["else"] * 500)))

    assert len(caplog.records[0].getMessage()) < 250
