"""Decorators of frameworks that convert what a view returns, above and below those of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_restful
import flask_restful.fields
import flask_restx
import flask_smorest
import marshmallow
import pytest
from apiflask import APIFlask, Schema
from apiflask.fields import String
from flask import Flask

from flask_jwtlib import Authenticator, current_principal
from tests.frameworks.kit import in_production

Headers = dict[str, str]
Decorate = Callable[[Any], Any]


class Report(marshmallow.Schema):
    """A schema of flask-smorest."""

    name = marshmallow.fields.String()


class ListPage(flask_smorest.Page):  # type: ignore[misc]
    """Counts the items of a list."""

    @property
    def item_count(self) -> int:
        """How many items there are."""
        return len(self.collection)


class OutputReport(Schema):
    """A schema of APIFlask."""

    name = String()


def _resource(lib: Any, converter: Any) -> Callable[[Decorate, bool], Flask]:
    def make(decorate: Decorate, above: bool) -> Flask:
        def get(self: Any) -> Any:
            return {"name": "the report"}

        app = in_production(Flask("resources"))
        get = decorate(converter(get)) if above else converter(decorate(get))
        lib.Api(app).add_resource(type("Of", (lib.Resource,), {"get": get}), "/view")
        return app

    return make


def _by_method_decorators(lib: Any, converter: Any) -> Callable[[Decorate, bool], Flask]:
    def make(decorate: Decorate, above: bool) -> Flask:
        def get(self: Any) -> Any:
            return {"name": "the report"}

        app = in_production(Flask("resources"))
        decorators = [converter, decorate] if above else [decorate, converter]
        resource = type("Of", (lib.Resource,), {"get": get, "method_decorators": decorators})
        lib.Api(app).add_resource(resource, "/view")
        return app

    return make


def _smorest(*, etag: bool) -> Callable[[Decorate, bool], Flask]:
    def make(decorate: Decorate, above: bool) -> Flask:
        def view() -> Any:
            return {"name": "the report"}

        app = in_production(Flask("smorest"))
        app.config.update(API_TITLE="API", API_VERSION="1", OPENAPI_VERSION="3.0.2")
        blueprint = flask_smorest.Blueprint("api", "api")

        def convert(view: Any) -> Any:
            converted = blueprint.response(200, Report)(view)
            return blueprint.etag(converted) if etag else converted

        view = decorate(convert(view)) if above else convert(decorate(view))
        blueprint.route("/view")(view)
        flask_smorest.Api(app).register_blueprint(blueprint)
        return app

    return make


def _paginated(decorate: Decorate, above: bool) -> Flask:
    def view() -> Any:
        return [{"name": "the report"}]

    app = in_production(Flask("smorest"))
    app.config.update(API_TITLE="API", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    blueprint = flask_smorest.Blueprint("api", "api")

    def convert(view: Any) -> Any:
        return blueprint.response(200, Report(many=True))(blueprint.paginate(ListPage)(view))

    view = decorate(convert(view)) if above else convert(decorate(view))
    blueprint.route("/view")(view)
    flask_smorest.Api(app).register_blueprint(blueprint)
    return app


def _apiflask(decorate: Decorate, above: bool) -> Flask:
    def view() -> Any:
        return {"name": "the report"}

    app: Any = in_production(APIFlask("apiflask"))
    view = (
        decorate(app.output(OutputReport)(view))
        if above
        else app.output(OutputReport)(decorate(view))
    )
    app.get("/view")(view)
    return app  # type: ignore[no-any-return]


FIELDS = {
    "marshal_with of Flask-RESTful": _resource(
        flask_restful, flask_restful.marshal_with({"name": flask_restful.fields.String})
    ),
    "marshal_with_field of Flask-RESTful": _resource(
        flask_restful, flask_restful.marshal_with_field(flask_restful.fields.Raw)
    ),
    "marshal_with of Flask-RESTX": _resource(
        flask_restx, flask_restx.marshal_with({"name": flask_restx.fields.String})
    ),
    "marshal_with_field of Flask-RESTX": _resource(
        flask_restx, flask_restx.marshal_with_field(flask_restx.fields.Raw)
    ),
    "marshal_with in method_decorators of Flask-RESTful": _by_method_decorators(
        flask_restful, flask_restful.marshal_with({"name": flask_restful.fields.String})
    ),
    "marshal_with in method_decorators of Flask-RESTX": _by_method_decorators(
        flask_restx, flask_restx.marshal_with({"name": flask_restx.fields.String})
    ),
    "response of flask-smorest": _smorest(etag=False),
    "etag of flask-smorest": _smorest(etag=True),
    "paginate of flask-smorest": _paginated,
    "output of APIFlask": _apiflask,
}


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("above", [True, False], ids=["above", "below"])
def test_a_refusal_is_not_converted(
    auth: Authenticator, good: Headers, expired: Headers, make: Any, above: bool
) -> None:
    """A refusal keeps its status and challenge on both sides of a decorator that converts data."""
    client = make(auth.requires_authentication, above).test_client()

    refused = client.get("/view", headers=expired)

    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert "report" not in refused.text
    accepted = client.get("/view", headers=good)
    assert accepted.status_code == 200
    assert "the report" in accepted.text


@pytest.mark.parametrize("make", FIELDS.values(), ids=FIELDS)
def test_the_caller_below_it_stays_the_requests_caller(
    auth: Authenticator, good: Headers, make: Any
) -> None:
    """After the view, ``current_principal`` is the caller, also if the decorator is below such a one."""
    seen: list[str | None] = []
    app = make(auth.requires_authentication, False)

    @app.after_request
    def look(response: Any) -> Any:
        seen.append(current_principal.subject if current_principal else None)
        return response

    app.test_client().get("/view", headers=good)

    assert seen == ["alice"]
