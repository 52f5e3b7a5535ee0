"""The five callbacks: replaced at any time, raising, and mixed with composed Authenticators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask, abort, g, request
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def _accepting(issuer: TokenIssuer) -> dict[str, Any]:
    return {
        "retrieve_verification_key": lambda: issuer.public_pem,
        "check_token": lambda token: True,
        "get_token": lambda: request.headers.get("X-Token"),
        "requires_authentication_failure_callback": lambda: ("replaced", 401),
        "optional_authentication_failure_callback": lambda: setattr(g, "noted", True),
    }


@pytest.mark.parametrize(
    "moment", ["before decoration", "after decoration", "after a first request"]
)
def test_callbacks_can_be_replaced_at_any_time(
    app: Flask, issuer: TokenIssuer, moment: str
) -> None:
    """Each of the five takes effect with the next request."""

    def assign() -> None:
        for name, callback in _accepting(issuer).items():
            setattr(flask_jwtlib, name, callback)

    if moment == "before decoration":
        assign()

    @app.get("/required")
    @flask_jwtlib.requires_authentication
    def required() -> str:
        return str(g.json_token["sub"])

    @app.get("/optional")
    @flask_jwtlib.optional_authentication
    def optional() -> str:
        return f"noted: {g.noted}"

    client = app.test_client()
    if moment == "after a first request":
        assert client.get("/required").text != "replaced"
    if moment != "before decoration":
        assign()

    assert (
        client.get("/required", headers={"X-Token": issuer.token("alice", exp=1)}).text == "alice"
    )
    assert client.get("/required").text == "replaced"
    assert client.get("/optional").text == "noted: True"


def test_the_last_assigned_callback_counts(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """A callback may be replaced repeatedly, and set back to its default."""
    good = bearer(issuer.token())
    flask_jwtlib.check_token = lambda token: False
    assert trusting.get("/required", headers=good).status_code == 401
    flask_jwtlib.check_token = lambda token: True
    assert trusting.get("/required", headers=good).status_code == 200
    flask_jwtlib.check_token = lambda token: False
    assert trusting.get("/required", headers=good).status_code == 401
    flask_jwtlib.check_token = flask_jwtlib._DEFAULT_CHECK_TOKEN
    assert trusting.get("/required", headers=good).status_code == 200
    assert trusting.get("/required", headers=bearer(issuer.token(exp=1))).status_code == 401


class RoleCheck:
    """A callback that is an object, with methods that are callbacks."""

    def __init__(self, role: str) -> None:
        self.role = role

    def __call__(self, token: str) -> bool:
        return (
            flask_jwtlib._DEFAULT_CHECK_TOKEN(token)
            and flask_jwtlib.get_json_token().get("role") == self.role
        )

    def check(self, token: str) -> bool:
        return self(token)


def _check_role(role: str, token: str) -> bool:
    return RoleCheck(role)(token)


@pytest.mark.parametrize(
    "callback",
    [RoleCheck("admin"), RoleCheck("admin").check, partial(_check_role, "admin")],
    ids=["object", "bound method", "partial"],
)
def test_any_callable_can_be_a_callback(
    trusting: FlaskClient, issuer: TokenIssuer, callback: Callable[[str], bool]
) -> None:
    """A callable object, a bound method and a partial work like functions."""
    flask_jwtlib.check_token = callback
    assert trusting.get("/required", headers=bearer(issuer.token(role="admin"))).status_code == 200
    assert trusting.get("/required", headers=bearer(issuer.token(role="guest"))).status_code == 401


def test_a_saved_default_does_not_recurse(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """A replacement that wraps what it found on the module, twice, calls the default."""
    order: list[str] = []

    def wrap(name: str) -> None:
        inner = flask_jwtlib.check_token

        def wrapped(token: str) -> bool:
            order.append(name)
            return inner(token)

        flask_jwtlib.check_token = wrapped

    wrap("first")
    wrap("second")
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert order == ["second", "first"]


def _fail(*_: object) -> Any:
    raise LookupError("the application's own fault")


@pytest.mark.parametrize("route", ["/required", "/optional"])
@pytest.mark.parametrize("callback", ["get_token", "check_token"])
@pytest.mark.parametrize(
    "error", [KeyError, ValueError, RuntimeError, ConnectionError], ids=lambda e: e.__name__
)
def test_an_exception_of_a_callback_propagates(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    callback: str,
    route: str,
    error: type[Exception],
) -> None:
    """It reaches Flask unchanged, on optional routes too, and is a 500 in production."""

    def fail(*_: object) -> Any:
        raise error("the application's own fault")

    setattr(flask_jwtlib, callback, fail)
    with pytest.raises(error, match="own fault"):
        trusting.get(route, headers=bearer(issuer.token()))
    app.testing = False
    assert trusting.get(route, headers=bearer(issuer.token())).status_code == 500


@pytest.mark.parametrize(
    ("callback", "route"),
    [
        ("requires_authentication_failure_callback", "/required"),
        ("optional_authentication_failure_callback", "/optional"),
    ],
)
def test_an_exception_of_a_failure_callback_propagates(
    trusting: FlaskClient, callback: str, route: str
) -> None:
    """It reaches Flask, and the view doesn't run."""
    setattr(flask_jwtlib, callback, _fail)
    with pytest.raises(LookupError, match="own fault"):
        trusting.get(route)


