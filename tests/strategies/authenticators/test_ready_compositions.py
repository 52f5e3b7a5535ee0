"""Defaults that every ready composition shares, and how to replace them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import AuthenticationError, Authenticator, Claims, ConfigurationError
from flask_jwtlib.claim_rules import AccessToken, ClaimTypes, Client, Expiry, MaxLifetime, TokenUse
from flask_jwtlib.errors import MalformedTokenError, MissingClaimError, UnacceptedAudienceError
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer, make_request
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import raises

API = "https://api.example"
Compose = Callable[..., Authenticator]


def by_oidc(issuer: str, audience: str | None = API, **options: Any) -> Authenticator:
    """Compose with ``oidc_authenticator``."""
    return oidc_authenticator(issuer, audience, allow_http_on_loopback=True, **options)


def by_settings(
    issuer: str, audience: str | None = API, *, rules: Any = (), **options: Any
) -> Authenticator:
    """Compose with ``configured_authenticator``."""
    app = Flask("configured")
    app.config["JWTLIB_ISSUER"] = issuer
    app.config["JWTLIB_AUDIENCE"] = audience
    app.config["JWTLIB_ALLOW_HTTP_ON_LOOPBACK"] = True
    app.config.update({f"JWTLIB_{name.upper()}": value for name, value in options.items()})
    return configured_authenticator(app, rules=rules)


def by_router(issuer: str, audience: str | None = API, **options: Any) -> Authenticator:
    """Compose with ``TrustedIssuer`` and ``IssuerRouter``."""
    keys = OIDCKeyProvider(issuer, allow_http_on_loopback=True)
    return Authenticator(
        validator=IssuerRouter(TrustedIssuer(issuer, keys=keys, audience=audience, **options))
    )


@pytest.fixture(params=[by_oidc, by_settings, by_router], ids=["oidc", "settings", "router"])
def compose(request: pytest.FixtureRequest) -> Compose:
    """A function that makes an Authenticator, for each ready composition."""
    made: Compose = request.param
    return made


@pytest.fixture
def signer(idp: IdentityProvider) -> TokenIssuer:
    """An issuer whose key the identity provider publishes."""
    return idp.add_key()


def subject_of(auth: Authenticator, token: str) -> str | None:
    """Return the subject of a token's caller."""
    return auth.authenticate(make_request(headers=bearer(token))).subject


@pytest.mark.parametrize(
    "token",
    [
        pytest.param({"nonce": "n"}, id="ID token with nonce"),
        pytest.param({"at_hash": "aGFzaA"}, id="ID token with at_hash"),
        pytest.param({"typ": "ID"}, id="ID token of Keycloak"),
        pytest.param({"token_use": "id"}, id="ID token of Cognito"),
        pytest.param({"typ": "Refresh"}, id="refresh token of Keycloak"),
        pytest.param({"token_use": "refresh"}, id="refresh token by token_use"),
        pytest.param({"type": "refresh"}, id="refresh token by type"),
        pytest.param({"header": {"typ": "logout+jwt"}}, id="logout token"),
        pytest.param({"events": {}}, id="security event token"),
        pytest.param({"header": {"typ": "secevent+jwt"}}, id="typed security event token"),
        pytest.param({"header": {"typ": "dpop+jwt"}}, id="DPoP proof"),
    ],
)
def test_other_kinds_of_tokens_are_refused(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer, token: dict[str, Any]
) -> None:
    """A token of another kind is refused, though its issuer, audience and times are valid."""
    auth = compose(idp.issuer_url)
    assert subject_of(auth, signer.token(aud=API)) == "alice"
    with raises(AuthenticationError, match="expected an access token"):
        subject_of(auth, signer.token(aud=API, **token))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param({}, id="no mark"),
        pytest.param({"header": {"typ": "at+jwt"}}, id="RFC 9068"),
        pytest.param({"header": {"typ": None}}, id="no typ"),
        pytest.param({"typ": "Bearer", "nonce": "n"}, id="Keycloak before 25"),
        pytest.param({"token_use": "access"}, id="Cognito"),
        pytest.param({"exp": 2**63 - 1}, id="exp in the far future"),
    ],
)
def test_access_tokens_are_accepted(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer, token: dict[str, Any]
) -> None:
    """Access tokens are accepted, whether or not they are marked as such."""
    assert subject_of(compose(idp.issuer_url), signer.token(aud=API, **token)) == "alice"


def test_exp_is_required(compose: Compose, idp: IdentityProvider, signer: TokenIssuer) -> None:
    """A token without ``exp`` is refused, unless an ``Expiry`` rule replaces the default."""
    token = signer.token(aud=API, exp=None)
    with raises(MissingClaimError, match="exp"):
        subject_of(compose(idp.issuer_url), token)
    auth = compose(idp.issuer_url, rules=[Expiry()])
    assert subject_of(auth, token) == "alice"
    with raises(AuthenticationError, match="expired"):
        subject_of(auth, signer.token(aud=API, exp=1))


