"""A decorator returns a refusal only where Flask makes the response of what it returns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Flask
from flask.views import MethodView, View
from flask_cors import cross_origin

from flask_jwtlib import AppAuthenticator, Authenticator
from flask_jwtlib.errors import Refusal
from tests.frameworks.kit import (
    FRAMEWORKS,
    REACHED,
    add,
    careless,
    guarded,
    in_production,
    method_view,
    reached,
    wrapped,
)

Headers = dict[str, str]


def covered(view: Any) -> Any:
    """Decorate without ``functools.wraps``."""

    def cover(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return cover


def resource(lib: Any, app: Flask, **attributes: Any) -> None:
    """Serve a resource of Flask-RESTful or Flask-RESTX."""
    lib.Api(app).add_resource(type("Of", (lib.Resource,), attributes), "/view", endpoint="view")


async def reached_async() -> str:
    """Do what only callers may."""
    return reached()


def stacked(auth: Authenticator) -> Any:
    """Decorate twice, with another ``Authenticator`` outside."""
    return Authenticator(keys=auth.keys).optional_authentication(
        auth.requires_authentication(reached)
    )


class Dispatching(View):
    """A view class with a decorated method."""

    def dispatch_request(self) -> str:
        return reached()


class Forwarding(MethodView):
    """A view class whose own ``dispatch_request`` returns what its method returns."""

    def dispatch_request(self, **kwargs: Any) -> Any:
        return super().dispatch_request(**kwargs)


Serve = Callable[[Flask, Authenticator], object]
RETURNED: dict[str, Serve] = {
    "view": lambda app, auth: add(app, auth.requires_authentication(reached)),
    "async view": lambda app, auth: add(app, auth.requires_authentication(reached_async)),
    "optional view with a rule": lambda app, auth: add(
        app, auth.requires_authentication(rules=[lambda claims: True])(reached)
    ),
    "wraps": lambda app, auth: add(app, wrapped(auth.requires_authentication(reached))),
    "wraps twice": lambda app, auth: add(
        app, wrapped(wrapped(auth.requires_authentication(wrapped(reached))))
    ),
    "two Authenticators": lambda app, auth: add(app, stacked(auth)),
    "cross_origin": lambda app, auth: add(
        app, cross_origin()(auth.requires_authentication(reached))
    ),
    "decorators of a View": lambda app, auth: add(
        app,
        type("Of", (Dispatching,), {"decorators": [auth.requires_authentication]}).as_view("view"),
    ),
    "dispatch_request": lambda app, auth: add(
        app, type("Of", (View,), {"dispatch_request": guarded(auth)}).as_view("view")
    ),
    "decorators of a MethodView": lambda app, auth: add(
        app, method_view(decorators=[auth.requires_authentication], get=lambda self: reached())
    ),
    "method": lambda app, auth: add(app, method_view(get=guarded(auth))),
    "method of a base class": lambda app, auth: add(
        app,
        type("Sub", (type("Base", (MethodView,), {"get": guarded(auth)}),), {}).as_view("view"),
    ),
    "wrapped method": lambda app, auth: add(app, method_view(get=wrapped(guarded(auth)))),
    "staticmethod": lambda app, auth: add(
        app, method_view(get=staticmethod(auth.requires_authentication(reached)))
    ),
    "classmethod": lambda app, auth: add(app, method_view(get=classmethod(guarded(auth)))),
    "one instance": lambda app, auth: add(
        app, method_view(init_every_request=False, get=guarded(auth))
    ),
    "Flask-RESTful method": lambda app, auth: resource(flask_restful, app, get=guarded(auth)),
    "Flask-RESTX method": lambda app, auth: resource(flask_restx, app, get=guarded(auth)),
    "Flask-RESTful method_decorators": lambda app, auth: resource(
        flask_restful,
        app,
        method_decorators=[auth.requires_authentication],
        get=lambda self: reached(),
    ),
    "Flask-RESTX method_decorators": lambda app, auth: resource(
        flask_restx,
        app,
        method_decorators=[auth.requires_authentication],
        get=lambda self: reached(),
    ),
    "Flask-RESTful method_decorators by method": lambda app, auth: resource(
        flask_restful,
        app,
        # Without "head", Flask-RESTful would call `get` for HEAD without its decorators.
        method_decorators={
            key: [wrapped, auth.requires_authentication, wrapped] for key in ("get", "head")
        },
        get=lambda self: reached(),
    ),
    "partial": lambda app, auth: add(app, functools.partial(auth.requires_authentication(reached))),
    "a callable object": lambda app, auth: add(app, type("Of", (), {"__call__": guarded(auth)})()),
}
RAISED: dict[str, Serve] = {
    "a wrapper without wraps": lambda app, auth: add(
        app, covered(auth.requires_authentication(reached))
    ),
    "own dispatch_request of a MethodView": lambda app, auth: add(
        app, type("Of", (Forwarding,), {"get": guarded(auth)}).as_view("view")
    ),
}


def response_of(
    app: Flask, serve: Serve, auth: Authenticator, headers: Headers, method: str
) -> Any:
    """Serve a view, and send a request to it."""
    serve(app, auth)
    app.register_error_handler(Refusal, lambda error: ("raised", error.code))
    return app.test_client().open("/view", method=method, headers=headers)


@pytest.mark.parametrize("serve", RETURNED.values(), ids=RETURNED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_flask_calls_returns_the_refusal(
    app: Flask, telling: Authenticator, expired: Headers, serve: Serve, method: str
) -> None:
    """The view, its wrappers with ``functools.wraps``, and the methods of its class return a refusal."""
    response = response_of(app, serve, telling, expired, method)

    assert response.status_code == 401
    assert response.text == ("" if method == "HEAD" else "returned")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert not REACHED


@pytest.mark.parametrize("serve", RAISED.values(), ids=RAISED)
def test_what_flask_is_not_seen_to_call_raises_the_refusal(
    app: Flask, telling: Authenticator, expired: Headers, serve: Serve
) -> None:
    """What calls the decorated view may ignore what it returns, so the refusal is raised."""
    response = response_of(app, serve, telling, expired, "GET")

    assert (response.status_code, response.text) == (401, "raised")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert not REACHED


@pytest.mark.parametrize("serve", (RETURNED | RAISED).values(), ids=RETURNED | RAISED)
def test_a_caller_reaches_each_of_them(
    app: Flask, telling: Authenticator, good: Headers, serve: Serve
) -> None:
    """Each of these views accepts a caller."""
    response = response_of(app, serve, telling, good, "GET")

    assert response.status_code == 200
    assert REACHED == ["alice"]


@pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_each_framework_uses_the_returned_refusal(
    telling: Authenticator, expired: Headers, make: Any
) -> None:
    """A refusal that a decorated view returns reaches the client unchanged in each framework."""
    app = make({"view": telling.requires_authentication(lambda: {"done": True})})

    response = app.test_client().get("/view", headers=expired)

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_an_app_authenticator_returns_and_raises_alike(
    telling: Authenticator, expired: Headers
) -> None:
    """The rule is the same for the decorators of an ``AppAuthenticator``."""
    late = AppAuthenticator(lambda app: telling)
    app = in_production(Flask("late"))
    late.init_app(app)
    app.register_error_handler(Refusal, lambda error: ("raised", error.code))
    app.add_url_rule("/view", "view", late.requires_authentication(reached))
    app.add_url_rule("/helper", "helper", careless(late.requires_authentication(reached)))
    client = app.test_client()

    assert client.get("/view", headers=expired).text == "returned"
    assert client.get("/helper", headers=expired).text == "raised"


def test_a_guard_returns_the_refusal(app: Flask, telling: Authenticator, expired: Headers) -> None:
    """Flask uses what a ``before_request`` function returns, so a guard returns the refusal."""
    add(app, reached)
    telling.protect(app)
    app.register_error_handler(Refusal, lambda error: ("raised", error.code))
    client = app.test_client()

    assert client.get("/view", headers=expired).text == "returned"
    assert client.get("/unknown", headers=expired).text == "returned"
    assert client.post("/view", headers=expired).text == "returned"
    assert not REACHED


def test_cross_origin_adds_its_headers_to_a_refusal(
    app: Flask, telling: Authenticator, expired: Headers
) -> None:
    """A browser shows a page the refusal only if it has the headers of ``flask_cors.cross_origin``."""
    add(app, cross_origin(origins="https://spa.example")(telling.requires_authentication(reached)))

    response = app.test_client().get("/view", headers={**expired, "Origin": "https://spa.example"})

    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == "https://spa.example"
