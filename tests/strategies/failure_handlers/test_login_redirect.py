"""``LoginRedirectHandler``: who is redirected to the log-in page, who isn't, and with which headers."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    RaisingHandler,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.errors import CrossSiteError, InvalidRequestError, MissingTokenError
from flask_jwtlib.interfaces import FailureHandler
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.contracts import FailureHandlerContract
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler

from .redirect_kit import BROWSERS, HTML, PROGRAMS

METADATA = "https://api.example/.well-known/oauth-protected-resource"
BROWSER = {"Accept": HTML, "Sec-Fetch-Mode": "navigate"}
each_browser = pytest.mark.parametrize("headers", BROWSERS.values(), ids=BROWSERS)
each_program = pytest.mark.parametrize("headers", PROGRAMS.values(), ids=PROGRAMS)


class TestLoginRedirectHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return LoginRedirectHandler("/login")


class TestLoginRedirectHandlerWithAnotherHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return LoginRedirectHandler("login", otherwise=UnauthorizedHandler(realm="pages"))


def refuse(claims: dict[str, Any]) -> None:
    """Refuse as the claim ``refuse`` says."""
    errors: dict[str, Exception] = {
        "cross-site": CrossSiteError(),
        "request": InvalidRequestError(),
        "cookie": InvalidTokenError(headers=[("Set-Cookie", "access_token=; Max-Age=0")]),
    }
    if claims.get("refuse") in errors:
        raise errors[claims["refuse"]]


class Site:
    """A site whose pages need a token, and the views that were run."""

    def __init__(self, issuer: TokenIssuer, handler: FailureHandler, **how: Any) -> None:
        self.ran: list[str] = []
        self.auth = auth = Authenticator(
            keys=issuer.verification_key,
            failure_handler=handler,
            resource_metadata=METADATA,
            **how,
        )
        self.app = app = Flask("site")
        app.testing = True
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]

        @app.route("/page", methods=every)
        @auth.requires_authentication(rules=[refuse, Scope("read")])
        def page() -> str:
            self.ran.append("page")
            return "in"

        @app.get("/news")
        @auth.optional_authentication
        def news() -> str:
            return "news"

        @app.get("/asks")
        def asks() -> str:
            auth.authenticate()
            self.ran.append("asks")
            return "in"

        app.add_url_rule("/login", "login", lambda: "log in", methods=["GET", "POST"])
        self.client = app.test_client()


@pytest.fixture(scope="module")
def site() -> Site:
    """A site with the default handler for programs."""
    return Site(TokenIssuer(), LoginRedirectHandler("login"))


@each_browser
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_that_opens_a_page_is_redirected(
    site: Site, method: str, headers: dict[str, str]
) -> None:
    """Without a token, the response is a 302 to the log-in page, and the view isn't run."""
    response = site.client.open("/page?a=1", method=method, headers=headers)

    assert (response.status_code, response.headers["Location"]) == (
        302,
        "/login?next=/page%3Fa%3D1",
    )
    assert site.ran == []


@each_browser
def test_a_bad_token_is_redirected_too(site: Site, headers: dict[str, str]) -> None:
    """A user whose token has become invalid can log in again."""
    response = site.client.get("/page", headers={**headers, **bearer("a.b.c")})

    assert (response.status_code, response.headers["Location"]) == (302, "/login?next=/page")


@each_program
@pytest.mark.parametrize("path", ["/page", "/asks"])
def test_a_program_gets_json(site: Site, path: str, headers: dict[str, str]) -> None:
    """curl, axios and fetch get a 401 with problem details and the challenge."""
    response = site.client.get(path, headers=headers)

    assert (response.status_code, response.content_type) == (401, "application/problem+json")
    assert response.json["reason"] == "missing-token"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "Location" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
@pytest.mark.parametrize("headers", [BROWSER, {"Accept": HTML}], ids=["HTTPS", "plain HTTP"])
def test_other_methods_are_not_redirected(site: Site, method: str, headers: Any) -> None:
    """A form that is sent without a token isn't redirected: its data would be lost, or sent elsewhere."""
    response = site.client.open("/page", method=method, headers=headers)

    assert (response.status_code, response.json["reason"]) == (401, "missing-token")


@pytest.mark.parametrize(
    ("refusal", "status", "reason"),
    [
        pytest.param("scope", 403, "insufficient-scope", id="no scope"),
        pytest.param("cross-site", 403, "cross-site-request", id="cross-site"),
        pytest.param("request", 400, "malformed-credentials", id="malformed"),
        pytest.param("header", 400, "malformed-credentials", id="malformed header"),
        pytest.param("outage", 503, "verification-unavailable", id="outage"),
    ],
)
def test_other_statuses_are_not_redirected(
    issuer: TokenIssuer, refusal: str, status: int, reason: str
) -> None:
    """Logging in doesn't help against a 403, 400 or 503, so a browser gets it as it is."""
    site = Site(issuer, LoginRedirectHandler("login"))
    without_keys = site.auth.evolve(keys=down)
    site.app.add_url_rule("/down", view_func=without_keys.requires_authentication(lambda: "in"))
    token = "a b" if refusal == "header" else issuer.token(refuse=refusal)
    path = "/down" if refusal == "outage" else "/page"
    response: Any = site.client.get(path, headers={**BROWSER, **bearer(token)})

    assert (response.status_code, response.json["reason"]) == (status, reason)
    assert "Location" not in response.headers


def down() -> object:
    """Fail, as a key server does that is down."""
    raise ConnectionError


