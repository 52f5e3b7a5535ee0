"""The policies and authenticators that the audit lists for each route."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import flask_restful
import flask_restx
import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View

import flask_jwtlib
from flask_jwtlib import Authenticator, Policy, Role, Scope, policy
from flask_jwtlib.audit import Requirement
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.policies import Call
from flask_jwtlib.testing import TokenIssuer, bearer

from .kit import found, fresh, policies

READ, WRITE, EDITOR = Scope("read"), Scope("write"), Role("editor")


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


@policy
def owner(claims: Any, call: Call) -> bool:
    """Whether the caller is the user in the URL."""
    return bool(claims["sub"] == call.view_args["user_id"])


def test_a_route_is_enforced_advertised_listed_and_described_alike(
    app: Flask, issuer: TokenIssuer
) -> None:
    """What a route requires is refused, named in the challenge, listed by the audit and printed."""
    auth = Authenticator(keys=issuer.verification_key, policies=[Scope("api")])
    api = Blueprint("api", "api")
    api.before_request(auth.guard(rules=[READ]))
    api.add_url_rule(
        "/<user_id>", "it", auth.requires_authentication(rules=[WRITE, owner | EDITOR])(fresh())
    )
    app.register_blueprint(api)
    expected = (Scope("api"), READ, WRITE, owner | EDITOR)
    client = app.test_client()

    def status(**claims: Any) -> int:
        return client.get("/alice", headers=bearer(issuer.token(**claims))).status_code

    # Enforced.
    assert status(scope="api read write") == 200
    assert status(sub="bob", scope="api read write", roles=["editor"]) == 200
    assert status(sub="bob", scope="api read write") == 403
    assert {status(scope=scope) for scope in ("api read", "api write", "read write")} == {403}
    # Advertised.
    for headers in ({}, bearer(issuer.token())):
        challenge = client.get("/alice", headers=headers).headers["WWW-Authenticate"]
        assert 'scope="api read write"' in challenge
    # Listed.
    (access,) = found(app, "api.it").values()
    assert access.policies == expected
    assert access.authenticators == (auth,)
    assert [scope for each in access.policies for scope in each.scopes] == ["api", "read", "write"]
    # Described.
    output = app.test_cli_runner().invoke(jwtlib, ["routes", "--json"]).stdout
    routes = json.loads(output)["routes"]
    described = next(row for row in routes if row["endpoint"] == "api.it")["policies"]
    assert [each["text"] for each in described] == [
        "scope api",
        "scope read",
        "scope write",
        "(owner or role editor in roles)",
    ]


def test_policies_are_listed_in_the_order_in_which_they_apply(
    app: Flask, auth: Authenticator
) -> None:
    """The order is: the app's guard, the blueprints' guards, the decorators from the outside in."""
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    auth.protect(app, rules=[Scope("app")])
    outer.before_request(auth.guard(rules=[Scope("outer")]))
    inner.before_request(auth.guard(rules=[Scope("inner")]))
    decorated = auth.requires_authentication(rules=[WRITE, READ])(fresh())
    inner.add_url_rule("/", "it", auth.optional_authentication(rules=[EDITOR])(decorated))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    (listed,) = policies(app, "outer.inner.it").values()
    assert listed == (Scope("app"), Scope("outer"), Scope("inner"), EDITOR, WRITE, READ)


def test_a_policy_that_applies_twice_is_listed_once(app: Flask, issuer: TokenIssuer) -> None:
    """A guard and a decorator both apply the Authenticator's own policies, even unhashable ones."""

    class Unhashable(Policy):
        __hash__ = None  # type: ignore[assignment]

    own = Unhashable()
    auth = Authenticator(keys=issuer.verification_key, policies=[own])
    auth.protect(app, rules=[READ])
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(fresh()))

    assert policies(app) == {"GET": (own, READ)}


def test_methods_with_different_policies_are_listed_separately(
    app: Flask, auth: Authenticator
) -> None:
    """Each method of a view class has its own policies, beside those of the class's decorators."""

    class Texts(MethodView):
        decorators: ClassVar = [auth.requires_authentication(rules=[READ])]

        def get(self) -> str:
            return "in"

        @auth.requires_authentication(rules=[WRITE])
        def post(self) -> str:
            return "in"

        @staticmethod
        @auth.requires_authentication(rules=[WRITE])
        def put() -> str:
            return "in"

    app.add_url_rule("/", view_func=Texts.as_view("it"))

    assert policies(app) == {"GET": (READ,), "POST,PUT": (READ, WRITE)}


def test_head_has_the_policies_of_the_method_that_is_called(
    app: Flask, auth: Authenticator
) -> None:
    """HEAD is listed with the policies of ``head``, if the class has one, and not with those of ``get``."""

    class Texts(MethodView):
        @auth.requires_authentication(rules=[WRITE])
        def get(self) -> str:
            return "in"

        @auth.requires_authentication(rules=[READ])
        def head(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Texts.as_view("it"))

    assert policies(app) == {"GET": (WRITE,), "HEAD": (READ,)}


