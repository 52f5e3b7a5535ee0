"""``Origin`` is checked for every request, whichever credentials it has."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request

from flask_jwtlib import (
    Authenticator,
    BearerTokenExtractor,
    ConfigurationError,
    HeaderTokenExtractor,
    is_authenticated,
)
from flask_jwtlib.errors import CrossSiteError, InvalidRequestError
from flask_jwtlib.interfaces import TokenExtractor, challenges_of, vary_of
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor, check_origin

from .cross_site_kit import ATTACKS, OURS, SessionExtractor

LISTED = (OURS, "http://localhost:8080", "http://[::1]:5000")
FOREIGN = {
    name: headers
    for name, headers in ATTACKS.items()
    if "Origin" in headers and headers["Origin"] not in LISTED
} | {
    "rebound host": {
        "Host": "evil.example:8080",
        "Origin": "http://evil.example:8080",
        "Sec-Fetch-Site": "same-origin",
    },
    "address instead of name": {"Origin": "http://127.0.0.1:8080"},
    "other loopback port": {"Origin": "http://localhost:8081"},
    "port left out": {"Origin": "http://localhost"},
    "scheme in upper case": {"Origin": "HTTPS://app.example"},
    "null in upper case": {"Origin": "NULL"},
    "wildcard": {"Origin": "*"},
    "tab at the end": {"Origin": f"{OURS}\tx"},
    "user at our host": {"Origin": "https://evil@app.example"},
    "host only": {"Origin": "app.example"},
    "backslash": {"Origin": "https://app.example\\.evil.example"},
    "file": {"Origin": "file://"},
    "forwarded origin": {"Origin": "https://evil.example", "X-Forwarded-Origin": OURS},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


class TestOriginCheckedTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return OriginCheckedTokenExtractor(BearerTokenExtractor(), origins=LISTED)


def is_refused(method: str, headers: dict[str, str]) -> bool:
    """Whether the check refuses a request with a token. Function and extractor agree."""
    sent = make_request(method=method, headers=headers | {"Authorization": "Bearer a.b.c"})
    outcomes: list[bool] = []
    for check in (
        lambda: check_origin(sent, origins=LISTED),
        lambda: OriginCheckedTokenExtractor(HeaderTokenExtractor(), origins=LISTED).extract(sent),
    ):
        try:
            check()
            outcomes.append(False)
        except CrossSiteError:
            outcomes.append(True)
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_an_origin_that_is_not_listed_is_refused(headers: dict[str, str]) -> None:
    """An origin that isn't exactly one of the list is refused, by every method and with any other header."""
    assert all(is_refused(method, headers) for method in METHODS)


@pytest.mark.parametrize("origin", LISTED)
def test_a_listed_origin_passes(origin: str) -> None:
    """Each listed origin passes by every method, from wherever the browser says that it comes."""
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert not any(is_refused(method, headers) for method in METHODS)


@pytest.mark.parametrize("site", [None, "same-origin", "cross-site", "none"])
def test_a_request_without_origin_passes(site: str | None) -> None:
    """Programs send no ``Origin``, and ``Sec-Fetch-Site`` decides nothing."""
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    assert not any(is_refused(method, headers) for method in METHODS)


def test_no_origin_is_trusted_by_default() -> None:
    """Without a list, every request with ``Origin`` is refused, that of the server's own host, too."""
    sent = make_request(headers={"Host": "localhost", "Origin": "http://localhost"})
    with pytest.raises(CrossSiteError):
        check_origin(sent)
    with pytest.raises(CrossSiteError):
        OriginCheckedTokenExtractor(HeaderTokenExtractor()).extract(sent)


def test_it_is_checked_before_the_token() -> None:
    """A foreign origin is refused although the credentials are malformed, too."""
    extractor = OriginCheckedTokenExtractor(HeaderTokenExtractor())
    malformed = {"Authorization": "Bearer"}
    with pytest.raises(InvalidRequestError):
        extractor.extract(make_request(headers=malformed))
    with pytest.raises(CrossSiteError, match="another site"):
        extractor.extract(make_request(headers=malformed | {"Origin": "null"}))


