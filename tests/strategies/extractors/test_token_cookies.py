"""``set_token_cookie`` and ``clear_token_cookie``, and the attributes of the cookie."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from flask import Flask, make_response
from werkzeug.datastructures import Headers
from werkzeug.http import dump_cookie
from werkzeug.wrappers import Response

from flask_jwtlib import Authenticator, ConfigurationError
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.cookie import (
    CookieTokenExtractor,
    clear_token_cookie,
    set_token_cookie,
)


def attributes_of(headers: Headers) -> tuple[str, dict[str, str]]:
    """Return the name and value of the one cookie that a response sets, and its attributes."""
    (line,) = headers.getlist("Set-Cookie")
    pair, *attributes = line.split("; ")
    return pair, {name: value for name, _, value in (part.partition("=") for part in attributes)}


def set_cookie(token: str, cookie: CookieTokenExtractor | None = None, **how: Any) -> Any:
    """Return the cookie that ``set_token_cookie`` sets, and its attributes."""
    response = Response()
    set_token_cookie(response, token, cookie or CookieTokenExtractor(), **how)
    return attributes_of(response.headers)


def jwt(**claims: str) -> str:
    """Return a JWT without a valid signature, with claims in JSON."""
    payload = ",".join(f'"{name}":{value}' for name, value in claims.items())
    parts = '{"alg":"RS256"}', f"{{{payload}}}", "signature"
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def test_the_cookie_is_out_of_reach() -> None:
    """By default no script, no other host, no plain HTTP and no form of another site gets the cookie."""
    pair, attributes = set_cookie("a.b.c")

    assert pair == "__Host-access_token=a.b.c"
    assert attributes == {"Secure": "", "HttpOnly": "", "Path": "/", "SameSite": "Lax"}


def test_the_attributes_are_those_of_the_extractor() -> None:
    """Name, path, domain, ``SameSite`` and ``Secure`` are the extractor's."""
    cookie = CookieTokenExtractor(
        "__Secure-refresh", path="/refresh", domain="app.example", same_site="Strict"
    )

    pair, attributes = set_cookie("a.b.c", cookie)

    assert pair == "__Secure-refresh=a.b.c"
    assert attributes.pop("SameSite") == "Strict"
    assert attributes.pop("Domain") == "app.example"
    assert attributes == {"Secure": "", "HttpOnly": "", "Path": "/refresh"}
    plain = CookieTokenExtractor("t", secure=False)
    assert set_cookie("a.b.c", plain)[1] == {"HttpOnly": "", "Path": "/", "SameSite": "Lax"}


def test_it_lasts_until_the_token_expires() -> None:
    """The lifetime is the number of seconds until ``exp``."""
    now = int(time.time())

    for claim, seconds in {
        str(now + 3600): 3600,
        f"{now + 3600}.9": 3600,
        "1" + "0" * 400: 34_560_000,
    }.items():
        age = int(set_cookie(jwt(exp=claim))[1]["Max-Age"])
        assert seconds - 60 < age <= seconds


@pytest.mark.parametrize(
    "token",
    ["opaque", "a.b.c", jwt(sub='"x"'), jwt(exp="true"), jwt(exp='"9999999999"'), jwt(exp="null")],
    ids=["opaque", "no JWT", "without exp", "flag", "text", "null"],
)
def test_without_exp_it_lasts_until_the_browser_is_closed(token: str) -> None:
    """A token that doesn't say when it expires gets a cookie without a lifetime."""
    assert not {"Max-Age", "Expires"} & set(set_cookie(token)[1])


def test_a_lifetime_can_be_chosen() -> None:
    """``max_age`` counts instead of the token's ``exp``, in seconds."""
    assert set_cookie(jwt(exp="1"), max_age=60)[1]["Max-Age"] == "60"
    assert set_cookie("opaque", max_age=60)[1]["Max-Age"] == "60"


@pytest.mark.parametrize("max_age", [0, -1, 1.5, True, "60"], ids=repr)
def test_a_wrong_lifetime_is_refused(max_age: Any) -> None:
    """A lifetime is a whole number of seconds: browsers drop a cookie with another one, or keep it."""
    with pytest.raises(ConfigurationError, match="max_age is"):
        set_cookie("opaque", max_age=max_age)


