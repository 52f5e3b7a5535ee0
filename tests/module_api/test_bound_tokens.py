"""Tokens that are bound to a key or certificate by ``cnf`` (RFC 7800): nothing confirms them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import AuthenticationError, Authenticator
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.testing import TokenIssuer, bearer

THUMBPRINT = {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}
CHALLENGE = (
    'Bearer error="invalid_token", error_description="The access token is bound to a key, '
    'and the request does not prove its possession"'
)


@pytest.fixture
def bound(issuer: TokenIssuer) -> str:
    """A valid token of Alice's that is bound to a client certificate."""
    return issuer.token("alice", cnf=THUMBPRINT)


@pytest.fixture
def behind_proxy() -> Authenticator:
    """A variant for an app whose proxy checks client certificates."""
    return flask_jwtlib.default_authenticator.evolve(confirmed_elsewhere=("x5t#S256",))


CHECKS: dict[str, Callable[[str], bool]] = {
    "default": flask_jwtlib.check_token,
    "always": lambda token: True,
    "of the claims": lambda token: flask_jwtlib.get_json_token()["sub"] == "alice",
    "of the unverified claims": lambda token: bool(flask_jwtlib.get_json_token(verify=False)),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_decorators_refuse_it(
    trusting: FlaskClient, bound: str, check: Callable[[str], bool]
) -> None:
    """It is a 401 or an anonymous caller, whatever ``check_token`` says."""
    flask_jwtlib.check_token = check

    refused = trusting.get("/required", headers=bearer(bound))
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, CHALLENGE)
    optional = trusting.get("/optional", headers=bearer(bound)).json
    assert optional is not None
    assert [optional[name] for name in ("authenticated", "json_token")] == [False, None]


@pytest.mark.parametrize("decorated", [False, True], ids=["undecorated", "optional"])
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_get_json_token_refuses_it(
    app: Flask, trusting: FlaskClient, bound: str, decorated: bool, check: Callable[[str], bool]
) -> None:
    """It returns only unverified claims, also in the view of a guest whose token ``check_token`` accepted."""
    flask_jwtlib.check_token = check

    def view() -> Any:
        with pytest.raises(ClaimError):
            flask_jwtlib.get_json_token()
        return flask_jwtlib.get_json_token(verify=False)["cnf"]

    app.add_url_rule("/", "view", flask_jwtlib.optional_authentication(view) if decorated else view)

    assert trusting.get("/", headers=bearer(bound)).json == THUMBPRINT


def test_check_token_refuses_it(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, bound: str
) -> None:
    """It is False outside of requests, in an undecorated view, and in another caller's view."""
    assert flask_jwtlib.check_token(bound) is False
    check = flask_jwtlib.requires_authentication(lambda: str(flask_jwtlib.check_token(bound)))
    app.add_url_rule("/others", "others", check)
    app.add_url_rule("/undecorated", "undecorated", lambda: str(flask_jwtlib.check_token(bound)))

    for path in ("/others", "/undecorated"):
        assert trusting.get(path, headers=bearer(issuer.token())).text == "False"


def test_a_variant_may_leave_it_to_a_proxy(
    app: Flask, trusting: FlaskClient, bound: str, behind_proxy: Authenticator
) -> None:
    """Its view is called, and the functions agree with it about the caller's token."""

    @app.get("/proxied")
    @behind_proxy.requires_authentication
    def proxied() -> list[Any]:
        return [
            flask_jwtlib.is_authenticated(),
            flask_jwtlib.get_json_token()["sub"],
            flask_jwtlib.check_token(bound),
        ]

    assert trusting.get("/proxied", headers=bearer(bound)).json == [True, "alice", True]
    assert trusting.get("/required", headers=bearer(bound)).status_code == 401


def test_a_proxy_confirms_only_the_requests_own_token(
    app: Flask,
    trusting: FlaskClient,
    issuer: TokenIssuer,
    bound: str,
    behind_proxy: Authenticator,
) -> None:
    """``check_token`` is False for another bound token, in the view and within another ``check_token``."""
    stolen = issuer.token("bob", cnf=THUMBPRINT)
    view = behind_proxy.requires_authentication(lambda: str(flask_jwtlib.check_token(stolen)))
    app.add_url_rule("/", "view", view)
    assert trusting.get("/", headers=bearer(bound)).text == "False"

    default = flask_jwtlib.check_token
    flask_jwtlib.check_token = lambda token: default(token) and default(stolen)
    assert trusting.get("/", headers=bearer(bound)).status_code == 401


@pytest.mark.parametrize("cnf", [{}, "jkt", ["x5t#S256"], {**THUMBPRINT, "jkt": "k"}])
def test_a_proxy_confirms_nothing_else(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, behind_proxy: Authenticator, cnf: Any
) -> None:
    """A malformed ``cnf``, or one with another member, is refused."""
    app.add_url_rule("/", "view", behind_proxy.requires_authentication(lambda: "in"))

    assert trusting.get("/", headers=bearer(issuer.token(cnf=cnf))).status_code == 401


def test_verify_refuses_it(issuer: TokenIssuer, bound: str, behind_proxy: Authenticator) -> None:
    """``verify`` sees no request, so nothing can have confirmed it, not even a proxy."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)

    for auth in (flask_jwtlib.default_authenticator, behind_proxy):
        with pytest.raises(AuthenticationError):
            auth.verify(bound)
