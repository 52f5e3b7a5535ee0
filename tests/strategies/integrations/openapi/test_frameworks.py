"""apispec, flask-smorest and APIFlask: their own documents, and their pages behind ``protect``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_smorest
import pytest
from apiflask import APIBlueprint, APIFlask, Schema
from apiflask.fields import String
from apispec import APISpec
from apispec_webframeworks.flask import FlaskPlugin
from flask import Flask
from flask.views import MethodView
from openapi_spec_validator import validate

from flask_jwtlib import Authenticator, Role, Scope, public
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.integrations.openapi import add_security

from .kit import VERSIONS

READ, WRITE = Scope("read"), Scope("write")


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` that sends problem details."""
    return Authenticator(keys=issuer.verification_key, failure_handler=ProblemDetailsHandler())


class Report(Schema):
    """A schema."""

    title = String()


def with_apispec(auth: Authenticator, version: str) -> tuple[Flask, Callable[[], Any]]:
    """Return an app whose document is made by apispec, and served by a view of its own."""
    app = Flask("apispec")

    @app.get("/reports/<name>")
    @auth.requires_authentication(rules=[READ])
    def report(name: str) -> str:
        """Return a report.
        ---
        get:
          parameters:
            - {name: name, in: path, required: true, schema: {type: string}}
          responses:
            200: {description: The report.}
        """  # noqa: D205 - the format of apispec
        return name

    class Notes(MethodView):
        @auth.optional_authentication
        def get(self) -> str:
            """Return the notes.
            ---
            responses:
              200: {description: The notes.}
            """  # noqa: D205
            return "notes"

        @auth.requires_authentication(rules=[WRITE | Role("editor")])
        def post(self) -> str:
            """Write a note.
            ---
            responses:
              403: {description: mine}
            """  # noqa: D205
            return "written"

    notes = Notes.as_view("notes")
    app.add_url_rule("/notes", view_func=notes)

    @app.get("/openapi.json")
    @public
    def openapi() -> Any:
        return spec.to_dict()

    spec = APISpec("API", "1", version, plugins=[FlaskPlugin()])
    with app.test_request_context():
        spec.path(view=report)
        spec.path(view=notes)
    auth.protect(app)
    add_security(spec, app)
    return app, spec.to_dict


def with_smorest(auth: Authenticator, version: str) -> tuple[Flask, Callable[[], Any]]:
    """Return an app of flask-smorest."""
    app = Flask("smorest")
    app.config.update(
        API_TITLE="API",
        API_VERSION="1",
        OPENAPI_VERSION=version,
        OPENAPI_URL_PREFIX="/",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL="https://cdn.example/",
        OPENAPI_REDOC_PATH="/redoc",
        OPENAPI_REDOC_URL="https://cdn.example/redoc.js",
    )
    blueprint = flask_smorest.Blueprint("api", "api")

    @blueprint.route("/reports/<name>")
    @auth.requires_authentication(rules=[READ])
    @blueprint.response(200, Report)
    def report(name: str) -> Any:
        return {"title": name}

    @blueprint.route("/notes")
    class Notes(MethodView):
        @auth.optional_authentication
        @blueprint.response(200, Report)
        def get(self) -> Any:
            return {"title": "notes"}

        @blueprint.response(200, Report)
        @blueprint.alt_response(403, description="mine")
        @auth.requires_authentication(rules=[WRITE | Role("editor")])
        def post(self) -> Any:
            return {"title": "written"}

    api = flask_smorest.Api(app)
    api.register_blueprint(blueprint)
    auth.protect(app, public=["api-docs.*"])
    add_security(api.spec, app)
    return app, api.spec.to_dict


def with_apiflask(auth: Authenticator, version: str) -> tuple[Flask, Callable[[], Any]]:
    """Return an app of APIFlask."""
    app: Any = APIFlask("apiflask")
    app.config["OPENAPI_VERSION"] = version
    blueprint = APIBlueprint("api", "api")

    @blueprint.get("/reports/<name>")
    @auth.requires_authentication(rules=[READ])
    @blueprint.output(Report)
    def report(name: str) -> Any:
        return {"title": name}

    @blueprint.route("/notes")
    class Notes(MethodView):
        @auth.optional_authentication
        @blueprint.output(Report)
        def get(self) -> Any:
            return {"title": "notes"}

        @blueprint.output(Report)
        @blueprint.doc(responses={403: "mine"})
        @auth.requires_authentication(rules=[WRITE | Role("editor")])
        def post(self) -> Any:
            return {"title": "written"}

    app.register_blueprint(blueprint)
    auth.protect(app, public=["openapi.*"])

    @app.spec_processor
    def secured(spec: Any) -> Any:
        return add_security(spec, app)

    return app, lambda: app.spec


