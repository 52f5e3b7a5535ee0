"""``get_json_token()`` and the default failure callback, called by a view for a request that they refuse."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

import flask_jwtlib
from flask_jwtlib import AuthenticationError, Claims, InvalidTokenError
from flask_jwtlib.errors import InvalidRequestError, MissingTokenError
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer

EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'
MALFORMED = (
    'Bearer error="invalid_request", error_description="The Authorization header is malformed"'
)


@pytest.fixture
def reading(app: Flask, trusting: FlaskClient) -> FlaskClient:
    """A client of an app with views that read the claims by ``get_json_token()``."""

    @app.get("/undecorated")
    def undecorated() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    @app.get("/guest")
    @flask_jwtlib.optional_authentication
    def guest() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    return trusting


@pytest.fixture
def reported(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the log lines of refusals."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    return lambda: [
        record.getMessage() for record in caplog.records if record.funcName == "report_refused"
    ]


@pytest.mark.parametrize("path", ["/undecorated", "/guest"])
@pytest.mark.parametrize(
    ("sent", "challenge"),
    [
        pytest.param({}, "Bearer", id="missing"),
        pytest.param("expired", EXPIRED, id="expired"),
        pytest.param({"Authorization": "Bearer two words"}, MALFORMED, id="malformed"),
    ],
)
@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "handler"])
def test_an_error_that_leaves_the_view_is_a_401(
    app: Flask,
    reading: FlaskClient,
    issuer: TokenIssuer,
    path: str,
    sent: Any,
    challenge: str,
    handled: bool,
) -> None:
    """It has the challenge for its reason, whether the app's error handler makes the response or not."""
    if handled:
        app.register_error_handler(HTTPException, lambda error: ({"code": error.code}, error.code))
    headers = bearer(issuer.token(exp=1)) if sent == "expired" else sent

    response = reading.get(path, headers=headers)

    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert response.headers["Vary"] == "Authorization"
    assert response.json == {"code": 401} if handled else response.text.endswith("\n")


def test_claims_read_by_an_undecorated_view_mark_its_response(
    reading: FlaskClient, issuer: TokenIssuer
) -> None:
    """A cache must keep the response to one caller apart, and that to a token in the query private."""
    in_header = reading.get("/undecorated", headers=bearer(issuer.token("alice")))
    in_query = reading.get("/undecorated", query_string={"access_token": issuer.token("alice")})

    assert in_header.text == in_query.text == "alice"
    assert in_header.headers["Vary"] == in_query.headers["Vary"] == "Authorization"
    assert in_header.headers.get("Cache-Control") is None
    assert in_query.headers["Cache-Control"] == "private"


