"""``flask jwtlib explain --endpoint``: which authenticators decide, and for which request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from werkzeug.routing import BaseConverter

from flask_jwtlib import Authenticator, Scope, policy, public
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.policies import Call
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.values import Claims

from .explain_kit import API, authenticator, document, run


def test_an_endpoint_without_its_decorator(app: Flask, issuer: TokenIssuer) -> None:
    """The app refuses to serve it, so no token is explained, also if a guard protects it as well."""
    auth = authenticator(issuer)
    auth.requires_authentication(app.get("/late", endpoint="late")(lambda: ""))
    app.before_request(auth.guard())

    result = run(app, issuer.token(aud=API), "--endpoint", "late")

    assert result.exit_code == 2
    assert "'late' is served without its authentication decorator" in result.stderr
    assert "@app.route" in result.stderr or "swap lines" in result.stderr


@policy
def owner(claims: Claims, call: Call) -> bool:
    """The caller is the user in the URL."""
    return bool(claims["sub"] == call.view_args["user"])


class Lower(BaseConverter):
    """Matches lower-case letters, but builds a URL of anything."""

    regex = "[a-z]+"


@pytest.fixture
def shop(app: Flask, issuer: TokenIssuer) -> Flask:
    """An app with an owner policy, a view class, a number in a URL, and public views."""
    auth = authenticator(issuer)
    app.url_map.converters["lower"] = Lower

    class Items(MethodView):
        decorators = (auth.requires_authentication,)

        def put(self, number: int) -> str:
            raise AssertionError("the view was called")

        def delete(self, number: int) -> str:
            raise AssertionError("the view was called")

    app.add_url_rule("/items/<int:number>", view_func=Items.as_view("items"))
    blueprint = Blueprint("users", __name__)
    blueprint.before_request(auth.guard(rules=[Scope("users")]))
    blueprint.add_url_rule(
        "/users/<user>/orders",
        "orders",
        auth.requires_authentication(rules=[owner])(lambda user: user),
    )
    blueprint.add_url_rule("/users/<lower:user>", "profile", lambda user: user)
    blueprint.add_url_rule("/users", "all", public(lambda: ""))
    app.register_blueprint(blueprint)
    app.add_url_rule("/open", "open", lambda: "open")
    return app


ORDERS = ("--endpoint", "users.orders")


@pytest.mark.parametrize(("user", "status"), [("ada", 0), ("bob", 1)])
def test_owner_policies_see_the_arguments(
    shop: Flask, issuer: TokenIssuer, user: str, status: int
) -> None:
    """``--arg`` gives the policy the argument in the URL."""
    token = issuer.token(aud=API, sub="ada", scope="users")

    result = run(shop, token, *ORDERS, "--arg", f"user={user}")

    assert result.exit_code == status
    assert "owner" in result.stdout


def test_policies_of_guards_and_decorators_are_listed(shop: Flask, issuer: TokenIssuer) -> None:
    """Both are judged, also after the first that refuses."""
    token = issuer.token(aud=API, sub="ada")

    (explanation,) = document(shop, token, *ORDERS, "--arg", "user=bob")["explanations"]

    judged = [step["outcome"] for step in explanation["steps"] if step["stage"] == "policies"]
    assert judged == ["refused", "refused"]
    assert explanation["response"]["status"] == 403


METHODS: dict[str, tuple[str, str, str | None]] = {
    "GET by default": ("users.profile", "user=ada", None),
    "the first of an endpoint without GET": ("items", "number=7", None),
    "the given one": ("items", "number=7", "PUT"),
    "in lower case": ("items", "number=7", "put"),
}


@pytest.mark.parametrize(("endpoint", "argument", "method"), METHODS.values(), ids=METHODS)
def test_the_method(
    shop: Flask, issuer: TokenIssuer, endpoint: str, argument: str, method: str | None
) -> None:
    """An endpoint is asked by a method that it has."""
    options = [] if method is None else ["--method", method]
    token = issuer.token(aud=API, scope="users")

    result = run(shop, token, "--endpoint", endpoint, "--arg", argument, *options)

    assert result.exit_code == 0, result.output


USAGE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "an endpoint of a blueprint": (
        ("--endpoint", "orders"),
        ("no endpoint 'orders'", "did you mean 'users.orders'?"),
    ),
    "a misspelled endpoint": (("--endpoint", "itens"), ("did you mean 'items'?",)),
    "an unknown endpoint": (("--endpoint", "xyzzy"), ("`flask jwtlib routes` lists them",)),
    "no argument": (
        ORDERS,
        ("GET with no --arg: /users/<user>/orders takes --arg user=… and GET, HEAD, OPTIONS",),
    ),
    "an argument that the URL hasn't": (
        (*ORDERS, "--arg", "user=ada", "--arg", "page=2"),
        ("--arg user='ada', --arg page='2': /users/<user>/orders takes --arg user=…",),
    ),
    "an argument of another type": (
        ("--endpoint", "items", "--arg", "number=seven"),
        ("DELETE with --arg number='seven': /items/<int:number> takes --arg number=…",),
    ),
    "an argument that the URL doesn't match": (
        ("--endpoint", "users.profile", "--arg", "user=ADA"),
        ("no URL of 'users.profile' fits GET with --arg user='ADA'",),
    ),
    "an argument without a value": ((*ORDERS, "--arg", "user"), ("--arg expects NAME=VALUE",)),
    "an argument without a name": ((*ORDERS, "--arg", "=ada"), ("--arg expects NAME=VALUE",)),
    "a method that the endpoint hasn't": (
        ("--endpoint", "items", "--arg", "number=7", "--method", "GET"),
        ("no URL of 'items' fits GET", "takes --arg number=… and DELETE, OPTIONS, PUT"),
    ),
    "a URL without arguments": (
        ("--endpoint", "open", "--arg", "x=1"),
        ("/open takes no --arg and GET, HEAD, OPTIONS",),
    ),
    "a method without an endpoint": (("--method", "GET"), ("--method and --arg need --endpoint",)),
    "an argument without an endpoint": (("--arg", "x=1"), ("--method and --arg need --endpoint",)),
    "an open endpoint": (("--endpoint", "open"), ("protects GET 'open', so no token is checked",)),
    "a public endpoint": (("--endpoint", "users.all"), ("protects GET 'users.all'",)),
    "an endpoint without a rule": (("--endpoint", "unrouted"), ("no endpoint 'unrouted'",)),
}


@pytest.mark.parametrize(("options", "texts"), USAGE.values(), ids=USAGE)
def test_wrong_usage_says_what_is_needed(
    shop: Flask, issuer: TokenIssuer, options: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    """It exits with 2, and the message says how to mend it."""
    shop.view_functions["unrouted"] = str

    result = run(shop, issuer.token(), *options)

    assert result.exit_code == 2
    assert all(text in result.stderr for text in texts), result.stderr
    assert result.stdout == ""


def test_an_app_without_an_authenticator_says_so(app: Flask) -> None:
    """It is wrong usage, since a token is neither accepted nor refused."""
    result = run(app, "a.b.c")

    assert result.exit_code == 2
    assert "has no guard or decorator of an Authenticator, so no token is checked" in result.stderr


def test_usage_errors_are_json_too(app: Flask) -> None:
    """With ``--json``, stdout says why there is no explanation."""
    result = run(app, "a.b.c", "--json")

    shown = json.loads(result.stdout)
    assert shown["outcome"] == "failed"
    assert shown["error"] in result.stderr


def several(app: Flask, *authenticators: Authenticator) -> Flask:
    """Add a view for each authenticator, and one that all guard."""
    view: Any = lambda: "it"  # noqa: E731 - each decorator gets the one before
    for number, auth in enumerate(authenticators):
        app.add_url_rule(f"/{number}", f"of-{number}", auth.requires_authentication(lambda: ""))
        view = auth.requires_authentication(view)
    app.add_url_rule("/all", "all", view)
    return app


def test_each_authenticator_of_the_app_has_a_section(app: Flask, issuer: TokenIssuer) -> None:
    """Each is named by where it is used, and the end says which of them accept the token."""
    strangers = [authenticator(TokenIssuer()) for _ in range(2)]
    several(app, strangers[0], authenticator(issuer), strangers[1])

    result = run(app, issuer.token(aud=API))

    assert result.exit_code == 0
    names = [line for line in result.stdout.splitlines() if line.startswith("Authenticator ")]
    assert [name.partition(",")[0] for name in names] == [
        f"Authenticator {n} of 3" for n in (1, 2, 3)
    ]
    assert sum("'of-1'" in name for name in names) == 1
    (accepting,) = (name.split()[1] for name in names if "'of-1'" in name)
    assert result.stdout.endswith(f"\nOf 3 Authenticators, number {accepting} accepts the token.\n")


def test_several_may_accept_or_none(app: Flask, issuer: TokenIssuer) -> None:
    """The last sentence names all that accept the token."""
    several(app, authenticator(issuer), authenticator(issuer))

    both, none = run(app, issuer.token(aud=API)), run(app, issuer.token(aud="other"))

    assert both.stdout.endswith("\nOf 2 Authenticators, numbers 1 and 2 accept the token.\n")
    assert none.stdout.endswith("\nOf 2 Authenticators, none accepts the token.\n")
    assert (both.exit_code, none.exit_code) == (0, 1)


def test_many_places_are_counted(app: Flask, issuer: TokenIssuer) -> None:
    """A name lists four endpoints at most."""
    auth = authenticator(issuer)
    for number in range(6):
        app.add_url_rule(f"/{number}", f"e{number}", auth.requires_authentication(lambda: ""))
    several(app, authenticator(TokenIssuer()))

    names = [each["name"] for each in document(app, issuer.token(aud=API))["explanations"]]

    assert any(name.endswith(", of 'e0', 'e1', 'e2', 'e3' and 2 more") for name in names)


def test_at_an_endpoint_the_first_that_refuses_is_the_last(app: Flask, issuer: TokenIssuer) -> None:
    """Those behind it never see the request, so they have no section."""
    several(app, authenticator(TokenIssuer()), authenticator(issuer))

    shown = document(app, issuer.token(aud=API), "--endpoint", "all")

    # The decorator that was applied last decides first.
    assert [each["outcome"] for each in shown["explanations"]] == ["accepted", "refused"]
    assert [each["name"] for each in shown["explanations"]] == [
        "Authenticator 1 of 2",
        "Authenticator 2 of 2",
    ]
    assert shown["outcome"] == "refused"
    assert run(app, issuer.token(aud=API), "--endpoint", "all").exit_code == 1
    stopped = document(app, issuer.token(aud="other"), "--endpoint", "all")["explanations"]
    assert [each["outcome"] for each in stopped] == ["refused"]


def test_an_authenticator_in_no_route_has_a_number_only(app: Flask, issuer: TokenIssuer) -> None:
    """A guard of a blueprint without routes is listed, too."""
    several(app, authenticator(issuer))
    app.before_request_funcs["nobody"] = [authenticator(issuer).guard()]

    names = [each["name"] for each in document(app, issuer.token(aud=API))["explanations"]]

    assert "Authenticator 1 of 2" in names


def test_a_rule_for_all_methods_is_asked_by_get(app: Flask, issuer: TokenIssuer) -> None:
    """A WebSocket's rule may have no methods."""
    rule = app.url_rule_class("/socket", endpoint="socket")
    app.url_map.add(rule)
    app.view_functions["socket"] = authenticator(issuer).requires_authentication(lambda: "")

    result = run(app, issuer.token(aud=API), "--endpoint", "socket")
    wrong = run(app, issuer.token(aud=API), "--endpoint", "socket", "--arg", "x=1")

    assert result.exit_code == 0
    assert "/socket takes no --arg and any method" in wrong.stderr


def test_the_command_is_listed(app: Flask) -> None:
    """``flask jwtlib --help`` lists it."""
    assert "  explain " in app.test_cli_runner().invoke(jwtlib, ["--help"]).output