FRAMEWORKS = {"apispec": with_apispec, "flask-smorest": with_smorest, "APIFlask": with_apiflask}
PAGES = {
    "apispec": ["/openapi.json"],
    "flask-smorest": ["/openapi.json", "/docs", "/redoc"],
    "APIFlask": ["/openapi.json", "/docs", "/docs/oauth2-redirect"],
}
make_each = pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)


@pytest.mark.parametrize("version", VERSIONS)
@make_each
def test_each_framework_describes_its_views(
    auth: Authenticator, make: Callable[..., Any], version: str
) -> None:
    """Requirements and responses are those of the decorators, beside what the app says itself."""
    _, document_of = make(auth, version)
    document = document_of()
    validate(document)
    assert set(document["paths"]) == {"/reports/{name}", "/notes"}
    report = document["paths"]["/reports/{name}"]["get"]
    get, post = (document["paths"]["/notes"][method] for method in ("get", "post"))
    with_scopes = version != "3.0.3"
    assert report["security"] == [{"bearer": ["read"] if with_scopes else []}]
    assert get["security"] == [{"bearer": []}, {}]
    alternatives = [{"bearer": ["write"]}, {"bearer": []}]
    assert post["security"] == (alternatives if with_scopes else [{"bearer": []}])
    assert {"200", "401", "403"} <= set(report["responses"])
    assert {"401", "403"}.isdisjoint(get["responses"])
    assert {"401", "403"} <= set(post["responses"])
    assert post["responses"]["403"]["description"] == "mine"
    assert "Scopes to ask for: read" in report["responses"]["403"]["description"]
    components = document["components"]
    assert "AuthenticationProblem" in components["schemas"]
    assert components["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document_of() == document


@make_each
def test_pages_are_open_and_everything_else_is_denied(
    auth: Authenticator,
    issuer: TokenIssuer,
    make: Callable[..., Any],
    request: pytest.FixtureRequest,
) -> None:
    """The document and its pages need no token, and what they describe does."""
    app, document_of = make(auth, "3.1.0")
    client = app.test_client()
    for page in PAGES[request.node.callspec.id]:
        assert client.get(page).status_code == 200, page
    document = client.get("/openapi.json").json
    assert {**document, "servers": None} == {**document_of(), "servers": None}
    assert client.get("/reports/a").status_code == 401
    assert client.get("/unknown").status_code == 401
    good = bearer(issuer.token("alice", scope="read"))
    assert client.get("/reports/a", headers=good).status_code == 200
    assert client.post("/notes", headers=good).status_code == 403
    assert client.get("/notes").status_code == 200


@make_each
def test_pages_are_denied_unless_they_are_named(
    issuer: TokenIssuer, auth: Authenticator, make: Callable[..., Any]
) -> None:
    """A guard of everything, as a team may add it, closes the pages of the frameworks."""
    app, _ = make(auth, "3.1.0")
    app.before_request(Authenticator(keys=issuer.verification_key).guard())
    marked = "openapi" in app.view_functions
    assert app.test_client().get("/openapi.json").status_code == (200 if marked else 401)


def test_apiflask_keeps_its_own_security(auth: Authenticator) -> None:
    """Schemes and requirements that an app of APIFlask states stay, beside ours."""
    app: Any = APIFlask("apiflask")
    app.security_schemes = {"mine": {"type": "http", "scheme": "basic"}}

    @app.get("/mine")
    @app.doc(security="mine")
    def mine() -> str:
        return "in"

    @app.get("/ours")
    @auth.requires_authentication
    def ours() -> str:
        return "in"

    app.spec_processor(lambda spec: add_security(spec, app))
    document = app.spec
    validate(document)
    assert document["paths"]["/mine"]["get"]["security"] == [{"mine": []}]
    assert document["paths"]["/ours"]["get"]["security"] == [{"bearer": []}]
    assert set(document["components"]["securitySchemes"]) == {"mine", "bearer"}


def test_apiflask_may_pass_its_apispec(auth: Authenticator) -> None:
    """With ``SPEC_PROCESSOR_PASS_OBJECT``, the processor gets an ``APISpec``."""
    app: Any = APIFlask("apiflask")
    app.config["SPEC_PROCESSOR_PASS_OBJECT"] = True
    app.get("/")(auth.requires_authentication(lambda: "in"))
    app.spec_processor(lambda spec: add_security(spec, app))
    document = app.spec
    validate(document)
    assert document["paths"]["/"]["get"]["security"] == [{"bearer": []}]


def test_yaml_of_apiflask_has_security(auth: Authenticator) -> None:
    """A document that is served as YAML is described, too."""
    app: Any = APIFlask("apiflask")
    app.config.update(SPEC_FORMAT="yaml")
    app.get("/")(auth.requires_authentication(lambda: "in"))
    app.spec_processor(lambda spec: add_security(spec, app))
    assert "AuthenticationFailed" in app.spec
