"""How often a custom failure callback is called, and the headers of the response that it makes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, abort
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException, Unauthorized

import flask_jwtlib
from flask_jwtlib import Claims
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.testing import TokenIssuer, bearer

EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'


def raises(error: BaseException) -> Any:
    """Raise an error, in an expression."""
    raise error


RESPONSES: dict[str, Callable[[], Any]] = {
    "text and status": lambda: ("custom", 401),
    "response": lambda: Response("custom", 401),
    "raised": lambda: raises(Unauthorized("custom")),
    "raised, with a response": lambda: abort(Response("custom", 401)),
    "the default's": flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK,
    "that of get_json_token": flask_jwtlib.get_json_token,
}


@pytest.mark.parametrize("respond", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("door", ["/required", "/undecorated", "/guest"])
@pytest.mark.parametrize("handled", [False, True], ids=["no handler", "handler"])
def test_a_callback_is_called_once_and_its_response_has_the_challenge(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    recorded: Any,
    respond: Callable[[], Any],
    door: str,
    handled: bool,
) -> None:
    """So is it for a refusal that a view raises, unless the app's own handler makes the response."""
    flask_jwtlib.requires_authentication_failure_callback = callback = recorded(respond)
    app.add_url_rule("/undecorated", "undecorated", flask_jwtlib.get_json_token)

    @app.get("/guest")
    @flask_jwtlib.optional_authentication
    def guest() -> Any:
        return flask_jwtlib.get_json_token()

    if handled:
        app.register_error_handler(HTTPException, lambda error: ("handled", error.code))

    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = trusting.get(door, headers=bearer(issuer.token(exp=1)))

    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [EXPIRED]
    assert response.headers["Vary"] == "Authorization"
    assert callback.calls == ([] if handled and door != "/required" else [()])
    lines = [record for record in caplog.records if record.funcName == "report_refused"]
    assert len(lines) == (2 if door == "/guest" else 1)


@pytest.mark.parametrize("returned", [False, True], ids=["raised", "returned"])
@pytest.mark.parametrize(
    ("status", "challenge"), [(401, "Basic"), (403, None)], ids=["own challenge", "another status"]
)
def test_a_callback_chooses_its_own_challenge_or_status(
    trusting: FlaskClient, returned: bool, status: int, challenge: str | None
) -> None:
    """Its own challenge stays, and a response with another status gets none."""
    headers = {} if challenge is None else {"WWW-Authenticate": challenge}

    def refuse() -> Response:
        response = Response("custom", status, headers)
        return response if returned else abort(response)

    flask_jwtlib.requires_authentication_failure_callback = refuse

    response = trusting.get("/required")

    assert response.status_code == status
    assert response.text == "custom"
    challenges = response.headers.getlist("WWW-Authenticate")
    assert all(challenge is not None and challenge in line for line in challenges)
    assert len(challenges) == (challenge is not None)


def test_a_callback_may_read_the_claims_of_a_forbidden_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """The token is valid then, so ``get_json_token()`` returns its claims."""

    def refuse() -> tuple[str, int]:
        return f"not you, {flask_jwtlib.get_json_token()['sub']}", 403

    def rule(claims: Claims) -> None:
        raise ForbiddenError("not an editor")

    flask_jwtlib.requires_authentication_failure_callback = refuse
    view = flask_jwtlib.default_authenticator.requires_authentication(rules=[rule])(lambda: "in")
    app.add_url_rule("/editors", "editors", view)

    response = trusting.get("/editors", headers=bearer(issuer.token("alice")))

    assert (response.status_code, response.text) == (403, "not you, alice")


def test_an_optional_callback_may_refuse_by_get_json_token(
    trusting: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """Its error leaves the route, and the other callback makes the response, once."""
    flask_jwtlib.optional_authentication_failure_callback = flask_jwtlib.get_json_token  # type: ignore[assignment]
    flask_jwtlib.requires_authentication_failure_callback = callback = recorded(lambda: ("no", 401))

    response = trusting.get("/optional", headers=bearer(issuer.token(exp=1)))

    assert (response.status_code, response.text) == (401, "no")
    assert response.headers["WWW-Authenticate"] == EXPIRED
    assert callback.calls == [()]
