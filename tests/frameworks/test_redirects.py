"""Redirects to a log-in page in apps of several frameworks."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_jwtlib import Authenticator
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler

from .kit import FRAMEWORKS

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
each_framework = pytest.mark.parametrize("make", FRAMEWORKS.values(), ids=FRAMEWORKS)


def redirecting(auth: Authenticator) -> Authenticator:
    """Return a variant that redirects browsers."""
    return auth.evolve(failure_handler=LoginRedirectHandler("/login"))


@each_framework
def test_protected_views_redirect(make: Any, auth: Authenticator) -> None:
    """In every framework, ``protect`` redirects a browser and not a program, and no view is run."""
    ran: list[str] = []
    app = make({"page": lambda: ran.append("page") or "in"})
    redirecting(auth).protect(app)
    client = app.test_client()
    browser, program = client.get("/page", headers=BROWSER), client.get("/page")

    assert (browser.status_code, browser.location) == (302, "/login?next=/page")
    assert (program.status_code, program.json["reason"]) == (401, "missing-token")
    assert ran == []


@each_framework
def test_a_raised_refusal_stays_a_refusal(make: Any, auth: Authenticator) -> None:
    """A framework that makes the response itself sends a complete 401, and any other one the redirect."""
    own = redirecting(auth)
    app = make({"page": lambda: str(own.authenticate())})
    response = app.test_client().get("/page", headers=BROWSER)

    if response.status_code == 302:
        assert response.location == "/login?next=/page"
    else:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "Location" not in response.headers


@pytest.mark.parametrize("asks", [True, False], ids=["authenticate", "decorated helper"])
def test_an_error_handler_gets_the_redirect(app: Flask, auth: Authenticator, asks: bool) -> None:
    """An app's error handler that returns ``error.get_response()`` sends the redirect."""
    own = redirecting(auth)
    helper = own.requires_authentication(lambda: "in")
    app.add_url_rule("/page", view_func=lambda: str(own.authenticate()) if asks else helper())
    app.register_error_handler(HTTPException, lambda error: error.get_response())
    client: Any = app.test_client()
    browser, program = client.get("/page", headers=BROWSER), client.get("/page")

    assert (browser.status_code, browser.location) == (302, "/login?next=/page")
    assert (program.status_code, program.json["reason"]) == (401, "missing-token")
