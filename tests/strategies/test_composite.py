"""Several extractors as one, and several key providers as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

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
    InvalidRequestError,
    InvalidTokenError,
    KeyProvider,
    QueryTokenExtractor,
    StaticKeyProvider,
    TokenExtractor,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract, TokenExtractorContract
from flask_jwtlib_strategies.composite import ChainKeyProvider, FirstOfTokenExtractor


@frozen
class CookieTokenExtractor(TokenExtractor):
    """Takes the token from a cookie."""

    name: str = "session"

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get(self.name)
        return None if value is None else BearerToken(value, source="cookie")


def cookie(token: str) -> dict[str, str]:
    """The request headers that carry a token in the cookie."""
    return {"Cookie": f"session={token}"}


class TestFirstOfTokenExtractorOnItsFirst(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return FirstOfTokenExtractor(HeaderTokenExtractor(), CookieTokenExtractor())

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
        return FirstOfTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"} | cookie("a"))


class TestFirstOfTokenExtractorThatIsNotExclusive(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return FirstOfTokenExtractor(
            HeaderTokenExtractor(), CookieTokenExtractor(), exclusive=False
        )

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"} | cookie("a"))


def client_of(app: Flask, issuer: TokenIssuer, extractor: TokenExtractor) -> FlaskClient:
    """A client of an app whose one route says who calls."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)

    @app.route("/", methods=["GET", "POST"])
    @auth.requires_authentication
    def me() -> str:
        return f"{current_principal} by {current_principal.token.source}"

    return app.test_client(use_cookies=False)


def test_either_place_will_do(app: Flask, issuer: TokenIssuer) -> None:
    """A caller gets in with a token in any one of the places."""
    extractor = FirstOfTokenExtractor(BearerTokenExtractor(), CookieTokenExtractor())
    client = client_of(app, issuer, extractor)

    assert client.get("/", headers=bearer(issuer.token())).text == "alice by header"
    assert client.get("/", headers=cookie(issuer.token("bob"))).text == "bob by cookie"
    form = {"access_token": issuer.token("carol")}
    assert client.post("/", data=form).text == "carol by form"
    assert client.get("/").status_code == 401


def test_tokens_in_two_places_are_refused(app: Flask, issuer: TokenIssuer) -> None:
    """A request with a token in each of two places is answered 400, in whatever order they are asked."""
    extractor = FirstOfTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())
    client = client_of(app, issuer, extractor)

    answer = client.get("/", headers=bearer(issuer.token()) | cookie(issuer.token("bob")))

    assert answer.status_code == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]
    assert "more than one way" in answer.headers["WWW-Authenticate"]


def test_the_refusals_log_text_names_the_places() -> None:
    """The log says where the two tokens stood, and not what they are."""
    extractor = FirstOfTokenExtractor(CookieTokenExtractor(), HeaderTokenExtractor())

    with pytest.raises(InvalidRequestError, match="in the cookie and another in the header") as e:
        extractor.extract(make_request(headers=bearer("secret-1") | cookie("secret-2")))

    assert "secret" not in str(e.value)


def test_the_first_counts_where_it_is_asked_for(app: Flask, issuer: TokenIssuer) -> None:
    """With ``exclusive=False`` the first token found is the one that counts, and no other is looked at."""
    extractor = FirstOfTokenExtractor(
        HeaderTokenExtractor(), CookieTokenExtractor(), exclusive=False
    )
    client = client_of(app, issuer, extractor)

    headers = bearer(issuer.token()) | cookie("not a token at all")
    assert client.get("/", headers=headers).text == "alice by header"
    headers = bearer("a.b.c") | cookie(issuer.token())
    assert client.get("/", headers=headers).status_code == 401


def test_composites_nest() -> None:
    """A composite is an extractor like others, and is as strict within another one."""
    inner = FirstOfTokenExtractor(HeaderTokenExtractor(), QueryTokenExtractor())
    extractor = FirstOfTokenExtractor(inner, CookieTokenExtractor())

    assert extractor.extract(make_request("/?access_token=a")) == BearerToken("a", source="query")
    for path, headers in {"/": bearer("a") | cookie("b"), "/?access_token=a": bearer("b")}.items():
        with pytest.raises(InvalidRequestError):
            extractor.extract(make_request(path, headers=headers))


KEY_1 = TokenIssuer(kid="key-1")
KEY_2 = TokenIssuer(kid="key-2")
KEY_2_ANEW = TokenIssuer(kid="key-2")
NAMELESS = TokenIssuer(kid=None)


def static(*issuers: TokenIssuer) -> KeyProvider:
    """The issuers' keys."""
    return StaticKeyProvider(*(issuer.verification_key for issuer in issuers))


