"""A request's token is read, and its key looked up, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def test_the_token_is_read_once_per_request(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """However often a view reads claims and calls guarded views, ``get_token`` runs once."""
    flask_jwtlib.get_token = find = recorded(flask_jwtlib._DEFAULT_GET_TOKEN)

    @flask_jwtlib.optional_authentication
    def inner() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    @app.get("/outer")
    @flask_jwtlib.requires_authentication
    def outer() -> list[str]:
        first = flask_jwtlib.get_json_token()["sub"]
        return [first, inner(), flask_jwtlib.get_json_token(verify=False)["sub"]]

    assert trusting.get("/outer", headers=bearer(issuer.token("alice"))).json == ["alice"] * 3
    assert len(find.calls) == 1


@pytest.mark.parametrize("token", ["none", "expired"])
def test_a_refused_token_is_read_once(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, recorded: Any, token: str
) -> None:
    """An optional view that reads the claims gets the refusal, and ``get_token`` ran once."""
    flask_jwtlib.get_token = find = recorded(flask_jwtlib._DEFAULT_GET_TOKEN)

    @app.get("/claims")
    @flask_jwtlib.optional_authentication
    def claims() -> str:
        with pytest.raises(flask_jwtlib.AuthenticationError):
            flask_jwtlib.get_json_token()
        return "refused"

    headers = bearer(issuer.token(exp=1)) if token == "expired" else {}
    assert trusting.get("/claims", headers=headers).text == "refused"
    assert len(find.calls) == 1


def test_g_has_the_token_that_was_checked(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A ``get_token`` that returns another token each time can't bypass the check."""
    tokens = iter([issuer.token("first"), issuer.token("second"), issuer.token("third")])
    checked: list[str] = []

    def check(token: str) -> bool:
        checked.append(token)
        return (
            flask_jwtlib._DEFAULT_CHECK_TOKEN(token)
            and flask_jwtlib.get_json_token()["sub"] == "first"
        )

    flask_jwtlib.get_token = lambda: next(tokens)
    flask_jwtlib.check_token = check

    @app.get("/claims")
    @flask_jwtlib.requires_authentication
    def claims() -> list[str]:
        return [g.raw_token, g.json_token["sub"], flask_jwtlib.get_json_token()["sub"]]

    assert trusting.get("/claims").json == [checked[0], "first", "first"]


def test_a_key_rotation_during_a_request_changes_nothing(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A verified token stays verified for this request, and only for this one."""

    def check_then_rotate(token: str) -> bool:
        valid = flask_jwtlib._DEFAULT_CHECK_TOKEN(token)
        flask_jwtlib.set_permanent_verification_key(other_issuer.public_pem)
        flask_jwtlib.JWT_AUDIENCE = "from now on"
        return valid

    @app.get("/claims")
    @flask_jwtlib.requires_authentication
    def claims() -> list[str]:
        return [g.json_token["sub"], flask_jwtlib.get_json_token()["sub"]]

    flask_jwtlib.check_token = check_then_rotate
    assert trusting.get("/claims", headers=bearer(issuer.token("alice"))).json == ["alice", "alice"]
    assert trusting.get("/claims", headers=bearer(issuer.token("alice"))).status_code == 401


def test_a_fetched_keys_rotation_during_a_request_changes_nothing(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A key that is fetched for each lookup is looked up once in a request."""
    keys: Iterator[str] = iter([issuer.public_pem, other_issuer.public_pem])
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = lambda: next(keys)

    @app.get("/claims")
    @flask_jwtlib.requires_authentication
    def claims() -> list[str]:
        return [g.json_token["sub"], flask_jwtlib.get_json_token()["sub"]]

    assert client.get("/claims", headers=bearer(issuer.token("alice"))).json == ["alice", "alice"]
    assert client.get("/claims", headers=bearer(issuer.token("alice"))).status_code == 401
