"""``lend_keys`` makes the issuer whose tokens an app's rules accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    ConfigurationError,
    Issuer,
    JWTValidator,
    Scope,
    TokenValidator,
)
from flask_jwtlib.claim_rules import (
    AccessToken,
    Client,
    Expiry,
    MaxLifetime,
    RequiredClaims,
    Subject,
    TokenType,
    TokenUse,
)
from flask_jwtlib.testing import TokenIssuer, lend_keys
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

URL = "https://login.example/"
KEYS = TokenIssuer(algorithm="ES256").verification_key
Make = Callable[[TokenValidator], Authenticator]


def of_rules(*rules: Any, **options: Any) -> Authenticator:
    """Make an Authenticator of ES256 keys and claim rules."""
    return Authenticator(
        keys=KEYS, validator=JWTValidator(algorithms="ES256", rules=rules, **options)
    )


AUTHENTICATORS: dict[str, Callable[[], Authenticator]] = {
    "no rules": of_rules,
    "issuer and audience": lambda: of_rules(Issuer(URL), Audience("api")),
    "one of several": lambda: of_rules(Issuer(URL, "b"), Audience("api", "other")),
    "no audience": lambda: of_rules(Audience()),
    "access tokens": lambda: of_rules(AccessToken(), Expiry(required=True), Audience("api")),
    "client": lambda: of_rules(Client("app")),
    "token use": lambda: of_rules(TokenUse("access")),
    "type": lambda: of_rules(TokenType("at+jwt")),
    "short-lived": lambda: of_rules(MaxLifetime(60)),
    "long-lived": lambda: of_rules(MaxLifetime(10**9)),
    "required claims": lambda: of_rules(RequiredClaims("sub", "iat", "exp"), Issuer(URL)),
    "oidc": lambda: oidc_authenticator("https://login.invalid", "api", algorithms=["ES256"]),
    "RS256": lambda: oidc_authenticator("https://login.invalid", "api"),
    "cached": lambda: Authenticator(
        keys=KEYS, validator=CachingValidator(of_rules(Audience("api")).validator)
    ),
    "by scheme": lambda: Authenticator(
        keys=KEYS,
        validator=PerSchemeValidator(
            {"JWT": JWTValidator(), "bearer": of_rules(Audience("api")).validator}
        ),
    ),
    "double submit": lambda: Authenticator(
        keys=KEYS,
        validator=DoubleSubmit().validator(CachingValidator(of_rules(Issuer(URL)).validator)),
    ),
    "only issuer of a router": lambda: Authenticator(
        validator=IssuerRouter(TrustedIssuer(URL, keys=KEYS, audience="api", algorithms=["ES256"]))
    ),
    "cached router": lambda: Authenticator(
        validator=CachingValidator(
            IssuerRouter(TrustedIssuer(URL, keys=KEYS, audience="api", algorithms=["ES256"]))
        )
    ),
    "router with a validator": lambda: Authenticator(
        validator=IssuerRouter(
            TrustedIssuer(URL, keys=KEYS, validator=of_rules(Audience("api")).validator)
        )
    ),
}


@pytest.mark.parametrize("make", AUTHENTICATORS.values(), ids=AUTHENTICATORS)
def test_its_tokens_are_accepted(app: Flask, make: Callable[[], Authenticator]) -> None:
    """Without an issuer, one is made from the Authenticator's rules; all rules stay on."""
    auth = make()
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
    client = app.test_client()
    with lend_keys(auth) as issuer:
        assert client.get("/", headers=issuer.auth(sub="ada")).text == "in"
        assert auth.verify(issuer.token(sub="ada")).subject == "ada"
        for wrong in (issuer.auth(exp=1), issuer.auth(aud="https://other.example")):
            assert client.get("/", headers=wrong).status_code == 401
        accepted = issuer.auth(sub="ada")
    with lend_keys(auth, TokenIssuer(algorithm=issuer.algorithm)):
        assert client.get("/", headers=accepted).status_code == 401


def test_the_subject_is_left_to_the_test() -> None:
    """A rule about the subject doesn't prevent the issuer: the test names the subject."""
    auth = of_rules(Subject("ada"))
    with lend_keys(auth) as issuer:
        assert auth.verify(issuer.token("ada")).subject == "ada"


