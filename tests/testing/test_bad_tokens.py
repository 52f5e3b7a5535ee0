"""The named bad tokens and requests: a correct app refuses each, and a faulty one doesn't."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_jwtlib import Audience, BearerTokenExtractor, Issuer, JWTValidator
from flask_jwtlib.claim_rules import ClaimTypes, Expiry
from flask_jwtlib.testing import (
    BAD_CREDENTIALS,
    BAD_TOKENS,
    GOOD_TOKENS,
    BadCredentials,
    BadToken,
    GoodToken,
    TokenIssuer,
    bearer,
)
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from . import faulty
from .faulty import make_issuer, serve

ALGORITHMS = ["ES256", "RS256", "HS256"]

HEADER_AND_FORM = BearerTokenExtractor(query=False)
ALGORITHMS = ["ES256", "RS256", "HS256"]


@pytest.fixture(scope="module", params=ALGORITHMS)
def correct(request: pytest.FixtureRequest) -> tuple[FlaskClient, TokenIssuer]:
    """A client of a correct app, and its issuer."""
    issuer = make_issuer(request.param)
    return serve(issuer, faulty.validator_of(algorithm=request.param)), issuer


@pytest.mark.parametrize("bad", BAD_CREDENTIALS, ids=str)
def test_a_correct_app_refuses_it(
    correct: tuple[FlaskClient, TokenIssuer], bad: BadToken | BadCredentials
) -> None:
    """The refusal has the reason that the bad token or request states."""
    client, issuer = correct
    response = client.get("/", **bad.request(issuer))
    malformed = bad.reason == "malformed-credentials"
    assert response.status_code == (400 if malformed else 401)
    assert response.json
    assert bad.reason in {None, response.json["reason"]}


@pytest.mark.parametrize("good", GOOD_TOKENS, ids=str)
def test_a_correct_app_accepts_good_ones(
    correct: tuple[FlaskClient, TokenIssuer], good: GoodToken
) -> None:
    """The controls are accepted, so that the bad ones aren't refused for another reason."""
    client, issuer = correct
    assert client.get("/", **good.request(issuer)).text == "in"


def test_an_issuer_router_refuses_them() -> None:
    """An app of several issuers refuses each, too."""
    issuer = make_issuer()
    trusted = TrustedIssuer(
        faulty.NAME, keys=issuer.jwks, audience=faulty.AUDIENCE, algorithms=["ES256"]
    )
    client = serve(issuer, IssuerRouter(trusted), keys=None)
    assert client.get("/", headers=issuer.auth()).text == "in"
    for bad in BAD_CREDENTIALS:
        assert client.get("/", **bad.request(issuer)).status_code in (400, 401), bad


def test_names_are_unique_and_explained() -> None:
    """A name identifies a test, and ``why`` says what is wrong."""
    names = [str(bad) for bad in (*BAD_CREDENTIALS, *GOOD_TOKENS)]
    assert len(names) == len(set(names))
    assert all(bad.name == str(bad) and bad.why in repr(bad) for bad in BAD_CREDENTIALS)
    assert {bad for bad in BAD_CREDENTIALS if isinstance(bad, BadToken)} == set(BAD_TOKENS)


def test_nothing_is_fetched(
    correct: tuple[FlaskClient, TokenIssuer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bad token makes the app look up a host or open a connection."""

    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("a connection")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket, "socket", fail)
    client, issuer = correct
    for bad in BAD_TOKENS:
        client.get("/", **bad.request(issuer))


def test_a_token_has_what_the_app_requires() -> None:
    """A bad or good token has the issuer's claims and those of the test, unless they are what is wrong."""
    issuer = make_issuer()
    validator = faulty.validator_of(lambda claims: claims.get("tenant") == "acme")
    client = serve(issuer, validator)
    (plain,) = (good for good in GOOD_TOKENS if good.name == "plain")
    assert client.get("/", **plain.request(issuer)).status_code == 401
    assert client.get("/", **plain.request(issuer, tenant="acme")).text == "in"
    assert client.get("/", headers=bearer(plain.token(issuer, tenant="acme"))).text == "in"
    (quoted,) = (bad for bad in BAD_CREDENTIALS if bad.name == "quoted")
    (value,) = quoted.request(issuer, sub="ada", tenant="acme")["headers"].values()
    assert client.get("/", headers={"Authorization": value.replace('"', "")}).text == "in"


@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
def test_the_rule_that_it_names_is_what_refuses_it(bad: BadToken) -> None:
    """An app without the rule accepts the token; one without all of them refuses a token that names none."""
    issuer = make_issuer()
    accepting = {
        "Issuer": faulty.without(Issuer),
        "Audience": faulty.without(Audience),
        "Expiry": faulty.validator_of(Expiry()),
        "AccessToken": faulty.validator_of(faulty.AnyKind()),
        "ClaimTypes": faulty.validator_of(ClaimTypes(numeric_subject=True)),
        None: JWTValidator(algorithms=["ES256"], rules=[Audience(faulty.AUDIENCE)]),
    }
    status = serve(issuer, accepting[bad.rule]).get("/", **bad.request(issuer)).status_code
    assert status == (401 if bad.rule is None else 200)


@pytest.mark.parametrize("good", GOOD_TOKENS, ids=str)
def test_an_issuer_without_an_audience(good: GoodToken) -> None:
    """The tokens of an issuer without ``aud`` suit an app without an audience."""
    issuer = TokenIssuer(faulty.NAME, algorithm="ES256")
    client = serve(issuer, JWTValidator(algorithms="ES256"))
    assert client.get("/", **good.request(issuer)).text == "in"
    for bad in BAD_TOKENS:
        if bad.rule is None:
            assert client.get("/", **bad.request(issuer)).status_code == 401, bad
