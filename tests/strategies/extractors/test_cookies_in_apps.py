"""Views behind a ``CookieTokenExtractor``: the cookie alone, or beside a header."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import Authenticator, HeaderTokenExtractor, current_principal
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor

from .cross_site_kit import ATTACKS, OURS, UNSAFE, WEBSOCKETS

OURS_ALONE = {"Sec-Fetch-Site": "same-origin"}


def cookie(*values: str) -> dict[str, str]:
    """Return request headers with cookies of the default name."""
    return {"Cookie": "; ".join(f"__Host-access_token={value}" for value in values)}


@pytest.fixture(scope="module", params=["alone", "composite", "first of several"])
def client(request: pytest.FixtureRequest, issuer: TokenIssuer) -> FlaskClient:
    """A client of an app with each way to protect a view, for each way to compose the extractor."""
    extractor: Any = CookieTokenExtractor(origins=[OURS])
    if request.param != "alone":
        exclusive = request.param == "composite"
        extractor = CompositeTokenExtractor(HeaderTokenExtractor(), extractor, exclusive=exclusive)
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    app = Flask("cookies")
    app.testing = True

    def caller() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    methods = ["GET", *UNSAFE]
    for name, view in {
        "required": auth.requires_authentication(caller),
        "optional": auth.optional_authentication(caller),
        "strict": auth.optional_authentication(strict=True)(caller),
        "protected": caller,
    }.items():
        app.add_url_rule(f"/{name}", name, view, methods=methods)
    auth.protect(app)
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize("path", ["/required", "/optional", "/strict", "/protected"])
def test_requests_of_another_site_are_refused(
    client: FlaskClient, issuer: TokenIssuer, path: str
) -> None:
    """No view accepts another site's request, as the caller or as a guest."""
    ours = cookie(issuer.token())
    evil = ATTACKS["form of a sibling domain"]
    assert client.get(path, headers=ours | evil).text == "alice"
    for headers in (evil, ATTACKS["sandboxed frame"], {}):
        for method in UNSAFE:
            assert client.open(path, method=method, headers=ours | headers).status_code == 403
    for websocket in WEBSOCKETS.values():
        assert client.get(path, headers=ours | evil | websocket).status_code == 403
    assert client.post(path, headers=ours | OURS_ALONE).text == "alice"


@pytest.mark.parametrize("path", ["/required", "/strict", "/protected"])
def test_a_planted_cookie_is_refused(client: FlaskClient, issuer: TokenIssuer, path: str) -> None:
    """Two cookies are a 400, in the scheme of the cookie. No caller is chosen."""
    headers = cookie(issuer.token("mallory"), issuer.token())
    response = client.get(path, headers=headers)
    assert response.status_code == 400
    assert 'Cookie error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_a_planted_cookie_is_nobody(client: FlaskClient, issuer: TokenIssuer) -> None:
    """On an optional route, a caller with two cookies is a guest."""
    headers = cookie(issuer.token("mallory"), issuer.token())
    assert client.get("/optional", headers=headers).text == "guest"


def test_refusals_and_responses_fit_a_cookie(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A 401 has the cookie's challenge, and caches keep the callers apart."""
    none = client.get("/required")
    assert none.status_code == 401
    assert "Cookie" in none.headers["WWW-Authenticate"]
    expired = client.get("/required", headers=cookie(issuer.token(exp=1)))
    assert 'Cookie error="invalid_token"' in expired.headers["WWW-Authenticate"]
    for response in (none, expired, client.get("/required", headers=cookie(issuer.token()))):
        assert {"Cookie", "Sec-Fetch-Site", "Origin"} <= set(response.vary)
        assert response.cache_control.private


def test_an_expired_cookie_beside_a_good_header(issuer: TokenIssuer) -> None:
    """With ``exclusive`` both are refused; without it, the extractor that comes first counts."""

    def status(*extractors: Any, exclusive: bool) -> int:
        composite = CompositeTokenExtractor(*extractors, exclusive=exclusive)
        auth = Authenticator(keys=issuer.verification_key, extractor=composite)
        fresh = Flask("app")
        fresh.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
        headers = bearer(issuer.token()) | cookie(issuer.token(exp=1))
        return fresh.test_client(use_cookies=False).get("/", headers=headers).status_code

    header, ours = HeaderTokenExtractor(), CookieTokenExtractor()
    assert status(header, ours, exclusive=True) == 400
    assert status(ours, header, exclusive=True) == 400
    assert status(header, ours, exclusive=False) == 200
    assert status(ours, header, exclusive=False) == 401
