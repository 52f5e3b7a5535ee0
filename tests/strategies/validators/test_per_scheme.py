"""``PerSchemeValidator``: API keys beside JWTs on one route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    Scope,
    TokenValidator,
    current_principal,
)
from flask_jwtlib.audit import route_accesses
from flask_jwtlib.errors import InsufficientScopeError, MalformedTokenError
from flask_jwtlib.key_providers import NoKeyProvider, StaticKeyProvider
from flask_jwtlib.testing import TokenIssuer, bearer, lend_keys
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.validators.api_keys import APIKeyValidator
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator
from tests.kit import raises

from .api_keys_kit import KEY, OTHER_KEY, record

RECORDS = [record(scopes="read"), record("expired", OTHER_KEY, expires_at=1)]


def jwts() -> JWTValidator:
    """Return a validator of JWTs."""
    return JWTValidator(rules=[Audience("api")])


COMPOSITIONS: dict[str, Callable[[], TokenValidator]] = {
    "plain": lambda: PerSchemeValidator({"Bearer": jwts(), "ApiKey": APIKeyValidator(RECORDS)}),
    "other case": lambda: PerSchemeValidator(
        {"bearer": jwts(), "APIKEY": APIKeyValidator(RECORDS)}
    ),
    "cached inside": lambda: PerSchemeValidator(
        {"Bearer": CachingValidator(jwts()), "ApiKey": APIKeyValidator(RECORDS)}
    ),
    "cached around": lambda: CachingValidator(
        PerSchemeValidator({"Bearer": jwts(), "ApiKey": APIKeyValidator(RECORDS)})
    ),
    "all cached": lambda: CachingValidator(
        PerSchemeValidator(
            {
                "Bearer": CachingValidator(jwts()),
                "ApiKey": CachingValidator(APIKeyValidator(RECORDS)),
            }
        )
    ),
}


class TestPerSchemeValidatorContract(TokenValidatorContract):
    issuer = TokenIssuer()

    def make_validator(self) -> TokenValidator:
        return COMPOSITIONS["plain"]()

    def make_keys(self) -> KeyProvider:
        return StaticKeyProvider(self.issuer.public_pem)

    def good_token(self, subject: str) -> str:
        return self.issuer.token(subject, aud="api")

    def expired_token(self) -> str:
        return self.issuer.token(aud="api", exp=1)

    def forged_token(self) -> str:
        return TokenIssuer().token(aud="api")


def authenticator(issuer: TokenIssuer, validator: TokenValidator, **options: Any) -> Authenticator:
    """Compose an Authenticator for JWTs and API keys."""
    return Authenticator(
        keys=issuer.public_pem,
        extractor=CompositeTokenExtractor(BearerTokenExtractor(query=False), APIKeyExtractor()),
        validator=validator,
        **options,
    )


@pytest.fixture(params=COMPOSITIONS.values(), ids=COMPOSITIONS.keys())
def client(request: pytest.FixtureRequest, app: Flask, issuer: TokenIssuer) -> FlaskClient:
    """A client of an app that accepts both, for each composition of the validators."""
    auth = authenticator(issuer, request.param())

    @app.get("/")
    @auth.requires_authentication
    def me() -> str:
        return str(current_principal.subject)

    @app.get("/write")
    @auth.requires_authentication(rules=[Scope("write")])
    def write() -> str:
        return str(current_principal.subject)

    @app.get("/guests")
    @auth.optional_authentication
    def guests() -> str:
        return f"{current_principal and current_principal.subject}"

    return app.test_client()


def test_each_is_verified_by_its_own_means(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A JWT in its header and a key in its own are accepted, again and again. Both together are refused."""
    jwt, key = bearer(issuer.token(aud="api")), {"X-API-Key": KEY}
    for _ in range(2):
        assert client.get("/", headers=jwt).text == "alice"
        assert client.get("/", headers=key).text == "nightly-build"
        assert client.get("/", headers={**jwt, **key}).status_code == 400
        assert client.get("/guests", headers=key).text == "nightly-build"
        refused = client.get("/write", headers=key)
        assert refused.status_code == 403
        assert refused.headers["WWW-Authenticate"].startswith('ApiKey error="insufficient_scope"')


CROSSED: dict[str, tuple[Callable[[str], dict[str, str]], str]] = {
    "JWT as a key": (lambda jwt: {"X-API-Key": jwt}, "ApiKey"),
    "key as a JWT": (lambda _: bearer(KEY), "Bearer"),
    "expired key": (lambda _: {"X-API-Key": OTHER_KEY}, "ApiKey"),
    "forged JWT": (lambda jwt: bearer(f"{jwt[:-8]}AAAAAAAA"), "Bearer"),
    "key by ApiKey": (lambda _: {"Authorization": f"ApiKey {KEY}"}, ""),
    "key by Basic": (lambda _: {"Authorization": f"Basic {KEY}"}, ""),
}


@pytest.mark.parametrize(("headers", "blamed"), CROSSED.values(), ids=CROSSED)
def test_credentials_in_the_wrong_place_are_refused(
    client: FlaskClient, issuer: TokenIssuer, headers: Callable[[str], dict[str, str]], blamed: str
) -> None:
    """No credentials pass for others, also after a cache has seen them in the right place."""
    jwt = issuer.token(aud="api")
    assert client.get("/", headers=bearer(jwt)).status_code == 200
    assert client.get("/", headers={"X-API-Key": KEY}).status_code == 200

    refused = client.get("/", headers=headers(jwt))

    assert refused.status_code == 401
    # Each challenge that has an error is that of the scheme that was used.
    challenges = refused.headers["WWW-Authenticate"]
    assert challenges.count("error=") == (1 if blamed else 0)
    assert not blamed or f'{blamed} error="invalid_token"' in challenges
    assert refused.headers["Vary"] == "Authorization, X-API-Key"
    assert refused.cache_control.private


