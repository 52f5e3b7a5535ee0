from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask, appcontext_pushed, g, jsonify, request_tearing_down

import flask_jwtlib
from flask_jwtlib import Authenticator, current_principal, is_authenticated
from flask_jwtlib.testing import TokenIssuer, bearer

THREADS = 8
ROUNDS = 10


def published() -> list[Any]:
    """Return everything that is published about the current request's caller."""
    return [
        current_principal.subject if current_principal else None,
        is_authenticated(),
        g.get("authenticated"),
        g.get("raw_token"),
        (g.get("json_token") or {}).get("sub"),
    ]


NOBODY = [None, False, False, None, None]


@pytest.fixture(params=["composed", "module API"])
def guards(request: pytest.FixtureRequest, issuer: TokenIssuer) -> Any:
    """The decorators of an Authenticator and of the module API."""
    if request.param == "composed":
        return Authenticator(keys=issuer.verification_key)
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    return flask_jwtlib


@pytest.fixture
def served(app: Flask, guards: Any) -> Flask:
    """An app with a view of each kind; each returns what is published."""

    def view() -> Any:
        return jsonify(published())

    app.add_url_rule("/needed", "needed", guards.requires_authentication(view))
    app.add_url_rule("/optional", "optional", guards.optional_authentication(view))
    app.add_url_rule("/open", "open", view)
    return app


def test_a_caller_does_not_leak_into_the_next_request(served: Flask, issuer: TokenIssuer) -> None:
    """After Alice's request, one without a token has no caller, and Bob's has Bob."""
    client = served.test_client()
    alice, bob = issuer.token("alice"), issuer.token("bob")

    assert client.get("/needed", headers=bearer(alice)).json == [
        "alice",
        True,
        True,
        alice,
        "alice",
    ]
    assert client.get("/optional").json == NOBODY
    assert client.get("/needed").status_code == 401
    assert client.get("/optional", headers=bearer(bob)).json == ["bob", True, True, bob, "bob"]
    assert client.get("/open").json == [None, False, None, None, None]


def test_requests_in_one_app_context_are_kept_apart(served: Flask, issuer: TokenIssuer) -> None:
    """If several requests share an app context and ``flask.g``, they still don't share a caller."""
    alice = issuer.token("alice")

    with served.app_context():
        client = served.test_client()
        assert client.get("/needed", headers=bearer(alice)).json[0] == "alice"
        assert client.get("/open").json[:2] == [None, False]
        assert client.get("/optional").json == NOBODY
        assert client.get("/needed").status_code == 401
        assert client.get("/open", headers=bearer(alice)).json[:2] == [None, False]
        assert not current_principal
        assert not is_authenticated()


