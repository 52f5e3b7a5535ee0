"""``LoginRedirectHandler``: the log-in page's URL, the ``next`` that it is told, and its faults."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import pytest
from flask import Blueprint, Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_jwtlib import Authenticator, Scope
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.failure_handlers.login_redirect import (
    LoginRedirectHandler,
    safe_next,
)

from .redirect_kit import HTML, resolved

BROWSER = {"Accept": HTML, "Sec-Fetch-Mode": "navigate"}


def serve(
    issuer: TokenIssuer, login: str, *, public: tuple[str, ...] = ("*.log_in",), **how: Any
) -> Any:
    """Return a client of an app that protects everything but its log-in page, which is in a blueprint."""
    app = Flask("site")
    app.testing = True
    pages = Blueprint("pages", __name__, url_prefix="/account")
    pages.add_url_rule("/login", "log_in", lambda: safe_next(request), methods=["GET", "POST"])
    pages.add_url_rule("/<name>/details", "details", lambda name: name)
    app.register_blueprint(pages)
    app.add_url_rule("/<path:name>", "page", lambda name: "in")
    auth = Authenticator(
        keys=issuer.verification_key, failure_handler=LoginRedirectHandler(login, **how)
    )
    auth.protect(app, public=list(public))
    return app.test_client()


def next_of(response: Any) -> str | None:
    """Return the ``next`` of a redirect to the log-in page, which is on this site."""
    location = response.headers["Location"]
    assert response.status_code == 302
    assert resolved(location)[:3] == ("https", "site.example", "/account/login")
    found = parse_qs(urlsplit(location).query)
    return found["next"][0] if found else None


@pytest.mark.parametrize("login", ["pages.log_in", "/account/login"])
def test_the_page_is_an_endpoint_or_a_path(issuer: TokenIssuer, login: str) -> None:
    """Both lead to the same URL, and the log-in view gets ``next`` back."""
    client = serve(issuer, login)
    response = client.get("/reports/2024?page=2&q=a%20b", headers=BROWSER)

    assert response.headers["Location"] == (
        "/account/login?next=/reports/2024%3Fpage%3D2%26q%3Da%2520b"
    )
    page = client.get(response.headers["Location"], headers=BROWSER)
    assert (page.status_code, page.text) == (200, "/reports/2024?page=2&q=a%20b")


@pytest.mark.parametrize("login", ["pages.log_in", "/account/login"])
def test_an_app_below_a_path(issuer: TokenIssuer, login: str) -> None:
    """Where the app is mounted below a path, that is in both URLs."""
    client = serve(issuer, login)
    response = client.get("/a?b=1", headers=BROWSER, environ_overrides={"SCRIPT_NAME": "/shop"})

    assert response.headers["Location"] == "/shop/account/login?next=/shop/a%3Fb%3D1"


def test_application_root(issuer: TokenIssuer) -> None:
    """``APPLICATION_ROOT``, which the test client takes for ``SCRIPT_NAME``, is in both URLs."""
    client = serve(issuer, "pages.log_in")
    client.application.config["APPLICATION_ROOT"] = "/shop"

    assert client.get("/a", headers=BROWSER).headers["Location"] == (
        "/shop/account/login?next=/shop/a"
    )


def test_an_unknown_path_is_redirected_too(issuer: TokenIssuer) -> None:
    """With ``protect``, a path without a route doesn't tell a stranger that it has none."""
    app_client = serve(issuer, "pages.log_in")

    assert next_of(app_client.get("/account/unknown", headers=BROWSER)) == "/account/unknown"


PATHS: dict[str, tuple[str, str | None]] = {
    "two slashes": ("//evil.example/a", "/evil.example/a"),
    "slash and backslash": ("/\\evil.example", None),
    "encoded slash": ("/%2Fevil.example", "/evil.example"),
    "slash encoded twice": ("/%252Fevil.example", None),
    "encoded backslash": ("/%5Cevil.example", None),
    "encoded line break": ("/a%0d%0aLocation:%20https://evil.example", None),
    "encoded NUL": ("/a%00", None),
    "parent": ("/a/../b", None),
    "not UTF-8": ("/%FF", "/%EF%BF%BD"),
    "umlaut": ("/stra%C3%9Fe", "/stra%C3%9Fe"),
    "percent": ("/100%25", "/100%25"),
    "question mark": ("/what%3F", "/what%3F"),
    "hash": ("/c%23?a=b", "/c%23?a=b"),
    "semicolon": ("/a;b=c", "/a;b=c"),
    "URL in the query": ("/a?to=https://evil.example", "/a?to=https://evil.example"),
    "line break in the query": ("/a?b=%0d%0a", "/a?b=%0d%0a"),
    "empty query": ("/a?", "/a"),
    "long": (f"/a?b={'c' * 1100}", None),
    "enormous": (f"/a?b={'c' * 100_000}", None),
    "long when encoded": (f"/a?b={'%E9' * 400}", None),
    "token": ("/a?access_token=SECRET&b=1", "/a?b=1"),
    "long token": (f"/a?access_token={'x' * 8000}&b=1", "/a?b=1"),
    "token alone": ("/a?access_token=SECRET", "/a"),
    "token's name encoded": ("/a?%61ccess_token=SECRET", "/a"),
    "token in a URL in the query": ("/a?to=/b%3Faccess_token%3DSECRET", "/a"),
    "ticket": ("/a?ticket=SECRET&b=1", "/a?b=1"),
    "ticket in upper case": ("/a?b=1&Ticket=SECRET", "/a?b=1"),
}