def test_unverified_claims_mark_the_response_too(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """The response depends on the token then, too."""
    app.add_url_rule("/", "view", lambda: flask_jwtlib.get_json_token(verify=False)["sub"])

    assert trusting.get("/", headers=bearer(issuer.token("alice"))).headers["Vary"] == (
        "Authorization"
    )


def test_a_custom_get_token_makes_the_response_private(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """It may read anything, such as a cookie, which caches don't recognise as credentials."""
    flask_jwtlib.get_token = issuer.token
    app.add_url_rule("/", "view", lambda: flask_jwtlib.get_json_token()["sub"])

    assert trusting.get("/").headers["Cache-Control"] == "private"


def test_outside_of_a_request_a_custom_get_token_is_used(issuer: TokenIssuer) -> None:
    """The claims are returned, or the error is raised as it is."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    flask_jwtlib.get_token = lambda: issuer.token("alice")
    assert flask_jwtlib.get_json_token()["sub"] == "alice"

    flask_jwtlib.get_token = lambda: None
    with pytest.raises(MissingTokenError):
        flask_jwtlib.get_json_token()


@pytest.mark.parametrize("path", ["/undecorated", "/guest"])
def test_an_error_that_leaves_the_view_is_reported_once(
    app: Flask,
    reading: FlaskClient,
    issuer: TokenIssuer,
    reported: Callable[[], list[str]],
    path: str,
) -> None:
    """It is one log line and one signal, beside those of the optional route that accepted a guest."""
    heard: list[bool] = []

    def listen(sender: Flask, *, optional: bool, **_: object) -> None:
        heard.append(optional)

    with request_refused.connected_to(listen, app):
        reading.get(path, headers=bearer(issuer.token(exp=1)))

    assert heard == ([True, False] if path == "/guest" else [False])
    lines = reported()
    assert len(lines) == len(heard)
    assert all(line.startswith("ExpiredTokenError: expired ") for line in lines)


@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "handler"])
def test_the_default_callback_called_by_a_view_says_why(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    reported: Callable[[], list[str]],
    handled: bool,
) -> None:
    """An optional view that refuses guests by it sends the challenge for their token, also via a handler."""
    custom: list[str] = []

    def note() -> str:
        custom.append("called")
        return "custom"

    flask_jwtlib.requires_authentication_failure_callback = note
    if handled:
        app.register_error_handler(401, lambda error: ("handled", 401))

    @app.get("/members")
    @flask_jwtlib.optional_authentication
    def members() -> str:
        if not flask_jwtlib.is_authenticated():
            flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()
        return "in"

    expired = bearer(issuer.token(exp=1))
    assert trusting.get("/members", headers=bearer(issuer.token())).text == "in"
    assert trusting.get("/members").headers["WWW-Authenticate"] == "Bearer"
    refused = trusting.get("/members", headers=expired)
    assert refused.headers.getlist("WWW-Authenticate") == [EXPIRED]
    assert (refused.text == "handled") is handled
    assert custom == []
    assert len(reported()) == 4


def test_the_default_callback_called_by_an_undecorated_view_is_a_401(
    app: Flask, trusting: FlaskClient
) -> None:
    """No decorator is needed."""
    app.add_url_rule("/", "view", flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK)

    response = trusting.get("/")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
def test_a_refusal_within_check_token_is_reported_once(
    trusting: FlaskClient, issuer: TokenIssuer, reported: Callable[[], list[str]], optional: bool
) -> None:
    """``get_json_token()`` raises there, and the decision alone reports it."""
    flask_jwtlib.check_token = lambda token: bool(flask_jwtlib.get_json_token())

    trusting.get("/optional" if optional else "/required", headers=bearer(issuer.token(exp=1)))

    assert len(reported()) == 1


def test_a_refusal_within_a_rule_is_reported_once(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    reported: Callable[[], list[str]],
) -> None:
    """A claim rule of another Authenticator may read this module's claims."""
    auth = flask_jwtlib.Authenticator(keys=other_issuer.verification_key)

    def rule(claims: Claims) -> None:
        flask_jwtlib.get_json_token()

    app.add_url_rule("/", "view", auth.requires_authentication(rules=[rule])(lambda: "in"))

    response = trusting.get("/", headers=bearer(other_issuer.token()))
    assert response.status_code == 401
    assert len(reported()) == 1


def raise_malformed(*_: object) -> Any:
    """Refuse, as a strategy of a composed Authenticator would: with 400."""
    raise InvalidRequestError("two cookies", description="Send one cookie") from LookupError("why")


@pytest.mark.parametrize("name", ["get_token", "check_token"])
@pytest.mark.parametrize("path", ["/required", "/undecorated", "/guest"])
def test_a_callback_that_raises_invalid_request_is_a_401(
    app: Flask,
    reading: FlaskClient,
    issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    path: str,
) -> None:
    """The documented API promises 401, and the challenge keeps the error's code and description."""
    monkeypatch.setattr(flask_jwtlib, name, raise_malformed)
    causes: list[object] = []

    def listen(sender: Flask, *, error: AuthenticationError, **_: object) -> None:
        causes.append(type(error.__cause__))

    with request_refused.connected_to(listen, app):
        response = reading.get(path, headers=bearer(issuer.token("alice")))

    if (name, path) == ("check_token", "/undecorated"):
        # The claims are verified by this package then.
        assert response.text == "alice"
        return
    if (name, path) == ("check_token", "/guest"):
        # `check_token` refused the guest's token, and `get_json_token` finds nothing wrong with it.
        assert response.text == "alice"
        assert causes == [LookupError]
        return
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_request", error_description="Send one cookie"'
    )
    assert set(causes) == {LookupError}


@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "handler"])
def test_a_rule_that_raises_invalid_request_is_a_401(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, handled: bool
) -> None:
    """So is one of a claim rule, also if the app's own error handler makes the response."""
    auth = flask_jwtlib.default_authenticator
    view = auth.requires_authentication(rules=[raise_malformed])(lambda: "in")
    app.add_url_rule("/", "view", view)
    if handled:
        app.register_error_handler(401, lambda error: ("handled", 401))

    response = trusting.get("/", headers=bearer(issuer.token()))

    assert response.status_code == 401
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
    assert (response.text == "handled") is handled


def test_an_error_raised_in_another_request_still_has_a_response(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """An app that keeps the error can make its response after the request."""
    with (
        app.test_request_context(headers=bearer(issuer.token(exp=1))),
        pytest.raises(InvalidTokenError) as caught,
    ):
        flask_jwtlib.get_json_token()

    response = caught.value.get_response()
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, EXPIRED)
