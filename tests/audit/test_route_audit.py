"""The route audit of generated apps, compared with what their routes do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import flask_restful
import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

import flask_jwtlib
from flask_jwtlib import Authenticator, public
from flask_jwtlib._flask import decorator_order as _decorator_order
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.testing import TokenIssuer

AUTH = Authenticator(keys=TokenIssuer().verification_key)
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "DELETE")
Ran = list[str]


def wrapping(view: Any) -> Any:
    """Wrap a view with ``functools.wraps``."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def bypassing(view: Any) -> Any:
    """Wrap a view with its attributes, and call the innermost function."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return inspect.unwrap(view)(*args, **kwargs)

    return wrapper


def hiding(view: Any) -> Any:
    """Wrap a view without a trace of it, except in the closure."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


class Object:
    """A callable that calls the innermost function."""

    def __init__(self, view: Any) -> None:
        self.view = view

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return inspect.unwrap(self.view)(*args, **kwargs)


DECORATORS: dict[str, Callable[[Any], Any]] = {
    "required": AUTH.requires_authentication,
    "required()": AUTH.requires_authentication(rules=[]),
    "required, partial": functools.partial(AUTH.requires_authentication, rules=[]),
    "optional": AUTH.optional_authentication,
    "optional()": AUTH.optional_authentication(rules=[]),
    "module required": flask_jwtlib.requires_authentication,
    "module optional": flask_jwtlib.optional_authentication,
    "wraps": wrapping,
    "bypasses": bypassing,
    "hides": hiding,
    "object": Object,
    "partial": functools.partial,
    "static": staticmethod,
    "public": public,
}
OURS = [decorator for name, decorator in DECORATORS.items() if "re" in name or "opt" in name]
stacks = st.lists(st.sampled_from(list(DECORATORS.values())), max_size=3)


def stacked(view: Any, decorators: list[Any]) -> Any:
    """Put decorators around a view."""
    for decorator in decorators:
        # A staticmethod can't be marked.
        if not (decorator is public and isinstance(view, staticmethod)):
            view = decorator(view)
    return view


def handler(ran: Ran) -> Any:
    """Make a function that records that it ran."""

    def view(*_: Any, **__: Any) -> str:
        ran.append("ran")
        return "body"

    return view


class Caller:
    """An object that is a view, or has a method that is one."""

    def __init__(self, function: Any) -> None:
        self.function = function


def functions(draw: Any, ran: Ran) -> Any:
    """A view that isn't made from a view class."""
    view = stacked(handler(ran), draw(stacks))
    kind = draw(st.sampled_from(["function", "async", "bound method", "callable", "partial"]))
    if kind == "async":

        async def asynchronous(*_: Any, **__: Any) -> str:
            ran.append("ran")
            return "body"

        # Foreign wrappers wouldn't await it.
        return stacked(asynchronous, draw(st.lists(st.sampled_from(OURS), max_size=3)))
    if kind in ("bound method", "callable"):
        cls = type("Made", (Caller,), {"method": view, "__call__": view})
        view = cls(view).method if kind == "bound method" else cls(view)
    if kind == "partial":
        view = functools.partial(view)
    return stacked(view, draw(stacks))


def replaces_itself(self: Any, *_: Any, **__: Any) -> None:
    """Give an instance its own undecorated ``get``."""
    self.get = inspect.unwrap(type(self).get)


def super_dispatch(self: Any, **kwargs: Any) -> Any:
    """Dispatch every method to the undecorated ``get``."""
    return inspect.unwrap(type(self).get)(self, **kwargs)


