"""A claim that is absent: a bug in a view, and a refusal in a rule, a policy or a validator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    KeyProvider,
    current_principal,
    policy,
)
from flask_jwtlib.errors import AbsentClaimError, ClaimError, MissingClaimError
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer

READINGS: dict[str, Callable[[], Any]] = {
    "g.json_token": lambda: g.json_token["tennant"],
    "current_principal": lambda: current_principal.claims["tennant"],
    "get_json_token": lambda: flask_jwtlib.get_json_token()["tennant"],
    "a member": lambda: current_principal.claims["address"]["tennant"],
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
def test_a_typo_in_a_view_is_a_500(
    app: Flask, issuer: TokenIssuer, read: Callable[[], Any], optional: bool
) -> None:
    """The client isn't to blame for a claim that a view misspells: it is a KeyError, and no refusal."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    decorate = (
        flask_jwtlib.optional_authentication if optional else flask_jwtlib.requires_authentication
    )
    app.add_url_rule("/", "view", decorate(lambda: str(read())))
    refusals: list[object] = []

    def receive(_: object, **details: Any) -> None:
        refusals.append(details)

    headers = bearer(issuer.token(tenant="acme", address={"tenant": "acme"}))
    with request_refused.connected_to(receive):
        with pytest.raises(KeyError, match="tennant"):
            app.test_client().get("/", headers=headers)
        app.testing = False
        response = app.test_client().get("/", headers=headers)

    assert response.status_code == 500
    assert "WWW-Authenticate" not in response.headers
    assert not refusals


def test_an_error_handler_of_key_errors_gets_the_typo(app: Flask, issuer: TokenIssuer) -> None:
    """``errorhandler(KeyError)`` handles a view's absent claim as any other bug of that kind."""
    auth = Authenticator(keys=issuer.verification_key)
    app.register_error_handler(KeyError, lambda error: (type(error).__name__, 500))
    app.add_url_rule(
        "/", "view", auth.requires_authentication(lambda: current_principal.claims["tennant"])
    )

    response = app.test_client().get("/", headers=bearer(issuer.token()))

    assert (response.status_code, response.text) == (500, AbsentClaimError.__name__)


class Tenanted(JWTValidator):
    """A validator of an application's own."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = super().validate(token, keys)
        if claims["tenant"] != "acme":
            raise ClaimError("tenant")
        return claims


class Wrapping:
    """A validator around another one, without a base class."""

    def __init__(self) -> None:
        self.inner = JWTValidator()

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        assert claims["tenant"]
        return claims


@policy
def of_acme(claims: Any, call: Any) -> bool:
    """Require a tenant."""
    return bool(claims["tenant"] == "acme")


def rule_of_acme(claims: Claims) -> bool:
    """Require a tenant."""
    return bool(claims["tenant"] == "acme")


Serve = Callable[[Authenticator], Any]
STRATEGIES: dict[str, tuple[Serve, int]] = {
    "a rule of a decorator": (
        lambda auth: auth.requires_authentication(rules=[rule_of_acme]),
        401,
    ),
    "a rule of the validator": (
        lambda auth: (
            auth.evolve(validator=JWTValidator(rules=[rule_of_acme])).requires_authentication
        ),
        401,
    ),
    "a validator subclass": (
        lambda auth: auth.evolve(validator=Tenanted()).requires_authentication,
        401,
    ),
    "a validator around another": (
        lambda auth: auth.evolve(validator=Wrapping()).requires_authentication,
        401,
    ),
    "a policy": (lambda auth: auth.requires_authentication(rules=[of_acme]), 403),
    "a rule within a policy": (
        lambda auth: auth.requires_authentication(rules=[of_acme & rule_of_acme]),
        403,
    ),
}


@pytest.mark.parametrize(("serve", "status"), STRATEGIES.values(), ids=STRATEGIES)
def test_an_absent_claim_refuses_the_token(
    app: Flask, issuer: TokenIssuer, serve: Serve, status: int
) -> None:
    """A rule, a policy and a validator that read an absent claim refuse, and let nobody in."""
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "view", serve(auth)(lambda: "in"))
    refusals: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        refusals.append(details["error"])

    with request_refused.connected_to(receive):
        response = app.test_client().get("/", headers=bearer(issuer.token()))

    assert response.status_code == status
    (refusal,) = refusals
    if status == 401:
        assert isinstance(refusal, MissingClaimError)
        assert refusal.claim == "tenant"
        assert "lacks a required claim" in response.headers["WWW-Authenticate"]
    assert app.test_client().get("/", headers=bearer(issuer.token(tenant="acme"))).text == "in"


INNER = [
    {},
    {"resource_access": {}},
    {"resource_access": {"reports": {}}},
    {"resource_access": {"reports": {"roles": []}}},
]


@pytest.mark.parametrize("claims", INNER, ids=map(str, INNER))
@pytest.mark.parametrize("place", ["decorator", "validator"])
def test_an_absent_inner_claim_refuses_too(
    app: Flask, issuer: TokenIssuer, claims: dict[str, Any], place: str
) -> None:
    """A plain rule may read a nested claim without checks: whatever level is absent, it refuses."""

    def editor(claims: Claims) -> bool:
        return "editor" in claims["resource_access"]["reports"]["roles"]

    auth = Authenticator(
        keys=issuer.verification_key,
        validator=JWTValidator(rules=[editor] if place == "validator" else []),
    )
    rules = [editor] if place == "decorator" else []
    app.add_url_rule("/", "view", auth.requires_authentication(rules=rules)(lambda: "in"))
    client = app.test_client()

    assert client.get("/", headers=bearer(issuer.token(**claims))).status_code == 401
    roles = {"resource_access": {"reports": {"roles": ["editor"]}}}
    assert client.get("/", headers=bearer(issuer.token(**roles))).text == "in"


@pytest.mark.parametrize("claim", ["a string", 7, True, ["editor"], None], ids=repr)
def test_an_inner_claim_of_another_type_lets_nobody_in(
    app: Flask, issuer: TokenIssuer, claim: Any
) -> None:
    """A rule that meets another type than it expects fails, and the view doesn't run."""
    app.testing = False
    ran: list[bool] = []

    def editor(claims: Claims) -> bool:
        return "editor" in claims["resource_access"]["reports"]["roles"]

    auth = Authenticator(keys=issuer.verification_key)
    view = auth.requires_authentication(rules=[editor])(lambda: ran.append(True) or "in")
    app.add_url_rule("/", "view", view)

    response = app.test_client().get("/", headers=bearer(issuer.token(resource_access=claim)))

    assert response.status_code in (401, 500)
    assert not ran
