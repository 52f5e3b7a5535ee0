"""The documents that ``add_security`` takes."""

from __future__ import annotations

import logging
import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from openapi_spec_validator import validate

from flask_jwtlib import Authenticator, ConfigurationError, Scope
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.integrations.openapi import add_security

from .kit import VERSIONS, bare, secured


@pytest.fixture
def one_route(app: Flask, auth: Authenticator) -> Flask:
    """An app with one route, which requires a scope."""
    auth = auth.evolve(failure_handler=ProblemDetailsHandler())
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[Scope("read")])(lambda: "in"))
    return app


def spec_of(app: Flask, version: str = "3.1.0", **options: Any) -> APISpec:
    """Return an ``APISpec`` with the same paths as the document of an app."""
    spec = APISpec("API", "1", version, plugins=[MarshmallowPlugin()], **options)
    for path, operations in bare(app)["paths"].items():
        spec.path(path, operations=operations)
    return spec


@pytest.mark.parametrize("version", [*VERSIONS, "3.2.0"])
def test_an_apispec_gets_what_a_dict_gets(one_route: Flask, version: str) -> None:
    """The documents of both are the same, and both are returned."""
    spec, document = spec_of(one_route, version), bare(one_route, version)
    assert add_security(spec, one_route) is spec
    assert add_security(document, one_route) is document
    assert spec.to_dict() == document
    validate(document)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_second_call_changes_nothing(one_route: Flask, version: str) -> None:
    """What the first call has added stays as it is."""
    document = secured(one_route, version)
    spec = add_security(spec_of(one_route, version), one_route)
    before = repr(document)
    assert repr(add_security(document, one_route)) == before
    assert add_security(spec, one_route).to_dict() == document


def test_components_and_security_in_options_count(one_route: Flask) -> None:
    """What apispec has in its options, as ``API_SPEC_OPTIONS`` of flask-smorest, isn't replaced."""
    mine = {"type": "http", "scheme": "Bearer", "description": "mine"}
    one_route.add_url_rule("/open", "open", lambda: "in")
    spec = spec_of(
        one_route,
        components={"securitySchemes": {"bearer": mine}},
        security=[{"bearer": []}],
    )
    document = add_security(spec, one_route).to_dict()
    validate(document)
    assert document["components"]["securitySchemes"] == {"bearer": mine}
    assert document["paths"]["/open"]["get"]["security"] == []


def test_components_with_the_names_of_ours_are_used(one_route: Flask) -> None:
    """A schema or response of yours is used in place of that of the same name."""
    mine = {
        "schemas": {"AuthenticationProblem": {"type": "object", "title": "mine"}},
        "responses": {"AuthenticationFailed": {"description": "mine"}},
    }
    document = secured(one_route, components=deepcopy(mine))
    assert document["components"]["schemas"] == mine["schemas"]
    assert document["components"]["responses"] == mine["responses"]


def test_what_is_no_operation_is_left_alone(one_route: Flask) -> None:
    """References, extensions and members of a path that aren't operations stay."""
    document = bare(one_route)
    document["paths"]["/other"] = {"$ref": "#/paths/~1"}
    document["paths"]["x-mine"] = ["get"]
    document["paths"]["/"] |= {"summary": "mine", "post": None}
    add_security(document, one_route)
    assert document["paths"]["/other"] == {"$ref": "#/paths/~1"}
    assert document["paths"]["x-mine"] == ["get"]
    assert document["paths"]["/"]["post"] is None


def test_a_document_without_paths_stays(one_route: Flask) -> None:
    """A document that describes nothing needs nothing."""
    document: dict[str, Any] = {"openapi": "3.1.0", "info": {}, "paths": None}
    assert add_security(dict(document), one_route) == document


def test_empty_members_of_yaml_are_filled(one_route: Flask) -> None:
    """A member that YAML leaves empty is None. It becomes what it must be."""
    document = bare(one_route, components={"securitySchemes": None, "schemas": {}})
    document["paths"]["/"]["get"]["responses"] = None
    add_security(document, one_route)
    validate(document)
    assert set(document["paths"]["/"]["get"]["responses"]) == {"401", "403"}
    assert set(document["components"]) == {"securitySchemes", "schemas", "responses"}
    document = bare(one_route, components=None)
    add_security(document, one_route)
    validate(document)


def test_a_document_belongs_to_the_app(one_route: Flask) -> None:
    """What an app changes in its document is not in the next one."""
    first, untouched = secured(one_route), secured(one_route)
    first["components"]["securitySchemes"]["bearer"]["description"] = "mine"
    first["paths"]["/"]["get"]["security"][0]["bearer"].append("mine")
    first["components"]["schemas"]["AuthenticationProblem"]["properties"].clear()
    assert secured(one_route) == untouched


def test_operations_of_no_route_are_logged(
    one_route: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """An operation that the app doesn't route stays as it is, and is named in a warning."""
    document = bare(one_route)
    for path, method in (("/api/reports", "get"), ("/", "post")):
        operations = document["paths"].setdefault(path, {})
        operations[method] = {"responses": {"200": {"description": "OK"}}}
    with caplog.at_level(logging.WARNING, "flask_jwtlib"):
        add_security(document, one_route)
    (record,) = caplog.records
    assert record.getMessage().endswith("POST /, GET /api/reports")
    assert "security" not in document["paths"]["/api/reports"]["get"]


WRONG: dict[str, tuple[Any, str]] = {
    "Swagger 2": ({"swagger": "2.0", "paths": {}}, "version is '2.0', expected OpenAPI 3"),
    "APISpec of Swagger 2": (APISpec("API", "1", "2.0"), "version is '2.0', expected OpenAPI 3"),
    "no version": ({}, "version is None"),
    "OpenAPI 4": ({"openapi": "4.0.0"}, "version is '4.0.0'"),
    "text": ("openapi: 3.1.0", "not str"),
    "another object": (object(), "not object"),
}


@pytest.mark.parametrize(("spec", "text"), WRONG.values(), ids=WRONG)
def test_other_documents_are_refused(one_route: Flask, spec: Any, text: str) -> None:
    """What isn't a document of OpenAPI 3 is an error that says what to pass."""
    with pytest.raises(ConfigurationError, match=text):
        add_security(spec, one_route)


def test_arguments_in_the_wrong_order_are_refused(one_route: Flask) -> None:
    """The app is the second argument."""
    spec: Any = spec_of(one_route)
    wrong: Any = one_route
    with pytest.raises(ConfigurationError, match=r"add_security\(spec, app\)"):
        add_security(wrong, spec)


def test_without_apispec_a_dict_works(one_route: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only other objects than a ``dict`` need apispec. Its absence is an error that says what to install."""
    spec: Any = spec_of(one_route)
    monkeypatch.setitem(sys.modules, "apispec", None)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install apispec"):
        add_security(spec, one_route)
    add_security(bare(one_route), one_route)


def test_importing_it_loads_no_framework() -> None:
    """The bridge imports none of the libraries that it is for."""
    program = """
import sys
import flask_jwtlib_strategies.integrations.openapi
print({"apispec", "apiflask", "flask_smorest", "marshmallow", "requests"} & {*sys.modules})
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "set()"
