"""Every program in ``docs/openapi.rst`` does what the text says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask_restx
import flask_smorest
import pytest
from flask import Flask
from openapi_spec_validator import validate

from flask_jwtlib import AnyScope, Authenticator, HeaderTokenExtractor, Role, Scope
from flask_jwtlib.extractors import QueryTokenExtractor
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor
from flask_jwtlib_strategies.integrations.openapi import add_security

from .program_kit import client_of

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/openapi.rst"
TEXT = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")


def is_served(program: dict[str, Any], issuer: TokenIssuer, path: str, *pages: str) -> Any:
    """Check that only the pages are open, and return the served document."""
    client = client_of(program)
    for page in ("/openapi.json", *pages):
        assert client.get(page).status_code == 200
    assert client.get(path).status_code == 401
    poor, rich = bearer(issuer.token("alice")), bearer(issuer.token("alice", scope="reports:read"))
    assert client.get(path, headers=poor).status_code == 403
    assert client.get(path, headers=rich).status_code == 200
    document: Any = client.get("/openapi.json").json
    validate(document)
    assert {"401", "403"} <= set(document["paths"][path]["get"]["responses"])
    return document


def test_flask_smorest(run: Run, issuer: TokenIssuer) -> None:
    """Each method has its scope, and the problem details have a schema."""
    document = is_served(run(DOCUMENT, "import Api, Blueprint"), issuer, "/reports/", "/docs")
    item = document["paths"]["/reports/"]
    assert f'"security": {item["get"]["security"]}'.replace("'", '"') in TEXT
    assert item["post"]["security"] == [{"bearer": ["reports:write"]}]
    assert "AuthenticationProblem" in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("containing", "pages"),
    [("import APIFlask", ["/docs"]), ("FlaskPlugin()", [])],
    ids=["APIFlask", "apispec"],
)
def test_the_other_libraries(
    run: Run, issuer: TokenIssuer, containing: str, pages: list[str]
) -> None:
    """The operation requires its scope. Without problem details, the body is text."""
    document = is_served(run(DOCUMENT, containing), issuer, "/reports", *pages)
    operation = document["paths"]["/reports"]["get"]
    scopes = operation["security"][0]["bearer"]
    assert scopes in ([], ["reports:read"])
    assert set(operation["responses"]["403"]["content"]) == {"text/plain"}


def test_a_scheme_of_your_own(run: Run) -> None:
    """The flows stay, and the operation lists its scope in OpenAPI 3.0."""
    program = run(DOCUMENT, '"flows"')
    document = program["document"]
    validate(document)
    assert document["components"]["securitySchemes"] == {"bearer": program["oauth"]}
    assert document["paths"]["/reports"]["get"]["security"] == [{"bearer": ["reports:read"]}]


def view() -> str:
    """Respond."""
    return "in"


def decorators(auth: Authenticator) -> dict[str, Any]:
    """Return a decorator for each line of the table of requirements, by the line's first words."""
    required = auth.requires_authentication
    keys = auth.evolve(extractor=APIKeyExtractor())
    either = CompositeTokenExtractor(auth.extractor, CookieTokenExtractor())
    return {
        "``requires_authentication``": required,
        '``rules=[Scope("a", "b")]``': required(rules=[Scope("a", "b")]),
        '``[Scope("a"), Scope("b")]``': required(rules=[Scope("a"), Scope("b")]),
        '``rules=[Scope("a") | Scope("b")]``': required(rules=[Scope("a") | Scope("b")]),
        '``[AnyScope("a", "b")]``': required(rules=[AnyScope("a", "b")]),
        '``rules=[Scope("a") | Role("editor")]``': required(rules=[Scope("a") | Role("editor")]),
        "``optional_authentication``": auth.optional_authentication,
        "a composite of header and cookie": auth.evolve(extractor=either).requires_authentication,
        "two Authenticators": lambda function: required(keys.requires_authentication(function)),
    }


