"""The response that an ``Authenticator``'s failure handler makes to a raised refusal."""

from __future__ import annotations

from typing import Any

import flask_restx
import pytest
from apiflask import APIFlask
from flask import Blueprint, Flask, abort, make_response
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    Scope,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.errors import InvalidTokenError, Refusal
from tests.frameworks.kit import in_production

Headers = dict[str, str]


def _raise(error: Exception) -> Any:
    raise error


class JSONHandler(UnauthorizedHandler):
    """A handler that knows nothing of raised errors."""

    def deny(self, error: Any) -> Any:
        return {"problem": str(error)}, error.status


def test_the_authenticators_handler_makes_the_body(
    app: Flask, auth: Authenticator, good: Headers, expired: Headers
) -> None:
    """A raised refusal that nothing else handles has the same response as a returned one."""
    own = auth.evolve(failure_handler=JSONHandler(realm="api"))
    app.add_url_rule("/raised", "raised", lambda: str(own.authenticate()))
    app.add_url_rule("/returned", "returned", own.requires_authentication(lambda: "in"))
    app.add_url_rule(
        "/policy",
        "policy",
        own.requires_authentication(lambda: Scope("a")(current_principal.claims)),
    )
    client = app.test_client()
    for headers in ({}, expired, {"Authorization": "Bearer"}):
        raised, returned = (client.get(path, headers=headers) for path in ("/raised", "/returned"))
        assert (raised.status, raised.json) == (returned.status, returned.json)
        assert dict(raised.headers) == dict(returned.headers)
        assert 'realm="api"' in raised.headers["WWW-Authenticate"]

    assert client.get("/policy", headers=good).json == {
        "problem": "The access token lacks a required scope"
    }


RECURSIVE = {
    "raises the error": lambda auth, error: _raise(error),
    "raises another refusal": lambda auth, error: _raise(InvalidTokenError("another")),
    "asks the error for its response": lambda auth, error: error.get_response(),
    "authenticates again": lambda auth, error: auth.authenticate(),
    "aborts": lambda auth, error: abort(401, response=make_response("aborted", 401)),
    "returns None": lambda auth, error: None,
}


@pytest.mark.parametrize("deny", RECURSIVE.values(), ids=RECURSIVE)
@pytest.mark.parametrize("path", ["/raised", "/returned"])
def test_a_failure_handler_that_refuses_does_not_recurse(
    app: Flask, auth: Authenticator, expired: Headers, deny: Any, path: str
) -> None:
    """A failure handler may raise, or ask for the error's response: that response is a 401 with challenge."""

    class Recursive(UnauthorizedHandler):
        def deny(self, error: Any) -> Any:
            return deny(own, error)

    own = auth.evolve(failure_handler=Recursive())
    app.add_url_rule("/raised", "raised", lambda: str(own.authenticate()))
    app.add_url_rule("/returned", "returned", own.requires_authentication(lambda: "in"))

    response = app.test_client().get(path, headers=expired)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.text in (
        "The access token expired\n",
        "The access token is invalid\n",
        "aborted",
    )


def test_a_failure_handler_with_a_bug_is_a_500(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """A bug of a failure handler stays one, for raised refusals as for returned ones."""

    class Buggy(UnauthorizedHandler):
        def deny(self, error: Any) -> Any:
            raise KeyError("a bug")

    own = auth.evolve(failure_handler=Buggy())
    app.add_url_rule("/raised", "raised", lambda: str(own.authenticate()))
    app.add_url_rule("/returned", "returned", own.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/raised", headers=expired).status_code == 500
    assert client.get("/returned", headers=expired).status_code == 500


def test_a_blueprints_error_handler_keeps_the_challenge(
    app: Flask, auth: Authenticator, expired: Headers
) -> None:
    """A blueprint may have its own format for the refusals of its views."""
    blueprint = Blueprint("reports", "reports")
    blueprint.register_error_handler(401, lambda error: ({"reports": str(error)}, 401))
    blueprint.add_url_rule("/", "view", lambda: str(auth.authenticate()))
    app.register_blueprint(blueprint)
    app.register_error_handler(401, lambda error: ("of the app", 401))

    response = app.test_client().get("/", headers=expired)

    assert response.json == {"reports": "The access token expired"}
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("kind", [Refusal, AuthenticationError, HTTPException], ids=str)
def test_an_error_handler_of_restx_keeps_the_challenge(
    app: Flask, auth: Authenticator, expired: Headers, kind: Any
) -> None:
    """``api.errorhandler`` of Flask-RESTX makes the body."""
    api = flask_restx.Api(app)
    api.errorhandler(kind)(lambda error: ({"own": str(error)}, error.code))

    class Ask(flask_restx.Resource):  # type: ignore[misc]
        def get(self) -> Any:
            return {"subject": auth.authenticate().subject}

    api.add_resource(Ask, "/ask")

    response = app.test_client().get("/ask", headers=expired)

    assert response.status_code == 401
    assert response.json["own"] == "The access token expired"
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_an_error_processor_of_apiflask_keeps_the_challenge(
    auth: Authenticator, expired: Headers
) -> None:
    """``error_processor`` of APIFlask makes the body."""
    app: Any = in_production(APIFlask("own"))
    app.error_processor(lambda error: ({"own": error.message}, error.status_code))
    app.get("/ask")(lambda: {"subject": auth.authenticate().subject})

    response = app.test_client().get("/ask", headers=expired)

    assert response.status_code == 401
    assert response.json == {"own": "Unauthorized"}
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_tool_that_observes_requests_hides_no_refusal(
    app: Flask, auth: Authenticator, expired: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentation may replace Flask's method that catches errors: the challenge stays."""
    dispatch = Flask.full_dispatch_request

    def observed(self: Flask, *args: Any) -> Any:
        return dispatch(self, *args)

    monkeypatch.setattr(Flask, "full_dispatch_request", observed)
    app.add_url_rule("/", "view", lambda: str(auth.authenticate()))
    app.register_error_handler(401, lambda error: ("own", 401))

    response = app.test_client().get("/", headers=expired)

    assert (response.status_code, response.text) == (401, "own")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