@pytest.mark.parametrize("exp", ["1", "0", "-5", "1.5"])
def test_an_expired_token_is_refused(exp: str) -> None:
    """Browsers would drop its cookie, and the user would log in again and again."""
    with pytest.raises(ConfigurationError, match="has expired"):
        set_cookie(jwt(exp=exp))


@pytest.mark.parametrize(
    "token",
    ["", "a\nb", "a\r\nSet-Cookie: b=c", "a; Domain=evil.example", "a b", "a,b", 'a"b', '"a"', "a\\b",
     "a\x00", "a\x7f", "ä", "€", "a\t", None, 5, b"a.b.c"],
    ids=ascii,
)  # fmt: skip
def test_a_text_that_a_cookie_can_not_have_is_refused(token: Any) -> None:
    """No value adds an attribute or a header, or needs quotes. The error doesn't show it."""
    with pytest.raises(ConfigurationError) as caught:
        set_cookie(token)

    assert not token or str(token) not in str(caught.value)


@pytest.mark.parametrize("max_age", [None, 3600], ids=["session", "lifetime"])
def test_a_token_that_is_too_large_is_refused(max_age: int | None) -> None:
    """Name, value and attributes have 4,096 bytes at most: browsers silently drop a larger cookie."""
    attributes = {"path": "/", "secure": True, "httponly": True, "samesite": "Lax"}
    rest = dump_cookie("__Host-access_token", "", max_age=max_age, **attributes)  # type: ignore[arg-type]
    fitting = "x" * (4096 - len(rest))

    assert set_cookie(fitting, max_age=max_age)[0] == f"__Host-access_token={fitting}"
    with pytest.raises(ConfigurationError, match="has 4097 bytes with its attributes"):
        set_cookie(f"{fitting}x", max_age=max_age)


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "host prefix, domain": ({"domain": "app.example"}, "needs path='/' and no domain"),
    "host prefix, path": ({"path": "/api"}, "needs path='/' and no domain"),
    "host prefix, not secure": ({"secure": False}, "needs secure=True"),
    "secure prefix, not secure": ({"name": "__Secure-t", "secure": False}, "needs secure=True"),
    "http prefix, not secure": ({"name": "__Http-t", "secure": False}, "needs secure=True"),
    "host and http, path": (
        {"name": "__Host-Http-t", "path": "/a"},
        "needs path='/' and no domain",
    ),
    "http prefix in lower case": ({"name": "__http-t"}, "is written __http-, expected __Host-"),
    "prefix in lower case": ({"name": "__host-t"}, "expected __Host-, __Secure-"),
    "prefix in upper case": ({"name": "__SECURE-t"}, "expected __Host-, __Secure-"),
    "lower case, not secure": ({"name": "__host-t", "secure": False}, "is written __host-"),
    "None, not secure": (
        {"name": "t", "same_site": "None", "secure": False},
        "same_site='None' needs",
    ),
    "same_site in lower case": ({"same_site": "lax"}, "expected 'Lax', 'Strict' or 'None'"),
    "same_site is None": ({"same_site": None}, "expected 'Lax', 'Strict' or 'None'"),
    "same_site is unknown": ({"same_site": "Lax; Domain=x"}, "expected 'Lax', 'Strict' or 'None'"),
    "secure is text": ({"secure": "no"}, "expected True or False"),
    "path without slash": ({"name": "t", "path": "api"}, "path is 'api'"),
    "empty path": ({"name": "t", "path": ""}, "path is ''"),
    "path with attribute": ({"name": "t", "path": "/; Domain=x"}, "path is"),
    "path with line break": ({"name": "t", "path": "/\n"}, "path is"),
    "path outside ASCII": ({"name": "t", "path": "/ü"}, "path is"),
    "no path": ({"name": "t", "path": None}, "path is None"),
    "empty domain": ({"name": "t", "domain": ""}, "domain is ''"),
    "domain with dot": ({"name": "t", "domain": ".app.example"}, "domain is"),
    "domain with two dots": ({"name": "t", "domain": "app..example"}, "domain is"),
    "domain with port": ({"name": "t", "domain": "app.example:443"}, "domain is"),
    "domain in upper case": ({"name": "t", "domain": "App.example"}, "domain is"),
    "domain with attribute": ({"name": "t", "domain": "a; Path=/x"}, "domain is"),
    "URL as domain": ({"name": "t", "domain": "https://app.example"}, "domain is"),
    "label too long": ({"name": "t", "domain": "a" * 64 + ".example"}, "domain is"),
    "empty name": ({"name": ""}, "name is ''"),
    "name with equals sign": ({"name": "a=b"}, "name is"),
    "name with semicolon": ({"name": "a;b"}, "name is"),
    "name with space": ({"name": "a b"}, "name is"),
    "name with line break": ({"name": "a\n"}, "name is"),
    "name outside ASCII": ({"name": "ü"}, "name is"),
    "no name": ({"name": None}, "name is None"),
    "no check, origins": (
        {"cross_site_check": False, "origins": ["https://app.example"]},
        "cross_site_check=False switches",
    ),
    "no check, non-browsers": (
        {"cross_site_check": False, "allow_non_browsers": True},
        "cross_site_check=False switches",
    ),
    "check is text": ({"cross_site_check": "off"}, "expected True or False"),
    "origin with path": ({"origins": ["https://app.example/"]}, "the origin"),
    "safe POST": ({"safe_methods": ["POST"]}, "safe_methods has POST"),
}


