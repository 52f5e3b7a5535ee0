"""Tokens with ``act`` (RFC 8693 §4.1), by every way into an ``Authenticator``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    KeyProvider,
    Scope,
    TokenValidator,
    current_principal,
)
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.policies import ActedBy, NoDelegation
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.authenticator.evidence_kit import ClaimsByText

ACT = {"sub": "svc-b", "act": {"sub": "svc-a", "iss": "https://other.example"}}
MALFORMED: dict[str, Any] = {
    "null": None,
    "string": "svc-a",
    "array": [ACT],
    "empty": {},
    "sub of another type": {"sub": 7},
    "nested": {"sub": "svc-b", "act": {"iss": "https://other.example"}},
}


@frozen
class Opaque(TokenValidator):
    """Accepts any text, as introspection would, and returns a plain dict or ``Claims``."""

    act: Any
    kind: Callable[[dict[str, Any]], Any] = dict

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.kind({"sub": "alice", "act": self.act})


def as_claims(claims: dict[str, Any]) -> Claims:
    """Return what a validator returns."""
    return Claims(claims, checked_at=time.time())


def signed(issuer: TokenIssuer, act: Any) -> str:
    """Return a signed token. ``TokenIssuer`` leaves out a claim that is None."""
    return issuer.token(act=act) if act is not None else with_null(issuer)


def with_null(issuer: TokenIssuer) -> str:
    """Return a signed token whose ``act`` is null."""
    header = b'{"alg":"RS256","kid":"key-1"}'
    claims = f'{{"iss":"{issuer.issuer}","sub":"alice","exp":{int(time.time()) + 99},"act":null}}'
    return issuer.compact(header, claims.encode())


WAYS: dict[str, Callable[[TokenIssuer, Any], TokenValidator]] = {
    "JWT": lambda issuer, act: JWTValidator(),
    "cached": lambda issuer, act: CachingValidator(JWTValidator()),
    "cached elsewhere": lambda issuer, act: ClaimsByText(JWTValidator()),
    "by issuer": lambda issuer, act: IssuerRouter(
        TrustedIssuer(issuer.issuer, keys=issuer.verification_key, validator=JWTValidator())
    ),
    "opaque": lambda issuer, act: Opaque(act),
    "opaque claims": lambda issuer, act: Opaque(act, as_claims),
}


def authenticator(issuer: TokenIssuer, way: str, act: Any, **options: Any) -> Authenticator:
    """Return an ``Authenticator`` that validates in one of these ways."""
    keys = None if way == "by issuer" else issuer.verification_key
    return Authenticator(keys=keys, validator=WAYS[way](issuer, act), **options)


@pytest.mark.parametrize("act", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("way", WAYS)
def test_a_malformed_act_refuses_the_token(
    app: Flask, issuer: TokenIssuer, way: str, act: Any
) -> None:
    """Whichever validator accepted the token, it is a 401, twice; and ``verify`` refuses it, too."""
    auth = authenticator(issuer, way, act)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    app.add_url_rule(
        "/optional", "optional", auth.optional_authentication(lambda: str(bool(current_principal)))
    )
    token = signed(issuer, act)
    client = app.test_client()

    for _ in range(2):
        refused = client.get("/", headers=bearer(token))
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.get("/optional", headers=bearer(token)).text == "False"
    with pytest.raises(ClaimError):
        auth.verify(token)


@pytest.mark.parametrize("way", WAYS)
def test_a_delegated_token_is_accepted(app: Flask, issuer: TokenIssuer, way: str) -> None:
    """``act`` is information: without a policy, the caller is the subject, and has an actor."""
    auth = authenticator(issuer, way, ACT)

    def view() -> str:
        actor = current_principal.actor
        assert actor is not None
        assert actor.actor is not None
        return f"{current_principal.subject} {actor} {actor.actor}"

    app.add_url_rule("/", "view", auth.requires_authentication(view))
    client = app.test_client()

    for _ in range(2):
        response = client.get("/", headers=bearer(signed(issuer, ACT)))
        assert response.text == "alice svc-b svc-a"
    assert str(auth.verify(signed(issuer, ACT)).actor) == "svc-b"


def test_may_act_is_ignored(app: Flask, issuer: TokenIssuer) -> None:
    """``may_act`` says who may be given a delegated token, so it changes nothing here."""
    auth = Authenticator(keys=issuer.verification_key, policies=[NoDelegation()])
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    for may_act in ({"sub": "svc-a"}, "malformed", []):
        token = issuer.token(may_act=may_act)
        assert app.test_client().get("/", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_a_whole_app_without_delegation(app: Flask, issuer: TokenIssuer, way: str) -> None:
    """``policies=[NoDelegation()]`` refuses delegated tokens with 403 on every route."""
    auth = authenticator(issuer, way, ACT, policies=[NoDelegation()])
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(lambda: "in"))

    for path in ("/", "/optional"):
        refused = app.test_client().get(path, headers=bearer(signed(issuer, ACT)))
        assert refused.status_code == 403
        assert "WWW-Authenticate" not in refused.headers


def test_a_refusal_names_both_parties(
    app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of a 403 names the caller and the current actor, each with its issuer, on one line."""
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "v", auth.requires_authentication(rules=[Scope("write")])(lambda: "in"))
    act = {"sub": "svc\nb", "iss": "https://other.example", "act": {"sub": "svc-a"}}

    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        app.test_client().get("/", headers=bearer(issuer.token(act=act)))
        app.test_client().get("/", headers=bearer(issuer.token()))

    delegated, own = [record.getMessage() for record in caplog.records]
    assert (
        "the caller is 'alice' of 'https://issuer.example', for whom 'svc\\nb' of "
        "'https://other.example' acts, without scopes" in delegated
    )
    assert "svc-a" not in delegated
    assert "acts" not in own


