"""The same views in apps of several frameworks, with the configuration of a server in production."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flask_restful
import flask_restx
import flask_smorest
from apiflask import APIFlask
from flask import Flask
from flask.views import MethodView

from flask_jwtlib import Authenticator, UnauthorizedHandler, current_principal

View = Callable[[], Any]
Views = Mapping[str, View]


def in_production(app: Flask) -> Flask:
    """Set what a server sets: nothing propagates to the test."""
    app.config.update(TESTING=False, DEBUG=False, PROPAGATE_EXCEPTIONS=False)
    return app


def _resource(base: type, view: View) -> Any:
    return type(f"Of_{id(view)}", (base,), {"get": lambda self: view()})


def flask(views: Views) -> Flask:
    """Serve views by Flask alone."""
    app = in_production(Flask("flask"))
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    return app


def flask_restful_app(views: Views) -> Flask:
    """Serve views as resources of Flask-RESTful."""
    app = in_production(Flask("restful"))
    api = flask_restful.Api(app)
    for name, view in views.items():
        api.add_resource(_resource(flask_restful.Resource, view), f"/{name}", endpoint=name)
    return app


def flask_restx_app(views: Views) -> Flask:
    """Serve views as resources of Flask-RESTX."""
    app = in_production(Flask("restx"))
    api = flask_restx.Api(app)
    for name, view in views.items():
        api.add_resource(_resource(flask_restx.Resource, view), f"/{name}", endpoint=name)
    return app


def flask_smorest_app(views: Views) -> Flask:
    """Serve views as method views of flask-smorest."""
    app = in_production(Flask("smorest"))
    app.config.update(API_TITLE="API", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    blueprint = flask_smorest.Blueprint("api", "api")
    for name, view in views.items():
        blueprint.route(f"/{name}", endpoint=name)(_resource(MethodView, view))
    flask_smorest.Api(app).register_blueprint(blueprint)
    return app


def apiflask_app(views: Views) -> Flask:
    """Serve views by APIFlask."""
    app: Any = in_production(APIFlask("apiflask"))
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    return app


FRAMEWORKS: dict[str, Callable[[Views], Flask]] = {
    "Flask": flask,
    "Flask-RESTful": flask_restful_app,
    "Flask-RESTX": flask_restx_app,
    "flask-smorest": flask_smorest_app,
    "APIFlask": apiflask_app,
}


REACHED: list[str] = []
"""The subjects of the callers who reached a view of the current test."""


class Telling(UnauthorizedHandler):
    """Responds with the word "returned", where an error handler of the app says "raised"."""

    def deny(self, error: Any) -> Any:
        return "returned", error.status


def reached() -> str:
    """Do what only callers may."""
    REACHED.append(current_principal.subject or "")
    return "in"


def wrapped(view: Any) -> Any:
    """Decorate as applications do."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def add(app: Flask, view: Any) -> None:
    """Serve a view."""
    app.add_url_rule("/view", "view", view, methods=["GET", "POST"])


def method_view(**attributes: Any) -> Any:
    """Return a view function of a ``MethodView``."""
    return type("OfMethods", (MethodView,), attributes).as_view("view")


def guarded(auth: Authenticator) -> Any:
    """Return a decorated method."""
    return auth.requires_authentication(lambda self: reached())


def careless(helper: Callable[[], Any]) -> Callable[[], str]:
    """Return a view that ignores what its helper returns."""

    def view() -> str:
        helper()
        return "the view went on"

    return view