def test_the_policies_of_a_dispatch_request(app: Flask, auth: Authenticator) -> None:
    """A decorator of ``dispatch_request`` counts for every method."""

    class Page(View):
        @auth.requires_authentication(rules=[READ])
        def dispatch_request(self) -> str:
            return "in"

    app.add_url_rule("/", view_func=Page.as_view("it"), methods=["GET", "POST"])

    assert policies(app) == {"GET,POST": (READ,)}


@pytest.mark.parametrize("library", [flask_restful, flask_restx], ids=["restful", "restx"])
def test_the_policies_of_method_decorators(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, library: Any
) -> None:
    """The last of ``method_decorators`` is the outermost, and the method's own decorator the innermost."""

    class Texts(library.Resource):  # type: ignore[misc,name-defined]
        method_decorators: ClassVar = [
            auth.requires_authentication,
            partial(auth.requires_authentication, rules=[EDITOR]),
            flask_jwtlib.optional_authentication,
            auth.requires_authentication(rules=[WRITE]),
            partial(type(auth).requires_authentication, auth, rules=[Scope("unseen")]),
            staticmethod,
        ]

        @auth.requires_authentication(rules=[READ])
        def get(self) -> str:
            return "in"

    api = library.Api(app)
    api.add_resource(Texts, "/it", endpoint="it")

    (access,) = found(app).values()
    assert access.policies == (WRITE, EDITOR, READ)
    assert access.authenticators == (auth, flask_jwtlib.default_authenticator)


def test_method_decorators_by_method(app: Flask, auth: Authenticator) -> None:
    """Flask-RESTful's ``method_decorators`` may be a mapping from the method to its decorators."""

    class Texts(flask_restful.Resource):
        method_decorators: ClassVar = {"post": [auth.requires_authentication(rules=[WRITE])]}

        def get(self) -> str:
            return "in"

        def post(self) -> str:
            return "in"

    flask_restful.Api(app).add_resource(Texts, "/it", endpoint="it")

    assert policies(app) == {"GET": (), "POST": (WRITE,)}


@pytest.mark.parametrize(
    ("base", "decorators"),
    [(MethodView, list), (flask_restful.Resource, iter)],
    ids=["another class", "neither list nor mapping"],
)
def test_method_decorators_that_do_not_count(
    app: Flask, auth: Authenticator, base: Any, decorators: Callable[[Any], Any]
) -> None:
    """Only a resource reads ``method_decorators``. The audit doesn't consume an iterator."""
    given = decorators([auth.requires_authentication(rules=[WRITE])])
    kind = type("Texts", (base,), {"get": fresh(), "method_decorators": given})
    app.add_url_rule("/", view_func=kind.as_view("it"))

    assert policies(app) == {"GET": ()}


def test_a_class_that_dispatches_nothing_has_no_method_decorators(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view may name any class, also in an app that doesn't import Flask-RESTX."""
    monkeypatch.delitem(sys.modules, "flask_restx.resource")
    view: Any = fresh()
    decorators = [auth.requires_authentication(rules=[WRITE])]
    view.view_class = type("Other", (), {"method_decorators": decorators})
    app.add_url_rule("/", "it", view)

    assert policies(app) == {"GET": ()}


def test_two_authenticators_are_both_listed(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A route behind two Authenticators names both, each with its policies."""
    other = Authenticator(keys=issuer.verification_key, policies=[Scope("other")])
    auth.protect(app, rules=[READ])
    app.add_url_rule("/", "it", other.requires_authentication(rules=[WRITE])(fresh()))

    (access,) = found(app).values()
    assert access.authenticators == (auth, other)
    assert access.policies == (READ, Scope("other"), WRITE)


def test_requirements_are_those_of_each_authenticator(app: Flask, auth: Authenticator) -> None:
    """Policies are attributed to their authenticator, whose guards and decorators count together."""
    other = auth.evolve(policies=[EDITOR])
    app.before_request(auth.guard(rules=[READ]))
    decorate = auth.optional_authentication(rules=[READ, WRITE], strict=True)
    app.add_url_rule("/", "it", decorate(other.optional_authentication(fresh())))
    (route,) = found(app).values()
    assert route.requirements == (
        Requirement(auth, (READ, WRITE), optional=False, strict=True),
        Requirement(other, (EDITOR,), optional=True),
    )
    assert route.authenticators == (auth, other)
    assert route.policies == (READ, WRITE, EDITOR)


@pytest.mark.parametrize("strict", [False, True])
def test_strict_optional_routes_are_told_apart(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, strict: bool
) -> None:
    """``strict`` says whether an optional route refuses a token that isn't valid."""
    app.add_url_rule("/", "it", auth.optional_authentication(strict=strict)(fresh()))
    (route,) = found(app).values()
    assert (route.access, route.strict) == ("optional", strict)
    expired = bearer(issuer.token(exp=1))
    assert app.test_client().get("/", headers=expired).status_code == (401 if strict else 200)
