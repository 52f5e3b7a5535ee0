"""What each operation requires."""

from __future__ import annotations

from collections.abc import Callable
from functools import partialmethod
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from werkzeug.routing import Rule

from flask_jwtlib import (
    AnyScope,
    Authenticator,
    Policy,
    Role,
    Scope,
    public,
)
from flask_jwtlib.audit import authenticators_of
from flask_jwtlib_strategies.integrations.openapi import add_security

from .kit import bare, fresh, operation_of, secured

READ, WRITE, EDITOR = Scope("read"), Scope("write"), Role("editor")


def view(**_: Any) -> str:
    """Respond."""
    return "in"


POLICIES: dict[str, tuple[list[Policy], list[list[str]]]] = {
    "none": ([], [[]]),
    "a scope": ([READ], [["read"]]),
    "several scopes": ([Scope("read", "write")], [["read", "write"]]),
    "several policies": ([READ, WRITE, EDITOR], [["read", "write"]]),
    "another name": ([Scope("read", advertise="api://read")], [["api://read"]]),
    "or": ([READ | WRITE], [["read"], ["write"]]),
    "any scope": ([AnyScope("read", "write")], [["read"], ["write"]]),
    "or, twice": ([READ | WRITE, Scope("x") | EDITOR], [["read", "x"], ["read"], ["write", "x"], ["write"]]),
    "and": ([READ & WRITE], [["read", "write"]]),
    "not": ([~READ], [[]]),
    "a role": ([EDITOR], [[]]),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "expected"), POLICIES.values(), ids=POLICIES)
def test_policies_become_requirements(
    app: Flask, auth: Authenticator, rules: list[Policy], expected: list[list[str]]
) -> None:
    """Each alternative of the policies is a requirement, with its scopes since OpenAPI 3.1."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(view))
    assert operation_of(app)["security"] == [{"bearer": scopes} for scopes in expected]
    # In OpenAPI 3.0, http and apiKey have no scopes.
    assert operation_of(app, version="3.0.3")["security"] == [{"bearer": []}]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_oauth2_has_scopes_in_each_version(app: Flask, auth: Authenticator, version: str) -> None:
    """A scheme of yours with the name ``bearer`` is used, and lists the scopes if it can."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(view))
    flow = {"tokenUrl": "https://login.example/token", "scopes": {"read": "Read."}}
    mine = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    document = secured(app, version, components={"securitySchemes": {"bearer": mine}})
    assert document["components"]["securitySchemes"] == {"bearer": mine}
    assert document["paths"]["/"]["get"]["security"] == [{"bearer": ["read"]}]


def test_guests_are_an_alternative(app: Flask, auth: Authenticator) -> None:
    """Optional authentication is a list with an empty requirement; without ``strict`` there is no 401."""
    for path, strict in (("/", False), ("/strict", True)):
        decorate = auth.optional_authentication(rules=[READ], strict=strict)
        app.add_url_rule(path, path, decorate(fresh()))
    lenient, strict_one = operation_of(app), operation_of(app, "/strict")
    assert lenient["security"] == strict_one["security"] == [{"bearer": ["read"]}, {}]
    assert set(lenient["responses"]) == {"200", "403"}
    assert set(strict_one["responses"]) == {"200", "401", "403"}


OPEN: dict[str, Callable[[Any], Any]] = {"public": public, "open": lambda function: function}


@pytest.mark.parametrize("decorate", OPEN.values(), ids=OPEN)
def test_open_operations_say_so_only_if_they_must(
    app: Flask, auth: Authenticator, decorate: Callable[[Any], Any]
) -> None:
    """Nothing is said about an open operation, unless the document requires something of all."""
    app.add_url_rule("/", "it", decorate(fresh()))
    app.add_url_rule("/in", "in", auth.requires_authentication(view))
    assert "security" not in operation_of(app)
    schemes = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    globally: dict[str, Any] = {"security": [{"bearer": []}], "components": schemes}
    assert operation_of(app, **globally)["security"] == []
    assert operation_of(app, "/in", **globally)["security"] == [{"bearer": []}]


