"""The issuer as spelled in the metadata, in the settings and in the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Flask

from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator
from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.doctor._issuers import difference
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .kit import Expected, bad, check, findings_about, oidc, protected

PUBLIC = "https://login.example/realms/x"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider at an address of this machine, which stands for an internal one."""
    with IdentityProvider(path="/realms/x") as idp:
        idp.add_key(kid="a")
        yield idp


@pytest.fixture
def named(provider: IdentityProvider) -> Iterator[Callable[..., IdentityProvider]]:
    """A function that sets members of the metadata."""

    def set_members(**members: Any) -> IdentityProvider:
        provider.documents[provider.openid_path] = {**provider.metadata, **members}
        return provider

    yield set_members
    provider.documents[provider.openid_path] = provider.metadata


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://a/b", "https://a/b/", ["a slash at the end"]),
        ("https://a", "https://a/", ["a slash at the end"]),
        ("https://a/Realm", "https://a/realm", ["upper and lower case"]),
        ("https://A/b", "https://a/b", ["upper and lower case"]),
        ("http://a/b", "https://a/b", ["the scheme"]),
        ("https://a/b", "https://a:8443/b", ["the port"]),
        ("https://a:443/b", "https://a/b", ["the text"]),
        ("https://a/b", "https://c/b", ["the host"]),
        ("https://a/b", "https://a/c", ["the path"]),
        ("http://a:8080/b", "https://c/d", ["the scheme", "the host", "the port", "the path"]),
        ("accounts.example", "https://accounts.example", ["the text"]),
        ("https://a:b", "https://c", ["the text"]),
    ],
)
def test_the_difference_of_two_issuers(one: str, other: str, expected: list[str]) -> None:
    """The parts that differ are named, in either order."""
    assert difference(one, other) == difference(other, one) == expected


def test_the_same_issuer(named: Callable[..., IdentityProvider]) -> None:
    """All is well if the three spellings are the same, and each is shown."""
    findings = findings_about(oidc(named().issuer_url))

    check(findings, Expected("issuer", "OK", f"'{named().issuer_url}', as configured"))
    check(findings, Expected("iss of tokens", "OK", f"must be '{named().issuer_url}'"))
    assert not bad(findings)


SPELLINGS: dict[str, tuple[Callable[[str], str], str, str]] = {
    "a slash": (lambda url: f"{url}/", "a slash at the end", 'Set issuer="{}", exactly so.'),
    "case": (
        lambda url: url.replace("realms", "Realms"),
        "upper and lower case",
        'Set issuer="{}"',
    ),
    "path": (lambda url: f"{url}y", "the path", 'Set issuer="{}", exactly so.'),
    "tenant": (
        lambda url: "https://login.example/{tenantid}/v2.0",
        "the host",
        "Name one tenant in the argument issuer, by its ID",
    ),
}


@pytest.mark.parametrize(("spell", "differs", "cure"), SPELLINGS.values(), ids=SPELLINGS)
def test_metadata_with_another_spelling(
    spell: Callable[[str], str], differs: str, cure: str, named: Callable[..., IdentityProvider]
) -> None:
    """Both spellings and their difference are shown, and the value to set."""
    url = named().issuer_url
    found = spell(url)
    findings = findings_about(oidc(named(issuer=found).issuer_url))

    text = f"the metadata's issuer is '{found}', configured is '{url}'; they differ in "
    told = check(findings, Expected("issuer", "FAIL", text, cure.format(found)))
    assert differs in told.text
    assert bad(findings) == [("FAIL", "issuer")]


def test_the_cure_is_right(named: Callable[..., IdentityProvider]) -> None:
    """Following the words alone mends it: the named value is accepted, and a token is verified."""
    real = f"{named().issuer_url}/"
    named(issuer=real)
    told = check(
        findings_about(oidc(named(issuer=real).issuer_url)), Expected("issuer", "FAIL", "")
    )
    issuer = told.cure.split('"')[1]

    assert not bad(findings_about(oidc(issuer)))


def test_metadata_with_http_behind_a_proxy(tls_idp: IdentityProvider) -> None:
    """A provider that doesn't know that TLS ends in front of it must be told: its tokens are wrong, too."""
    session = requests.Session()
    session.verify = str(tls_idp.certificate)
    found = tls_idp.issuer_url.replace("https:", "http:")
    tls_idp.documents[tls_idp.openid_path] = {**tls_idp.metadata, "issuer": found}
    try:
        findings = findings_about(oidc(tls_idp.issuer_url, session=session))
    finally:
        tls_idp.documents[tls_idp.openid_path] = tls_idp.metadata

    cure = "Set the provider's public URL to https (Keycloak: hostname"
    check(findings, Expected("issuer", "FAIL", "they differ in the scheme", cure))


# --- Two URLs: the API reaches the issuer at another address than browsers do


def settings(app_config: dict[str, Any]) -> Any:
    """Return an app whose Authenticator is made from settings."""
    app = Flask("api")
    app.config.update(
        {"JWTLIB_AUDIENCE": "api", "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": True, **app_config}
    )
    configured_authenticator(app).protect(app)
    return app


