"""A guarded view that is called as a function within another request."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, g, request
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def _is_anonymous() -> bool:
    return not (flask_jwtlib.is_authenticated() or g.authenticated or g.raw_token or g.json_token)


def test_a_guarded_view_calls_another_as_a_function(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """It runs for the same caller, and the outer view's assignments to ``g`` are restored afterwards."""

    @app.get("/inner")
    @flask_jwtlib.requires_authentication
    def inner() -> str:
        return str(g.json_token["sub"])

    @app.get("/outer")
    @flask_jwtlib.requires_authentication
    def outer() -> dict[str, Any]:
        g.json_token = {"sub": "assigned"}
        called = inner()
        return {
            "called": called,
            "after": g.json_token["sub"],
            "still": flask_jwtlib.is_authenticated(),
        }

    response = trusting.get("/outer", headers=bearer(issuer.token("alice")))
    assert response.json == {"called": "alice", "after": "assigned", "still": True}


@pytest.fixture
def other(ec_issuer: TokenIssuer) -> flask_jwtlib.Authenticator:
    """A composed Authenticator that reads another issuer's token from a query parameter."""
    return flask_jwtlib.Authenticator(
        keys=ec_issuer.verification_key,
        validator=flask_jwtlib.JWTValidator(algorithms="ES256"),
        extractor=flask_jwtlib.extractors.QueryTokenExtractor(),
    )


@pytest.mark.parametrize("outcome", ["accepted", "refused", "raising"])
@pytest.mark.parametrize("outermost", ["documented", "composed"])
def test_a_view_of_another_authenticator_called_as_a_function(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    ec_issuer: TokenIssuer,
    other: flask_jwtlib.Authenticator,
    outermost: str,
    outcome: str,
) -> None:
    """In it ``g`` has its caller; afterwards, however it ended, the outer view's caller again."""
    flask_jwtlib.get_token = lambda: request.headers.get("X-Token")
    guards: list[Any] = [flask_jwtlib.requires_authentication, other.requires_authentication]
    inner_guard, outer_guard = guards if outermost == "composed" else guards[::-1]

    @inner_guard
    def inner() -> str:
        if outcome == "raising":
            raise LookupError(g.json_token["sub"])
        return str(g.json_token["sub"])

    @app.get("/outer")
    @outer_guard
    def outer() -> list[Any]:
        before = g.json_token["sub"]
        try:
            during: Any = inner()
        except LookupError as error:
            during = f"raised as {error.args[0]}"
        except Unauthorized as error:
            during = error
        if outcome == "refused":
            during = "refused"
        after = [
            g.json_token["sub"],
            flask_jwtlib.current_principal.subject,
            flask_jwtlib.is_authenticated(),
        ]
        return [before, during, *after, g.raw_token]

    documented, composed = issuer.token("alice"), ec_issuer.token("bob")
    if outcome == "refused" and outermost == "documented":
        composed = ec_issuer.token("bob", exp=1)
    elif outcome == "refused":
        documented = issuer.token("alice", exp=1)
    response = trusting.get(
        "/outer", headers={"X-Token": documented}, query_string={"access_token": composed}
    )

    mine, others = ("alice", "bob") if outermost == "documented" else ("bob", "alice")
    during = {"accepted": others, "refused": "refused", "raising": f"raised as {others}"}[outcome]
    raw = documented if outermost == "documented" else composed
    assert response.json == [mine, during, mine, mine, True, raw]


def test_an_anonymous_outer_view_is_anonymous_again(
    app: Flask, trusting: FlaskClient, ec_issuer: TokenIssuer, other: flask_jwtlib.Authenticator
) -> None:
    """An optional view without a caller doesn't inherit the caller of a view that it called."""
    flask_jwtlib.get_token = lambda: None

    @other.requires_authentication
    def inner() -> str:
        return str(g.json_token["sub"])

    @app.get("/outer")
    @flask_jwtlib.optional_authentication
    def outer() -> dict[str, Any]:
        called = inner()
        return {
            "called": called,
            "anonymous": _is_anonymous(),
            "principal": bool(flask_jwtlib.current_principal),
        }

    response = trusting.get("/outer", query_string={"access_token": ec_issuer.token("bob")})
    assert response.json == {"called": "bob", "anonymous": True, "principal": False}


def test_a_view_can_be_called_in_a_test_request_context(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """In an app's unit tests, the view returns its value, and ``g`` has the caller."""

    @flask_jwtlib.requires_authentication
    def view() -> str:
        return str(g.json_token["sub"])

    with app.test_request_context(headers=bearer(issuer.token("alice"))):
        assert view() == "alice"
        assert flask_jwtlib.is_authenticated()
    with app.test_request_context(), pytest.raises(Unauthorized):
        view()
