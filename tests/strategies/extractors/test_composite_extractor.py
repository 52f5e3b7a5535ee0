"""Several extractors as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from attrs import frozen
from flask import Flask, Request
from flask.testing import FlaskClient

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    ConfigurationError,
    HeaderTokenExtractor,
    StaticKeyProvider,
    TokenExtractor,
    current_principal,
)
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.extractors import QueryTokenExtractor
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from tests.kit import raises


@frozen
class CookieTokenExtractor(TokenExtractor):
    """Takes the token from a cookie."""

    name: str = "session"

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get(self.name)
        return None if value is None else BearerToken(value, source="cookie")


def cookie(token: str) -> dict[str, str]:
    """Return request headers with a token in the cookie."""
    return {"Cookie": f"session={token}"}


class TestFirstOfTokenExtractorOnItsFirst(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return CompositeTokenExtractor(HeaderTokenExtractor(), CookieTokenExtractor())

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request(headers=bearer("a") | cookie("b"))
        yield make_request(headers=bearer("a") | cookie("a"))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"})
        yield make_request(headers={"Authorization": "Bearer"} | cookie("a"))


class TestFirstOfTokenExtractorOnItsSecond(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return CompositeTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"} | cookie("a"))


class TestFirstOfTokenExtractorThatIsNotExclusive(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return CompositeTokenExtractor(
            HeaderTokenExtractor(), CookieTokenExtractor(), exclusive=False
        )

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"} | cookie("a"))


def client_of(app: Flask, issuer: TokenIssuer, extractor: TokenExtractor) -> FlaskClient:
    """Return a client of an app whose one route returns the caller."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)

    @app.route("/", methods=["GET", "POST"])
    @auth.requires_authentication
    def me() -> str:
        return f"{current_principal} by {current_principal.token.source}"

    return app.test_client(use_cookies=False)


def test_a_token_in_any_location_is_accepted(app: Flask, issuer: TokenIssuer) -> None:
    """A token may be in any one of the locations."""
    extractor = CompositeTokenExtractor(BearerTokenExtractor(), CookieTokenExtractor())
    client = client_of(app, issuer, extractor)

    assert client.get("/", headers=bearer(issuer.token())).text == "alice by header"
    assert client.get("/", headers=cookie(issuer.token("bob"))).text == "bob by cookie"
    form = {"access_token": issuer.token("carol")}
    assert client.post("/", data=form).text == "carol by form"
    assert client.get("/").status_code == 401


def test_tokens_in_two_locations_are_refused(app: Flask, issuer: TokenIssuer) -> None:
    """A request with a token in two locations gets a 400, in whatever order they are read."""
    extractor = CompositeTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())
    client = client_of(app, issuer, extractor)

    response = client.get("/", headers=bearer(issuer.token()) | cookie(issuer.token("bob")))

    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
    assert "more than one way" in response.headers["WWW-Authenticate"]


def test_the_log_names_the_locations() -> None:
    """The log names the locations of the two tokens, and not the tokens."""
    extractor = CompositeTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())

    with raises(InvalidRequestError, match="two places have a token: cookie and header") as e:
        extractor.extract(make_request(headers=bearer("secret-1") | cookie("secret-2")))

    assert "secret" not in error_text(e.value)


def test_without_exclusive_the_first_token_is_used(app: Flask, issuer: TokenIssuer) -> None:
    """With ``exclusive=False`` the first token found is used, and later locations aren't read."""
    extractor = CompositeTokenExtractor(
        HeaderTokenExtractor(), CookieTokenExtractor(), exclusive=False
    )
    client = client_of(app, issuer, extractor)

    headers = bearer(issuer.token()) | cookie("not a token at all")
    assert client.get("/", headers=headers).text == "alice by header"
    headers = bearer("a.b.c") | cookie(issuer.token())
    assert client.get("/", headers=headers).status_code == 401


def test_composites_nest() -> None:
    """A composite within another is as strict as by itself."""
    inner = CompositeTokenExtractor(HeaderTokenExtractor(), QueryTokenExtractor())
    extractor = CompositeTokenExtractor(inner, CookieTokenExtractor())

    assert extractor.extract(make_request("/?access_token=a")) == BearerToken("a", source="query")
    for path, headers in {"/": bearer("a") | cookie("b"), "/?access_token=a": bearer("b")}.items():
        with pytest.raises(InvalidRequestError):
            extractor.extract(make_request(path, headers=headers))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (CompositeTokenExtractor, "needs at least one TokenExtractor"),
        (lambda: CompositeTokenExtractor(HeaderTokenExtractor), "objects, not <class"),
        (lambda: CompositeTokenExtractor(HeaderTokenExtractor(), "cookie"), "not 'cookie'"),
        (
            lambda: CompositeTokenExtractor(StaticKeyProvider(TokenIssuer().jwks)),
            "takes TokenExtractor objects",
        ),
    ],
    ids=["none", "class", "text", "provider"],
)
def test_an_invalid_composition_is_refused(make: Callable[[], object], said: str) -> None:
    """An object that isn't a strategy, or no extractor at all, is refused when composing."""
    with pytest.raises(ConfigurationError, match=said):
        make()