@pytest.mark.parametrize("by", ["arguments", "settings"])
def test_an_internal_address_whose_metadata_names_the_public_issuer(
    by: str, named: Callable[..., IdentityProvider]
) -> None:
    """Keycloak with a hostname: the cure is the pair of issuer and metadata URL, and mends it."""
    internal = named(issuer=PUBLIC)
    url = f"{internal.issuer_url}/.well-known/openid-configuration"
    if by == "arguments":
        app = protected(oidc(internal.issuer_url))
        cure = f"""If '{PUBLIC}' is in the tokens' iss, set issuer="{PUBLIC}" and metadata_url="{url}"."""
        mended = protected(oidc(PUBLIC, metadata_url=url))
    else:
        app = settings({"JWTLIB_ISSUER": internal.issuer_url})
        cure = f'set JWTLIB_ISSUER="{PUBLIC}" and JWTLIB_METADATA_URL="{url}".'
        mended = settings({"JWTLIB_ISSUER": PUBLIC, "JWTLIB_METADATA_URL": url})

    check(
        findings_about(app),
        Expected("issuer", "FAIL", "they differ in the scheme and the host", cure),
    )
    assert not bad(findings_about(mended))


@pytest.mark.parametrize("by", ["arguments", "settings"])
def test_an_internal_address_whose_metadata_names_the_internal_issuer(
    by: str, named: Callable[..., IdentityProvider]
) -> None:
    """Keycloak without a hostname: the tokens' issuer is set apart, which mends it."""
    internal = named().issuer_url
    url = f"{internal}/.well-known/openid-configuration"
    if by == "arguments":
        app = protected(oidc(PUBLIC, metadata_url=url))
        cure = f'set issuer="{internal}" and token_issuer="{PUBLIC}" instead of the argument'
        mended = protected(oidc(internal, token_issuer=PUBLIC))
    else:
        app = settings({"JWTLIB_ISSUER": PUBLIC, "JWTLIB_METADATA_URL": url})
        cure = f'set JWTLIB_ISSUER="{internal}" and JWTLIB_TOKEN_ISSUER="{PUBLIC}" instead of '
        mended = settings({"JWTLIB_ISSUER": internal, "JWTLIB_TOKEN_ISSUER": PUBLIC})

    check(findings_about(app), Expected("issuer", "FAIL", "", cure))
    findings = findings_about(mended)
    text = f"must be '{PUBLIC}', but the keys are those of '{internal}', the same issuer at another address"
    check(findings, Expected("iss of tokens", "OK", text))
    assert not bad(findings)


def test_a_metadata_url_of_another_issuer(named: Callable[..., IdentityProvider]) -> None:
    """If neither address fits, one of the two arguments is wrong."""
    internal = named(issuer="https://third.example")
    url = f"{internal.issuer_url}/.well-known/openid-configuration"
    findings = findings_about(oidc(PUBLIC, metadata_url=url))
    cure = 'Set issuer="https://third.example", or correct the argument metadata_url.'
    check(findings, Expected("issuer", "FAIL", "", cure))


@pytest.mark.parametrize("by", ["arguments", "settings"])
def test_a_public_jwks_uri_that_the_api_cannot_reach(
    by: str, named: Callable[..., IdentityProvider]
) -> None:
    """Keycloak without hostname-backchannel-dynamic: the cure is the URL of the keys, and mends it."""
    internal = named(jwks_uri="https://login.invalid/realms/x/jwks")
    if by == "arguments":
        app = protected(oidc(internal.issuer_url))
        cure = f"set JWKSKeyProvider('{internal.jwks_url}') instead of using the metadata."
    else:
        app = settings({"JWTLIB_ISSUER": internal.issuer_url})
        cure = f"set JWTLIB_JWKS_URL={internal.jwks_url} instead of using the metadata."
        mended = {"JWTLIB_ISSUER": internal.issuer_url, "JWTLIB_JWKS_URL": internal.jwks_url}
        assert not bad(findings_about(settings(mended)))

    findings = findings_about(app)
    text = "the host name login.invalid can't be resolved by DNS"
    check(findings, Expected("jwks_uri", "FAIL", text, cure))
    assert bad(findings) == [("FAIL", "jwks_uri")]


@pytest.mark.parametrize(
    ("uri", "text", "cure"),
    [
        pytest.param(None, "the metadata has no jwks_uri", "Use the URL of the keys", id="absent"),
        pytest.param(7, "the metadata has no jwks_uri", "Use the URL of the keys", id="a number"),
        pytest.param(
            "http://keycloak:8080/jwks",
            "the metadata's jwks_uri can't be used: expected an https URL, not 'http://keycloak:8080/jwks'",
            "Have the provider publish its https URL (Keycloak: hostname",
            id="plain HTTP",
        ),
        pytest.param("file:///etc/passwd", "can't be used", "list the host in", id="a file"),
    ],
)
def test_a_jwks_uri_that_cannot_be_used(
    uri: object, text: str, cure: str, named: Callable[..., IdentityProvider]
) -> None:
    """What may not be fetched isn't asked for."""
    findings = findings_about(oidc(named(jwks_uri=uri).issuer_url))
    check(findings, Expected("jwks_uri", "FAIL", text, cure))