@pytest.fixture(scope="module")
def client() -> Any:
    """A client of an app that also keeps tickets out of ``next``."""
    return serve(TokenIssuer(), "pages.log_in", drop=("ticket",))


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS)
def test_next_is_a_path_and_a_query(client: Any, path: str, expected: str | None) -> None:
    """``next`` stays on the site, has no secrets, and is left out if it isn't safe."""
    # As a server does, which doesn't parse a path for hosts.
    target, _, query = path.partition("?")
    response = client.get(
        "/", headers=BROWSER, base_url="https://site.example", environ_overrides=raw(target, query)
    )

    assert next_of(response) == expected
    assert "SECRET" not in response.headers["Location"]


def raw(target: str, query: str) -> dict[str, str]:
    """Return what a WSGI server makes of a path and a query (PEP 3333)."""
    return {"PATH_INFO": unquote_to_bytes(target).decode("latin-1"), "QUERY_STRING": query}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:443"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Original-URL": "//evil.example"},
        {"Referer": "https://evil.example/"},
    ],
    ids=lambda headers: "-".join(map(str, headers.items())),
)
@pytest.mark.parametrize("login", ["pages.log_in", "/account/login"])
def test_headers_name_no_host(issuer: TokenIssuer, login: str, headers: dict[str, str]) -> None:
    """Whatever a request says about hosts, the redirect has none, also behind a trusting ``ProxyFix``."""
    client = serve(issuer, login)
    app: Flask = client.application
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_proto=1, x_prefix=1)  # type: ignore[method-assign]
    response = client.get("/a", headers={**BROWSER, **headers})

    if "X-Forwarded-Prefix" in headers:
        assert response.status_code == 401
    else:
        assert response.headers["Location"] == "/account/login?next=/a"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the errors in the log."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("login", ["pages.log_in", "/account/login", "/account/login/"])
@pytest.mark.parametrize("headers", [BROWSER, {}], ids=["browser", "program"])
def test_a_log_in_page_that_is_refused_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, login: str, headers: Any
) -> None:
    """It isn't redirected to itself for ever: the response is a 401, and the log says what to do."""
    client = serve(issuer, login, public=())
    response = client.get("/account/login?next=/a", headers=headers)

    assert (response.status_code, response.json["reason"]) == (401, "missing-token")
    (logged,) = errors(caplog)
    assert f"the log-in page {login!r} is refused itself" in logged
    assert "protect(app, public=[…])" in logged


def test_a_decorated_log_in_page_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A decorator on the log-in view is found in the same way."""
    auth = Authenticator(
        keys=issuer.verification_key, failure_handler=LoginRedirectHandler("log_in")
    )
    app = Flask("site")
    view = auth.requires_authentication(rules=[Scope("a")])(lambda: "in")
    app.add_url_rule("/", "log_in", view)

    assert app.test_client().get("/", headers=BROWSER).status_code == 401
    assert "the log-in page 'log_in' is refused itself" in errors(caplog)[0]


def log_in() -> str:
    """A log-in view."""
    return "log in"


def test_another_url_of_the_log_in_page_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A view with two URLs is recognised by its endpoint."""
    client = serve(issuer, "log_in", public=())
    for path in "/login", "/signin":
        client.application.add_url_rule(path, "log_in", log_in)

    assert client.get("/signin", headers=BROWSER).status_code == 401
    assert "the log-in page 'log_in' is refused itself" in errors(caplog)[0]


@pytest.mark.parametrize(
    ("login", "message"),
    [
        pytest.param("pages.nothing", "Could not build url for endpoint", id="no such endpoint"),
        pytest.param("pages.details", "Did you forget to specify values", id="needs arguments"),
    ],
)
def test_an_endpoint_without_a_url_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, login: str, message: str
) -> None:
    """A misspelled endpoint is an error in the log and a 401, not a 500."""
    response = serve(issuer, login).get("/a", headers=BROWSER)

    assert (response.status_code, response.json["reason"]) == (401, "missing-token")
    (logged,) = errors(caplog)
    assert message in logged


def test_a_page_on_another_host_is_reported(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A log-in page on a subdomain couldn't bring the user back, so nobody is redirected to it."""
    app = Flask("site", subdomain_matching=True)
    app.config["SERVER_NAME"] = "site.example"
    app.add_url_rule("/login", "log_in", lambda: "log in", subdomain="accounts")
    app.add_url_rule("/a", "page", lambda: "in")
    auth = Authenticator(
        keys=issuer.verification_key, failure_handler=LoginRedirectHandler("log_in")
    )
    auth.protect(app, public=["log_in"])
    response: Any = app.test_client().get("/a", headers=BROWSER, base_url="https://site.example")

    assert (response.status_code, response.json["reason"]) == (401, "missing-token")
    (logged,) = errors(caplog)
    assert "its URL is 'https://accounts.site.example/login', expected one on this host" in logged


def test_url_defaults_become_a_part_of_the_url(issuer: TokenIssuer) -> None:
    """Where the app adds parameters to each URL, ``next`` is one more."""
    client = serve(issuer, "pages.log_in")
    client.application.url_defaults(lambda endpoint, values: values.update(lang="de"))
    response = client.get("/a", headers=BROWSER)

    assert response.headers["Location"] == "/account/login?lang=de&next=/a"


def test_another_parameter(issuer: TokenIssuer) -> None:
    """The parameter may have another name."""
    response = serve(issuer, "pages.log_in", parameter="back").get("/a", headers=BROWSER)

    assert response.headers["Location"] == "/account/login?back=/a"


def test_a_path_with_other_characters(issuer: TokenIssuer) -> None:
    """A path is percent-encoded, so that it is recognised and can be sent."""
    handler = LoginRedirectHandler("/stra\u00dfe")

    assert handler.login == "/stra%C3%9Fe"
