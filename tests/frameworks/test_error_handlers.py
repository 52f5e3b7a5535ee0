"""Decorated error handlers. Flask uses what they return, but handles no error that they raise."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_jwtlib import Authenticator
from tests.frameworks.kit import REACHED, add, careless, reached, wrapped

Headers = dict[str, str]


def fail() -> None:
    """Be a view that fails."""
    raise LookupError("missing")


async def handle_async(error: Any) -> tuple[str, int]:
    """Handle an error for callers only."""
    return reached(), 404


def handle(error: Any) -> tuple[str, int]:
    """Handle an error for callers only."""
    return reached(), 404


@pytest.mark.parametrize(
    ("handler", "wrap"),
    [(handle, lambda view: view), (handle_async, lambda view: view), (handle, wrapped)],
    ids=["sync", "async", "wrapped"],
)
@pytest.mark.parametrize("path", ["/unknown", "/view"])
def test_a_decorated_error_handler_returns_the_refusal(
    app: Flask,
    telling: Authenticator,
    expired: Headers,
    good: Headers,
    handler: Any,
    wrap: Any,
    path: str,
) -> None:
    """The client of a refused error handler gets the refusal, and a caller what the handler returns."""
    add(app, fail)
    protected = wrap(telling.requires_authentication(handler))
    app.register_error_handler(404, protected)
    app.register_error_handler(LookupError, protected)
    client = app.test_client()

    refused = client.get(path, headers=expired)

    assert (refused.status_code, refused.text) == (401, "returned")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert not REACHED
    accepted = client.get(path, headers=good)
    assert (accepted.status_code, accepted.text) == (404, "in")


def test_so_does_one_of_a_blueprint(app: Flask, telling: Authenticator) -> None:
    """An error handler of a blueprint returns its refusal, too."""
    blueprint = Blueprint("api", "api")
    blueprint.register_error_handler(LookupError, telling.requires_authentication(handle))
    blueprint.add_url_rule("/view", "view", fail)
    app.register_blueprint(blueprint)

    response = app.test_client().get("/view")

    assert (response.status_code, response.text) == (401, "returned")


def test_an_error_handler_that_a_view_calls_raises(app: Flask, telling: Authenticator) -> None:
    """A view can't overlook that an error handler that it calls itself refuses the caller."""
    protected = telling.requires_authentication(lambda error=None: reached())
    app.register_error_handler(404, protected)
    add(app, careless(protected))

    assert app.test_client().get("/view").status_code == 401
    assert not REACHED
