"""Which operations have the responses 401 and 403, with which text and challenge."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from flask_jwtlib import (
    Authenticator,
    HeaderTokenExtractor,
    Role,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

from .kit import operation_of, secured


def view(**_: Any) -> str:
    """Respond."""
    return "in"


class Own(UnauthorizedHandler):
    """A handler of an application, derived from one of ours."""

    def deny(self, error: Any) -> Response:
        return Response("<p>No.", error.status, content_type="text/html")


TEXTS: dict[str, tuple[dict[str, Any], list[Any], str | None]] = {
    "nothing": ({}, [], None),
    "an API key": ({"extractor": APIKeyExtractor()}, [], None),
    "a role": ({}, [Role("editor")], "The caller lacks a permission."),
    "a claim rule": ({}, [lambda claims: None], None),
    "a policy of the Authenticator": (
        {"policies": [Scope("a")]},
        [],
        "The caller lacks a permission. Scopes to ask for: a.",
    ),
    "alternatives": (
        {},
        [Scope("a", "b") | Role("editor") | Scope("c")],
        "The caller lacks a permission. Scopes to ask for: a b, or c.",
    ),
    "a cookie": (
        {"extractor": CookieTokenExtractor()},
        [],
        "Another site may have made the browser send the request.",
    ),
    "a cookie and a role": (
        {"extractor": CookieTokenExtractor()},
        [Role("editor")],
        "The caller lacks a permission. Another site may have made the browser send the request.",
    ),
    "a proxy's header": (
        {"extractor": HeaderTokenExtractor("X-Token")},
        [],
        "Another site may have made the browser send the request.",
    ),
    "a checked header": (
        {"extractor": CrossSiteCheckedTokenExtractor(HeaderTokenExtractor("X-Token"))},
        [],
        "Another site may have made the browser send the request.",
    ),
    "a checked origin": (
        {"extractor": OriginCheckedTokenExtractor(HeaderTokenExtractor())},
        [],
        "Another site may have made the browser send the request.",
    ),
}


@pytest.mark.parametrize(("changes", "rules", "text"), TEXTS.values(), ids=TEXTS)
def test_403_is_documented_where_something_causes_it(
    app: Flask, auth: Authenticator, changes: dict[str, Any], rules: list[Any], text: str | None
) -> None:
    """Policies and checks for other sites cause a 403, whose description says so. Nothing else does."""
    auth = auth.evolve(**changes)
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(view))
    found = operation_of(app)["responses"].get("403")
    assert (None if found is None else found["description"]) == text


CHALLENGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "a realm": {"failure_handler": ProblemDetailsHandler(realm="reports")},
    "a realm by path": {
        "failure_handler": RoutedHandler(
            ProblemDetailsHandler(realm="pages"),
            paths={"/it": UnauthorizedHandler(realm="reports")},
        )
    },
    "no realm": {"failure_handler": Own()},
    "metadata": {"resource_metadata": "https://api.example/.well-known/oauth-protected-resource"},
    "a cookie or an API key": {
        "extractor": CompositeTokenExtractor(CookieTokenExtractor(), APIKeyExtractor())
    },
}


@pytest.mark.parametrize("changes", CHALLENGES.values(), ids=CHALLENGES)
def test_the_challenge_is_the_one_that_is_sent(
    app: Flask, auth: Authenticator, changes: dict[str, Any]
) -> None:
    """The example of the header is what a client without a token gets."""
    auth = auth.evolve(**changes)
    app.add_url_rule("/it", "it", auth.requires_authentication(view))
    header = operation_of(app, "/it")["responses"]["401"]["headers"]["WWW-Authenticate"]
    assert header["example"] == app.test_client().get("/it").headers["WWW-Authenticate"]


def test_only_a_missing_scope_has_a_challenge(app: Flask, auth: Authenticator) -> None:
    """A 403 without scopes documents no challenge, since it has none."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[Role("editor")])(view))
    responses = operation_of(app)["responses"]
    assert "headers" not in responses["403"]
    assert responses["401"]["headers"]["WWW-Authenticate"]["example"] == "Bearer"


def client_of(app: Flask) -> FlaskClient:
    """Return a client like a browser that opens a page."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_to_the_log_in_page_is_mentioned(
    app: Flask, auth: Authenticator, method: str
) -> None:
    """Where browsers are redirected, the description of the 401 says so."""
    auth = auth.evolve(failure_handler=LoginRedirectHandler("/login"))
    app.add_url_rule("/", "it", auth.requires_authentication(view), methods=["GET", "POST"])
    text: str = operation_of(app, method=method)["responses"]["401"]["description"]
    status = client_of(app).open("/", method=method.upper()).status_code
    assert ("redirected to the log-in page" in text) == (status == 302) == (method == "get")


def test_equal_responses_are_one_component(app: Flask, auth: Authenticator) -> None:
    """Responses without scopes are shared by all operations."""
    for path in ("/a", "/b"):
        decorate = auth.requires_authentication(rules=[Role("editor")])
        app.add_url_rule(path, path, decorate(lambda: "in"))
    document = secured(app)
    assert set(document["components"]["responses"]) == {
        "AuthenticationFailed",
        "PermissionDenied",
    }
    assert document["paths"]["/a"]["get"] == document["paths"]["/b"]["get"]
