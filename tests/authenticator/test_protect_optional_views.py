"""Deny by default: views that admit guests."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    Scope,
    current_principal,
)
from flask_jwtlib._authenticator import default_deny
from flask_jwtlib.testing import TokenIssuer, bearer


def who() -> str:
    """Return the caller's name."""
    return str(current_principal.subject) if current_principal else "guest"


def statuses(app: Flask, *paths: str, method: str = "GET", **headers: Any) -> list[int]:
    """Return the statuses of requests."""
    seen: list[int] = []
    for path in paths:
        with app.test_client().open(path, method=method, **headers) as response:
            seen.append(response.status_code)
    return seen


@pytest.mark.parametrize("kind", ["composed", "late", "module API"])
def test_optional_views_are_left_alone(
    auth: Authenticator, app: Flask, issuer: TokenIssuer, token: str, kind: str
) -> None:
    """A view with an optional decorator of the same authenticator admits guests, as without ``protect``."""
    late = AppAuthenticator(lambda _: auth)
    late.init_app(app)
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    default = flask_jwtlib.default_authenticator
    by: Any = {"composed": auth, "late": late, "module API": default}[kind]
    decorating: Any = flask_jwtlib if kind == "module API" else by
    app.add_url_rule("/", "view", decorating.optional_authentication(lambda: f"{who()}"))
    app.add_url_rule("/closed", "closed", who)
    by.protect(app)
    client = app.test_client()

    assert client.get("/").text == "guest"
    assert client.head("/").status_code == 200
    assert client.get("/", headers=bearer(token)).text == "alice"
    assert client.get("/", headers=bearer("garbage")).text == "guest"
    assert client.get("/closed").status_code == 401
    assert client.post("/").status_code == 401


def test_another_authenticators_optional_view_stays_closed(
    auth: Authenticator, app: Flask, other_issuer: TokenIssuer
) -> None:
    """An optional decorator of another authenticator, or of a copy, doesn't open a view."""
    copy = auth.evolve()
    for name, other in {"other": Authenticator(keys=other_issuer.public_pem), "copy": copy}.items():
        app.add_url_rule(f"/{name}", name, other.optional_authentication(lambda: "in"))
    late = AppAuthenticator(lambda _: auth)
    late.init_app(app)
    app.add_url_rule("/late", "late", late.optional_authentication(lambda: "in"))
    auth.protect(app)

    assert statuses(app, "/other", "/copy", "/late") == [401, 401, 401]


def test_only_the_optional_method_of_a_class_is_left_alone(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """In a ``MethodView`` whose ``get`` is optional, all other methods need a token."""

    class Reports(MethodView):
        @auth.optional_authentication
        def get(self) -> str:
            return who()

        def post(self) -> str:
            return who()

        @auth.requires_authentication
        def put(self) -> str:
            return who()

    app.add_url_rule("/", view_func=Reports.as_view("reports"))
    auth.protect(app)
    client = app.test_client()

    assert client.get("/").text == "guest"
    assert client.head("/").status_code == 200
    for method in "post", "put":
        assert client.open("/", method=method).status_code == 401
        assert client.open("/", method=method, headers=bearer(token)).text == "alice"
    for method in "DELETE", "OPTIONS":
        assert client.open("/", method=method).status_code == 401


def test_a_class_whose_own_decorator_is_optional(auth: Authenticator, app: Flask) -> None:
    """An optional decorator around the class covers all methods."""

    class Around(MethodView):
        decorators = [auth.optional_authentication]  # noqa: RUF012 - as Flask documents it

        def get(self) -> str:
            return who()

        def post(self) -> str:
            return who()

    app.add_url_rule("/", view_func=Around.as_view("around"))
    auth.protect(app)

    for method in "GET", "POST":
        assert statuses(app, "/", method=method) == [200]


def cached(view: Callable[..., str]) -> Callable[..., str]:
    """Return a wrapper that may respond without calling the view, as a cache does."""

    @wraps(view)
    def wrapper(**arguments: Any) -> str:
        return view(**arguments) if arguments else "from the cache"

    return wrapper


def opaque(view: Callable[..., str]) -> Callable[..., str]:
    """Return a wrapper that doesn't tell what it wraps."""

    def wrapper() -> str:
        return view()

    return wrapper


@pytest.mark.parametrize("wrapper", [cached, opaque])
def test_a_wrapper_that_may_bypass_the_optional_decorator(
    auth: Authenticator, app: Flask, wrapper: Callable[[Any], Any]
) -> None:
    """If another function is around the optional decorator, the app's guard stays in charge."""
    app.add_url_rule("/", "view", wrapper(auth.optional_authentication(lambda: "in")))
    app.add_url_rule("/below", "below", auth.optional_authentication(wrapper(lambda: "in")))
    auth.protect(app)

    assert statuses(app, "/", "/below") == [401, 200]


def test_an_endpoint_that_is_registered_again(auth: Authenticator, app: Flask) -> None:
    """The decision is about the view that is registered now."""
    app.add_url_rule("/", "view", auth.optional_authentication(lambda: "optional"))
    auth.protect(app)
    assert statuses(app, "/") == [200]

    app.view_functions["view"] = lambda: "closed"
    assert statuses(app, "/") == [401]
    app.view_functions["view"] = auth.optional_authentication(lambda: "optional")
    assert statuses(app, "/") == [200]
    del app.view_functions["view"]
    assert statuses(app, "/") == [401]


def test_more_endpoints_than_are_remembered(
    auth: Authenticator, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decisions about endpoints are right also when no more of them are remembered."""
    monkeypatch.setattr(default_deny, "_MOST_KNOWN", 1)
    for name in "first", "second", "third":
        app.add_url_rule(f"/{name}", name, auth.optional_authentication(lambda: "in"))
    app.add_url_rule("/closed", "closed", lambda: "in")
    auth.protect(app)

    for _ in range(2):
        assert statuses(app, "/first", "/second", "/closed", "/third") == [200, 200, 401, 200]


def test_a_strict_optional_view(auth: Authenticator, app: Flask, token: str, expired: str) -> None:
    """A view that is optional and strict refuses a bad token itself."""
    app.add_url_rule("/", "view", auth.optional_authentication(strict=True)(lambda: f"{who()}"))
    auth.protect(app)
    client = app.test_client()

    assert client.get("/").text == "guest"
    assert client.get("/", headers=bearer(token)).text == "alice"
    assert client.get("/", headers=bearer(expired)).status_code == 401


def test_the_rules_of_protect_and_of_an_optional_view(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A caller of an optional view must satisfy the rules of ``protect`` and the view's own."""
    view = auth.optional_authentication(rules=[Scope("read")])(lambda: f"{who()}")
    app.add_url_rule("/", "view", view)
    app.add_url_rule("/closed", "closed", who)
    auth.protect(app, rules=[Scope("write")])
    client = app.test_client()

    for scope, seen in {"read": [403, 403], "write": [403, 200], "read write": [200, 200]}.items():
        headers = bearer(issuer.token(scope=scope))
        assert [client.get(path, headers=headers).status_code for path in ("/", "/closed")] == seen