def test_a_jwks_uri_on_another_host(
    named: Callable[..., IdentityProvider], idp: IdentityProvider
) -> None:
    """The keys may be elsewhere; credentials aren't sent there."""
    idp.add_key(kid="b")
    findings = findings_about(oidc(named(jwks_uri=idp.jwks_url).issuer_url))
    text = f"GET {idp.jwks_url}, another origin than the metadata's: no credentials are sent"
    check(findings, Expected("jwks_uri", "OK", text))
    assert not bad(findings)


# --- The rule about iss


def composed(url: str, *rules: Any) -> Authenticator:
    """Return a composition with keys of an issuer."""
    keys = OIDCKeyProvider(url, allow_http_on_loopback=True)
    return Authenticator(keys=keys, validator=JWTValidator(rules=[Audience("api"), *rules]))


def routed(url: str, issuer: str) -> Authenticator:
    """Return a router with keys of an issuer, for the tokens of another."""
    keys = OIDCKeyProvider(url, allow_http_on_loopback=True)
    return Authenticator(validator=IssuerRouter(TrustedIssuer(issuer, keys=keys, audience="api")))


RULES: dict[str, tuple[Callable[[str], Authenticator], str, str, str]] = {
    "none": (
        composed,
        "WARN",
        "tokens of every issuer that these keys sign for are accepted",
        "Add Issuer('{}') to the validator's rules.",
    ),
    "the same": (lambda url: composed(url, Issuer(url)), "OK", "must be '{}'", ""),
    "one of several": (
        lambda url: composed(url, Issuer("https://a", url)),
        "OK",
        "must be 'https://a' or '{}'",
        "",
    ),
    "a slash": (
        lambda url: composed(url, Issuer(f"{url}/")),
        "FAIL",
        "must be '{0}/', but the keys are those of '{0}'; they differ in a slash at the end",
        """Set token_issuer="{0}" or Issuer('{0}'), exactly so.""",
    ),
    "another": (
        lambda url: composed(url, Issuer("https://issuer.example/other")),
        "WARN",
        "must be 'https://issuer.example/other', but the keys are those of '{}'",
        """Unless that issuer's tokens have another iss, set token_issuer="{0}" or Issuer('{0}').""",
    ),
    "a router": (lambda url: routed(url, url), "OK", "must be '{}'", ""),
    "a router with a slash": (
        lambda url: routed(url, f"{url}/"),
        "FAIL",
        "they differ in a slash at the end",
        "Set TrustedIssuer('{}', …), exactly so.",
    ),
    "a router for another": (
        lambda url: routed(url, "https://issuer.example/other"),
        "WARN",
        "but the keys are those of",
        "set TrustedIssuer('{}', …).",
    ),
}


@pytest.mark.parametrize(("make", "level", "text", "cure"), RULES.values(), ids=RULES)
def test_the_rule_about_the_issuer(
    make: Callable[[str], Authenticator],
    level: str,
    text: str,
    cure: str,
    named: Callable[..., IdentityProvider],
) -> None:
    """The accepted ``iss`` is compared with the issuer whose keys are used."""
    url = named().issuer_url
    findings = findings_about(make(url))
    check(findings, Expected("iss of tokens", level, text.format(url), cure.format(url)))
    assert bad(findings) == ([] if level == "OK" else [(level, "iss of tokens")])


def test_an_issuer_that_names_its_tokens_issuer(named: Callable[..., IdentityProvider]) -> None:
    """AD FS names the issuer of access tokens in its metadata."""
    services = "http://adfs.example/adfs/services/trust"
    url = named(access_token_issuer=services).issuer_url
    findings = findings_about(oidc(url, token_issuer=services))
    check(findings, Expected("iss of tokens", "OK", f"must be '{services}'"))
    assert not bad(findings)


def test_a_setting_with_a_slash_too_many(named: Callable[..., IdentityProvider]) -> None:
    """The setting has its own name."""
    url = named().issuer_url
    findings = findings_about(settings({"JWTLIB_ISSUER": url, "JWTLIB_TOKEN_ISSUER": f"{url}/"}))
    cure = f'Set JWTLIB_TOKEN_ISSUER="{url}", exactly so.'
    check(findings, Expected("iss of tokens", "FAIL", "they differ in a slash at the end", cure))


def test_a_validator_of_the_apps_own(named: Callable[..., IdentityProvider]) -> None:
    """What it requires isn't known, so nothing is said about it."""

    class OwnValidator:
        def validate(self, token: Any, keys: Any) -> Any:
            raise NotImplementedError

    keys = OIDCKeyProvider(named().issuer_url, allow_http_on_loopback=True)
    findings = findings_about(Authenticator(keys=keys, validator=OwnValidator()))  # type: ignore[arg-type]
    assert {"iss of tokens", "audience", "algorithms"}.isdisjoint(each.check for each in findings)
    assert not bad(findings)