def test_what_the_app_documented_stays(app: Flask, auth: Authenticator) -> None:
    """Requirements and responses that are set by hand are not replaced, also with numbers as statuses."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(view))
    document = bare(app)
    mine = {401: {"description": "mine"}, "403": {"description": "mine"}}
    document["paths"]["/"]["get"] |= {"security": [{"other": []}], "responses": mine}
    add_security(document, app)
    assert document["paths"]["/"]["get"]["security"] == [{"other": []}]
    assert document["paths"]["/"]["get"]["responses"] == {
        401: {"description": "mine"},
        "403": {"description": "mine"},
    }
    assert "components" not in document


def test_guards_count(app: Flask, auth: Authenticator) -> None:
    """The policies of ``protect``, of guards, of the decorator and of the Authenticator add up."""
    auth = auth.evolve(policies=[Scope("api")])
    blueprint = Blueprint("inner", "inner", url_prefix="/inner")
    blueprint.before_request(auth.guard(rules=[READ]))
    blueprint.add_url_rule("/", "it", auth.requires_authentication(rules=[WRITE])(view))
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "it", fresh())
    app.add_url_rule("/docs", "docs", fresh())
    auth.protect(app, rules=[Scope("all")], public=["docs"])
    document = secured(app)
    found = {path: item["get"].get("security") for path, item in document["paths"].items()}
    assert found == {
        "/inner/": [{"bearer": ["api", "all", "read", "write"]}],
        "/": [{"bearer": ["api", "all"]}],
        "/docs": None,
    }


def test_methods_differ(app: Flask, auth: Authenticator) -> None:
    """Each method of a view class has its own requirement."""

    class Reports(MethodView):
        @auth.requires_authentication(rules=[READ])
        def get(self) -> str:
            return "in"

        @auth.requires_authentication(rules=[WRITE])
        def post(self) -> str:
            return "in"

        def delete(self) -> str:
            return "in"

    app.add_url_rule("/", view_func=Reports.as_view("reports"))
    item = secured(app)["paths"]["/"]
    assert {method: operation.get("security") for method, operation in item.items()} == {
        "get": [{"bearer": ["read"]}],
        "post": [{"bearer": ["write"]}],
        "delete": None,
    }


def test_head_is_that_of_get(app: Flask, auth: Authenticator) -> None:
    """A document may describe HEAD, which Flask adds to GET."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(view))
    document = bare(app)
    document["paths"]["/"]["head"] = {"responses": {"200": {"description": "OK"}}}
    add_security(document, app)
    assert document["paths"]["/"]["head"]["security"] == [{"bearer": ["read"]}]


def test_every_method_of_a_rule_counts(app: Flask, auth: Authenticator) -> None:
    """Flask's ``methods`` may be any, which the audit lists as one entry beside others."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(view))
    app.url_map._rules_by_endpoint["it"][0].methods = None
    assert operation_of_any(app)["security"] == [{"bearer": ["read"]}]


def operation_of_any(app: Flask) -> dict[str, Any]:
    """Return the operation ``patch`` of "/"."""
    document = bare(app)
    document["paths"]["/"] = {"patch": {"responses": {"200": {"description": "OK"}}}}
    found: dict[str, Any] = add_security(document, app)["paths"]["/"]["patch"]
    return found


def test_rules_with_one_path_are_described_by_the_strictest(
    app: Flask, auth: Authenticator
) -> None:
    """A document has one path for rules that differ in converters: it says what the strictest requires."""
    app.add_url_rule("/<int:number>", "number", auth.requires_authentication(rules=[READ])(fresh()))
    app.add_url_rule("/<uuid:key>", "key", auth.requires_authentication(rules=[WRITE])(fresh()))
    app.add_url_rule("/<name>", "name", auth.optional_authentication(fresh()))
    app.add_url_rule("/<path:rest>", "rest", fresh())
    document = bare(app)
    document["paths"] = {"/{other}": document["paths"]["/{name}"]}
    operation = add_security(document, app)["paths"]["/{other}"]["get"]
    assert operation["security"] == [{"bearer": ["write"]}, {"bearer": ["read"]}]


def test_what_is_hidden_is_a_bearer_token(app: Flask, auth: Authenticator) -> None:
    """A route whose Authenticator can't be found is documented as requiring a bearer token."""

    class Hidden(MethodView):
        get = partialmethod(auth.requires_authentication(lambda _: "in"))

    app.add_url_rule("/", view_func=Hidden.as_view("hidden"))
    assert authenticators_of(app) == []
    operation = operation_of(app)
    assert operation["security"] == [{"bearer": []}]
    assert operation["responses"]["401"]["headers"]["WWW-Authenticate"]["example"] == "Bearer"
    assert app.test_client().get("/").status_code == 401


def test_what_may_be_bypassed_is_required(app: Flask, auth: Authenticator) -> None:
    """A route whose access can't be determined is documented as requiring a token."""
    inner = auth.requires_authentication(fresh())

    def sometimes(**_: Any) -> Any:
        return inner() if app.debug else "in"

    app.add_url_rule("/", "it", sometimes)
    operation = operation_of(app)
    assert operation["security"] == [{"bearer": []}]
    assert "401" in operation["responses"]


def test_rules_for_websockets_are_not_described(app: Flask, auth: Authenticator) -> None:
    """A handshake of a WebSocket at the same path is another operation, which no document has."""
    app.add_url_rule("/", "it", fresh())
    app.url_map.add(Rule("/", endpoint="socket", websocket=True))
    app.view_functions["socket"] = auth.requires_authentication(fresh())
    assert "security" not in operation_of(app)
