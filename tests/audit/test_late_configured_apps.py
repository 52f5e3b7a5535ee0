"""The audit and the key health of apps with an ``AppAuthenticator``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_jwtlib import AppAuthenticator, Authenticator, Scope
from flask_jwtlib.audit import authenticators_of, route_accesses
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.key_health import key_statuses, keys_ready, warm_up_keys
from flask_jwtlib.key_providers import TTLKeyProvider
from flask_jwtlib.testing import TokenIssuer

READ = Scope("read")


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda: "in"


@pytest.fixture
def auth(issuer: TokenIssuer) -> AppAuthenticator:
    """Makes an Authenticator with fetched keys and a policy that names the app."""
    return AppAuthenticator(
        lambda app: Authenticator(
            keys=TTLKeyProvider(lambda: issuer.jwks), policies=[Scope(app.name)]
        )
    )


@pytest.fixture
def blueprint(auth: AppAuthenticator) -> Blueprint:
    """A blueprint whose view was decorated before there was an app."""
    blueprint = Blueprint("api", "api")
    blueprint.add_url_rule("/", "it", auth.requires_authentication(rules=[READ])(fresh()))
    return blueprint


def made(blueprint: Blueprint, name: str, *late: AppAuthenticator) -> Flask:
    """Make an app without other routes."""
    app = Flask(name, static_folder=None)
    for auth in late:
        auth.init_app(app)
    app.register_blueprint(blueprint)
    return app


def keys(app: Flask) -> tuple[int, list[dict[str, Any]]]:
    """Run ``flask jwtlib keys``, and return its exit status and what it lists."""
    result = app.test_cli_runner().invoke(jwtlib, ["keys", "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_each_app_is_listed_with_its_own_authenticator(
    auth: AppAuthenticator, blueprint: Blueprint
) -> None:
    """Two apps that share a blueprint are listed with the Authenticator and the policies that each has."""
    apps = [made(blueprint, name, auth) for name in ("one", "two")]

    for app in apps:
        own = auth.authenticator(app)
        (access,) = route_accesses(app)
        assert (access.access, access.by) == ("required", "decorator")
        assert access.authenticators == (own,)
        assert access.policies == (Scope(app.name), READ)
        assert authenticators_of(app) == [own]
    assert authenticators_of(apps[0]) != authenticators_of(apps[1])


def test_two_late_configured_authenticators_of_one_app(
    auth: AppAuthenticator, blueprint: Blueprint, issuer: TokenIssuer
) -> None:
    """A route behind two of them is listed with both."""
    other = AppAuthenticator(lambda _: Authenticator(keys=issuer.verification_key))
    app = made(blueprint, "one", auth, other)
    other.protect(app, rules=[Scope("app")])

    (access,) = route_accesses(app)
    assert access.authenticators == (other.authenticator(app), auth.authenticator(app))
    assert access.policies == (Scope("app"), Scope("one"), READ)
    assert authenticators_of(app) == list(access.authenticators)


def test_the_keys_of_a_late_configured_app(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """Readiness, warm-up and ``flask jwtlib keys`` see the key provider of the app's Authenticator."""
    app = made(blueprint, "one", auth)

    assert [status["state"] for status in key_statuses(app)] == ["cold"]
    warm_up_keys(app)
    assert [status["state"] for status in key_statuses(app)] == ["fresh"]
    assert keys_ready(app)
    exit_code, listed = keys(app)
    assert (exit_code, [status["provider"] for status in listed]) == (0, ["TTLKeyProvider"])


def test_an_app_that_was_not_configured_is_not_ready(blueprint: Blueprint) -> None:
    """Without ``init_app``, the route is required and no key is ready. The status says what to call."""
    app = made(blueprint, "one")

    (access,) = route_accesses(app)
    assert (access.access, access.policies) == ("required", (READ,))
    (stand_in,) = access.authenticators
    assert authenticators_of(app) == [stand_in]
    assert not keys_ready(app)
    exit_code, (status,) = keys(app)
    assert exit_code == 1
    assert (status["provider"], status["state"]) == ("AppAuthenticator", "dead")
    assert "call auth.init_app(app)" in status["last_error"]
    assert app.test_client().get("/").status_code == 503
