"""A cure names the settings of the app that is explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import Authenticator
from flask_jwtlib.explain import explain
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .situation_kit import AUDIENCE, World


def with_module_api(world: World, app: Flask) -> Authenticator:
    """Set the module's settings."""
    flask_jwtlib.JWT_ISSUER = world.idp.issuer_url
    flask_jwtlib.JWT_AUDIENCE = AUDIENCE
    flask_jwtlib.verification_key = lambda: world.issuer.public_pem
    return flask_jwtlib.default_authenticator


def with_settings(world: World, app: Flask) -> Authenticator:
    """Set the app's settings."""
    app.config.update(
        JWTLIB_ISSUER=world.idp.issuer_url,
        JWTLIB_AUDIENCE=AUDIENCE,
        JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
    )
    return configured_authenticator(app)


def with_another_setting(world: World, app: Flask) -> Authenticator:
    """Compose an ``Authenticator`` of another issuer than the app's settings name."""
    app.config["JWTLIB_ISSUER"] = ["another", "form"]
    return world.auth(issuer=world.idp.issuer_url)


def with_discovery(world: World, app: Flask) -> Authenticator:
    """Discover the provider's keys."""
    return oidc_authenticator(world.idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)


def with_router(world: World, app: Flask) -> Authenticator:
    """Accept several issuers."""
    trusted = TrustedIssuer(world.idp.issuer_url, keys=world.provider, audience=AUDIENCE)
    return Authenticator(validator=IssuerRouter(trusted))


@pytest.mark.parametrize(
    ("compose", "issuer", "audience", "size"),
    [
        (
            with_module_api,
            "flask_jwtlib.JWT_ISSUER",
            "flask_jwtlib.JWT_AUDIENCE",
            "flask_jwtlib.JWT_MAX_SIZE",
        ),
        (with_settings, "JWTLIB_ISSUER", "JWTLIB_AUDIENCE", "JWTLIB_MAX_SIZE"),
        (
            with_discovery,
            "issuer of oidc_authenticator",
            "audience of oidc_authenticator",
            "max_size= of oidc_authenticator",
        ),
        (
            with_router,
            "issuer of TrustedIssuer",
            "audience= of TrustedIssuer",
            "max_size= of TrustedIssuer",
        ),
        (with_another_setting, "Issuer(…)", "Audience(…)", "max_size= of JWTValidator"),
    ],
)
def test_the_settings_have_the_apps_names(
    world: World, compose: Callable[[World, Flask], Any], issuer: str, audience: str, size: str
) -> None:
    """A cure names what the app's author wrote: a module's setting, app.config, or an argument."""
    app = Flask("settings")
    auth = compose(world, app)
    ours = world.idp.issuer_url

    def cure(**claims: Any) -> str:
        token = world.token(**{"iss": ours, **claims})
        cause = explain(auth, token, app=app, fetch_keys=True).cause
        assert cause is not None
        return cause.cure

    assert f"set {issuer}" in cure(iss=f"{ours}/")
    assert audience in cure(aud="https://other.example")
    assert size in cure(groups=["x" * 100] * 200)