def test_a_request_within_a_request_is_kept_apart(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A view that calls its own app through a client keeps its caller, as does the inner request."""
    app.add_url_rule("/inner", "inner", auth.optional_authentication(lambda: jsonify(published())))
    bob = issuer.token("bob")

    @app.get("/outer")
    @auth.requires_authentication
    def outer() -> Any:
        before = published()
        client = app.test_client()
        inner = [client.get("/inner", headers=headers).json for headers in ({}, bearer(bob))]
        return jsonify({"inner": inner, "unchanged": before == published()})

    response = app.test_client().get("/outer", headers=bearer(issuer.token("alice"))).json

    assert response == {"inner": [NOBODY, ["bob", True, True, bob, "bob"]], "unchanged": True}


def test_nested_request_contexts_are_kept_apart(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A request context within another has its own caller, and leaves the outer one's alone."""
    with app.test_request_context(headers=bearer(issuer.token("alice"))):
        auth.authenticate()
        with app.test_request_context(headers=bearer(issuer.token("bob"))):
            assert not current_principal
            assert not is_authenticated()
            assert auth.authenticate().subject == "bob"
        assert auth.authenticate().subject == "alice"


def callers(issuer: TokenIssuer) -> Iterator[tuple[dict[str, str], int, str | None]]:
    """A sequence of requests: a new caller, no token, a malformed token, an expired token."""
    for number in range(ROUNDS):
        name = f"user-{number}"
        yield bearer(issuer.token(name)), 200, name
        yield {}, 401, None
        yield {"Authorization": "Bearer garbage"}, 401, None
        yield bearer(issuer.token(name, exp=1)), 401, None


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_threads_see_their_own_callers(
    app: Flask, guards: Any, issuer: TokenIssuer, kind: str
) -> None:
    """Many threads with different tokens, through one Authenticator, each see their own caller."""
    barrier = Barrier(THREADS)

    def look_twice() -> Any:
        first = published()
        return jsonify(first if first == published() else "changed meanwhile")

    async def look_twice_async() -> Any:
        return look_twice()

    view = look_twice if kind == "sync" else look_twice_async
    app.add_url_rule("/needed", "needed", guards.requires_authentication(view))
    app.add_url_rule("/optional", "optional", guards.optional_authentication(view))
    tokens = list(callers(issuer))

    def hammer(offset: int) -> list[str]:
        client = app.test_client()
        wrong: list[str] = []
        barrier.wait(30)
        for headers, status, name in tokens[offset:] + tokens[:offset]:
            value = headers.get("Authorization", "").removeprefix("Bearer ")
            expected = NOBODY if name is None else [name, True, True, value, name]
            needed = client.get("/needed", headers=headers)
            optional = client.get("/optional", headers=headers)
            if needed.status_code != status or (status == 200 and needed.json != expected):
                wrong.append(f"needed: {needed.status_code} {needed.text}")
            if optional.json != expected:
                wrong.append(f"optional: {optional.text}")
        return wrong

    with ThreadPoolExecutor(THREADS) as pool:
        assert [wrong for found in pool.map(hammer, range(THREADS)) for wrong in found] == []


def test_concurrent_views_see_their_own_callers(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """Requests that are in the view at the same moment each see their own caller."""
    barrier = Barrier(THREADS)

    @app.get("/")
    @auth.requires_authentication
    def view() -> Any:
        barrier.wait(30)
        return jsonify(published())

    tokens = [issuer.token(f"user-{number}") for number in range(THREADS)]

    def ask(token: str) -> Any:
        return app.test_client().get("/", headers=bearer(token)).json

    with ThreadPoolExecutor(THREADS) as pool:
        responses = list(pool.map(ask, tokens))

    assert responses == [
        [f"user-{number}", True, True, token, f"user-{number}"]
        for number, token in enumerate(tokens)
    ]


def test_apps_do_not_share_callers(issuer: TokenIssuer) -> None:
    """With one Authenticator in two apps, one calling the other, each request has its own caller."""
    auth = Authenticator(keys=issuer.verification_key)
    inner, outer = Flask("inner", root_path="."), Flask("outer", root_path=".")
    inner.add_url_rule("/", "view", auth.optional_authentication(lambda: jsonify(published())))

    @outer.get("/")
    @auth.requires_authentication
    def view() -> Any:
        anonymous = inner.test_client().get("/").json
        return jsonify([anonymous, published()[0]])

    response = outer.test_client().get("/", headers=bearer(issuer.token("alice")))

    assert response.json == [NOBODY, "alice"]


def test_mounted_apps_use_their_own_authenticators(
    auth: Authenticator, app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Below a dispatcher, each application is guarded by its own Authenticator."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.test import Client

    mounted = Flask("mounted", root_path=".")
    mounted.testing = True
    Authenticator(keys=other_issuer.verification_key).protect(mounted)
    mounted.add_url_rule("/", "view", lambda: current_principal.subject)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: current_principal.subject))
    client = Client(DispatcherMiddleware(app.wsgi_app, {"/mounted": mounted.wsgi_app}))
    ours, theirs = bearer(issuer.token("ours")), bearer(other_issuer.token("theirs"))

    assert client.get("/", headers=ours).text == "ours"
    assert client.get("/", headers=theirs).status_code == 401
    assert client.get("/mounted/", headers=theirs).text == "theirs"
    assert client.get("/mounted/", headers=ours).status_code == 401
    assert client.get("/mounted/nowhere", headers=ours).status_code == 401


def test_nothing_of_a_request_within_a_request_stays(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """After a request within another one, no receiver of a signal is left over."""
    app.add_url_rule("/inner", "inner", auth.requires_authentication(lambda: "in"))

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return app.test_client().get("/inner", headers=bearer(issuer.token("bob"))).text

    def receivers() -> list[int]:
        signals = request_tearing_down, appcontext_pushed
        return [len(list(signal.receivers_for(app))) for signal in signals]

    before = receivers()
    for _ in range(3):
        assert app.test_client().get("/", headers=bearer(issuer.token())).text == "in"
    gc.collect()
    assert receivers() == before
