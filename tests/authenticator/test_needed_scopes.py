"""The scopes that refusals name: all that the route needs, and those of no other route."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import flask_cors
import flask_restful
import flask_restx
import flask_smorest
import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    KeyProvider,
    Scope,
    TokenValidator,
    public,
)
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.errors import ForbiddenError, InsufficientScopeError, InvalidTokenError, Refusal
from flask_jwtlib.testing import TokenIssuer, bearer

A, B = Scope("a"), Scope("b")


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


def decorated(app: Flask, auth: Any) -> None:
    """Require both scopes by one decorator."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A, B])(fresh()))


def decorated_twice(app: Flask, auth: Any) -> None:
    """Require each scope by a decorator of its own."""
    inner = auth.requires_authentication(rules=[B])(fresh())
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A])(inner))


def combined(app: Flask, auth: Any) -> None:
    """Require both scopes by one policy."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A & B])(fresh()))


def behind_protect(app: Flask, auth: Any) -> None:
    """Require the first scope by deny-by-default, and the second by a decorator."""
    auth.protect(app, rules=[A])
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[B])(fresh()))


def protected_only(app: Flask, auth: Any) -> None:
    """Require both scopes by deny-by-default."""
    auth.protect(app, rules=[A, B])
    app.add_url_rule("/", "it", fresh())


def behind_a_blueprints_guard(app: Flask, auth: Any) -> None:
    """Require the first scope by the guard of a blueprint."""
    api = Blueprint("api", "api")
    api.before_request(auth.guard(rules=[A]))
    api.add_url_rule("/", "it", auth.requires_authentication(rules=[B])(fresh()))
    app.register_blueprint(api)


def behind_nested_guards(app: Flask, auth: Any) -> None:
    """Require each scope by the guard of another blueprint."""
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    outer.before_request(auth.guard(rules=[A]))
    inner.before_request(auth.guard(rules=[B]))
    inner.add_url_rule("/", "it", fresh())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def method_view(app: Flask, auth: Any) -> None:
    """Require one scope of the whole class, and one for the method."""

    class Texts(MethodView):
        decorators: ClassVar = [auth.requires_authentication(rules=[A])]

        @auth.requires_authentication(rules=[B])
        def get(self) -> str:
            return "in"

        @auth.requires_authentication(rules=[Scope("c")])
        def post(self) -> str:
            return "in"

    app.add_url_rule("/", view_func=Texts.as_view("it"))


def dispatch_request(app: Flask, auth: Any) -> None:
    """Require the scopes where a view class dispatches."""

    class Page(View):
        init_every_request = False

        @auth.requires_authentication(rules=[A, B])
        def dispatch_request(self) -> str:
            return "in"

    app.add_url_rule("/", view_func=Page.as_view("it"))


def resource(app: Flask, auth: Any, library: Any, **attributes: Any) -> None:
    """Serve a resource whose method needs the second scope."""
    get = auth.requires_authentication(rules=[B])(fresh())
    kind = type(library.Resource)("Texts", (library.Resource,), {"get": get, **attributes})
    library.Api(app).add_resource(kind, "/texts", endpoint="texts")


def restful(app: Flask, auth: Any) -> None:
    """Require the first scope by ``method_decorators``."""
    resource(app, auth, flask_restful, method_decorators=[auth.requires_authentication(rules=[A])])


def restful_by_method(app: Flask, auth: Any) -> None:
    """Require the first scope by ``method_decorators`` of the method only."""
    decorators = {
        name: [auth.requires_authentication(rules=[scope])]
        for name, scope in (("get", A), ("post", Scope("c")))
    }
    resource(app, auth, flask_restful, method_decorators=decorators)


def restx(app: Flask, auth: Any) -> None:
    """Require the first scope by ``method_decorators``."""
    resource(app, auth, flask_restx, method_decorators=[auth.requires_authentication(rules=[A])])


def restx_namespace(app: Flask, auth: Any) -> None:
    """Require the first scope by the decorators of a namespace."""
    namespace = flask_restx.Namespace("texts", decorators=[auth.requires_authentication(rules=[A])])
    get = auth.requires_authentication(rules=[B])(fresh())
    kind = type("Texts", (flask_restx.Resource,), {"get": get})
    namespace.add_resource(kind, "/", endpoint="texts")
    flask_restx.Api(app).add_namespace(namespace)


def smorest(app: Flask, auth: Any) -> None:
    """Require both scopes in a view class of Flask-smorest."""
    app.config.update(API_TITLE="texts", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    blueprint = flask_smorest.Blueprint("api", "api")

    @blueprint.route("/")
    class Texts(MethodView):
        @auth.requires_authentication(rules=[A])
        @blueprint.response(200)
        @auth.requires_authentication(rules=[B])
        def get(self) -> str:
            return "in"

    flask_smorest.Api(app).register_blueprint(blueprint)


def cross_origin(app: Flask, auth: Any) -> None:
    """Require both scopes below Flask-CORS's decorator."""
    view = auth.requires_authentication(rules=[A, B])(fresh())
    app.add_url_rule("/", "it", flask_cors.cross_origin()(view))


class Pages:
    """Has views, some of them without a function of its own."""

    def __init__(self, auth: Any) -> None:
        decorate = auth.requires_authentication(rules=[A, B])

        class Page:
            @decorate
            def method(self) -> str:
                return "in"

            @decorate
            def __call__(self) -> str:
                return "in"

        self.page = Page()


def bound_method(app: Flask, auth: Any) -> None:
    """Serve a decorated method of an object."""
    app.add_url_rule("/", "it", Pages(auth).page.method)


def callable_object(app: Flask, auth: Any) -> None:
    """Serve an object whose ``__call__`` is decorated."""
    app.add_url_rule("/", "it", Pages(auth).page)