class Down:
    """A provider whose keys can't be had."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or VerificationUnavailable("the key server is down", retry_after=17)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise self.error


class TestChainKeyProvider(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return ChainKeyProvider(static(KEY_1), TTLKeyProvider(lambda: KEY_2.jwks))

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-2")

    def make_unavailable_provider(self) -> KeyProvider | None:
        return ChainKeyProvider(static(KEY_1), Down())


def by(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
    """The header of a token that names a key."""
    return UnverifiedHeader(alg, kid)


def kids(keys: Sequence[VerificationKey]) -> list[str | None]:
    """The key IDs of some keys."""
    return [key.kid for key in keys]


def test_every_providers_keys_serve(app: Flask) -> None:
    """Tokens of either provider's key get in; a stranger's with the same key ID does not."""
    auth = Authenticator(keys=ChainKeyProvider(static(KEY_1), static(KEY_2)))

    def subject(issuer: TokenIssuer) -> str | None:
        return auth.authenticate(make_request(headers=bearer(issuer.token()))).subject

    assert subject(KEY_1) == subject(KEY_2) == "alice"
    with pytest.raises(InvalidTokenError):
        subject(KEY_2_ANEW)


def test_keys_of_one_id_come_in_order() -> None:
    """Where two providers have a key of one ID, both are answered, the first provider's first."""
    old, new = static(KEY_2), static(KEY_2_ANEW)

    keys = ChainKeyProvider(old, new).keys_for(by("key-2"))

    assert list(keys) == [*old.keys_for(by("key-2")), *new.keys_for(by("key-2"))]
    auth = Authenticator(keys=ChainKeyProvider(old, new))
    assert auth.authenticate(make_request(headers=bearer(KEY_2_ANEW.token())))


def test_keys_are_few() -> None:
    """No more keys are answered than the limit allows, the first ones."""
    providers = [static(TokenIssuer(kid="k")) for _ in range(3)]

    assert len(ChainKeyProvider(*providers, limit=2).keys_for(by("k"))) == 2
    assert list(ChainKeyProvider(*providers, limit=1).keys_for(by("k"))) == list(
        providers[0].keys_for(by("k"))
    )


@pytest.mark.parametrize("position", [0, 1], ids=["first", "last"])
def test_an_outage_of_one_does_not_stop_the_others_keys(
    position: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A token whose key ID another provider knows is verified during an outage, with a warning."""
    providers: list[Any] = [static(KEY_1)]
    providers.insert(position, Down())

    assert kids(ChainKeyProvider(*providers).keys_for(by("key-1"))) == ["key-1"]

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], VerificationUnavailable)


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        (lambda: static(KEY_1), by("key-9")),
        (lambda: static(NAMELESS), by("key-1")),
        (lambda: static(NAMELESS), by(None)),
        (lambda: static(KEY_1), by(None)),
        (lambda: static(KEY_1), by("key-1", "ES256")),
    ],
    ids=["unknown kid", "key without kid", "neither has a kid", "token without kid", "other alg"],
)
def test_an_outage_is_never_the_callers_fault(
    provider: Callable[[], KeyProvider], header: UnverifiedHeader
) -> None:
    """A token that the missing keys may have verified is answered 503, with the time to retry."""
    for chain in (ChainKeyProvider(provider(), Down()), ChainKeyProvider(Down(), provider())):
        with pytest.raises(VerificationUnavailable) as caught:
            chain.keys_for(header)
        assert caught.value.retry_after == 17


def test_any_exception_is_an_outage() -> None:
    """What a provider raises by mistake counts as keys that can't be had, and is named as the cause."""
    fault = ConnectionError("refused")

    with pytest.raises(VerificationUnavailable, match="ConnectionError") as caught:
        ChainKeyProvider(Down(fault)).keys_for(by("key-1"))

    assert caught.value.__cause__ is fault
    assert kids(ChainKeyProvider(Down(fault), static(KEY_1)).keys_for(by("key-1"))) == ["key-1"]


def test_a_refusal_goes_through() -> None:
    """A provider that refuses the token, which is no outage, is not passed over."""
    chain = ChainKeyProvider(Down(InvalidTokenError("blocked")), static(KEY_1))

    with pytest.raises(InvalidTokenError, match="blocked"):
        chain.keys_for(by("key-1"))


def test_the_first_outage_is_the_one_that_is_told() -> None:
    """Where several providers are down, the first one's error comes out."""
    first, second = VerificationUnavailable("one"), VerificationUnavailable("two")

    with pytest.raises(VerificationUnavailable) as caught:
        ChainKeyProvider(Down(first), Down(second)).keys_for(by("key-1"))

    assert caught.value is first


@pytest.mark.parametrize("garbage", [None, 5, [object()]], ids=["None", "int", "no key"])
def test_garbage_of_a_provider_is_no_pass(garbage: Any) -> None:
    """A provider that answers something else makes the request 503."""

    class Garbage:
        def keys_for(self, header: UnverifiedHeader) -> Any:
            return garbage

    auth = Authenticator(keys=ChainKeyProvider(Garbage(), Down()))

    with pytest.raises(VerificationUnavailable):
        auth.authenticate(make_request(headers=bearer(KEY_1.token())))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (FirstOfTokenExtractor, "needs a TokenExtractor"),
        (lambda: FirstOfTokenExtractor(HeaderTokenExtractor), "objects, not <class"),
        (lambda: FirstOfTokenExtractor(HeaderTokenExtractor(), "cookie"), "not 'cookie'"),
        (lambda: FirstOfTokenExtractor(static(KEY_1)), "takes TokenExtractor objects"),
        (ChainKeyProvider, "needs a KeyProvider"),
        (lambda: ChainKeyProvider(StaticKeyProvider), "objects, not <class"),
        (lambda: ChainKeyProvider(KEY_1.verification_key), "takes KeyProvider objects"),
        (lambda: ChainKeyProvider(static(KEY_1), limit=0), "1 or more, not 0"),
    ],
    ids=[
        "no extractor",
        "extractor class",
        "no extractor object",
        "provider for extractor",
        "no provider",
        "provider class",
        "bare key",
        "no keys allowed",
    ],
)
def test_a_composition_that_can_not_work_is_refused(make: Callable[[], object], said: str) -> None:
    """What is no strategy, or nothing at all, is refused when the composite is made."""
    with pytest.raises(ConfigurationError, match=said):
        make()