def test_an_optional_failure_callback_may_abort(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """Its ``abort(403)`` is the response, as anywhere in Flask."""
    flask_jwtlib.optional_authentication_failure_callback = lambda: abort(403)
    assert trusting.get("/optional").status_code == 403
    assert trusting.get("/optional", headers=bearer(issuer.token())).status_code == 200


def _header_token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else None


@pytest.fixture
def mixed(app: Flask, trusting: FlaskClient, ec_issuer: TokenIssuer) -> FlaskClient:
    """The same client, with a route behind a composed Authenticator, and one behind both."""
    composed = flask_jwtlib.Authenticator(
        keys=ec_issuer.verification_key,
        validator=flask_jwtlib.JWTValidator(algorithms="ES256"),
        extractor=flask_jwtlib.extractors.QueryTokenExtractor(),
    )
    # The composed Authenticator reads only the query, so a request can have both tokens.
    flask_jwtlib.get_token = _header_token

    @app.get("/composed")
    @composed.requires_authentication
    def behind_composed() -> dict[str, Any]:
        return {"sub": g.json_token["sub"]}

    @app.get("/both")
    @flask_jwtlib.requires_authentication
    @composed.requires_authentication
    def behind_both() -> dict[str, Any]:
        return {"sub": g.json_token["sub"]}

    return trusting


def test_callbacks_do_not_affect_composed_authenticators(
    mixed: FlaskClient, issuer: TokenIssuer, ec_issuer: TokenIssuer
) -> None:
    """Callbacks and settings apply to documented routes; composed ones keep their strategies."""
    flask_jwtlib.check_token = lambda token: True
    flask_jwtlib.requires_authentication_failure_callback = lambda: ("replaced", 418)
    flask_jwtlib.JWT_AUDIENCE = "of the documented routes"
    assert mixed.get("/required", headers=bearer(issuer.token("alice"))).status_code == 200
    assert mixed.get("/required").status_code == 418
    good = {"access_token": ec_issuer.token("bob")}
    assert mixed.get("/composed", query_string=good).json == {"sub": "bob"}
    assert (
        mixed.get("/composed", query_string={"access_token": ec_issuer.token(exp=1)}).status_code
        == 401
    )
    assert mixed.get("/composed", headers=bearer(issuer.token())).status_code == 401


def test_a_view_behind_both_requires_both(
    mixed: FlaskClient, issuer: TokenIssuer, ec_issuer: TokenIssuer
) -> None:
    """Each decorator requires its own token; in the view ``g`` has the inner decorator's caller."""
    header, query = bearer(issuer.token("alice")), {"access_token": ec_issuer.token("bob")}
    assert mixed.get("/both", headers=header, query_string=query).json == {"sub": "bob"}
    assert mixed.get("/both", headers=header).status_code == 401
    assert mixed.get("/both", query_string=query).status_code == 401