def test_the_leeway_applies_to_exp_and_nbf(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """The composition's leeway extends both claims."""
    now = int(time.time())
    late, early = signer.token(aud=API, exp=now - 30), signer.token(aud=API, nbf=now + 30)
    strict, lenient = compose(idp.issuer_url), compose(idp.issuer_url, leeway=120)
    for token in (late, early):
        assert subject_of(lenient, token) == "alice"
        with pytest.raises(AuthenticationError):
            subject_of(strict, token)
    with raises(AuthenticationError, match="expired"):
        subject_of(lenient, signer.token(aud=API, exp=now - 300))


class IDTokens(AccessToken):
    """Replaces the default: accepts only ID tokens."""

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that has no nonce."""
        claims["nonce"]


def test_the_kind_of_token_can_be_replaced(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """A rule of the same class replaces the default, and no other rule."""
    auth = compose(idp.issuer_url, rules=[IDTokens()])
    assert subject_of(auth, signer.token(aud=API, nonce="n")) == "alice"
    for refused in (
        {"aud": API},
        {"aud": "other", "nonce": "n"},
        {"aud": API, "nonce": "n", "exp": 1},
    ):
        with pytest.raises(AuthenticationError):
            subject_of(auth, signer.token(**refused))
    typed = compose(idp.issuer_url, rules=[AccessToken(types=["service+jwt"])])
    assert subject_of(typed, signer.token(aud=API, header={"typ": "service+jwt"})) == "alice"
    with pytest.raises(AuthenticationError):
        subject_of(typed, signer.token(aud=API, header={"typ": "other+jwt"}))


def test_max_size_is_exact(compose: Compose, idp: IdentityProvider, signer: TokenIssuer) -> None:
    """The default is 8192 characters; the error shows the token's size and the limit."""
    large = signer.token(aud=API, groups=[f"{n:036}" for n in range(160)])
    assert len(large) > 8192
    with raises(MalformedTokenError, match=f"too large.* {len(large)} .* 8192"):
        subject_of(compose(idp.issuer_url), large)
    assert subject_of(compose(idp.issuer_url, max_size=len(large)), large) == "alice"
    with raises(MalformedTokenError, match="too large"):
        subject_of(compose(idp.issuer_url, max_size=len(large) - 1), large)


def test_max_size_applies_to_tokens_in_forms(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """The limit of form bodies follows ``max_size``."""
    form = {"access_token": signer.token(aud=API, pad="x" * 20_000)}

    def status(**options: Any) -> int:
        app = Flask("forms")
        compose(idp.issuer_url, **options).protect(app)
        app.add_url_rule("/", view_func=lambda: "in", methods=["POST"])
        return app.test_client().post("/", data=form).status_code

    assert status(max_size=30_000) == 200
    assert status() == 401


def test_a_numeric_subject_can_be_allowed(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """It is refused by default; with the rule it becomes a string."""
    token = signer.token(sub=42, aud=API)
    with raises(AuthenticationError, match="numeric_subject"):
        subject_of(compose(idp.issuer_url), token)
    auth = compose(idp.issuer_url, rules=[ClaimTypes(numeric_subject=True)])
    assert subject_of(auth, token) == "42"


def test_lifetimes_can_be_limited(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """A token with a longer lifetime, or an infinite one, is refused."""
    auth = compose(idp.issuer_url, rules=[MaxLifetime(3600)])
    assert subject_of(auth, signer.token(aud=API)) == "alice"
    for claims in ({"exp": int(time.time()) + 7200}, {"exp": 2**63 - 1}, {"iat": None}):
        with pytest.raises(AuthenticationError):
            subject_of(auth, signer.token(aud=API, **claims))


def test_keycloaks_account_audience_needs_the_client(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """If all clients of a realm have the audience "account", the client rule tells them apart."""
    auth = compose(idp.issuer_url, "account", rules=[Client("spa", "jobs")])
    common = {"aud": ["master-realm", "account"], "typ": "Bearer"}
    for client in ("spa", "jobs"):
        assert subject_of(auth, signer.token(azp=client, **common)) == "alice"
    for refused in (
        {**common, "azp": "another"},
        {**common, "azp": "spa", "client_id": "another"},
        {**common, "azp": ["spa"]},
        common,
        {**common, "azp": "spa", "aud": "spa"},
        {**common, "azp": "spa", "typ": "ID"},
        {**common, "azp": "spa", "typ": "Refresh"},
    ):
        with pytest.raises(AuthenticationError):
            subject_of(auth, signer.token(**refused))


def test_cognitos_access_tokens_have_no_audience(
    compose: Compose, idp: IdentityProvider, signer: TokenIssuer
) -> None:
    """Without an audience, the client rule decides, and a token with an audience is refused."""
    auth = compose(idp.issuer_url, None, rules=[Client("1ex", "2ex"), TokenUse("access")])
    access = {"client_id": "1ex", "token_use": "access", "scope": "openid"}
    assert subject_of(auth, signer.token(**access)) == "alice"
    for refused in (
        {**access, "client_id": "another"},
        {**access, "client_id": ["1ex"]},
        {**access, "token_use": "id"},
        {"client_id": "1ex"},
        {"token_use": "access"},
        {"aud": "1ex", "token_use": "id"},
        {"aud": "1ex", "token_use": "id", "client_id": "1ex"},
        {**access, "exp": None},
    ):
        with pytest.raises(AuthenticationError):
            subject_of(auth, signer.token(**refused))
    with pytest.raises(UnacceptedAudienceError):
        subject_of(auth, signer.token(**access, aud=API))


@pytest.mark.parametrize("rules", [[], [TokenUse("access")], [lambda claims: True]], ids=len)
def test_an_audience_or_a_client_is_required(compose: Compose, rules: Any) -> None:
    """Without either, tokens for any API would be accepted: the error names both."""
    with pytest.raises(ConfigurationError, match=r"tokens' aud.*rules=\[Client"):
        compose("https://issuer.example", None, rules=rules)