def test_a_key_in_a_form_is_a_bearer_token(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A form's token is a Bearer token, so it isn't accepted as a key."""
    client.application.add_url_rule("/post", view_func=lambda: "in", methods=["POST"])
    auth = authenticator(issuer, COMPOSITIONS["plain"]())
    client.application.before_request(auth.guard())

    assert client.post("/post", data={"access_token": KEY}).status_code == 401
    assert client.post("/post", data={"access_token": issuer.token(aud="api")}).text == "in"


@frozen
class Accepting(TokenValidator):
    """Accepts every token, as this caller."""

    subject: str

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({"sub": self.subject}, checked_at=1)


@pytest.mark.parametrize(
    ("scheme", "accepted"),
    [
        ("Bearer", "jwt"),
        ("bearer", "jwt"),
        ("BEARER", "jwt"),
        ("apikey", "key"),
        ("DPoP", None),
        ("Cookie", None),
        ("", None),
        ("Bearer ", None),
        ("Bearer\n", None),
        ("B\u0435arer", None),
        ("Bea\u017fer", None),
        ("Ap\u0130Key", None),
        ("Api\u212aey", None),
    ],
    ids=ascii,
)
def test_a_scheme_without_a_validator_is_refused(scheme: str, accepted: str | None) -> None:
    """Schemes are compared without regard to the case of ASCII letters. There is no default."""
    validator = PerSchemeValidator({"Bearer": Accepting("jwt"), "ApiKey": Accepting("key")})
    token = BearerToken("x", scheme=scheme)
    if accepted is not None:
        assert validator.validate(token, NoKeyProvider()).subject == accepted
        return
    with raises(InvalidTokenError, match="PerSchemeValidator has validators for Bearer, ApiKey"):
        validator.validate(token, NoKeyProvider())


def test_verify_takes_a_text_as_a_bearer_token(issuer: TokenIssuer) -> None:
    """``auth.verify`` accepts JWTs, and API keys only where nothing else is accepted. Policies apply."""
    both = authenticator(issuer, COMPOSITIONS["plain"]())
    assert both.verify(issuer.token(aud="api")).subject == "alice"
    with pytest.raises(MalformedTokenError):
        both.verify(KEY)

    keys_only = Authenticator(validator=APIKeyValidator(RECORDS), policies=[Scope("read")])
    assert keys_only.verify(KEY).subject == "nightly-build"
    with pytest.raises(InsufficientScopeError):
        keys_only.evolve(policies=[Scope("write")]).verify(KEY)


def test_the_audit_sees_what_a_route_requires(client: FlaskClient) -> None:
    """The audit lists such a route as any other, and keys can be lent for tests."""
    accesses = {each.endpoint: each for each in route_accesses(client.application)}

    assert accesses["write"].access == "required"
    assert [str(policy) for policy in accesses["write"].policies] == ["scope write"]


def test_keys_can_be_lent(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """``lend_keys`` replaces the keys of JWTs, and API keys are accepted as before."""
    auth = authenticator(issuer, COMPOSITIONS["plain"]())
    with lend_keys(auth, other_issuer):
        assert auth.verify(other_issuer.token(aud="api")).subject == "alice"
    with pytest.raises(InvalidTokenError):
        auth.verify(other_issuer.token(aud="api"))


def test_the_longest_token_of_its_validators_is_read(issuer: TokenIssuer) -> None:
    """``max_size`` is the largest of the validators', and the default extractor reads forms up to it."""
    validator = PerSchemeValidator(
        {"Bearer": JWTValidator(max_size=20_000), "ApiKey": APIKeyValidator(RECORDS)}
    )
    assert validator.max_size == 20_000
    auth = Authenticator(keys=issuer.public_pem, validator=validator)
    assert auth.extractor == BearerTokenExtractor(max_size=20_000)
    assert PerSchemeValidator({"ApiKey": APIKeyValidator([])}).max_size == len(KEY)
    assert PerSchemeValidator({"X": Accepting("x")}).max_size == 8192


@pytest.mark.parametrize(
    ("validators", "said"),
    [
        ({}, "takes a dict of schemes and validators, not {}"),
        (None, "not None"),
        (["Bearer"], "not \\['Bearer'\\]"),
        ({"Bearer token": Accepting("x")}, "'Bearer token' is not an authentication scheme"),
        ({"": Accepting("x")}, "'' is not an authentication scheme"),
        ({None: Accepting("x")}, "None is not an authentication scheme"),
        ({"Bearer": Accepting("x"), "BEARER": Accepting("y")}, "'BEARER' is given twice"),
        ({"Bearer": JWTValidator}, "the validator of 'Bearer' is <class"),
        ({"Bearer": None}, "the validator of 'Bearer' is None"),
    ],
    ids=["none", "None", "list", "space", "empty", "no text", "twice", "class", "no validator"],
)
def test_a_wrong_composition_is_refused(validators: Any, said: str) -> None:
    """A scheme that isn't one, or what isn't a validator, is refused when composing."""
    with pytest.raises(ConfigurationError, match=said):
        PerSchemeValidator(validators)
