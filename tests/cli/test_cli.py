"""Who may call the routes of an app, as ``flask jwtlib routes`` lists them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View
from flask_restful import Api, Resource

import flask_jwtlib
from flask_jwtlib import Authenticator, public
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def view() -> str:
    """A view without a guard."""
    return "seen"


def fresh_view() -> Callable[[], str]:
    """A view function that no other test has decorated."""

    def view() -> str:
        return "seen"

    return view


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator to guard views with."""
    return Authenticator(keys=issuer.verification_key)


def listed(app: Flask, endpoint: str) -> list[tuple[str, str, str]]:
    """Return what the audit lists for an endpoint: methods, access and reason."""
    return [
        (",".join(access.methods), access.access, access.by)
        for access in route_accesses(app)
        if access.endpoint == endpoint
    ]


def access_by_request(app: Flask, path: str, method: str, issuer: TokenIssuer) -> str:
    """Return a route's real access, found by requests with a valid token and without one."""
    client = app.test_client()
    assert client.open(path, method=method, headers=bearer(issuer.token())).status_code == 200
    anonymous = client.open(path, method=method).status_code == 200
    return "open" if anonymous else "required"


DECORATIONS: dict[str, tuple[Callable[[Authenticator], Callable[[Any], Any]], str]] = {
    "required": (lambda auth: auth.requires_authentication, "required"),
    "required with parentheses": (lambda auth: auth.requires_authentication(), "required"),
    "required by the module": (lambda auth: flask_jwtlib.requires_authentication, "required"),
    "optional": (lambda auth: auth.optional_authentication, "optional"),
    "optional with parentheses": (lambda auth: auth.optional_authentication(), "optional"),
    "optional by the module": (lambda auth: flask_jwtlib.optional_authentication, "optional"),
    "optional around required": (
        lambda auth: lambda view: auth.optional_authentication(auth.requires_authentication(view)),
        "required",
    ),
    "required around optional": (
        lambda auth: lambda view: auth.requires_authentication(auth.optional_authentication(view)),
        "required",
    ),
}


@pytest.mark.parametrize(("decoration", "access"), DECORATIONS.values(), ids=DECORATIONS)
def test_a_decorated_view_is_listed_with_the_strictest_decorator(
    app: Flask,
    auth: Authenticator,
    decoration: Callable[[Authenticator], Callable[[Any], Any]],
    access: str,
) -> None:
    """A view with several decorators is listed with the access of the strictest one."""
    app.add_url_rule("/", "it", decoration(auth)(fresh_view()))

    assert listed(app, "it") == [("GET", access, "decorator")]


def test_an_async_view_is_listed(app: Flask, auth: Authenticator) -> None:
    """A decorated async view is listed as required."""

    @app.route("/")
    @auth.requires_authentication
    async def it() -> str:
        return ""

    assert listed(app, "it") == [("GET", "required", "decorator")]


def test_an_undecorated_view_is_open(app: Flask) -> None:
    """A view without a guard is listed as open, with no reason."""
    app.add_url_rule("/", "it", view)

    assert listed(app, "it") == [("GET", "open", "")]


def test_a_public_view_is_listed_as_public(app: Flask) -> None:
    """A view marked public is listed as public, not as open."""
    app.add_url_rule("/", "it", public(fresh_view()))

    assert listed(app, "it") == [("GET", "public", "@public")]


def test_protect_guards_all_but_public_views(app: Flask, auth: Authenticator) -> None:
    """Under default-deny, the static route and plain views are required; public views are not."""
    app.add_url_rule("/", "it", view)
    app.add_url_rule("/health", "health", public(fresh_view()))
    auth.protect(app)

    assert listed(app, "it") == [("GET", "required", "guard of the app")]
    assert listed(app, "static") == [("GET", "required", "guard of the app")]
    assert listed(app, "health") == [("GET", "public", "@public")]


def test_a_guard_is_stricter_than_an_optional_decorator(app: Flask, auth: Authenticator) -> None:
    """An optional view behind a guard is required, because the guard refuses anonymous callers."""
    app.add_url_rule("/", "it", auth.optional_authentication(fresh_view()))
    app.before_request(auth.guard())

    assert listed(app, "it") == [("GET", "required", "guard of the app")]


