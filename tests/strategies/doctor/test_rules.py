"""The validators that use fetched keys: audience, times, and settings that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator
from flask_jwtlib.claim_rules import Client, Expiry, MaxLifetime
from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider

from .kit import Expected, bad, check, findings_about, oidc


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider with a key."""
    with IdentityProvider() as idp:
        idp.add_key(kid="a")
        yield idp


def with_rules(provider: IdentityProvider, *rules: Any, **options: Any) -> Authenticator:
    """Return a composition with some rules."""
    url = provider.issuer_url
    keys = OIDCKeyProvider(url, allow_http_on_loopback=True)
    return Authenticator(keys=keys, validator=JWTValidator(rules=[Issuer(url), *rules], **options))


AUDIENCES: dict[str, tuple[list[Any], str, str, str]] = {
    "an audience": ([Audience("api")], "OK", "must be 'api'", ""),
    "several": ([Audience("api", "https://api")], "OK", "must be 'api' or 'https://api'", ""),
    "a client": ([Client("spa")], "OK", "tokens must have none, and name an accepted client", ""),
    "account with a client": ([Audience("account"), Client("spa")], "OK", "must be 'account'", ""),
    "account": (
        [Audience("account")],
        "WARN",
        "must be 'account': Keycloak writes 'account' into the tokens of every client of the realm",
        "Add an audience mapper for this API to a client scope in Keycloak",
    ),
    "none": (
        [],
        "WARN",
        "none is configured, so tokens that have an aud are refused",
        "Add Audience('…') to the validator's rules, with this API's name in the tokens' aud.",
    ),
}


@pytest.mark.parametrize(("rules", "level", "text", "cure"), AUDIENCES.values(), ids=AUDIENCES)
def test_the_audience(
    rules: list[Any], level: str, text: str, cure: str, provider: IdentityProvider
) -> None:
    """The default ``Audience()`` refuses the tokens of nearly every OpenID provider."""
    findings = findings_about(with_rules(provider, *rules))
    check(findings, Expected("audience", level, text, cure))
    assert bad(findings) == ([] if level == "OK" else [(level, "audience")])


def test_the_audience_of_cognito(idp: IdentityProvider) -> None:
    """Amazon Cognito's access tokens usually have none, so all of them would be refused."""
    issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE"
    idp.add_key(kid="a")
    idp.documents[idp.openid_path] = {**idp.metadata, "issuer": issuer}
    auth = oidc(issuer, metadata_url=f"{idp.url}{idp.openid_path}")
    text = "must be 'api', and Amazon Cognito's access tokens have no aud without resource binding"
    cure = "Unless your clients use resource binding, replace the argument audience by Client('…')"
    check(findings_about(auth), Expected("audience", "WARN", text, cure))
    mended = oidc_authenticator(
        issuer,
        rules=[Client("x")],
        metadata_url=f"{idp.url}{idp.openid_path}",
        allow_http_on_loopback=True,
    )
    assert not bad(findings_about(mended))


LEEWAYS: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a long one": ([], {"leeway": 3600}, "tokens are accepted for 3600 s after they expired"),
    "a long one in a rule": ([Expiry(301)], {}, "tokens are accepted for 301 s after they expired"),
    "as long as a token": (
        [MaxLifetime(60)],
        {"leeway": 60},
        "60 s is no less than MaxLifetime, 60 s: tokens are accepted for twice as long",
    ),
}


@pytest.mark.parametrize(("rules", "options", "text"), LEEWAYS.values(), ids=LEEWAYS)
def test_a_leeway_that_is_too_long(
    rules: list[Any], options: dict[str, Any], text: str, provider: IdentityProvider
) -> None:
    """A leeway is for clocks that differ by seconds."""
    findings = findings_about(with_rules(provider, Audience("api"), *rules, **options))
    cure = "Lower the argument leeway to the difference of the clocks, such as 30."
    check(findings, Expected("leeway", "WARN", text, cure))
    assert bad(findings) == [("WARN", "leeway")]


def test_an_ordinary_leeway(provider: IdentityProvider) -> None:
    """Other leeways aren't mentioned."""
    auth = with_rules(provider, Audience("api"), MaxLifetime(600), leeway=30)
    assert not [each for each in findings_about(auth) if each.check == "leeway"]


def test_a_long_fetch(provider: IdentityProvider) -> None:
    """A request that waits for keys must not take longer than the server lets it."""
    auth = oidc(provider.issuer_url)
    keys = OIDCKeyProvider(provider.issuer_url, allow_http_on_loopback=True, fetch_timeout=60)
    findings = findings_about(auth.evolve(keys=keys))
    text = "a request may wait 60 s for keys"
    check(findings, Expected("fetch_timeout", "WARN", text, "Lower fetch_timeout"))

    keys = OIDCKeyProvider(provider.issuer_url, allow_http_on_loopback=True, fetch_timeout=30)
    assert not bad(findings_about(auth.evolve(keys=keys)))


def test_confirmed_elsewhere_is_no_problem(provider: IdentityProvider) -> None:
    """What a proxy confirms can't be seen from here, and isn't doubted."""
    auth = oidc(provider.issuer_url).evolve(confirmed_elsewhere=("x5t#S256",))
    assert not bad(findings_about(auth))


def test_plain_http_to_another_host(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listed host is a risk, which is named."""
    place = provider.url[7:].replace("127.0.0.1", "keycloak")

    def to_loopback(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
        return connect(("127.0.0.1", address[1]), *arguments, **options)

    import urllib3.util.connection as urllib3_connection

    connect: Callable[..., Any] = urllib3_connection.create_connection
    monkeypatch.setattr(urllib3_connection, "create_connection", to_loopback)
    auth = oidc(
        provider.issuer_url,
        metadata_url=f"http://{place}/.well-known/openid-configuration",
        allow_http=[place],
    )
    findings = findings_about(auth)
    text = f"plain HTTP to {place}: anyone who can change this traffic can replace the keys"
    cure = "Give the provider a certificate and use https://, without the argument allow_http."
    check(findings, Expected("connection", "WARN", text, cure))


def test_settings_have_their_own_names(provider: IdentityProvider) -> None:
    """An app that is configured by settings reads their names."""
    from flask import Flask

    from flask_jwtlib_strategies.authenticators.configured import configured_authenticator

    app = Flask("api")
    app.config.update(
        JWTLIB_ISSUER=provider.issuer_url,
        JWTLIB_AUDIENCE="account",
        JWTLIB_ALGORITHMS="ES256",
        JWTLIB_LEEWAY=999,
        JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
    )
    configured_authenticator(app).protect(app)
    findings = findings_about(app)
    check(findings, Expected("algorithms", "FAIL", "", 'Set JWTLIB_ALGORITHMS=["RS256"].'))
    check(findings, Expected("audience", "WARN", "", "and set JWTLIB_AUDIENCE to its value"))
    check(findings, Expected("leeway", "WARN", "", "Lower JWTLIB_LEEWAY to"))
