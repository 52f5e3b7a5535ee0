"""``RaisingHandler``: the app's own error handlers make the response to each refusal."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint, Flask, g
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    RaisingHandler,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN

EXPIRED = 'error="invalid_token", error_description="The access token expired"'
LACKING = 'error="insufficient_scope", error_description="The access token lacks a required scope", scope="a"'


class Down:
    """A key provider that fails."""

    def keys_for(self, header: Any) -> Any:
        raise DOWN


def problem(error: Any) -> Any:
    """Respond in the format of the whole app."""
    return {"error": error.name, "detail": error.description}, error.code


@pytest.fixture
def raising(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` that raises its refusals."""
    return Authenticator(keys=issuer.verification_key, failure_handler=RaisingHandler(realm="api"))


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with one format for all errors."""
    app.testing = False
    app.register_error_handler(HTTPException, problem)
    return app


def served(app: Flask, raising: Authenticator, place: str) -> str:
    """Protect a view that needs the scope ``a``, and return its path."""
    rules = [Scope("a")]
    view = lambda: "in"  # noqa: E731
    if place == "decorator":
        app.add_url_rule("/", "view", raising.requires_authentication(rules=rules)(view))
    elif place == "async view":

        async def async_view() -> str:
            return "in"

        app.add_url_rule("/", "view", raising.requires_authentication(rules=rules)(async_view))
    elif place == "guard":
        blueprint = Blueprint("reports", "reports")
        blueprint.before_request(raising.guard(rules=rules))
        blueprint.add_url_rule("/", "view", view)
        app.register_blueprint(blueprint)
    elif place == "protect":
        app.add_url_rule("/", "view", view)
        raising.protect(app, rules=rules)
    else:

        def ask() -> str:
            Scope("a")(raising.authenticate().claims)
            return "in"

        app.add_url_rule("/", "view", ask)
    return "/"


each_place = pytest.mark.parametrize(
    "place", ["decorator", "async view", "guard", "protect", "authenticate"]
)


@each_place
@pytest.mark.parametrize("handled", [401, HTTPException, AuthenticationError], ids=str)
def test_the_apps_error_handlers_make_the_response(
    app: Flask, raising: Authenticator, issuer: TokenIssuer, place: str, handled: Any
) -> None:
    """A handler of the status, of Werkzeug's base or of ours gets the refusal; its challenge stays."""
    app.error_handler_spec.clear()
    app.register_error_handler(handled, problem)
    client, path = app.test_client(), served(app, raising, place)

    refused = client.get(path, headers=bearer(issuer.token(exp=1, scope="a")))

    assert refused.status_code == 401
    assert refused.json == {"error": "Unauthorized", "detail": "The access token expired"}
    (challenge,) = refused.headers.getlist("WWW-Authenticate")
    assert challenge.startswith(f'Bearer realm="api", {EXPIRED}')
    assert "Authorization" in refused.headers["Vary"]
    assert client.get(path, headers=bearer(issuer.token(scope="a"))).text == "in"


@each_place
def test_each_kind_of_refusal_has_its_status(
    app: Flask, raising: Authenticator, issuer: TokenIssuer, place: str
) -> None:
    """400, 401 and 403 have a challenge with the realm in every place."""
    client, path = app.test_client(), served(app, raising, place)

    for headers, status, challenge in (
        ({}, 401, 'Bearer realm="api"'),
        ({"Authorization": "Bearer"}, 400, 'Bearer realm="api", error="invalid_request"'),
        (bearer(issuer.token()), 403, f'Bearer realm="api", {LACKING}'),
    ):
        response = client.get(path, headers=headers)
        assert response.status_code == status
        assert response.headers["WWW-Authenticate"].startswith(challenge)
        assert response.is_json


def test_an_outage_is_a_503_of_the_app(
    app: Flask, raising: Authenticator, issuer: TokenIssuer
) -> None:
    """The app's handler makes the 503, too, which keeps ``Retry-After`` and has no challenge."""
    unavailable = raising.evolve(keys=Down())
    client, path = app.test_client(), served(app, unavailable, "decorator")

    response = client.get(path, headers=bearer(issuer.token(scope="a")))

    assert response.status_code == 503
    assert response.json == {
        "error": "Service Unavailable",
        "detail": VerificationUnavailable.description,
    }
    assert response.headers["Retry-After"] == "5"
    assert "WWW-Authenticate" not in response.headers


@each_place
def test_without_an_error_handler_the_response_is_text(
    app: Flask, raising: Authenticator, issuer: TokenIssuer, place: str
) -> None:
    """In an app without error handlers, the response is that of ``UnauthorizedHandler``."""
    app.error_handler_spec.clear()
    client, path = app.test_client(), served(app, raising, place)

    response = client.get(path, headers=bearer(issuer.token(exp=1)))

    assert (response.status_code, response.text) == (401, "The access token expired\n")
    assert response.mimetype == "text/plain"
    assert response.headers["WWW-Authenticate"].startswith(f'Bearer realm="api", {EXPIRED}')


def test_a_route_with_optional_authentication_serves_guests(
    app: Flask, raising: Authenticator, issuer: TokenIssuer
) -> None:
    """On an optional route nothing is raised for a guest, and a 403 is."""
    view = raising.optional_authentication(rules=[Scope("a")])(
        lambda: "caller" if current_principal else f"guest {g.authenticated}"
    )
    app.add_url_rule("/", "view", view)
    client = app.test_client()

    assert client.get("/").text == "guest False"
    assert client.get("/", headers=bearer(issuer.token(exp=1))).text == "guest False"
    assert client.get("/", headers=bearer(issuer.token(scope="a"))).text == "caller"
    lacking = client.get("/", headers=bearer(issuer.token()))
    assert lacking.status_code == 403
    assert lacking.json is not None
    assert LACKING in lacking.headers["WWW-Authenticate"]


@each_place
def test_a_refusal_is_logged_and_signalled_once(
    app: Flask,
    raising: Authenticator,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    """The log and the signal know of one refusal, though it was raised."""
    client, path = app.test_client(), served(app, raising, place)
    sent: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        sent.append(details["error"])

    with (
        request_refused.connected_to(receive),
        caplog.at_level(logging.INFO, "flask_jwtlib"),
    ):
        client.get(path, headers=bearer(issuer.token(exp=1)))

    assert len(sent) == 1
    assert len([record for record in caplog.records if record.name == "flask_jwtlib"]) == 1


def test_a_bad_realm_is_refused() -> None:
    """A realm that a challenge can't show raises when the handler is made."""
    with pytest.raises(ConfigurationError, match="realm is"):
        RaisingHandler(realm='a"b')
