"""Double-submit tokens together with other strategies, and compositions that lack a half."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Request

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    ConfigurationError,
    HeaderTokenExtractor,
    JWTValidator,
    KeyProvider,
    TokenExtractor,
)
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.interfaces import challenges_of
from flask_jwtlib.testing import bearer, lend_keys, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .double_submit_kit import (
    ISSUER,
    OURS,
    PATHS,
    app_of,
    claims_of,
    client_of,
    composed,
    cookie,
    csrf,
    made,
    statuses,
)

CSRF = DoubleSubmit()
JWT = JWTValidator()
COOKIE = CookieTokenExtractor()
KEYS = ISSUER.verification_key


class Unchecked(TokenExtractor):
    """Reads the cookie as an extractor does that leaves the cross-site check to another."""

    def extract(self, request: Request) -> BearerToken | None:
        text = request.cookies.get(COOKIE.name)
        if not text:
            return None
        return BearerToken(text, source="cookie", scheme="Cookie", ambient=True)


UNCHECKED = Unchecked()
TRUSTED = TrustedIssuer(ISSUER.issuer, keys=KEYS, validator=JWT)
GOOD, OTHER = made(claims_of()), made(claims_of("mallory"))

COMPOSITIONS: dict[str, Callable[[], Any]] = {
    "added": composed,
    "parts": lambda: Authenticator(
        keys=KEYS, extractor=CSRF.extractor(COOKIE), validator=CSRF.validator(JWT)
    ),
    "around a cache": lambda: composed(validator=CachingValidator(JWT)),
    "in a cache": lambda: Authenticator(
        keys=KEYS,
        extractor=CSRF.extractor(COOKIE),
        validator=CachingValidator(CSRF.validator(JWT)),
    ),
    "around a router": lambda: composed(validator=IssuerRouter(TRUSTED)),
    "late": lambda: AppAuthenticator(lambda app: CSRF.added_to(composed_without(), app=app)),
    "in a composite": lambda: Authenticator(
        keys=KEYS,
        extractor=CompositeTokenExtractor(HeaderTokenExtractor(), CSRF.extractor(COOKIE)),
        validator=CSRF.validator(JWT),
    ),
    "around a composite": lambda: composed(
        extractor=CompositeTokenExtractor(COOKIE, HeaderTokenExtractor())
    ),
    "in a check": lambda: Authenticator(
        keys=KEYS,
        extractor=CrossSiteCheckedTokenExtractor(CSRF.extractor(COOKIE)),
        validator=CSRF.validator(JWT),
    ),
    "in the only check": lambda: Authenticator(
        keys=KEYS,
        extractor=CrossSiteCheckedTokenExtractor(CSRF.extractor(UNCHECKED)),
        validator=CSRF.validator(JWT),
    ),
    "options of another object": lambda: Authenticator(
        keys=KEYS,
        extractor=CSRF.extractor(COOKIE),
        validator=DoubleSubmit("X-Other").validator(JWT),
    ),
}


def composed_without() -> Authenticator:
    """Return an ``Authenticator`` that reads a cookie and needs no double-submit token."""
    return Authenticator(keys=KEYS, extractor=COOKIE)


def client_with(auth: Any, **config: Any) -> Any:
    """Return a client of an app, for an ``AppAuthenticator``, too."""
    if not isinstance(auth, AppAuthenticator):
        return client_of(auth, **config)
    app = app_of(auth, **config)
    auth.init_app(app)
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize("compose", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_it_works_in_every_composition(compose: Callable[[], Any]) -> None:
    """With each composition, on each kind of route, repeatedly: only the right token passes."""
    client, ours = client_with(compose()), cookie(ISSUER.token())
    for _ in range(2):
        for path in PATHS:
            assert client.get(path, headers=ours).text == "alice"
            assert client.post(path, headers=ours | csrf(GOOD)).text == "alice"
            for headers in ({}, csrf(OTHER), csrf("wrong")):
                assert client.post(path, headers=ours | headers).status_code == 403


@pytest.mark.parametrize("name", ["in a composite", "around a composite"])
def test_a_token_in_the_header_needs_none(name: str) -> None:
    """A token that no browser sends by itself is accepted without a double-submit token."""
    client = client_with(COMPOSITIONS[name]())
    for path in PATHS:
        assert client.post(path, headers=bearer(ISSUER.token())).text == "alice"
        # Not even a wrong one matters.
        assert client.post(path, headers=bearer(ISSUER.token()) | csrf(OTHER)).text == "alice"


def test_a_proxy_s_header_needs_one() -> None:
    """Every ambient token needs it, not only that of a cookie."""
    header = HeaderTokenExtractor("X-Proxy-Token")
    client = client_of(composed(extractor=CrossSiteCheckedTokenExtractor(header)))
    ours = {"X-Proxy-Token": ISSUER.token()} | OURS
    assert statuses(client, ours) == {403}
    assert statuses(client, ours | csrf(GOOD)) == {200}


def test_a_session_needs_one() -> None:
    """The token in a session needs it, too."""
    app = app_of(composed(extractor=SessionTokenExtractor()))
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["access_token"] = ISSUER.token()
    assert client.post("/required", headers=OURS).status_code == 403
    assert client.post("/required", headers=OURS | csrf(GOOD)).text == "alice"


HALVES: dict[str, Callable[[], Authenticator]] = {
    "extractor alone": lambda: Authenticator(keys=KEYS, extractor=CSRF.extractor(COOKIE)),
    "extractor with a cache": lambda: Authenticator(
        keys=KEYS, extractor=CSRF.extractor(COOKIE), validator=CachingValidator(JWT)
    ),
    "extractor in a composite": lambda: Authenticator(
        keys=KEYS,
        extractor=CompositeTokenExtractor(HeaderTokenExtractor(), CSRF.extractor(COOKIE)),
    ),
    "extractor in a check": lambda: Authenticator(
        keys=KEYS, extractor=CrossSiteCheckedTokenExtractor(CSRF.extractor(UNCHECKED))
    ),
    "validator alone": lambda: Authenticator(
        keys=KEYS, extractor=COOKIE, validator=CSRF.validator(JWT)
    ),
    "validator in a cache": lambda: Authenticator(
        keys=KEYS, extractor=COOKIE, validator=CachingValidator(CSRF.validator(JWT))
    ),
    "validator without a check": lambda: Authenticator(
        keys=KEYS,
        extractor=CookieTokenExtractor(cross_site_check=False),
        validator=CSRF.validator(JWT),
    ),
    "validator replaced": lambda: composed().evolve(validator=JWT),
    "extractor replaced": lambda: composed().evolve(extractor=COOKIE),
}


@pytest.mark.parametrize("compose", HALVES.values(), ids=HALVES)
def test_half_a_composition_is_closed(
    compose: Callable[[], Authenticator], caplog: pytest.LogCaptureFixture
) -> None:
    """Without its other half, no unsafe request passes: 503, and the log says what is missing."""
    client, ours = client_of(compose()), cookie(ISSUER.token())

    assert statuses(client, ours | csrf(GOOD)) == {503}
    assert statuses(client, ours) == {503}

    assert {record.levelname for record in caplog.records} == {"ERROR"}
    for record in caplog.records:
        assert "no validator has checked it" in record.message or (
            "which no extractor has read" in record.message
        )


@pytest.mark.parametrize(
    "config",
    [{"SECRET_KEY": None}, {"SECRET_KEY": ""}, {"SECRET_KEY_FALLBACKS": "older"},
     {"SECRET_KEY_FALLBACKS": b"older"}, {"SECRET_KEY_FALLBACKS": ["older", ""]}],
    ids=repr,
)  # fmt: skip
def test_without_secret_keys_nothing_passes(
    config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An app without good keys is closed to unsafe requests, and the client isn't told why."""
    client, ours = client_of(composed(), **config), cookie(ISSUER.token())
    for path in PATHS:
        assert client.get(path, headers=ours).text == "alice"
        for headers in ({}, csrf(GOOD)):
            response = client.post(path, headers=ours | headers)
            assert response.status_code == 503
            assert "SECRET_KEY" not in response.text
    assert "SECRET_KEY" in caplog.text


