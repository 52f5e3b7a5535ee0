"""The two failure callbacks, and the 401 that the default one raises."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, Response, g, redirect
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException, Unauthorized

import flask_jwtlib
from flask_jwtlib import InvalidTokenError
from flask_jwtlib.testing import TokenIssuer, bearer


def test_the_default_401_is_seen_by_the_apps_error_handler(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``@app.errorhandler(401)`` gets the exception, and its response has the challenge."""
    seen: list[HTTPException] = []

    @app.errorhandler(401)
    def unauthorized(error: HTTPException) -> tuple[dict[str, str], int]:
        seen.append(error)
        return {"error": "please log in"}, 401

    missing = trusting.get("/required")
    assert missing.json == {"error": "please log in"}
    assert missing.headers["WWW-Authenticate"] == "Bearer"
    expired = trusting.get("/required", headers=bearer(issuer.token(exp=1)))
    assert expired.json == {"error": "please log in"}
    assert expired.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="The access token expired"'
    )
    assert [error.code for error in seen] == [401, 401]
    assert all(error.description for error in seen)


def test_the_default_401_is_seen_by_a_handler_of_all_http_errors(
    app: Flask, trusting: FlaskClient
) -> None:
    """``@app.errorhandler(HTTPException)``, as in Flask's documentation for JSON APIs, gets it, too."""

    @app.errorhandler(HTTPException)
    def as_json(error: HTTPException) -> tuple[dict[str, Any], int]:
        return {"code": error.code, "name": error.name}, error.code or 500

    response = trusting.get("/required")
    assert response.status_code == 401
    assert response.json == {"code": 401, "name": "Unauthorized"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_default_401_is_seen_by_a_blueprints_error_handler(app: Flask) -> None:
    """The error handler of the view's blueprint gets it."""
    blueprint = Blueprint("api", "api")
    blueprint.register_error_handler(401, lambda error: ("the blueprint's response", 401))

    @blueprint.get("/in-blueprint")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        return "secret"

    app.register_blueprint(blueprint)
    response = app.test_client().get("/in-blueprint")
    assert (response.status_code, response.text) == (401, "the blueprint's response")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_error_handlers_own_challenge_is_kept(app: Flask, trusting: FlaskClient) -> None:
    """A challenge of another scheme, which the handler sets, stays beside the refusal's."""
    app.register_error_handler(401, lambda error: Response("", 401, {"WWW-Authenticate": "Basic"}))
    assert trusting.get("/required").headers.getlist("WWW-Authenticate") == ["Bearer, Basic"]


def test_an_error_handlers_redirect_is_kept(app: Flask, trusting: FlaskClient) -> None:
    """A redirect to a login page keeps its own status and gets no challenge."""
    app.register_error_handler(401, lambda error: redirect("/login"))
    response = trusting.get("/required")
    assert (response.status_code, response.location) == (302, "/login")
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": "Bearer"}},
        {"headers": {"Authorization": "Bearer two words"}},
        {"headers": {"Authorization": "Bearer a.b.c"}, "query_string": {"access_token": "a.b.c"}},
        {"query_string": "access_token=a&access_token=b"},
    ],
    ids=["no token", "two words", "two places", "twice"],
)
def test_malformed_credentials_are_a_401(trusting: FlaskClient, options: dict[str, Any]) -> None:
    """The documented callback raises a 401 for every reason; the challenge says ``invalid_request``."""
    response = trusting.get("/required", **options)
    assert response.status_code == 401
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_a_replaced_failure_callback_may_call_its_default(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """The default's 401 says what was wrong with this request's token."""
    logged: list[str] = []

    def refuse() -> Any:
        logged.append("refused")
        return flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()

    flask_jwtlib.requires_authentication_failure_callback = refuse
    response = trusting.get("/required", headers=bearer(issuer.token(exp=1)))
    assert response.status_code == 401
    assert "expired" in response.headers["WWW-Authenticate"]
    assert logged == ["refused"]


def test_a_failure_callback_may_use_the_module_functions(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """It sees no caller, and can read the refused token for its own log."""

    def refuse() -> tuple[dict[str, Any], int]:
        claims = flask_jwtlib.get_json_token(verify=False)
        return {
            "caller": [flask_jwtlib.is_authenticated(), g.authenticated, g.raw_token, g.json_token],
            "claimed": claims["sub"],
        }, 401

    flask_jwtlib.requires_authentication_failure_callback = refuse
    response = trusting.get("/required", headers=bearer(issuer.token("alice", exp=1)))
    assert response.json == {"caller": [False, False, None, None], "claimed": "alice"}


def test_an_optional_failure_callback_may_assign_to_g(app: Flask, trusting: FlaskClient) -> None:
    """The view sees what it assigned, for example a guest's claims."""

    def make_guest() -> None:
        g.json_token = {"sub": "guest"}

    flask_jwtlib.optional_authentication_failure_callback = make_guest
    response = trusting.get("/optional")
    assert response.json is not None
    assert response.json["json_token"] == {"sub": "guest"}
    assert response.json["authenticated"] is False


def test_the_default_failure_callback_raises_outside_of_a_request_too() -> None:
    """A script or a shell that calls it gets the same 401, challenge included."""
    with pytest.raises(Unauthorized) as thrown:
        flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()
    assert thrown.value.get_response().headers["WWW-Authenticate"] == "Bearer"


def test_a_custom_refusal_keeps_its_status(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """So does one for which Werkzeug has no exception, and the challenge is included."""

    class HTTPPaymentRequired(HTTPException):
        code = 402

    class PaymentRequired(flask_jwtlib.AuthenticationError, HTTPPaymentRequired):
        """Known, and in arrears."""

    def check(token: str) -> bool:
        raise PaymentRequired("the account is not paid")

    flask_jwtlib.check_token = check
    for route in ("/required", "/optional"):
        response = trusting.get(route, headers=bearer(issuer.token()))
        assert response.status_code == 402
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


class LazyText:
    """A lazy string, as Flask-Babel's."""

    def __str__(self) -> str:
        return "nicht du"


@pytest.mark.parametrize(
    "description", [LazyText(), 5, ["a"], b"x"], ids=["lazy", "int", "list", "bytes"]
)
def test_a_handler_gets_a_description_as_text(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, description: Any
) -> None:
    """A refusal with a lazy description reaches ``@app.errorhandler(401)`` with text, not a 500."""

    def rule(_: object) -> None:
        raise InvalidTokenError(description=description)

    guarded = flask_jwtlib.default_authenticator.requires_authentication(rules=[rule])
    app.add_url_rule("/ruled", view_func=guarded(lambda: "in"), endpoint="ruled")
    app.register_error_handler(401, lambda error: ({"message": error.description}, 401))

    response = trusting.get("/ruled", headers=bearer(issuer.token()))

    assert response.status_code == 401
    assert isinstance(response.json["message"], str)
    assert "error_description" in response.headers["WWW-Authenticate"]