@pytest.mark.parametrize(
    ("kind", "access"),
    [("requires_authentication", "required"), ("optional_authentication", "optional")],
)
def test_a_public_view_with_a_decorator_is_listed_by_its_decorator(
    app: Flask, auth: Authenticator, kind: str, access: str
) -> None:
    """A view that is both public and decorated is listed with its decorator's access."""
    app.add_url_rule("/", "it", public(getattr(auth, kind)(fresh_view())))
    auth.protect(app)

    assert listed(app, "it") == [
        ("GET", kind.split("_", maxsplit=1)[0].replace("requires", "required"), "decorator")
    ]


def test_a_blueprints_guard_covers_its_views_and_nested_blueprints(
    app: Flask, auth: Authenticator
) -> None:
    """A blueprint's guard covers its own views and those of nested blueprints, and no others."""
    outer, inner, other = (Blueprint(name, name) for name in ("outer", "inner", "other"))
    for blueprint in (outer, inner, other):
        blueprint.add_url_rule(f"/{blueprint.name}", "it", view)
    outer.before_request(auth.guard())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(other)

    assert listed(app, "outer.it") == [("GET", "required", "guard of blueprint outer")]
    assert listed(app, "outer.inner.it") == [("GET", "required", "guard of blueprint outer")]
    assert listed(app, "other.it") == [("GET", "open", "")]


def test_a_nested_blueprints_guard_covers_only_its_own_views(
    app: Flask, auth: Authenticator
) -> None:
    """A nested blueprint's guard doesn't cover the blueprint around it."""
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    for blueprint in (outer, inner):
        blueprint.add_url_rule(f"/{blueprint.name}", "it", view)
    inner.before_request(auth.guard())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    assert listed(app, "outer.inner.it") == [("GET", "required", "guard of blueprint outer.inner")]
    assert listed(app, "outer.it") == [("GET", "open", "")]


def test_other_before_request_functions_are_not_guards(app: Flask) -> None:
    """The application's own ``before_request`` functions don't make a route required."""
    app.before_request(lambda: None)
    app.add_url_rule("/", "it", view)

    assert listed(app, "it") == [("GET", "open", "")]