@pytest.mark.parametrize(
    "config",
    [{"SECRET_KEY": None}, {"SECRET_KEY": ""}, {"SECRET_KEY": 5}, {"SECRET_KEY_FALLBACKS": "older"},
     {"SECRET_KEY_FALLBACKS": [None]}, {"SECRET_KEY_FALLBACKS": 5}, {"SECRET_KEY_FALLBACKS": [""]}],
    ids=repr,
)  # fmt: skip
def test_wrong_secret_keys_are_reported_early(config: dict[str, Any]) -> None:
    """They are an error when the app is named, and when the log-in view makes a token."""
    app = Flask("early")
    app.config.update({"SECRET_KEY": "0" * 32, **config})
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        CSRF.added_to(composed_without(), app=app)
    with app.app_context(), pytest.raises(ConfigurationError, match="SECRET_KEY"):
        CSRF.token_for(claims_of())


def test_without_the_cross_site_check(caplog: pytest.LogCaptureFixture) -> None:
    """If that check was switched off by name, the double-submit token is still required."""
    caplog.set_level(logging.INFO, logger="flask_jwtlib")
    client = client_of(composed(extractor=CookieTokenExtractor(cross_site_check=False)))
    evil = cookie(ISSUER.token()) | {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/required", headers=evil).text == "alice"
    assert statuses(client, evil) == {403}
    assert statuses(client, evil | csrf(GOOD)) == {200}
    websocket = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert client.get("/required", headers=evil | websocket).status_code == 403


def test_methods_that_the_app_does_not_call_safe() -> None:
    """If a GET changes something in an app, it needs a double-submit token there."""
    client = client_of(composed(extractor=CookieTokenExtractor(safe_methods=())))
    ours = cookie(ISSUER.token())
    for path in PATHS:
        assert client.get(path, headers=ours).status_code == 403
        assert client.get(path, headers=ours | csrf(GOOD)).text == "alice"


class Returning:
    """Validates opaque tokens, and returns the same for all."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.returned


def test_a_validator_may_return_a_mapping() -> None:
    """Claims of opaque tokens count as well. Anything else than claims is a 503, as without this."""
    ours = cookie("opaque") | csrf(GOOD)
    for returned, status in ((claims_of(), 200), ({"sub": "bob"}, 403), (None, 503), ("x", 503)):
        auth = CSRF.added_to(Authenticator(extractor=COOKIE, validator=Returning(returned)))
        assert client_of(auth).post("/required", headers=ours).status_code == status


def test_a_method_that_one_check_finds_unsafe() -> None:
    """If a check says that GET may change something, GET needs a double-submit token."""
    checked = CrossSiteCheckedTokenExtractor(COOKIE, safe_methods=("HEAD", "OPTIONS"))
    client, ours = client_of(composed(extractor=checked)), cookie(ISSUER.token())
    for path in PATHS:
        assert client.get(path, headers=ours).status_code == 403
        assert client.get(path, headers=ours | csrf(GOOD)).text == "alice"
        assert client.head(path, headers=ours).status_code == 200


def test_outside_of_requests_there_is_nothing_to_submit() -> None:
    """``verify`` needs no double-submit token, and keys can be lent in tests."""
    auth = composed()
    assert auth.verify(ISSUER.token()).subject == "alice"
    with lend_keys(auth, ISSUER):
        ours = cookie(ISSUER.token())
        assert client_of(auth).post("/required", headers=ours | csrf(GOOD)).text == "alice"


def test_it_states_what_the_extractor_states() -> None:
    """Challenges and ``Vary`` are the extractor's, with the header of the double-submit token."""

    class Silent(TokenExtractor):
        def extract(self, request: Request) -> BearerToken | None:
            return None

    extractor: Any = CSRF.extractor(COOKIE)
    assert challenges_of(extractor) == COOKIE.challenges
    assert extractor.vary == (*COOKIE.vary, "X-CSRF-Token")
    silent: Any = DoubleSubmit("X-Other").extractor(Silent())
    assert silent.vary == ("Authorization", "X-Other")


def test_an_unchecked_extractor_stays_closed() -> None:
    """A double-submit token doesn't replace the outcome of a cross-site check."""
    client = client_of(composed(extractor=UNCHECKED))
    ours = cookie(ISSUER.token())
    assert statuses(client, ours | csrf(GOOD)) == {403}
    assert client.get("/required", headers=ours).status_code == 403
    with app_of(composed()).app_context():
        found = CSRF.extractor(UNCHECKED).extract(make_request(method="POST", headers=ours))
    assert found is not None
    assert found.evidence.get(CrossSiteCheck) is None


class TestItsExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return CSRF.extractor(COOKIE)

    def request_with(self, token: str) -> Request:
        return make_request(headers={"Cookie": f"__Host-access_token={token}"})