@pytest.fixture(scope="module")
def guarded(issuer: TokenIssuer) -> Flask:
    """An app with a route for callers and one for guests, behind the check."""
    app = Flask("guarded")
    app.testing = True
    auth = Authenticator(
        keys=issuer.public_pem,
        extractor=OriginCheckedTokenExtractor(HeaderTokenExtractor(), origins=[OURS]),
    )
    methods = [method for method in METHODS if method != "OPTIONS"]

    @app.route("/callers", methods=methods)
    @auth.requires_authentication
    def callers() -> str:
        return "in"

    @app.route("/guests", methods=methods)
    @auth.optional_authentication
    def guests() -> str:
        return "caller" if is_authenticated() else "guest"

    return app


@pytest.mark.parametrize("path", ["/callers", "/guests"])
@pytest.mark.parametrize("with_token", [True, False], ids=["token", "no token"])
@pytest.mark.parametrize("method", [method for method in METHODS if method != "OPTIONS"])
def test_callers_and_guests_are_refused_alike(
    guarded: Flask, issuer: TokenIssuer, path: str, method: str, with_token: bool
) -> None:
    """A foreign origin is a 403 without a challenge, with a valid token, as a guest and without one."""
    headers = bearer(issuer.token()) if with_token else {}
    response = guarded.test_client().open(
        path, method=method, headers=headers | {"Origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert "WWW-Authenticate" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_others_are_served(guarded: Flask, issuer: TokenIssuer) -> None:
    """A listed origin, and a program, get what they would get without the check."""
    client = guarded.test_client()
    for origin in ({}, {"Origin": OURS}):
        assert client.post("/callers", headers=origin | bearer(issuer.token())).text == "in"
        assert client.post("/callers", headers=origin).status_code == 401
        assert client.post("/guests", headers=origin).text == "guest"
    assert client.get("/callers", headers=bearer(issuer.token())).headers["Vary"] == (
        "Authorization, Origin"
    )


def test_the_function_guards_an_app_without_tokens(app: Flask) -> None:
    """A refusal by the function in ``before_request`` becomes the response, whatever the path."""
    app.before_request(lambda: check_origin(request, origins=[OURS]))
    app.add_url_rule("/mcp", view_func=lambda: "in")
    client = app.test_client()
    assert client.get("/mcp").text == "in"
    assert client.get("/mcp", headers={"Origin": OURS}).text == "in"
    for path in ("/mcp", "/none"):
        assert client.get(path, headers={"Origin": "null"}).status_code == 403


def test_it_states_what_the_extractor_states() -> None:
    """Challenges and ``Vary`` are those of the wrapped extractor, and ``Origin``."""

    class Plain:
        def extract(self, request: object) -> None:
            return None

    around = CrossSiteCheckedTokenExtractor(SessionExtractor())
    checked = OriginCheckedTokenExtractor(around)
    assert challenges_of(checked) == challenges_of(around)
    # The inner extractor reads Origin, too.
    assert vary_of(checked) == around.vary
    assert vary_of(OriginCheckedTokenExtractor(Plain())) == ("Authorization", "Origin")


@pytest.mark.parametrize(
    ("extractor", "origins", "said"),
    [
        pytest.param(HeaderTokenExtractor, (), "wraps a TokenExtractor object", id="class"),
        pytest.param("header", (), "not 'header'", id="text"),
        pytest.param(HeaderTokenExtractor(), "https://a.example", "a tuple", id="one text"),
        pytest.param(HeaderTokenExtractor(), ["null"], "'null'", id="null"),
        pytest.param(HeaderTokenExtractor(), ["https://*.a.example"], "Patterns", id="pattern"),
        pytest.param(HeaderTokenExtractor(), ["https://a.example/"], "a slash", id="slash"),
    ],
)
def test_a_wrong_option_is_refused(extractor: Any, origins: Any, said: str) -> None:
    """Options are checked when the extractor is made."""
    with pytest.raises(ConfigurationError, match=said):
        OriginCheckedTokenExtractor(extractor, origins=origins)


def test_what_the_wrapped_extractor_states_is_checked() -> None:
    """A wrong ``vary`` of the wrapped extractor is a configuration error."""

    class Wrong(HeaderTokenExtractor):
        vary = "Cookie"  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"Wrong\.vary"):
        OriginCheckedTokenExtractor(Wrong())