def test_the_signals_know_the_actor(app: Flask, issuer: TokenIssuer) -> None:
    """The principal of ``request_accepted`` and that of a refused caller have the actor."""
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    app.add_url_rule(
        "/no", "no", auth.requires_authentication(rules=[ActedBy("svc-a")])(lambda: "in")
    )
    seen: list[Any] = []

    def receive(_: object, principal: Any, **details: Any) -> None:
        seen.append(principal.actor.subject)

    with request_accepted.connected_to(receive), request_refused.connected_to(receive):
        for path in ("/", "/no"):
            app.test_client().get(path, headers=bearer(issuer.token(act=ACT)))

    assert seen == ["svc-b", "svc-b"]


class TestModuleAPI:
    """The documented module API refuses a malformed ``act`` by each of its functions."""

    @pytest.fixture(params=MALFORMED.values(), ids=list(MALFORMED))
    def malformed(self, issuer: TokenIssuer, request: pytest.FixtureRequest) -> str:
        """A signed token."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        return signed(issuer, request.param)

    @pytest.mark.parametrize("check", [None, lambda token: True], ids=["default", "always"])
    def test_the_decorators(self, app: Flask, malformed: str, check: Any) -> None:
        """It is a 401, whatever ``check_token`` says."""
        if check is not None:
            flask_jwtlib.check_token = check
        app.add_url_rule("/", "view", flask_jwtlib.requires_authentication(lambda: "in"))

        assert app.test_client().get("/", headers=bearer(malformed)).status_code == 401

    def test_check_token(self, malformed: str) -> None:
        """``check_token`` is False."""
        assert flask_jwtlib.check_token(malformed) is False

    def test_get_json_token(self, app: Flask, malformed: str) -> None:
        """``get_json_token`` raises in a view without a decorator, unless it needn't verify."""

        def view() -> str:
            with pytest.raises(ClaimError):
                flask_jwtlib.get_json_token()
            return str(flask_jwtlib.get_json_token(verify=False)["sub"])

        app.add_url_rule("/", "view", view)
        assert app.test_client().get("/", headers=bearer(malformed)).text == "alice"

    def test_a_well_formed_act(self, app: Flask, issuer: TokenIssuer) -> None:
        """Every function accepts a token with a proper ``act``."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        token = issuer.token(act=ACT)
        app.add_url_rule("/", "view", lambda: flask_jwtlib.get_json_token()["act"])

        assert flask_jwtlib.check_token(token) is True
        assert app.test_client().get("/", headers=bearer(token)).json == ACT
