"""What every failure handler keeps: status, challenge, headers for caches, one signal and one log line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    FailureHandler,
    JWTValidator,
    RaisingHandler,
    Scope,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

METADATA = "https://api.example/.well-known/oauth-protected-resource"
REALM = 'Bearer realm="api"'
NEEDS = f'scope="a b", resource_metadata="{METADATA}"'
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
ISSUER = TokenIssuer(algorithm="ES256", lifetime=86400)


def as_json(error: Any) -> dict[str, str]:
    """Return the application's own format."""
    return {"code": error.reason}


HANDLERS: dict[str, Callable[[], FailureHandler]] = {
    "text": lambda: UnauthorizedHandler(realm="api"),
    "raising": lambda: RaisingHandler(realm="api"),
    "problem": lambda: ProblemDetailsHandler(realm="api"),
    "json": lambda: JSONHandler(as_json, realm="api"),
    "redirect": lambda: LoginRedirectHandler(
        "/login", otherwise=ProblemDetailsHandler(realm="api")
    ),
    "redirect, raising": lambda: LoginRedirectHandler(
        "/login", otherwise=RaisingHandler(realm="api")
    ),
    "routed": lambda: RoutedHandler(
        UnauthorizedHandler(realm="other"), paths={"/in": JSONHandler(as_json, realm="api")}
    ),
    "routed, raising": lambda: RoutedHandler(
        UnauthorizedHandler(realm="other"), paths={"/in": RaisingHandler(realm="api")}
    ),
    "routed, redirect, routed": lambda: RoutedHandler(
        LoginRedirectHandler(
            "/login",
            otherwise=RoutedHandler(
                RaisingHandler(realm="other"), paths={"/in": RaisingHandler(realm="api")}
            ),
        )
    ),
    "redirect, routed": lambda: LoginRedirectHandler(
        "/login",
        otherwise=RoutedHandler(
            UnauthorizedHandler(), paths={"/in": ProblemDetailsHandler(realm="api")}
        ),
    ),
}


class Down:
    """Keys that are unavailable."""

    def keys_for(self, header: object) -> Any:
        raise VerificationUnavailable("down")


class App:
    """An app with the same routes behind a handler, and what happened there."""

    def __init__(self, handler: FailureHandler, **how: Any) -> None:
        self.ran: list[str] = []
        auth = Authenticator(
            keys=ISSUER.public_pem,
            validator=JWTValidator(algorithms="ES256"),
            failure_handler=handler,
            resource_metadata=METADATA,
            **how,
        )
        self.flask = app = Flask("every")
        for name, decorate in {
            "required": auth.requires_authentication(rules=[Scope("a", "b")]),
            "optional": auth.optional_authentication(rules=[Scope("a", "b")]),
            "outage": auth.evolve(keys=Down()).requires_authentication,
        }.items():
            app.add_url_rule(
                f"/in/{name}", name, decorate(self.view), methods=["GET", "HEAD", "POST"]
            )
        self.client: Any = app.test_client()

    def view(self) -> str:
        """Note that it was run."""
        self.ran.append("view")
        return "in"


@pytest.fixture(scope="module", params=HANDLERS.values(), ids=HANDLERS)
def served(request: pytest.FixtureRequest) -> App:
    """An app with one of the handlers."""
    return App(request.param())


EXPIRED, POOR, RICH = (
    bearer(ISSUER.token(**claims)) for claims in ({"exp": 1}, {"scope": "a"}, {"scope": "a b"})
)
DESCRIBED = 'error="invalid_token", error_description="The access token expired"'
LACKING = 'error="insufficient_scope", error_description="The access token lacks a required scope"'
CASES: dict[str, tuple[str, dict[str, str], int, str | None]] = {
    "no token": ("/in/required", {}, 401, f"{REALM}, {NEEDS}"),
    "expired": ("/in/required", EXPIRED, 401, f"{REALM}, {DESCRIBED}, {NEEDS}"),
    "no scope": (
        "/in/required",
        POOR,
        403,
        f"{REALM}, {LACKING}, {NEEDS}",
    ),
    "no scope on an optional route": (
        "/in/optional",
        POOR,
        403,
        f"{REALM}, {LACKING}, {NEEDS}",
    ),
    "outage": ("/in/outage", RICH, 503, None),
}
each_case = pytest.mark.parametrize(
    ("path", "headers", "status", "challenge"), CASES.values(), ids=CASES
)


@each_case
def test_a_refusal_is_complete(
    served: App,
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: dict[str, str],
    status: int,
    challenge: str | None,
) -> None:
    """Status, challenge with the handler's realm, and Vary are right, and no view is run."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    seen: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        seen.append(details["error"])

    with request_refused.connected_to(receive):
        response = served.client.get(path, headers=headers)

    assert (response.status_code, response.headers.get("WWW-Authenticate")) == (status, challenge)
    assert ("Retry-After" in response.headers) is (status == 503)
    assert "Authorization" in response.headers["Vary"]
    assert len(response.headers.getlist("Vary")) == 1
    assert served.ran == []
    assert len(seen) == len(caplog.records) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_browser_is_never_let_in(served: App, method: str) -> None:
    """A browser without a token is refused or redirected, with any method, and no view is run."""
    response = served.client.open("/in/required", method=method, headers=BROWSER)

    assert response.status_code in {302, 401}
    assert served.ran == []
    assert response.status_code == 401 or method != "POST"


def test_guests_and_callers_are_served(served: App) -> None:
    """An optional route serves a guest, and a caller with all scopes is let in, with any handler."""
    for path, headers in ("/in/optional", {}), ("/in/optional", BROWSER), ("/in/required", RICH):
        response = served.client.get(path, headers=headers)
        assert (response.status_code, response.text) == (200, "in")
    assert served.ran == ["view"] * 3
    served.ran.clear()


@pytest.mark.parametrize("name", HANDLERS)
def test_vary_with_a_cookie(name: str) -> None:
    """Vary names what the cookie's extractor reads and what the redirect depends on, and both are private."""
    client = App(HANDLERS[name](), extractor=CookieTokenExtractor()).client
    for headers in {}, BROWSER:
        response = client.get("/in/required", headers=headers)
        vary = response.headers["Vary"].split(", ")
        read = {"Cookie", "Sec-Fetch-Site", "Origin"}
        depends = {"Accept", "Sec-Fetch-Mode"} if "redirect" in name else set()
        assert len(vary) == len(set(vary))
        assert set(vary) == read | depends
        assert response.headers["Cache-Control"] in {"private", "no-store"}
        if response.status_code == 401:
            assert response.headers["WWW-Authenticate"] == 'Cookie realm="api"'
