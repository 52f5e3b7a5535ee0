"""Generated routes: what the audit lists, what refusals advertise and what is enforced agree."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flask_cors
import flask_restful
from flask import Blueprint, Flask
from flask.views import MethodView, View
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import AppAuthenticator, Authenticator, Scope, public
from flask_jwtlib.audit import RouteAccess, route_accesses
from flask_jwtlib.testing import TokenIssuer, bearer

ISSUER = TokenIssuer()
COMPOSED = Authenticator(keys=ISSUER.verification_key, policies=[Scope("own")])
METHODS = ("GET", "POST", "HEAD")
NAMES = ("one", "two", "three", "four", "five", "six")

# The kind of a decorator, without or with the scope that it needs.
Decorator = tuple[str, str | None]
PLAIN = st.tuples(st.sampled_from(["wraps", "cors", "partial", "public"]), st.none())
OURS = st.tuples(st.sampled_from(["required", "optional"]), st.none() | st.sampled_from(NAMES))
DECORATORS = st.lists(PLAIN | OURS, max_size=3)
GUARDS = st.none() | st.tuples(st.sampled_from(["protect", "guard"]), st.sampled_from(NAMES))


def wrapping(view: Any) -> Any:
    """Wrap a view with ``functools.wraps``."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def decorator_of(auth: Any, kind: str, scope: str | None) -> Callable[[Any], Any]:
    """Return a decorator."""
    rules = [] if scope is None else [Scope(scope)]
    made: dict[str, Callable[[Any], Any]] = {
        "wraps": wrapping,
        "cors": flask_cors.cross_origin(automatic_options=False),
        "partial": functools.partial,
        "public": public,
        "required": auth.requires_authentication(rules=rules),
        "optional": auth.optional_authentication(rules=rules),
    }
    return made[kind]


def decorated(auth: Any, view: Any, decorators: list[Decorator]) -> Any:
    """Apply decorators, the first as the innermost."""
    for kind, scope in decorators:
        view = decorator_of(auth, kind, scope)(view)
    return view


def view_of(auth: Any, shape: str, inner: list[Decorator], outer: list[Decorator]) -> Any:
    """Make a view: a function, or a class that is decorated inside and outside."""

    def function(*_: Any, **__: Any) -> str:
        return "in"

    if shape == "function":
        return decorated(auth, function, inner + outer)
    # A partial isn't bound to an instance.
    method = decorated(auth, function, [each for each in inner if each[0] != "partial"])
    if shape == "dispatch":
        kind: Any = type("Page", (View,), {"dispatch_request": method})
    elif shape == "methods":
        kind = type("Texts", (MethodView,), {"get": function, "post": method})
    else:
        decorators: Any = [decorator_of(auth, *each) for each in outer if each in inner]
        kind = type("Texts", (flask_restful.Resource,), {"get": method, "post": function})
        kind.method_decorators = {"get": decorators} if shape == "by method" else decorators
    return decorated(auth, kind.as_view("it"), outer)


def app_of(
    auth: Any, shape: str, inner: list[Decorator], outer: list[Decorator], guards: list[Any]
) -> Flask:
    """Make an app with one route."""
    app = Flask("generated", static_folder=None)
    if isinstance(auth, AppAuthenticator):
        auth.init_app(app)
    api = Blueprint("api", "api")
    app_guard, blueprint_guard = guards
    if blueprint_guard is not None:
        api.before_request(auth.guard(rules=[Scope(blueprint_guard[1])]))
    view = view_of(auth, shape, inner, outer)
    api.add_url_rule("/", "it", view, methods=METHODS, provide_automatic_options=False)
    app.register_blueprint(api)
    if app_guard is not None and app_guard[0] == "protect":
        auth.protect(app, rules=[Scope(app_guard[1])])
    elif app_guard is not None:
        app.before_request(auth.guard(rules=[Scope(app_guard[1])]))
    return app


class Case:
    """A route's method, as listed."""

    def __init__(self, app: Flask, access: RouteAccess) -> None:
        self.client = app.test_client()
        self.access = access
        self.method = access.methods[0]
        self.scopes = [scope for policy in access.policies for scope in policy.scopes]

    def response(self, *scopes: str) -> Any:
        """Request the route with a token that has some scopes."""
        token = ISSUER.token(scope=" ".join(scopes))
        return self.client.open("/", method=self.method, headers=bearer(token))

    def check(self) -> None:
        """Check that what is listed is enforced and advertised, no more and no less."""
        assert self.response(*self.scopes).status_code == 200
        needed = f'scope="{" ".join(self.scopes)}"'
        for missing in self.scopes:
            refused = self.response(*(each for each in self.scopes if each != missing))
            assert refused.status_code == 403
            assert needed in refused.headers["WWW-Authenticate"]
        anonymous = self.client.open("/", method=self.method)
        assert anonymous.status_code == (401 if self.access.access == "required" else 200)
        if self.access.access == "required":
            assert anonymous.headers["WWW-Authenticate"] == (
                f"Bearer {needed}" if self.scopes else "Bearer"
            )


@settings(max_examples=300)
@given(
    st.booleans(),
    st.sampled_from(["function", "dispatch", "methods", "resource", "by method"]),
    DECORATORS,
    DECORATORS,
    st.tuples(GUARDS, GUARDS),
)
def test_what_is_listed_is_enforced_and_advertised(
    late: bool, shape: str, inner: list[Decorator], outer: list[Decorator], guards: list[Any]
) -> None:
    """Whatever guards and decorators a route has, it needs exactly the scopes that the audit lists."""
    auth = AppAuthenticator(lambda _: COMPOSED) if late else COMPOSED
    app = app_of(auth, shape, inner, outer, guards)

    for access in route_accesses(app):
        assert access.authenticators in ((), (COMPOSED,))
        if access.access != "unknown":
            Case(app, access).check()