def partial_view(app: Flask, auth: Any) -> None:
    """Serve a partial of a decorated function."""
    app.add_url_rule("/", "it", partial(auth.requires_authentication(rules=[A, B])(fresh()), 1))


ROUTES = [
    *(decorated, decorated_twice, combined, behind_protect, protected_only),
    *(behind_a_blueprints_guard, behind_nested_guards, method_view, dispatch_request),
    *(restful, restful_by_method, restx, restx_namespace, smorest, cross_origin),
    *(bound_method, callable_object, partial_view),
]


@pytest.mark.parametrize("late", [False, True], ids=["Authenticator", "AppAuthenticator"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_refusal_names_all_scopes_of_the_route(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, route: Callable[..., None], late: bool
) -> None:
    """A client without a token, with an expired one, and with one that lacks a scope is told both scopes."""
    used: Any = AppAuthenticator(lambda _: auth) if late else auth
    if late:
        used.init_app(app)
    route(app, used)
    path = "/texts" if "texts" in app.view_functions else "/"
    path = "/texts/" if route is restx_namespace else path
    client = app.test_client()

    def get(token: str | None) -> Any:
        return client.get(path, headers={} if token is None else bearer(token))

    expected = {
        401: [None, issuer.token(exp=1), issuer.token(exp=1, scope="a b"), "x"],
        403: [issuer.token(), issuer.token(scope="a"), issuer.token(scope="b")],
    }
    for status, tokens in expected.items():
        for response in map(get, tokens):
            assert response.status_code == status
            assert 'scope="a b"' in response.headers["WWW-Authenticate"]
    assert get(issuer.token(scope="a b")).status_code == 200
    listed = [
        {scope for policy in access.policies for scope in policy.scopes}
        for access in route_accesses(app)
        if access.endpoint == app.url_map.bind("").match(path)[0] and "GET" in access.methods
    ]
    assert listed == [{"a", "b"}]


def test_methods_of_a_view_class_have_their_own_scopes(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Each method names only its own scopes. HEAD is handled by ``get``, so it names those of GET."""
    method_view(app, auth)
    client = app.test_client()

    for headers in ({}, bearer(issuer.token())):
        for method, scopes in (("GET", "a b"), ("HEAD", "a b"), ("POST", "a c")):
            challenge = client.open("/", method=method, headers=headers).headers["WWW-Authenticate"]
            assert f'scope="{scopes}"' in challenge


def test_two_authenticators_name_only_their_own_scopes(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A client of one Authenticator is not asked for scopes of the other's tokens."""
    other = Authenticator(keys=other_issuer.verification_key, policies=[Scope("z")])
    app.add_url_rule("/other", "other", other.requires_authentication(rules=[B])(fresh()))
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A])(fresh()))
    both = other.requires_authentication(rules=[B])(fresh())
    app.add_url_rule("/both", "both", auth.optional_authentication(rules=[A])(both))
    client = app.test_client()

    for path, signer, scopes in (
        ("/", issuer, "a"),
        ("/other", other_issuer, "z b"),
        # The first Authenticator takes this token's caller for a guest.
        ("/both", other_issuer, "z b"),
    ):
        for headers in ({}, bearer(signer.token())):
            challenge = client.get(path, headers=headers).headers["WWW-Authenticate"]
            assert f'scope="{scopes}"' in challenge
    # The caller of the first lacks the scope, and is told nothing about the second.
    challenge = client.get("/both", headers=bearer(issuer.token())).headers["WWW-Authenticate"]
    assert 'scope="a"' in challenge


def test_a_guards_scopes_are_not_named_where_it_does_not_apply(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A public view, and an endpoint named in ``public``, name only their own scopes."""
    auth.protect(app, public=["named"], rules=[A])
    require_b = auth.requires_authentication(rules=[B])
    app.add_url_rule("/marked", "marked", public(require_b(fresh())))
    app.add_url_rule("/named", "named", require_b(fresh()))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(rules=[B])(fresh()))
    client = app.test_client()

    for path in ("/marked", "/named"):
        challenge = client.get(path, headers=bearer(issuer.token())).headers["WWW-Authenticate"]
        assert 'scope="b"' in challenge
    # The app's rules hold for the callers of an optional view, too.
    optional = client.get("/optional", headers=bearer(issuer.token()))
    assert 'scope="a b"' in optional.headers["WWW-Authenticate"]
    assert 'scope="a"' in client.get("/unknown").headers["WWW-Authenticate"]


SHARED: dict[str, tuple[Refusal, str]] = {
    "401": (InvalidTokenError("revoked"), 'scope="{}"'),
    "insufficient scope": (InsufficientScopeError("s"), 'scope="{} s"'),
    "403": (ForbiddenError("blocked"), ""),
}


@pytest.mark.parametrize(("shared", "named"), SHARED.values(), ids=SHARED)
def test_two_routes_never_see_each_others_scopes(app: Flask, shared: Refusal, named: str) -> None:
    """A validator may raise one error again and again: each route adds its scopes to a copy."""

    class Refuses(TokenValidator):
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            raise shared

    auth = Authenticator(validator=Refuses())
    for scope in ("one", "two"):
        view = auth.requires_authentication(rules=[Scope(scope)])(fresh())
        app.add_url_rule(f"/{scope}", scope, view)
    before = dict(vars(shared))

    for scope in ("one", "two", "one"):
        response = app.test_client().get(f"/{scope}", headers=bearer("x"))
        challenge = response.headers.get("WWW-Authenticate", "")
        assert challenge.endswith(named.format(scope))
        assert bool(challenge) is bool(named)
    assert vars(shared) == before
    assert shared.__traceback__ is None