@pytest.mark.parametrize(("options", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_cookie_that_browsers_refuse_is_an_error(options: dict[str, Any], said: str) -> None:
    """Options that are wrong or contradict each other are refused when the extractor is made."""
    with pytest.raises(ConfigurationError, match=said):
        CookieTokenExtractor(**options)


def test_the_same_cookie_is_cleared() -> None:
    """Name, path, domain and ``Secure`` are those with which it was set: otherwise browsers keep it."""
    for cookie in (
        CookieTokenExtractor(),
        CookieTokenExtractor("__Secure-t", path="/a", domain="app.example", same_site="None"),
    ):
        response = Response()
        clear_token_cookie(response, cookie)
        pair, cleared = attributes_of(response.headers)
        assert pair == f"{cookie.name}="
        assert cleared.pop("Max-Age") == "0"
        assert cleared.pop("Expires") == "Thu, 01 Jan 1970 00:00:00 GMT"
        assert cleared == set_cookie("x", cookie)[1]


def test_a_browser_logs_in_and_out(app: Flask, issuer: TokenIssuer) -> None:
    """What is set is read, and after it is cleared the user is nobody. No cache keeps the responses."""
    cookie = CookieTokenExtractor()
    auth = Authenticator(keys=issuer.verification_key, extractor=cookie)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    @app.get("/in")
    def log_in() -> Response:
        return set_token_cookie(make_response("hello"), issuer.token(), cookie)

    @app.get("/out")
    def log_out() -> Response:
        return clear_token_cookie(make_response("bye"), cookie)

    client = app.test_client()
    statuses: list[int] = []
    for path in ("/", "/in", "/", "/out", "/"):
        response = client.get(path, base_url="https://localhost")
        statuses.append(response.status_code)
        assert response.cache_control.no_store is (path in ("/in", "/out"))
    assert statuses == [401, 200, 200, 200, 401]


@pytest.mark.parametrize("response", ["text", {"a": 1}, None, ("text", 200)], ids=repr)
def test_a_view_s_return_value_is_not_a_response(response: Any) -> None:
    """Anything that Flask turns into a response later can't have a cookie yet."""
    cookie = CookieTokenExtractor()

    with pytest.raises(ConfigurationError, match="make one with make_response"):
        set_token_cookie(response, "a.b.c", cookie)
    with pytest.raises(ConfigurationError, match="make one with make_response"):
        clear_token_cookie(response, cookie)


def test_arguments_in_the_wrong_order_are_named() -> None:
    """The error says the order, and doesn't show the token."""
    cookie, response, wrong = CookieTokenExtractor(), Response(), "secret.b.c"

    with pytest.raises(ConfigurationError) as setting:
        set_token_cookie(response, cookie, wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"call clear_token_cookie\(response, cookie\)"):
        clear_token_cookie(response, wrong)  # type: ignore[arg-type]

    assert "not a str: call set_token_cookie(response, token, cookie)" in str(setting.value)
    assert "secret" not in str(setting.value)
    assert "Set-Cookie" not in response.headers
