"""Views that call something decorated and ignore what it returns."""

from __future__ import annotations

import functools
from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Flask
from flask.views import MethodView, View

from flask_jwtlib import Authenticator
from flask_jwtlib.errors import Refusal
from tests.frameworks.kit import REACHED, add, careless, guarded, method_view, reached, wrapped

Headers = dict[str, str]


class Inheriting(MethodView):
    """Calls a decorated method of its base class."""

    def get(self) -> str:
        super().get()  # type: ignore[misc]
        return "the view went on"


def dispatching(base: type, auth: Authenticator, **attributes: Any) -> Any:
    """Return a view whose class calls its decorated ``get`` itself, and ignores what it returns."""

    def dispatch_request(self: Any) -> str:
        self.get()
        return "the view went on"

    attributes = {"dispatch_request": dispatch_request, "get": guarded(auth), **attributes}
    return type("Dispatching", (base,), attributes).as_view("view")  # type: ignore[attr-defined]


def decorating(auth: Authenticator) -> Any:
    """Return a view whose class decorates its ``get`` itself, and ignores what it returns."""

    def dispatch_request(self: Any) -> str:
        auth.requires_authentication(self.get)()
        return "the view went on"

    return dispatching(View, auth, dispatch_request=dispatch_request, get=lambda self: reached())


def helpers(auth: Authenticator) -> dict[str, Any]:
    """Return views that call something decorated, and ignore what it returns."""
    helper = auth.requires_authentication(reached)
    other_view = auth.requires_authentication(wrapped(reached))
    base = type("Base", (MethodView,), {"get": guarded(auth)})

    def get_calls_post(self: Any) -> str:
        self.post()
        return "the view went on"

    def head_calls_get(self: Any) -> str:
        self.get()
        return "the view went on"

    def calls_helper(self: Any) -> str:
        self.helper()
        return "the view went on"

    def decorates_when_called() -> str:
        auth.requires_authentication(reached)()
        return "the view went on"

    return {
        "helper in the closure": careless(helper),
        "another view": careless(other_view),
        "helper of a decorated view": Authenticator(keys=auth.keys).optional_authentication(
            careless(helper)
        ),
        "decorated when called": decorates_when_called,
        "another method": method_view(get=get_calls_post, post=guarded(auth)),
        "get for head": method_view(head=head_calls_get, get=guarded(auth)),
        "helper method": method_view(get=calls_helper, helper=guarded(auth)),
        "method of the base class": type("Sub", (Inheriting, base), {}).as_view("view"),
        "partial helper": careless(functools.partial(helper)),
        "wrapped helper": careless(wrapped(helper)),
        "own dispatch of a View": dispatching(View, auth),
        "own dispatch of a MethodView": dispatching(MethodView, auth),
        "own dispatch of a Flask-RESTful resource": dispatching(flask_restful.Resource, auth),
        "own dispatch of a Flask-RESTX resource": dispatching(flask_restx.Resource, auth),
        "own dispatch that decorates": decorating(auth),
    }


@pytest.mark.parametrize(
    "name",
    [
        "helper in the closure",
        "another view",
        "helper of a decorated view",
        "decorated when called",
        "another method",
        "get for head",
        "helper method",
        "method of the base class",
        "partial helper",
        "wrapped helper",
        "own dispatch of a View",
        "own dispatch of a MethodView",
        "own dispatch of a Flask-RESTful resource",
        "own dispatch of a Flask-RESTX resource",
        "own dispatch that decorates",
    ],
)
def test_a_helper_raises_the_refusal(
    app: Flask, telling: Authenticator, expired: Headers, good: Headers, name: str
) -> None:
    """A view can't overlook that a decorated function that it calls refuses the caller."""
    app.register_error_handler(Refusal, lambda error: ("raised", error.code))
    add(app, helpers(telling)[name])
    app.add_url_rule("/other", "other", telling.requires_authentication(reached))
    client = app.test_client()
    method = "HEAD" if name == "get for head" else "GET"

    response = client.open("/view", method=method, headers=expired)

    assert response.status_code == 401
    assert response.text == ("" if method == "HEAD" else "raised")
    assert not REACHED
    assert client.open("/view", method=method, headers=good).status_code == 200
    assert REACHED == ["alice"]
