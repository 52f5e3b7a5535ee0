"""The caller that each part of a request sees, if the request has several."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Flask, Request, Response, g, jsonify
from flask.views import MethodView

from flask_jwtlib import AuthenticationError, BearerToken, JWTValidator, Scope
from flask_jwtlib.errors import InsufficientScopeError
from tests.authenticator.callers import Callers, everywhere, showing, text_of


def placed(where: str, view: Callable[[], str], app: Flask, callers: Callers) -> Callable[[], str]:
    """Return a view that the user's authenticator decorates or guards, or neither."""
    if where == "guard":
        callers.user.protect(app)
    if where == "required":
        return callers.user.requires_authentication(view)
    return callers.user.optional_authentication(view) if where == "optional" else view


def test_a_views_caller_is_that_of_its_decorator(app: Flask, callers: Callers) -> None:
    """Behind a guard of another authenticator, the view's own caller counts."""
    callers.gateway.protect(app)
    app.add_url_rule("/user", "user", callers.user.requires_authentication(showing()))
    app.add_url_rule("/guest", "guest", callers.user.optional_authentication(showing()))
    app.add_url_rule("/plain", "plain", showing())

    assert text_of(app, "/user", callers.headers()) == "alice"
    assert text_of(app, "/guest", callers.headers()) == "alice"
    assert text_of(app, "/guest", callers.headers(user=None)) == "nobody"
    assert text_of(app, "/plain", callers.headers()) == "gateway"


@pytest.mark.parametrize("outer", ["required", "optional", "guard", "undecorated"])
def test_a_nested_views_caller_does_not_stay(app: Flask, callers: Callers, outer: str) -> None:
    """A nested view has the caller of its own decorator. After it, the outer view has its own again."""
    nested = callers.gateway.requires_authentication(showing())

    def view() -> str:
        return f"{everywhere()} {nested()} {everywhere()}"

    app.add_url_rule("/", "view", placed(outer, view, app, callers))
    after: list[str] = []

    @app.after_request
    def look(response: Response) -> Response:
        after.append(everywhere())
        return response

    own = "nobody" if outer == "undecorated" else "alice"
    assert text_of(app, "/", callers.headers()) == f"{own} gateway {own}"
    assert after == [own]


def test_views_can_be_nested_in_each_other(app: Flask, callers: Callers) -> None:
    """Views of both authenticators, nested several times, each have their own caller before and after."""
    seen: list[str] = []

    def visit(remaining: int) -> str:
        seen.append(everywhere())
        if remaining:
            by = callers.gateway if remaining % 2 else callers.user
            by.requires_authentication(visit)(remaining=remaining - 1)
            seen.append(everywhere())
        return "visited"

    app.add_url_rule(
        "/", "view", callers.user.requires_authentication(visit), defaults={"remaining": 3}
    )
    text_of(app, "/", callers.headers())

    assert seen == ["alice", "gateway", "alice", "gateway", "alice", "gateway", "alice"]


def test_a_nested_view_that_raises_leaves_the_caller(app: Flask, callers: Callers) -> None:
    """If a nested view raises an error, or refuses, the outer view's caller is the same afterwards."""

    def fail() -> str:
        raise LookupError

    failing = callers.gateway.requires_authentication(fail)
    refusing = callers.gateway.requires_authentication(rules=[Scope("admin")])(showing())

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        with pytest.raises(LookupError):
            failing()
        after_error = everywhere()
        with pytest.raises(InsufficientScopeError):
            refusing()
        return f"{after_error} {everywhere()}"

    assert text_of(app, "/", callers.headers()) == "alice alice"


def test_a_decision_that_fails_leaves_the_caller(app: Flask, callers: Callers) -> None:
    """An error that isn't a refusal, in a strategy, leaves the caller of the outer view or of the guard."""

    class Broken:
        def extract(self, request: Request) -> BearerToken | None:
            raise LookupError

    broken = callers.user.evolve(extractor=Broken())
    callers.gateway.protect(app)
    nested = broken.requires_authentication(showing())
    app.add_url_rule("/broken", "broken", broken.requires_authentication(showing()))
    app.register_error_handler(LookupError, lambda error: everywhere())

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        with pytest.raises(LookupError):
            nested()
        return everywhere()

    assert text_of(app, "/", callers.headers()) == "alice"
    assert text_of(app, "/broken", callers.headers()) == "gateway"


def test_the_innermost_of_several_decorators_counts(app: Flask, callers: Callers) -> None:
    """With two decorators around a view, the inner one's caller is the view's, also after the view."""
    after: list[str] = []
    stacked = callers.gateway.requires_authentication(
        callers.user.requires_authentication(showing())
    )
    app.add_url_rule("/", "view", stacked)

    class Both(MethodView):
        decorators = (callers.gateway.requires_authentication,)

        @callers.user.requires_authentication
        def get(self) -> str:
            return everywhere()

    app.add_url_rule("/class", view_func=Both.as_view("class"))

    @app.after_request
    def look(response: Response) -> Response:
        after.append(everywhere())
        return response

    assert text_of(app, "/", callers.headers()) == "alice"
    assert text_of(app, "/class", callers.headers()) == "alice"
    assert after == ["alice", "alice"]


