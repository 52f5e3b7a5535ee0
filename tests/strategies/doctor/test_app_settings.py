"""Settings of an app that contradict each other, or that nothing reads."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import AppAuthenticator, Authenticator
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .kit import (
    Expected,
    bad,
    check,
    findings_about,
    findings_about_app,
    protected,
    with_keys,
)

ISSUER = "https://issuer.example"


@pytest.fixture
def fixed(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator whose keys need no request."""
    return with_keys(issuer.public_pem)


def test_an_app_without_faults(fixed: Authenticator) -> None:
    """The number of Authenticators is shown."""
    findings = findings_about_app(protected(fixed))
    check(findings, Expected("authenticators", "OK", "1 in guards and decorators"))
    assert len(findings) == 1


def test_an_app_that_nothing_protects() -> None:
    """An app without guards and decorators has nothing to examine, which may be a mistake."""
    app = Flask("open")
    app.get("/")(lambda: "x")
    findings = findings_about_app(app)
    check(
        findings,
        Expected("authenticators", "WARN", "no guard and no decorator", "auth.protect(app)"),
    )


def test_public_patterns_that_match_nothing(fixed: Authenticator) -> None:
    """A misspelled endpoint stays protected."""
    app = Flask("api")
    fixed.protect(app, public=["static", "helth"])
    findings = findings_about_app(app)
    text = "patterns of protect(public=[…]) match no endpoint: 'helth'"
    check(findings, Expected("public", "WARN", text, "`flask routes` lists the endpoints"))


@pytest.mark.parametrize("cached", [False, True], ids=["a router", "a cached router"])
def test_keys_beside_a_router(cached: bool, issuer: TokenIssuer) -> None:
    """A router has the keys of each issuer, so those of the Authenticator are ignored."""
    router: Any = IssuerRouter(TrustedIssuer(ISSUER, keys=issuer.public_pem, audience="api"))
    validator = CachingValidator(router) if cached else router
    wrong = Authenticator(keys=TokenIssuer().public_pem, validator=validator)
    text = "keys= of the Authenticator is ignored"
    check(
        findings_about_app(protected(wrong)),
        Expected("keys", "WARN", text, "Remove keys= from the Authenticator"),
    )
    right = Authenticator(validator=validator)
    assert not bad(findings_about_app(protected(right)))


def test_settings_of_the_module_in_the_config(fixed: Authenticator) -> None:
    """``app.config["JWT_AUDIENCE"]`` is read by nothing."""
    app = protected(fixed, JWT_AUDIENCE="api", JWT_ALGO="RS256")
    text = "JWT_ALGO, JWT_AUDIENCE in app.config has no effect"
    cure = "Set flask_jwtlib.JWT_ALGO instead, or use configured_authenticator(app)"
    check(findings_about_app(app), Expected("app.config", "WARN", text, cure))


def test_settings_that_no_authenticator_uses(fixed: Authenticator) -> None:
    """The result of ``configured_authenticator`` must protect something."""
    app = protected(fixed, JWTLIB_ISSUER=ISSUER, JWTLIB_AUDIENCE="api")
    configured_authenticator(app)
    text = "JWTLIB_ISSUER is set, but no guard and no decorator uses it"
    cure = "Protect the app with the result of configured_authenticator(app)"
    check(findings_about_app(app), Expected("app.config", "WARN", text, cure))