def test_differently_guarded_methods_get_a_line_each(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Methods of one MethodView with different access are listed on separate lines."""

    class Things(MethodView):
        def get(self) -> str:
            return ""

        @auth.optional_authentication
        def patch(self) -> str:
            return ""

        @auth.requires_authentication
        def post(self) -> str:
            return ""

        @auth.requires_authentication()
        def delete(self) -> str:
            return ""

    app.add_url_rule("/things", view_func=Things.as_view("things"))

    assert listed(app, "things") == [
        ("DELETE,POST", "required", "decorator"),
        ("GET", "open", ""),
        ("PATCH", "optional", "decorator"),
    ]
    for method, access in {"DELETE": "required", "GET": "open", "PATCH": "open"}.items():
        assert access_by_request(app, "/things", method, issuer) == access


def test_hand_written_head_and_options_are_listed(app: Flask, auth: Authenticator) -> None:
    """HEAD and OPTIONS are listed where the application handles them, not where Flask does."""

    class Things(MethodView):
        @auth.requires_authentication
        def get(self) -> str:
            return ""

        def head(self) -> str:
            return ""

        def options(self) -> str:
            return ""

    app.add_url_rule("/things", view_func=Things.as_view("things"))
    app.add_url_rule("/plain", "plain", view, methods=["GET", "POST"])

    assert listed(app, "things") == [
        ("GET", "required", "decorator"),
        ("HEAD,OPTIONS", "open", ""),
    ]
    assert listed(app, "plain") == [("GET,POST", "open", "")]


def test_decorators_of_a_view_class_cover_all_its_methods(app: Flask, auth: Authenticator) -> None:
    """A view class's ``decorators``, or a decorator on its dispatch, cover every method."""

    class ByList(MethodView):
        decorators: ClassVar = [auth.requires_authentication]

        def get(self) -> str:
            return ""

        @auth.optional_authentication
        def post(self) -> str:
            return ""

    class ByDispatch(View):
        methods: ClassVar = ["GET", "POST"]

        @auth.requires_authentication
        def dispatch_request(self) -> str:
            return ""

    app.add_url_rule("/list", view_func=ByList.as_view("list"))
    app.add_url_rule("/dispatch", view_func=ByDispatch.as_view("dispatch"))

    assert listed(app, "list") == [("GET,POST", "required", "decorator")]
    assert listed(app, "dispatch") == [("GET,POST", "required", "decorator")]


def test_a_custom_dispatch_may_bypass_a_decorator(app: Flask, auth: Authenticator) -> None:
    """In a class that isn't a MethodView, the audit can't tell whether ``get`` is called."""

    class Plain(View):
        @auth.requires_authentication
        def get(self) -> str:
            return ""

        def dispatch_request(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Plain.as_view("plain"))

    assert listed(app, "plain") == [
        ("GET", "unknown", "dispatch_request in tests.cli.test_cli may bypass a decorator")
    ]


def test_a_public_view_class_is_listed_as_public(app: Flask, auth: Authenticator) -> None:
    """A class marked public is listed as public under default-deny."""

    @public
    class Health(MethodView):
        def get(self) -> str:
            return ""

    app.add_url_rule("/health", view_func=Health.as_view("health"))
    auth.protect(app)

    assert listed(app, "health") == [("GET", "public", "@public")]


def test_a_method_without_a_handler_is_listed_by_the_class(app: Flask, auth: Authenticator) -> None:
    """A method that the rule allows but the class doesn't handle has the access of the class."""

    class Things(MethodView):
        decorators: ClassVar = [auth.requires_authentication]

        def get(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Things.as_view("things"), methods=["GET", "PUT"])

    assert listed(app, "things") == [("GET,PUT", "required", "decorator")]


@pytest.mark.parametrize(
    "shape", [list, lambda decorators: {"get": decorators}], ids=["list", "mapping"]
)
def test_method_decorators_of_flask_restful_count(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, shape: Callable[[Any], Any]
) -> None:
    """A Flask-RESTful resource's ``method_decorators`` count, as a list and as a dict by method."""

    class Things(Resource):  # type: ignore[misc]
        method_decorators = shape([auth.requires_authentication])

        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    Api(app).add_resource(Things, "/things")

    found = {
        method: access
        for methods, access, _ in listed(app, "things")
        for method in methods.split(",")
    }
    assert found == {method: access_by_request(app, "/things", method, issuer) for method in found}
    assert found["GET"] == "required"
    assert found["POST"] == ("required" if shape is list else "open")


def test_resources_with_decorated_methods_are_listed_by_method(
    app: Flask, auth: Authenticator
) -> None:
    """A Flask-RESTful resource with decorated methods is listed method by method."""

    class Things(Resource):  # type: ignore[misc]
        @auth.requires_authentication
        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    Api(app).add_resource(Things, "/things")

    assert listed(app, "things") == [("GET", "required", "decorator"), ("POST", "open", "")]


def test_a_view_that_is_not_a_function_is_listed(app: Flask) -> None:
    """A view without a ``__dict__`` or a name of its own is listed as others are."""
    app.add_url_rule("/", "it", partial(str, "seen"))

    assert listed(app, "it") == [("GET", "open", "")]


def test_rules_without_a_view_are_listed_by_their_guards(app: Flask, auth: Authenticator) -> None:
    """A rule without a view is listed by its guards; a build-only rule is not listed."""
    app.add_url_rule("/nowhere", "nowhere")
    app.add_url_rule("/built", "built", build_only=True)

    assert listed(app, "nowhere") == [("GET", "open", "")]
    assert listed(app, "built") == []

    auth.protect(app)
    assert listed(app, "nowhere") == [("GET", "required", "guard of the app")]


def test_flask_finds_the_command() -> None:
    """The installed package registers the group as ``flask jwtlib``."""
    (found,) = entry_points(group="flask.commands", name="jwtlib")

    assert found.load() is jwtlib