def test_the_table_of_requirements(issuer: TokenIssuer) -> None:
    """Each line of the table says what an operation gets."""
    auth = Authenticator(keys=issuer.verification_key)
    lines = re.findall(r"   \* - (.+)\n     - ``(\[\{.*\}\])``\n", TEXT)
    tested: set[str] = set()
    for start, decorator in decorators(auth).items():
        app = Flask("table")
        app.add_url_rule("/", "it", decorator(lambda: "in"))
        operation: dict[str, Any] = {"responses": {}}
        add_security({"openapi": "3.1.0", "paths": {"/": {"get": operation}}}, app)
        ((line, shown),) = [each for each in lines if start in each[0]]
        assert str(operation["security"]).replace("'", '"') == shown
        tested.add(line)
    assert tested == {line for line, _ in lines}


EXTRACTORS: dict[str, Any] = {
    "``BearerTokenExtractor``, ``HeaderTokenExtractor()``": HeaderTokenExtractor(),
    '``HeaderTokenExtractor("X-Token")``': HeaderTokenExtractor("X-Token"),
    "``APIKeyExtractor``": APIKeyExtractor(),
    "``CookieTokenExtractor``": CookieTokenExtractor(),
    "``SessionTokenExtractor``": SessionTokenExtractor(),
    "``QueryTokenExtractor``": QueryTokenExtractor(),
    "``DoubleSubmit``, with methods that change something": DoubleSubmit().extractor(
        CookieTokenExtractor()
    ),
}


@pytest.mark.parametrize("line", EXTRACTORS)
def test_the_table_of_schemes(issuer: TokenIssuer, line: str) -> None:
    """Each line of the table names the scheme of an extractor, and its type and place."""
    ((name, shown),) = re.findall(
        rf"   \* - {re.escape(line)}\n     - ``(.+?)``.*\n     - (.+)\n", TEXT
    )
    auth = Authenticator(keys=issuer.verification_key, extractor=EXTRACTORS[line])
    app = Flask("table")
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"), methods=["POST"])
    document: dict[str, Any] = {"openapi": "3.1.0", "paths": {"/": {"post": {"responses": {}}}}}
    scheme = add_security(document, app)["components"]["securitySchemes"][name]
    assert scheme["type"] in shown
    assert (scheme.get("in") or scheme["scheme"]) in shown


def test_the_pages_of_an_api_with_a_prefix(issuer: TokenIssuer) -> None:
    """The endpoints of a second API of flask-smorest have its prefix."""
    (pattern,) = re.findall(r"such as ``V1_``, ``\"(.+?)\"``", TEXT)
    app = Flask("smorest")
    app.config.update(
        V1_API_TITLE="API",
        V1_API_VERSION="1",
        V1_OPENAPI_VERSION="3.1.0",
        V1_OPENAPI_URL_PREFIX="/v1",
        V1_OPENAPI_RAPIDOC_PATH="/rapidoc",
        V1_OPENAPI_RAPIDOC_URL="https://cdn.example/rapidoc.js",
    )
    flask_smorest.Api(app, config_prefix="V1_")
    app.add_url_rule("/in", "in", view)
    Authenticator(keys=issuer.verification_key).protect(app, public=[pattern])
    client = app.test_client()
    found = [client.get(page).status_code for page in ("/v1/openapi.json", "/v1/rapidoc", "/in")]
    assert found == [200, 200, 401]


def test_the_pages_of_flask_restx(issuer: TokenIssuer) -> None:
    """The endpoints that the table names open the pages of Flask-RESTX, and nothing else."""
    (line,) = re.findall(r"the document; Swagger UI and its files\n     - (.+)\n", TEXT)
    app = Flask("restx")
    flask_restx.Api(app)
    app.add_url_rule("/in", "in", view)
    Authenticator(keys=issuer.verification_key).protect(app, public=re.findall('"(.+?)"', line))
    client = app.test_client()
    for page in ("/", "/swagger.json", "/swaggerui/swagger-ui.css"):
        with client.get(page) as response:
            assert response.status_code == 200
    assert client.get("/in").status_code == 401