def bypasses(draw: Any, base: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Make a class call something other than its decorated methods."""
    trick = draw(st.sampled_from(["", "", "", "init", "dispatch", "property", "guarded dispatch"]))
    if trick == "guarded dispatch":
        return {"dispatch_request": stacked(base.dispatch_request, draw(stacks))}
    if "get" not in body or not trick:
        return {}
    bare = inspect.unwrap(body["get"])
    return {
        "init": {"__init__": replaces_itself},
        "dispatch": {"dispatch_request": super_dispatch},
        "property": {"get": property(lambda self: functools.partial(bare, self))},
    }[trick]


def classes(draw: Any, ran: Ran) -> Any:
    """A view made by a view class's ``as_view``."""
    base = draw(st.sampled_from([View, MethodView, flask_restful.Resource]))
    body: dict[str, Any] = {"init_every_request": draw(st.booleans())}
    for name in draw(st.sets(st.sampled_from([method.lower() for method in METHODS]))):
        body[name] = stacked(handler(ran), draw(stacks))
    if base is View:
        body["methods"] = ["GET", "POST"]
        body["dispatch_request"] = stacked(handler(ran), draw(stacks))
    if draw(st.booleans()):
        body["decorators"] = [one for one in draw(stacks) if one is not staticmethod]
    if draw(st.booleans()):
        found = draw(stacks)
        body["method_decorators"] = draw(st.sampled_from([found, {"get": found, "post": found}]))
    body.update(bypasses(draw, base, body))
    cls = type(base)("Generated", (base,), body)
    if draw(st.booleans()):
        cls = public(cls)
    view = cls.as_view("generated")
    if base is flask_restful.Resource:
        view = flask_restful.Api(Flask("api")).output(view)
    return view


def as_guard(draw: Any) -> Any:
    """Make a ``before_request`` function: a guard, or one that may bypass a guard."""
    guard = AUTH.guard()
    return draw(
        st.sampled_from([guard, functools.wraps(guard)(lambda: None), hiding(guard), lambda: None])
    )


@st.composite
def apps(draw: Any) -> tuple[Flask, Ran]:
    """Generate an app with guarded views of many kinds, and a record of those that ran."""
    ran: Ran = []
    app = Flask("generated", static_folder=None)
    # This test isn't about the search, whose errors would keep the views from running.
    _decorator_order._searched.add(app)
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    for number in range(draw(st.integers(1, 3))):
        view = draw(st.sampled_from([functions, classes]))(draw, ran)
        methods = draw(st.sampled_from([None, ["GET"], ["GET", "POST"], ["HEAD"], list(METHODS)]))
        rule, name = f"/{number}/", f"view{number}"
        place = draw(st.sampled_from(["app", "outer", "inner", "by hand", "rule"]))
        if place == "by hand":
            app.add_url_rule(rule, name, handler(ran), methods=methods)
            app.view_functions[name] = view
        elif place == "rule":
            app.url_map.add(Rule(rule, endpoint=name, methods=methods))
            app.view_functions[name] = view
        else:
            target = {"app": app, "outer": outer, "inner": inner}[place]
            target.add_url_rule(rule, name, view, methods=methods)
    for target in draw(st.lists(st.sampled_from([app, outer, inner]), max_size=2)):
        target.before_request(as_guard(draw))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app, ran


def results(app: Flask, ran: Ran) -> Iterator[tuple[str, str, str, int]]:
    """Yield rule, method, the audit's access, and the status, or 0 if the view ran."""
    reported = {
        (access.rule, method): access.access
        for access in route_accesses(app)
        for method in access.methods
    }
    for rule in app.url_map.iter_rules():
        for method in METHODS:
            if rule.methods is not None and method not in rule.methods:
                continue
            access = reported.get((rule.rule, method))
            if access is None and method == "HEAD":
                # HEAD has no entry if it is handled like GET.
                access = reported.get((rule.rule, "GET"))
            access = access or reported.get((rule.rule, "*"))
            ran.clear()
            response = app.test_client().open(rule.rule, method=method)
            yield rule.rule, method, access or "Flask itself", 0 if ran else response.status_code


# From Python 3.13 on: generated methods include partials.
@pytest.mark.filterwarnings("ignore:functools.partial will be a method:FutureWarning")
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(apps())
def test_a_required_route_refuses_requests_without_a_token(generated: tuple[Flask, Ran]) -> None:
    """Without a token, "required" routes run no view, and "open" routes refuse no request."""
    app, ran = generated
    for rule, method, access, status in results(app, ran):
        if access in ("required", "Flask itself"):
            assert status != 0, (rule, method, access)
        if access in ("open", "public"):
            assert status != 401, (rule, method, access)
