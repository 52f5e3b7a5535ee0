"""``flask jwtlib routes``: the table of who gets in where."""

from __future__ import annotations

import json
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
from flask_jwtlib.audit import RouteAccess, route_accesses
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def view() -> str:
    """A view that nothing guards."""
    return "seen"


def fresh_view() -> Callable[[], str]:
    """A view function that no other test ever decorated."""

    def view() -> str:
        return "seen"

    return view


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator to guard things with."""
    return Authenticator(keys=issuer.verification_key)


def of(app: Flask, endpoint: str) -> list[tuple[str, str, str]]:
    """What is told of an endpoint: methods, access, and by what."""
    return [
        (",".join(access.methods), access.access, access.by)
        for access in route_accesses(app)
        if access.endpoint == endpoint
    ]


def access_by_asking(app: Flask, path: str, method: str, issuer: TokenIssuer) -> str:
    """What a route's access really is: asked with a good token, and without one."""
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
def test_a_decorated_view_is_told_with_what_its_decorator_asks(
    app: Flask,
    auth: Authenticator,
    decoration: Callable[[Authenticator], Callable[[Any], Any]],
    access: str,
) -> None:
    """A decorated view is listed as required or optional, whichever of its decorators asks more."""
    app.add_url_rule("/", "it", decoration(auth)(fresh_view()))

    assert of(app, "it") == [("GET", access, "decorator")]


def test_an_async_view_is_told(app: Flask, auth: Authenticator) -> None:
    """A decorated async view is listed as required."""

    @app.route("/")
    @auth.requires_authentication
    async def it() -> str:
        return ""

    assert of(app, "it") == [("GET", "required", "decorator")]


def test_a_view_without_anything_is_open(app: Flask) -> None:
    """A view that nothing guards is listed as open, by nothing."""
    app.add_url_rule("/", "it", view)

    assert of(app, "it") == [("GET", "open", "")]


def test_a_public_view_is_open_on_purpose(app: Flask) -> None:
    """A view that is marked public is listed as that, not as open."""
    app.add_url_rule("/", "it", public(fresh_view()))

    assert of(app, "it") == [("GET", "public", "@public")]


def test_init_app_guards_all_but_public_views(app: Flask, auth: Authenticator) -> None:
    """Under default-deny the static route and plain views are required, public ones are not."""
    app.add_url_rule("/", "it", view)
    app.add_url_rule("/health", "health", public(fresh_view()))
    auth.init_app(app)

    assert of(app, "it") == [("GET", "required", "guard of the app")]
    assert of(app, "static") == [("GET", "required", "guard of the app")]
    assert of(app, "health") == [("GET", "public", "@public")]


def test_a_guard_asks_more_than_an_optional_decorator(app: Flask, auth: Authenticator) -> None:
    """An optional view behind a guard is required: the guard lets nobody else get there."""
    app.add_url_rule("/", "it", auth.optional_authentication(fresh_view()))
    auth.init_app(app)

    assert of(app, "it") == [("GET", "required", "guard of the app")]


@pytest.mark.parametrize(
    ("kind", "access"),
    [("requires_authentication", "required"), ("optional_authentication", "optional")],
)
def test_a_public_view_with_a_decorator_is_told_by_the_decorator(
    app: Flask, auth: Authenticator, kind: str, access: str
) -> None:
    """What is marked public and decorated besides is listed with what the decorator asks."""
    app.add_url_rule("/", "it", public(getattr(auth, kind)(fresh_view())))
    auth.init_app(app)

    assert of(app, "it") == [
        ("GET", kind.split("_", maxsplit=1)[0].replace("requires", "required"), "decorator")
    ]


def test_a_blueprints_guard_is_told_for_its_views_and_those_nested_in_it(
    app: Flask, auth: Authenticator
) -> None:
    """A guard of a blueprint covers its views and its nested blueprints' views, and no others."""
    outer, inner, other = (Blueprint(name, name) for name in ("outer", "inner", "other"))
    for blueprint in (outer, inner, other):
        blueprint.add_url_rule(f"/{blueprint.name}", "it", view)
    outer.before_request(auth.guard())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(other)

    assert of(app, "outer.it") == [("GET", "required", "guard of blueprint outer")]
    assert of(app, "outer.inner.it") == [("GET", "required", "guard of blueprint outer")]
    assert of(app, "other.it") == [("GET", "open", "")]