def test_a_good_token_is_let_in(issuer: TokenIssuer) -> None:
    """A browser with a valid token gets the page."""
    site = Site(issuer, LoginRedirectHandler("login"))

    response = site.client.get("/page", headers={**BROWSER, **bearer(issuer.token(scope="read"))})
    assert (response.status_code, response.text, site.ran) == (200, "in", ["page"])


def test_a_raised_refusal_is_redirected(site: Site) -> None:
    """A refusal by ``authenticate()`` in a view redirects as a decorator's does, and the view ends."""
    response = site.client.get("/asks", headers=BROWSER)

    assert (response.status_code, response.headers["Location"]) == (302, "/login?next=/asks")
    assert site.ran == []


def test_the_redirects_headers(site: Site) -> None:
    """No cache stores the redirect, and it has no challenge, since a browser has no use for one."""
    response = site.client.get("/page", headers=BROWSER)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Accept, Sec-Fetch-Mode, Authorization"
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("path", ["/page", "/asks"])
def test_what_a_program_gets_varies_too(site: Site, path: str) -> None:
    """A cache must not send a program's 401 to a browser."""
    response = site.client.get(path)

    vary = {name.strip() for name in response.headers["Vary"].split(",")}
    assert vary == {"Authorization", "Accept", "Sec-Fetch-Mode"}
    assert len(response.headers.getlist("Vary")) == 1


class OwnVary(UnauthorizedHandler):
    """A handler that sets ``Vary`` itself."""

    values: tuple[str, ...] = ()

    def deny(self, error: Any) -> Response:
        response = super().deny(error)
        for value in self.values:
            response.headers.add("Vary", value)
        return response


@pytest.mark.parametrize(
    ("values", "vary"),
    [
        pytest.param(("*",), "*", id="everything"),
        pytest.param(("accept",), "accept, Authorization, Sec-Fetch-Mode", id="a part"),
        pytest.param(
            ("Origin", "Cookie"), "Origin, Cookie, Authorization, Accept, Sec-Fetch-Mode", id="two"
        ),
    ],
)
def test_vary_is_merged(issuer: TokenIssuer, values: tuple[str, ...], vary: str) -> None:
    """Names that the other handler set stay, each once."""
    handler = type("Own", (OwnVary,), {"values": values})()
    site = Site(issuer, LoginRedirectHandler("login", otherwise=handler))

    assert site.client.get("/page").headers["Vary"] == vary


def test_a_refusals_own_headers_are_sent(issuer: TokenIssuer) -> None:
    """A header of the error, such as one that clears a cookie, is on the redirect, too."""
    site = Site(issuer, LoginRedirectHandler("login"))
    token = issuer.token(refuse="cookie", scope="read")
    response = site.client.get("/page", headers={**BROWSER, **bearer(token)})

    assert response.status_code == 302
    assert response.headers["Set-Cookie"] == "access_token=; Max-Age=0"


def test_scopes_and_metadata_are_in_the_programs_challenge(issuer: TokenIssuer) -> None:
    """The 401 of the other handler has its realm, the route's scopes and the metadata's URL."""
    handler = LoginRedirectHandler("login", otherwise=ProblemDetailsHandler(realm="pages"))
    challenge = Site(issuer, handler).client.get("/page").headers["WWW-Authenticate"]

    assert challenge == f'Bearer realm="pages", scope="read", resource_metadata="{METADATA}"'
    assert handler.realm == "pages"


@pytest.mark.parametrize("headers", [BROWSER, {}], ids=["browser", "program"])
def test_it_works_with_a_handler_that_raises(issuer: TokenIssuer, headers: Any) -> None:
    """The app's error handler makes the program's response, which has all headers."""
    site = Site(issuer, LoginRedirectHandler("login", otherwise=RaisingHandler(realm="pages")))
    site.app.register_error_handler(401, lambda error: ({"own": error.reason}, 401))
    response: Any = site.client.get("/page", headers=headers)

    if headers:
        assert (response.status_code, response.headers["Location"]) == (302, "/login?next=/page")
    else:
        assert (response.status_code, response.json) == (401, {"own": "missing-token"})
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="pages"')
    assert {"Accept", "Sec-Fetch-Mode"} <= set(response.headers["Vary"].split(", "))


class Recording(UnauthorizedHandler):
    """A handler that remembers anonymous requests."""

    seen: list[Any] = []  # noqa: RUF012 - a test's own

    def anonymous(self, error: Any) -> None:
        self.seen.append(error)


def test_anonymous_requests_are_passed_on(issuer: TokenIssuer) -> None:
    """On an optional route a browser without a token is served, and the other handler is told."""
    site = Site(issuer, LoginRedirectHandler("login", otherwise=Recording()))

    assert site.client.get("/news", headers=BROWSER).text == "news"
    assert [type(error) for error in Recording.seen] == [MissingTokenError]


def test_it_is_signalled_and_logged_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A redirect is one refusal: one signal and one line in the log."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    seen: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        seen.append(details["error"])

    with request_refused.connected_to(receive):
        site.client.get("/page", headers=BROWSER)
        assert len(seen) == len(caplog.records) == 1
        site.client.get("/asks", headers=BROWSER)
        assert len(seen) == len(caplog.records) == 2


def test_without_a_request_the_other_handler_responds() -> None:
    """Outside of a request there is no browser to redirect."""
    response: Any = LoginRedirectHandler("/login").deny(MissingTokenError())

    assert response.status_code == 401