@pytest.mark.parametrize("url", [None, "https://issuer.example/keys"], ids=["metadata", "keys"])
def test_settings_that_are_used(url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without a URL of the keys."""
    from flask_jwtlib_strategies.doctor import _examination

    monkeypatch.setattr(_examination, "check_source", lambda context: None)
    app = Flask("api")
    app.config.update(JWTLIB_ISSUER=ISSUER, JWTLIB_AUDIENCE="api", JWTLIB_JWKS_URL=url)
    configured_authenticator(app).protect(app)
    assert not bad(findings_about_app(app))


def test_an_app_authenticator_without_init_app() -> None:
    """Every request would get a 503."""
    app = Flask("api")
    auth = AppAuthenticator(configured_authenticator)
    app.get("/")(auth.requires_authentication(lambda: "x"))
    findings = findings_about(app)
    text = "there are no usable keys (dead): the AppAuthenticator of this view has no Authenticator"
    cure = "Call its init_app(app) in the function that creates the app."
    check(findings, Expected("readiness", "FAIL", text, cure))
    assert bad(findings) == [("FAIL", "readiness")]
    assert findings[0].subject == "AppAuthenticator"


# --- The documented module API


@pytest.fixture
def module_app() -> Flask:
    """An app with a view that the module's decorator protects."""
    app = Flask("api")
    app.get("/")(flask_jwtlib.requires_authentication(lambda: "x"))
    return app


def test_the_modules_settings(module_app: Flask, issuer: TokenIssuer) -> None:
    """They are examined like those of an Authenticator, by their own names."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    findings = findings_about(module_app)
    cure = "Set flask_jwtlib.JWT_AUDIENCE to this API's name"
    check(findings, Expected("audience", "WARN", "none is configured", cure))
    check(
        findings,
        Expected(
            "iss of tokens",
            "WARN",
            "tokens of every issuer",
            "Set flask_jwtlib.JWT_ISSUER to the iss of",
        ),
    )
    check(findings, Expected("readiness", "OK", "static, 1 key"))

    flask_jwtlib.JWT_AUDIENCE, flask_jwtlib.JWT_ISSUER = ["api", "b"], ISSUER
    findings = findings_about(module_app)
    check(findings, Expected("audience", "OK", "must be 'api' or 'b'"))
    check(findings, Expected("iss of tokens", "OK", f"must be '{ISSUER}'"))
    assert not bad(findings)
    assert not bad(findings_about_app(module_app))


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("JWT_LEEWAY", -1, "leeway"),
        ("JWT_ALGO", 7, "7"),
        ("JWT_AUDIENCE", 7, "JWT_AUDIENCE is 7, expected a string or a list of strings"),
        ("JWT_ISSUER", [7], "7"),
    ],
)
def test_a_wrong_setting_of_the_module(
    setting: str,
    value: Any,
    text: str,
    module_app: Flask,
    issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A setting that can't be read is a problem of the app."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    monkeypatch.setattr(flask_jwtlib, setting, value)
    findings = findings_about_app(module_app)
    cure = "Correct the setting of flask_jwtlib."
    check(findings, Expected("module settings", "FAIL", text, cure))


SECRETS: dict[str, tuple[Any, str, str, str]] = {
    "a URL": (
        "https://issuer.example/jwks",
        "FAIL",
        "JWT_ALGO is HS256, and the secret is a URL or a path, which others know",
        "For an issuer with public keys, use oidc_authenticator(issuer, audience)",
    ),
    "a path": (
        b"/etc/keys/public.pem",
        "FAIL",
        "the secret is a URL or a path",
        "pass the secret itself",
    ),
    "a file": ("public.pem", "FAIL", "the secret is a URL or a path", "pass the secret itself"),
    "short": ("secret", "WARN", "HMAC secret", "Use a secret of random bytes that is long enough."),
}


@pytest.mark.filterwarnings("ignore::flask_jwtlib.errors.InsecureKeyWarning")
@pytest.mark.parametrize(("secret", "level", "text", "cure"), SECRETS.values(), ids=SECRETS)
def test_a_secret_that_others_know(
    secret: Any, level: str, text: str, cure: str, module_app: Flask
) -> None:
    """Anyone who knows the secret can issue tokens. It isn't shown."""
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(secret)
    findings = findings_about(module_app)
    check(findings, Expected("secret", level, text, cure))
    assert "issuer.example" not in str(findings)
    assert "public.pem" not in str(findings)


@pytest.mark.parametrize(
    "secret", ["x" * 40, {"kty": "oct", "k": "eHh4" * 12}], ids=["text", "JWK"]
)
def test_a_good_secret(secret: Any, module_app: Flask) -> None:
    """A long secret is no problem."""
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(secret)
    assert not [each for each in findings_about(module_app) if each.check == "secret"]


def test_a_public_key_for_a_secrets_algorithm(module_app: Flask, issuer: TokenIssuer) -> None:
    """``JWT_ALGO = "HS256"`` with a public key refuses every token, and the reason is shown."""
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    findings = findings_about(module_app)
    check(
        findings,
        Expected(
            "readiness",
            "FAIL",
            "but JWT_ALGO is HS256",
            "Correct the key or the setting that the text names.",
        ),
    )


def test_a_url_as_the_key(module_app: Flask) -> None:
    """The module API has no function that reads a URL."""
    flask_jwtlib.retrieve_verification_key = lambda: "https://issuer.example/jwks"
    findings = findings_about(module_app)
    text = "the verification key is not a PEM, JWK or OpenSSH public key, which RS256 needs"
    check(findings, Expected("readiness", "FAIL", text, "Correct the key or the setting"))


def test_no_key_for_the_module(module_app: Flask) -> None:
    """The cure names both ways to give the module a key."""
    cure = "Call flask_jwtlib.set_permanent_verification_key(key), or assign a function"
    check(findings_about(module_app), Expected("readiness", "FAIL", "no usable keys (cold)", cure))


def test_a_callback_that_fails(module_app: Flask) -> None:
    """The text of an application's exception may be a secret, so only its class is shown."""

    def fail() -> str:
        raise OSError("https://user:SECRET@keys")

    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.retrieve_verification_key = fail
    findings = findings_about(module_app)
    text = "(cold): the verification keys could not be fetched (OSError): OSError was raised"
    check(findings, Expected("readiness", "FAIL", text, "the log has the exception"))
    assert "SECRET" not in str(findings)


def test_module_settings_that_nothing_reads(fixed: Authenticator) -> None:
    """An Authenticator doesn't read the module's settings."""
    flask_jwtlib.JWT_AUDIENCE = "api"
    text = "flask_jwtlib.JWT_AUDIENCE is set, but no view of this app uses the module's decorators"
    cure = "Pass the value to the validator of your Authenticator, or remove the setting."
    check(findings_about_app(protected(fixed)), Expected("module settings", "WARN", text, cure))


def test_a_key_provider_of_the_configured_url(idp: IdentityProvider) -> None:
    """``JWTLIB_JWKS_URL`` is named where a composition would have an argument."""
    idp.jwks = {}
    keys = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True)
    app = protected(with_keys(keys), JWTLIB_ISSUER=ISSUER, JWTLIB_JWKS_URL=idp.jwks_url)
    check(
        findings_about(app),
        Expected("keys", "FAIL", "neither", "Correct JWTLIB_JWKS_URL: it must be"),
    )
