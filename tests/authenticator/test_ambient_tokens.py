"""A token that a browser sends by itself is refused without the outcome of a cross-site check."""

# ruff: noqa: D103 - each function is named after the door

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from flask import Flask, Request

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    HeaderTokenExtractor,
    JWTValidator,
    TokenExtractor,
)
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.testing import TokenIssuer, make_request
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .evidence_kit import CertificateExtractor, ProofExtractor
from .schemes_kit import ApiKeyExtractor, CookieExtractor, UncheckedCookieExtractor

ISSUER = TokenIssuer()
TOKEN = ISSUER.token()
UNCHECKED = UncheckedCookieExtractor()
HEADER, KEY = HeaderTokenExtractor(), ApiKeyExtractor()


@frozen
class Cookie(BearerToken):
    """A token of an application's own class."""


class OwnTokenExtractor:
    """Finds one without a base class."""

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get("token")
        return None if value is None else Cookie(value, source="session", ambient=True)


class Claiming:
    """Attaches something else than an outcome."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    def extract(self, request: Request) -> BearerToken | None:
        token = UNCHECKED.extract(request)
        return None if token is None else token.with_evidence(self.outcome)


def first_of(*extractors: TokenExtractor) -> TokenExtractor:
    return CompositeTokenExtractor(*extractors, exclusive=False)


EXTRACTORS: dict[str, Any] = {
    "alone": UNCHECKED,
    "own class": OwnTokenExtractor(),
    "the outcome's class": Claiming(CrossSiteCheck),
    "the outcome's text": Claiming("passed"),
    "another outcome": Claiming(True),
    "composite, first": CompositeTokenExtractor(UNCHECKED, HEADER, KEY),
    "composite, last": CompositeTokenExtractor(HEADER, KEY, UNCHECKED),
    "first of, first": first_of(UNCHECKED, HEADER),
    "first of, last": first_of(HEADER, KEY, UNCHECKED),
    "nested": CompositeTokenExtractor(HEADER, first_of(KEY, UNCHECKED)),
    "wrapped": CertificateExtractor(UNCHECKED),
    "wrapped twice": ProofExtractor(CertificateExtractor(UNCHECKED)),
    "wrapped composite": CertificateExtractor(CompositeTokenExtractor(HEADER, UNCHECKED)),
    "before a checked one": first_of(UNCHECKED, CookieExtractor()),
}
VALIDATORS: dict[str, Any] = {
    "JWT": JWTValidator(),
    "cached": CachingValidator(JWTValidator()),
    "router": IssuerRouter(
        TrustedIssuer(ISSUER.issuer, keys=ISSUER.verification_key, validator=JWTValidator())
    ),
}
Door = Callable[[Flask, Any], Any]


def get(app: Flask, view: Any = lambda: "in") -> Any:
    app.add_url_rule("/", "view", view)
    client = app.test_client()
    client.set_cookie("token", TOKEN)
    return client.get("/", environ_overrides={"SSL_CLIENT_THUMBPRINT": "a"})


def behind_guard(app: Flask, auth: Any) -> Any:
    app.before_request(auth.guard())
    return get(app)


def behind_protect(app: Flask, auth: Any) -> Any:
    auth.protect(app)
    return get(app)


DOORS: dict[str, Door] = {
    "required": lambda app, auth: get(app, auth.requires_authentication(lambda: "in")),
    "optional": lambda app, auth: get(app, auth.optional_authentication(lambda: "in")),
    "strict": lambda app, auth: get(app, auth.optional_authentication(strict=True)(lambda: "in")),
    "guard": behind_guard,
    "protect": behind_protect,
    "authenticate": lambda app, auth: get(app, lambda: str(auth.authenticate())),
}


def require_refusal(response: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Check that a response is a 403 whose reason is in the log only."""
    assert response.status_code == 403
    assert response.text.strip() == "The request may come from another site"
    assert "WWW-Authenticate" not in response.headers
    record = caplog.records[-1]
    assert record.levelname == "WARNING"
    assert "is ambient" in record.message
    assert "attach a CrossSiteCheck by token.with_evidence" in record.message
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("enter", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("extractor", EXTRACTORS.values(), ids=EXTRACTORS)
def test_an_unchecked_ambient_token_is_refused(
    app: Flask, extractor: Any, enter: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a 403 under every composition and at every door, also on optional routes."""
    auth = Authenticator(keys=ISSUER.verification_key, extractor=extractor)

    require_refusal(enter(app, auth), caplog)


@pytest.mark.parametrize("validator", VALIDATORS.values(), ids=VALIDATORS)
@pytest.mark.parametrize("kind", ["Authenticator", "AppAuthenticator", "module", "module, late"])
def test_no_validator_and_no_authenticator_lets_it_in(
    app: Flask, validator: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Caches, routers, late-configured authenticators and variants of the module's refuse it, too."""
    auth: Any = Authenticator(
        keys=ISSUER.verification_key, extractor=UNCHECKED, validator=validator
    )
    if kind.startswith("module"):
        flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)
        auth = flask_jwtlib.default_authenticator.evolve(extractor=UNCHECKED, validator=validator)
        if kind == "module":
            auth = flask_jwtlib.default_authenticator.evolve(extractor=UNCHECKED)
    if "App" in kind or "late" in kind:
        made, auth = auth, AppAuthenticator(lambda app: made)
        auth.init_app(app)

    response = get(app, auth.requires_authentication(lambda: "in"))

    assert response.status_code == 403
    assert "is ambient" in caplog.text


def test_a_given_request_is_refused() -> None:
    """``authenticate(request)`` raises the refusal."""
    auth = Authenticator(keys=ISSUER.verification_key, extractor=UNCHECKED)

    with pytest.raises(CrossSiteError) as refusal:
        auth.authenticate(make_request(headers={"Cookie": f"token={TOKEN}"}))

    assert "is ambient" in refusal.value.log_message


@pytest.mark.parametrize("outcome", CrossSiteCheck, ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("enter", DOORS.values(), ids=DOORS)
def test_every_outcome_opens(app: Flask, outcome: CrossSiteCheck, enter: Door) -> None:
    """A token with an outcome gets in, also one whose check was switched off by name."""
    auth = Authenticator(keys=ISSUER.verification_key, extractor=Claiming(outcome))

    assert enter(app, auth).status_code == 200


def test_another_token_needs_no_outcome(app: Flask) -> None:
    """Beside an ambient extractor, a token in the header is accepted, and a guest stays a guest."""
    auth = Authenticator(keys=ISSUER.verification_key, extractor=first_of(HEADER, UNCHECKED))
    app.add_url_rule("/", "view", auth.optional_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/").status_code == 200
    client.set_cookie("token", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert [client.get("/", headers=h).status_code for h in (headers, {})] == [200, 403]


def test_an_invalid_ambient_token_is_refused_before_it_is_validated(app: Flask) -> None:
    """Without an outcome, another site can't find out whether the browser has a valid token."""
    auth = Authenticator(keys=ISSUER.verification_key, extractor=UNCHECKED)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    for token in (TOKEN, "a.b.c", ISSUER.token(exp=1)):
        client.set_cookie("token", token)
        assert client.get("/").status_code == 403