def test_a_nested_blueprints_guard_is_told_for_its_own_views(
    app: Flask, auth: Authenticator
) -> None:
    """A guard of a nested blueprint covers that blueprint, and not the one around it."""
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    for blueprint in (outer, inner):
        blueprint.add_url_rule(f"/{blueprint.name}", "it", view)
    inner.before_request(auth.guard())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    assert of(app, "outer.inner.it") == [("GET", "required", "guard of blueprint outer.inner")]
    assert of(app, "outer.it") == [("GET", "open", "")]


def test_before_request_functions_of_others_are_no_guard(app: Flask) -> None:
    """A function of the application's own before the requests makes no route required."""
    app.before_request(lambda: None)
    app.add_url_rule("/", "it", view)

    assert of(app, "it") == [("GET", "open", "")]


def test_the_methods_of_a_method_view_are_told_each_for_itself(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Methods of one MethodView that are guarded differently stand on lines of their own."""

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

    assert of(app, "things") == [
        ("DELETE,POST", "required", "decorator"),
        ("GET", "open", ""),
        ("PATCH", "optional", "decorator"),
    ]
    for method, access in {"DELETE": "required", "GET": "open", "PATCH": "open"}.items():
        assert access_by_asking(app, "/things", method, issuer) == access


def test_hand_written_head_and_options_are_told(app: Flask, auth: Authenticator) -> None:
    """HEAD and OPTIONS are listed where the application answers them, and not where Flask does."""

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

    assert of(app, "things") == [
        ("GET", "required", "decorator"),
        ("HEAD,OPTIONS", "open", ""),
    ]
    assert of(app, "plain") == [("GET,POST", "open", "")]


def test_decorators_of_a_view_class_are_told_for_all_its_methods(
    app: Flask, auth: Authenticator
) -> None:
    """What stands in a view class's ``decorators``, or around its dispatch, covers every method."""

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

    assert of(app, "list") == [("GET,POST", "required", "decorator")]
    assert of(app, "dispatch") == [("GET,POST", "required", "decorator")]


def test_a_dispatch_of_the_applications_own_may_bypass_a_decorator(
    app: Flask, auth: Authenticator
) -> None:
    """In a class that isn't a MethodView, nobody knows from outside whether ``get`` is called."""

    class Plain(View):
        @auth.requires_authentication
        def get(self) -> str:
            return ""

        def dispatch_request(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Plain.as_view("plain"))

    assert of(app, "plain") == [
        ("GET", "unknown", "dispatch_request in tests.cli.test_cli may bypass a decorator")
    ]


def test_a_public_view_class_is_told(app: Flask, auth: Authenticator) -> None:
    """A class that is marked public is listed as public under default-deny."""

    @public
    class Health(MethodView):
        def get(self) -> str:
            return ""

    app.add_url_rule("/health", view_func=Health.as_view("health"))
    auth.init_app(app)

    assert of(app, "health") == [("GET", "public", "@public")]


def test_a_method_without_a_handler_is_told_by_what_is_around_it(
    app: Flask, auth: Authenticator
) -> None:
    """A method that a rule allows and a class doesn't handle is listed as the class is."""

    class Things(MethodView):
        decorators: ClassVar = [auth.requires_authentication]

        def get(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Things.as_view("things"), methods=["GET", "PUT"])

    assert of(app, "things") == [("GET,PUT", "required", "decorator")]


@pytest.mark.parametrize(
    "shape", [list, lambda decorators: {"get": decorators}], ids=["list", "mapping"]
)
def test_method_decorators_of_flask_restful_are_told(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, shape: Callable[[Any], Any]
) -> None:
    """A Flask-RESTful resource's ``method_decorators`` count, as a list and by method."""

    class Things(Resource):  # type: ignore[misc]
        method_decorators = shape([auth.requires_authentication])

        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    Api(app).add_resource(Things, "/things")

    told = {
        method: access for methods, access, _ in of(app, "things") for method in methods.split(",")
    }
    assert told == {method: access_by_asking(app, "/things", method, issuer) for method in told}
    assert told["GET"] == "required"
    assert told["POST"] == ("required" if shape is list else "open")


def test_resources_with_decorated_methods_are_told(app: Flask, auth: Authenticator) -> None:
    """A Flask-RESTful resource whose methods are decorated is listed method by method."""

    class Things(Resource):  # type: ignore[misc]
        @auth.requires_authentication
        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    Api(app).add_resource(Things, "/things")

    assert of(app, "things") == [("GET", "required", "decorator"), ("POST", "open", "")]


def test_a_view_that_is_no_function_is_told(app: Flask) -> None:
    """A view without a ``__dict__`` or a name of its own is listed like others."""
    app.add_url_rule("/", "it", partial(str, "seen"))

    assert of(app, "it") == [("GET", "open", "")]


def test_rules_that_lead_to_no_view_are_told_without_fault(app: Flask, auth: Authenticator) -> None:
    """A rule without a view is listed by the guards before it; one for building URLs is not."""
    app.add_url_rule("/nowhere", "nowhere")
    app.add_url_rule("/built", "built", build_only=True)

    assert of(app, "nowhere") == [("GET", "open", "")]
    assert of(app, "built") == []

    auth.init_app(app)
    assert of(app, "nowhere") == [("GET", "required", "guard of the app")]


def run(app: Flask, *arguments: str) -> tuple[int, str, str]:
    """Run ``flask jwtlib routes``: exit status, output, and what was said of errors."""
    result = app.test_cli_runner().invoke(jwtlib, ["routes", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_table_has_a_line_for_each_route(app: Flask, auth: Authenticator) -> None:
    """The command prints endpoint, methods, rule, access and reason, and exits with 0."""
    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/me", "me", auth.requires_authentication(fresh_view()))

    status, output, complaint = run(app)

    assert (status, complaint) == (0, "")
    assert output == (
        "Endpoint  Methods  Rule                     Access    By\n"
        "--------  -------  -----------------------  --------  ---------\n"
        "me        GET      /me                      required  decorator\n"
        "open      GET      /open                    open\n"
        "static    GET      /static/<path:filename>  open\n"
    )


def test_json_holds_the_same(app: Flask, auth: Authenticator) -> None:
    """``--json`` prints an array of objects, one for each line of the table."""
    app.add_url_rule(
        "/me", "me", auth.requires_authentication(fresh_view()), methods=["GET", "POST"]
    )
    status, output, complaint = run(app, "--json")

    assert (status, complaint) == (0, "")
    assert json.loads(output)[0] == {
        "endpoint": "me",
        "methods": ["GET", "POST"],
        "rule": "/me",
        "access": "required",
        "by": "decorator",
    }
    assert [
        RouteAccess(**{**row, "methods": tuple(row["methods"])}) for row in json.loads(output)
    ] == list(route_accesses(app))


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
@pytest.mark.parametrize("module_level", [False, True], ids=["composed", "module API"])
def test_a_decorator_above_route_is_an_error(
    app: Flask, auth: Authenticator, module_level: bool, options: tuple[str, ...]
) -> None:
    """The command lists a view whose decorator protects nothing, says so, and exits with 1."""
    api: Any = flask_jwtlib if module_level else auth

    @api.requires_authentication
    @app.route("/lost")
    def lost() -> str:
        return ""

    status, output, complaint = run(app, *options)

    assert status == 1
    assert "a decorator that was not registered" in output
    assert complaint.startswith("Error: served without their authentication decorator: lost. ")
    assert of(app, "lost") == [("GET", "open", "a decorator that was not registered")]


def test_an_app_without_routes_has_an_empty_table() -> None:
    """An app that serves nothing gets a table of headings, and no fault."""
    status, output, complaint = run(Flask("bare", static_folder=None))

    assert (status, complaint) == (0, "")
    assert output.splitlines()[0].split() == ["Endpoint", "Methods", "Rule", "Access", "By"]
    assert len(output.splitlines()) == 2


def test_flask_finds_the_command() -> None:
    """The installed package registers the group as ``flask jwtlib``."""
    (found,) = entry_points(group="flask.commands", name="jwtlib")

    assert found.load() is jwtlib
