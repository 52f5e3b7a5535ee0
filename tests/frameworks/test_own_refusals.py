"""Refusals that a view raises itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError, InsufficientScopeError
from flask_jwtlib.testing import TokenIssuer, bearer

Headers = dict[str, str]
SHARED = ForbiddenError("made when the module was imported")


def on_holiday() -> str:
    """Refuse every caller."""
    raise ForbiddenError("on holiday")


async def on_holiday_async() -> str:
    """Refuse every caller."""
    return on_holiday()


def served(app: Flask, auth: Authenticator, place: str) -> None:
    """Serve a view that raises a refusal itself."""
    require = auth.requires_authentication
    if place == "optional":
        view: Any = auth.optional_authentication(on_holiday)
    elif place == "nested":
        inner = require(on_holiday)
        view = require(lambda: f"the inner view says {inner()}")
    elif place == "two decorators":
        view = auth.evolve().requires_authentication(require(on_holiday))
    else:
        view = require(on_holiday_async if place == "async" else on_holiday)
    app.add_url_rule("/", "view", view)
    if place == "behind a guard, too":
        auth.protect(app)


each_place = pytest.mark.parametrize(
    "place", ["decorated", "async", "optional", "nested", "two decorators", "behind a guard, too"]
)


@each_place
def test_it_is_reported_once_with_the_caller(
    app: Flask,
    auth: Authenticator,
    good: Headers,
    signals: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    """The log and the signal know who was refused, once, however many decorators there are."""
    served(app, auth, place)
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        response = app.test_client().get("/", headers=good)

    assert response.status_code == 403
    (record,) = (record for record in caplog.records if record.name == "flask_jwtlib")
    assert "on holiday; the caller is 'alice'" in record.getMessage()
    (signal,) = signals
    assert signal["principal"].subject == "alice"
    assert (signal["error"].log_message, signal["optional"]) == ("on holiday", False)


def test_a_guest_of_an_optional_route_may_be_refused(
    app: Flask, auth: Authenticator, signals: list[dict[str, Any]]
) -> None:
    """A view with optional authentication may demand a caller after all: the guest is told how."""

    @app.get("/")
    @auth.optional_authentication
    def view() -> str:
        if not current_principal:
            raise InvalidTokenError("the report isn't published", description="Please log in")
        return "in"

    app.register_error_handler(HTTPException, lambda error: ({"own": str(error)}, error.code))

    response = app.test_client().get("/")

    assert (response.status_code, response.json) == (401, {"own": "Please log in"})
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="Please log in"'
    )
    assert [signal["optional"] for signal in signals] == [True, False]


def test_its_challenge_names_the_scopes_of_the_route(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A view's own ``InsufficientScopeError`` advertises its scope beside those of the route."""

    @app.get("/")
    @auth.requires_authentication(rules=[Scope("a")])
    def view() -> str:
        raise InsufficientScopeError("b")

    response = app.test_client().get("/", headers=bearer(issuer.token(scope="a")))

    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"].endswith('scope="a b"')


def test_an_outage_that_a_view_finds_is_a_503(
    app: Flask, auth: Authenticator, good: Headers
) -> None:
    """A view may say that something it needs to decide is unavailable."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        raise VerificationUnavailable("the revocation list is unavailable", retry_after=9)

    app.register_error_handler(HTTPException, lambda error: ("own", error.code))
    response = app.test_client().get("/", headers=good)

    assert (response.status_code, response.text) == (503, "own")
    assert response.headers["Retry-After"] == "9"
    assert "WWW-Authenticate" not in response.headers


def test_a_shared_error_is_not_changed(app: Flask, auth: Authenticator, good: Headers) -> None:
    """A module may raise the same object again and again: each request works on its own copy."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        raise SHARED

    before = dict(vars(SHARED))
    for _ in range(3):
        assert app.test_client().get("/", headers=good).status_code == 403

    assert vars(SHARED) == before


def test_other_exceptions_pass(app: Flask, auth: Authenticator, good: Headers) -> None:
    """An exception that isn't a refusal passes the decorator unchanged."""
    raised = KeyError("a bug")

    @auth.requires_authentication
    def view() -> str:
        raise raised

    with app.test_request_context("/", headers=good), pytest.raises(KeyError) as found:
        view()

    assert found.value is raised


def test_a_refusal_of_another_request_passes_the_decorator(
    app: Flask, auth: Authenticator, good: Headers, expired: Headers
) -> None:
    """``authenticate(request)`` for another request raises in the view, which is refused then."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        with app.test_request_context("/", headers=expired) as other:
            request = other.request
        return str(auth.authenticate(request).subject)

    response = app.test_client().get("/", headers=good)

    assert response.status_code == 401
    assert 'error_description="The access token expired"' in response.headers["WWW-Authenticate"]
