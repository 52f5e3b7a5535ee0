"""The caller on ``flask.g``, which is never another request's."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask, g, jsonify
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer

ANONYMOUS = {
    "is_authenticated": False,
    "authenticated": False,
    "raw_token": None,
    "json_token": None,
}


def test_the_attributes_of_g_are_assignable(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """An app may overwrite all three. ``is_authenticated()`` still tells whether there is a caller."""

    @app.get("/logout")
    @flask_jwtlib.requires_authentication
    def logout() -> list[Any]:
        before = flask_jwtlib.is_authenticated()
        g.authenticated = False
        g.raw_token = "none of yours"
        g.json_token = {"sub": "guest", **g.json_token, "role": "guest"}
        return [
            before,
            flask_jwtlib.is_authenticated(),
            g.raw_token,
            g.json_token["sub"],
            g.json_token["role"],
        ]

    response = trusting.get("/logout", headers=bearer(issuer.token("alice")))
    assert response.json == [True, True, "none of yours", "alice", "guest"]


@pytest.mark.parametrize(
    "use",
    [
        dict,
        jsonify,
        json.dumps,
        copy.copy,
        copy.deepcopy,
        lambda claims: pickle.loads(pickle.dumps(claims)),
        lambda claims: {**claims, "more": 1},
        lambda claims: claims | {"more": 1},
        lambda claims: claims.copy(),
        lambda claims: claims.update(more=1),
        lambda claims: sorted(claims.items(), key=str),
        lambda claims: claims.get("absent", "default"),
        lambda claims: claims.setdefault("more", 1),
    ],
    ids=[
        "dict",
        "jsonify",
        "dumps",
        "copy",
        "deepcopy",
        "pickle",
        "**",
        "|",
        ".copy",
        "update",
        "items",
        "get",
        "set",
    ],
)
def test_json_token_behaves_like_a_dict(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, use: Callable[[Any], Any]
) -> None:
    """It can be used, changed, copied and pickled as a ``dict``."""
    results: list[Any] = []

    @app.get("/use")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        assert g.json_token == dict(g.json_token)
        result = use(g.json_token)
        results.append(result)
        if isinstance(result, dict):
            assert result.items() >= g.json_token.items()
        return "used"

    assert (
        trusting.get("/use", headers=bearer(issuer.token("alice", nested={"a": [1, 2]}))).text
        == "used"
    )
    assert len(results) == 1


def test_an_absent_claim_is_a_key_error(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``g.json_token["absent"]`` raises a KeyError, as with any ``dict``."""

    @app.get("/absent")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        try:
            return str(g.json_token["absent"])
        except KeyError:
            return "no such claim"

    assert trusting.get("/absent", headers=bearer(issuer.token())).text == "no such claim"


def test_requests_in_one_app_context_do_not_share_a_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Requests that share ``g`` through a manually pushed app context don't share a caller."""
    with app.app_context():
        for subject in ("alice", "bob"):
            response = trusting.get("/required", headers=bearer(issuer.token(subject)))
            assert response.json is not None
            assert response.json["json_token"]["sub"] == subject
            assert trusting.get("/optional").json == ANONYMOUS
            trusting.get("/required", headers=bearer(issuer.token(subject)))
            assert trusting.get("/required").status_code == 401
            assert trusting.get("/optional", headers=bearer(issuer.token(exp=1))).json == ANONYMOUS


def test_an_undecorated_view_does_not_see_the_previous_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Neither ``is_authenticated()`` nor ``g`` has a previous caller of the same app context."""
    with app.app_context():
        assert trusting.get("/required", headers=bearer(issuer.token("alice"))).status_code == 200
        assert trusting.get("/open").json == {"is_authenticated": False, "g": []}
        assert flask_jwtlib.is_authenticated() is False


def test_claims_are_read_again_in_each_request(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``get_json_token()`` returns its own request's claims, decorated or not."""

    @app.get("/bare")
    def bare() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    with app.app_context():
        for subject in ("alice", "bob"):
            assert (
                trusting.get("/required", headers=bearer(issuer.token(subject))).status_code == 200
            )
            assert trusting.get(
                "/bare", headers=bearer(issuer.token(subject + "'s friend"))
            ).text == (f"{subject}'s friend")


def test_a_nested_request_has_its_own_caller(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A view that calls its app through a test client still has its own caller afterwards."""

    @app.get("/outer")
    @flask_jwtlib.requires_authentication
    def outer() -> list[Any]:
        inner = app.test_client().get("/required", headers=bearer(issuer.token("bob")))
        anonymous = app.test_client().get("/optional")
        assert inner.json is not None
        return [inner.json["json_token"]["sub"], anonymous.json == ANONYMOUS, g.json_token["sub"]]

    assert trusting.get("/outer", headers=bearer(issuer.token("alice"))).json == [
        "bob",
        True,
        "alice",
    ]


def test_threads_do_not_share_a_caller(app: Flask, issuer: TokenIssuer) -> None:
    """Requests that are in their views at the same moment each see their own caller."""
    threads, rounds = 6, 5
    meet = Barrier(threads)
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)

    @app.get("/meet")
    @flask_jwtlib.optional_authentication
    def view() -> dict[str, Any]:
        def me() -> Any:
            return [
                flask_jwtlib.is_authenticated(),
                g.raw_token,
                g.json_token and g.json_token["sub"],
            ]

        before = me()
        meet.wait(timeout=20)
        return {"before": before, "after": me()}

    failures: list[object] = []

    def ask(number: int) -> None:
        client = app.test_client()
        for turn in range(rounds):
            token = issuer.token(f"caller {number}.{turn}") if number else None
            response = client.get("/meet", headers=bearer(token) if token else {})
            me = [True, token, f"caller {number}.{turn}"] if token else [False, None, None]
            if response.json != {"before": me, "after": me}:
                failures.append(response.json)

    workers = [Thread(target=ask, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