def test_a_view_that_calls_itself_is_nested(app: Flask, callers: Callers) -> None:
    """A caller that a view published by itself is the same after it has called itself."""
    calls: list[str] = []

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        calls.append(everywhere())
        if len(calls) == 1:
            callers.gateway.authenticate()
            view()
            calls.append(everywhere())
        return "in"

    @app.after_request
    def look(response: Response) -> Response:
        calls.append(everywhere())
        return response

    text_of(app, "/", callers.headers())

    assert calls == ["alice", "alice", "gateway", "gateway"]


def test_a_view_that_a_nested_view_calls_is_nested(app: Flask, callers: Callers) -> None:
    """It is nested even if it is the request's own view, behind a decorator around its class."""
    seen: list[str] = []

    class Reports(MethodView):
        decorators = (callers.gateway.requires_authentication,)

        @callers.user.requires_authentication
        def get(self) -> str:
            seen.append(everywhere())
            if len(seen) == 1:
                callers.gateway.authenticate()
                callers.user.requires_authentication(lambda: (self.get(), 200))()
            return "in"

    app.add_url_rule("/", view_func=Reports.as_view("reports"))

    @app.after_request
    def look(response: Response) -> Response:
        seen.append(everywhere())
        return response

    text_of(app, "/", callers.headers())

    assert seen == ["alice", "alice", "gateway"]


def test_a_wrapper_may_be_around_the_decorated_view(app: Flask, callers: Callers) -> None:
    """The view behind a wrapper that uses ``functools.wraps`` is the view that Flask calls."""
    after: list[str] = []

    def wrapper(view: Callable[[], str]) -> Callable[[], str]:
        @wraps(view)
        def wrapped() -> str:
            return view()

        return wrapped

    callers.gateway.protect(app)
    app.add_url_rule("/", "view", wrapper(callers.user.requires_authentication(showing())))

    @app.after_request
    def look(response: Response) -> Response:
        after.append(everywhere())
        return response

    assert text_of(app, "/", callers.headers()) == "alice"
    assert after == ["alice"]


@pytest.mark.parametrize("in_view", ["required", "optional", "guard", "undecorated"])
def test_authenticate_publishes_for_the_rest_of_the_view(
    app: Flask, callers: Callers, in_view: str
) -> None:
    """The caller that ``authenticate()`` returns is the view's from then on, and ``after_request``'s."""

    def view() -> str:
        before = everywhere()
        callers.gateway.authenticate()
        return f"{before} {everywhere()}"

    app.add_url_rule("/", "view", placed(in_view, view, app, callers))
    after: list[str] = []

    @app.after_request
    def look(response: Response) -> Response:
        after.append(everywhere())
        return response

    before = "nobody" if in_view == "undecorated" else "alice"
    assert text_of(app, "/", callers.headers()) == f"{before} gateway"
    assert after == ["gateway"]


def test_authenticate_in_a_nested_view_ends_with_it(app: Flask, callers: Callers) -> None:
    """What a nested view publishes by ``authenticate()`` isn't seen by the outer view."""

    @callers.user.requires_authentication
    def nested() -> str:
        callers.gateway.authenticate()
        return everywhere()

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        return f"{nested()} {everywhere()}"

    assert text_of(app, "/", callers.headers()) == "gateway alice"


@pytest.mark.parametrize("in_view", ["decorated", "guard"])
def test_a_refused_authenticate_leaves_the_callers(
    app: Flask, callers: Callers, in_view: str
) -> None:
    """An ``authenticate()`` that refuses leaves the view's caller as it was, and ``flask.g``, too."""
    strict = callers.gateway.evolve(validator=JWTValidator(rules=[lambda claims: False]))

    def view() -> Any:
        g.json_token = {"sub": "alice", "renamed": True}
        for refusing in strict, callers.gateway.evolve(policies=[Scope("admin")]):
            with pytest.raises(AuthenticationError):
                refusing.authenticate()
        return jsonify(everywhere(), g.json_token)

    if in_view == "guard":
        callers.user.protect(app)
        app.add_url_rule("/", "view", view)
    else:
        app.add_url_rule("/", "view", callers.user.requires_authentication(view))

    response = app.test_client().get("/", headers=callers.headers())

    assert response.json == ["alice", {"sub": "alice", "renamed": True}]


def test_a_refusal_shows_nobody_elses_caller(app: Flask, callers: Callers) -> None:
    """Behind a guard that accepts, a view's refusal leaves no caller in ``after_request``."""
    callers.gateway.protect(app)
    app.add_url_rule("/", "view", callers.user.requires_authentication(showing()))
    after: list[str] = []

    @app.after_request
    def look(response: Response) -> Response:
        after.append(everywhere())
        return response

    assert app.test_client().get("/", headers=callers.headers(user=None)).status_code == 401
    assert after == ["nobody"]


def test_the_applications_assignments_come_back(app: Flask, callers: Callers) -> None:
    """What a view assigned to ``flask.g`` comes back after a nested view, which doesn't see it."""
    nested = callers.gateway.requires_authentication(lambda: str(g.json_token["sub"]))

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        g.json_token = {"sub": "renamed"}
        return f"{nested()} {g.json_token['sub']}"

    assert text_of(app, "/", callers.headers()) == "gateway renamed"