def test_each_issuer_of_a_router_has_its_own() -> None:
    """The issuers of a router get different keys, so that one can't sign the other's tokens."""
    urls = ["https://a.example", "https://b.example"]
    router = IssuerRouter(
        *(TrustedIssuer(url, keys=KEYS, audience=url[8:], algorithms=["ES256"]) for url in urls)
    )
    auth = Authenticator(validator=router)
    with lend_keys(router.issuers[urls[0]]) as a, lend_keys(router.issuers[urls[1]]) as b:
        assert [auth.verify(each.token()).claims["iss"] for each in (a, b)] == urls
        with pytest.raises(flask_jwtlib.InvalidTokenError):
            auth.verify(a.token(iss=b.issuer, aud="b.example"))


def test_the_module_api() -> None:
    """The module API's settings count as its rules."""
    flask_jwtlib.JWT_ALGO = "ES256"
    flask_jwtlib.JWT_AUDIENCE = ["api", "other"]
    flask_jwtlib.JWT_ISSUER = URL
    flask_jwtlib.set_permanent_verification_key(TokenIssuer(algorithm="ES256").public_pem)
    auth = flask_jwtlib.default_authenticator
    with lend_keys(auth) as issuer:
        assert (issuer.issuer, issuer.claims) == (URL, {"aud": "api"})
        assert auth.verify(issuer.token("ada")).subject == "ada"


def test_an_app_authenticator(app: Flask) -> None:
    """The rules are those of the app's own Authenticator."""
    auth = AppAuthenticator(lambda app: of_rules(Audience(app.name)))
    auth.init_app(app)
    with lend_keys(auth, app=app) as issuer:
        assert auth.verify(issuer.token("ada"), app=app).claims["aud"] == app.name


def test_policies_are_left_to_the_test(app: Flask) -> None:
    """A scope that a policy requires isn't in the token until the test asks for it."""
    auth = of_rules(Audience("api")).evolve(policies=[Scope("read")])
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
    client = app.test_client()
    with lend_keys(auth) as issuer:
        assert client.get("/", headers=issuer.auth()).status_code == 403
        assert client.get("/", headers=issuer.auth(scope="read")).status_code == 200


def test_the_key_is_made_once() -> None:
    """The next test gets the same key, since making one takes long."""
    with lend_keys(of_rules()) as first, lend_keys(of_rules(Audience("api"))) as second:
        assert first.private_key is second.private_key


class OwnValidator(TokenValidator):
    """A validator whose rules can't be read. It names itself as what it wraps."""

    @property
    def validator(self) -> TokenValidator:
        return self

    def validate(self, token: Any, keys: Any) -> Any:
        """Accept nothing."""


CANNOT: dict[str, tuple[TokenValidator, str]] = {
    "own validator": (
        OwnValidator(),
        "can't read which tokens OwnValidator accepts; pass an issuer",
    ),
    "other schemes only": (PerSchemeValidator({"JWT": JWTValidator()}), "PerSchemeValidator"),
    "required claim": (
        of_rules(RequiredClaims("tenant")).validator,
        "can't make tokens that all rules accept: the claim .tenant. is missing; pass an issuer",
    ),
    "two issuers": (of_rules(Issuer("a"), Issuer("b")).validator, "iss is 'a', expected 'b'"),
}


@pytest.mark.parametrize(("validator", "message"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_read(validator: TokenValidator, message: str) -> None:
    """If no issuer can be made, the error says why, and how to pass one."""
    auth = Authenticator(keys=KEYS, validator=validator)
    with pytest.raises(ConfigurationError, match=message) as error, lend_keys(auth):
        pytest.fail("lent")
    assert "TokenIssuer('https://login.example', claims={'aud': 'api'})" in str(error.value)


def test_a_given_issuer_needs_no_rules() -> None:
    """With an issuer of the test's own, the validator may be any."""
    auth = of_rules(RequiredClaims("tenant"), Audience("api"))
    given = TokenIssuer(algorithm="ES256", claims={"tenant": "acme", "aud": "api"})
    with lend_keys(auth, given, TokenIssuer(algorithm="ES256", kid="2")) as issuer:
        assert issuer is given
        assert auth.verify(given.token()).claims["tenant"] == "acme"
