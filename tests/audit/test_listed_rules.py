"""What the audit lists for rules of hosts, subdomains and WebSockets, and for misplaced decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, ConfigurationError
from flask_jwtlib.audit import EndpointPatterns, route_accesses
from flask_jwtlib.testing import TokenIssuer

from .kit import found, fresh


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


def test_rules_that_differ_in_their_host_are_listed_by_host(auth: Authenticator) -> None:
    """With host matching, each rule has its host, and one path has an entry for each."""
    app = Flask("hosts", host_matching=True, static_folder=None)
    app.add_url_rule("/", "b", fresh(), host="z.example")
    app.add_url_rule("/", "a", auth.requires_authentication(fresh()), host="a.example")
    app.add_url_rule("/", "b", host="c.example")

    assert [(each.endpoint, each.host, each.access) for each in route_accesses(app)] == [
        ("a", "a.example", "required"),
        ("b", "c.example", "open"),
        ("b", "z.example", "open"),
    ]


def test_a_subdomain_is_listed_with_a_dot() -> None:
    """A rule of a subdomain has it as the beginning of a host; other rules have no host."""
    app = Flask("subdomains", subdomain_matching=True, static_folder=None)
    app.add_url_rule("/", "api", fresh(), subdomain="api")
    app.add_url_rule("/", "it", fresh())

    assert [(each.endpoint, each.host) for each in route_accesses(app)] == [
        ("api", "api."),
        ("it", ""),
    ]


def test_a_websocket_is_listed_as_one(app: Flask, auth: Authenticator) -> None:
    """A rule for WebSocket handshakes is marked, and has the access of its view."""
    app.add_url_rule("/it", "it", auth.requires_authentication(fresh()), websocket=True)

    access = found(app)["GET"]
    assert (access.websocket, access.access) == (True, "required")
    assert not found(app, "static")["GET"].websocket


@pytest.mark.parametrize("guarded", [False, True], ids=["open", "behind a guard"])
def test_a_misplaced_decorator_is_listed(app: Flask, auth: Authenticator, guarded: bool) -> None:
    """A view that is served without its decorator is misplaced, whether a guard protects it or not."""
    if guarded:
        app.before_request(auth.guard())

    @auth.requires_authentication
    @app.get("/lost")
    def lost() -> str:
        return ""

    access = found(app, "lost")["GET"]
    assert access.misplaced
    assert access.access == ("required" if guarded else "open")
    assert not found(app, "static")["GET"].misplaced


def test_another_reason_comes_first(app: Flask, auth: Authenticator) -> None:
    """A redirecting rule calls no view, so its reason is the redirect."""
    view = fresh()
    auth.requires_authentication(view)
    app.add_url_rule("/it", "it", view, redirect_to="/")

    assert (found(app)["GET"].by, found(app)["GET"].misplaced) == ("redirect", True)


def test_a_replaced_view_is_misplaced(app: Flask, auth: Authenticator) -> None:
    """A decorated view that is replaced by its undecorated function is misplaced."""

    @app.get("/it")
    @auth.requires_authentication
    def it() -> str:
        return ""

    assert found(app)["GET"].access == "required"
    view: Any = app.view_functions["it"]
    app.view_functions["it"] = view.__wrapped__

    assert found(app)["GET"].misplaced
    assert found(app)["GET"].access == "open"


def test_patterns_match_endpoints() -> None:
    """``*`` stands for one part between two dots, and each pattern is returned with what it matches."""
    patterns = EndpointPatterns(["static", "docs.*", "*.health", "gone"])
    endpoints = ["static", "docs.page", "docs.api.page", "admin.health", "docs"]

    assert patterns.matched_by(endpoints) == {
        "static": ["static"],
        "docs.*": ["docs.page"],
        "*.health": ["admin.health"],
        "gone": [],
    }
    assert [each for each in endpoints if patterns.match(each)] == [
        "static",
        "docs.page",
        "admin.health",
    ]


@pytest.mark.parametrize("wrong", ["static", ["*"], ["*.*"], ["a*"], [""], [7], None], ids=repr)
def test_patterns_are_checked(wrong: Any) -> None:
    """A pattern that isn't a name of an endpoint, or matches all of them, is a configuration error."""
    make: Callable[[Any], EndpointPatterns] = EndpointPatterns

    with pytest.raises(ConfigurationError, match=r"^public "):
        make(wrong)
