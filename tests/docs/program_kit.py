"""Clients of the programs in documents, and the tokens of the providers that they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import Authenticator

API = "https://api.example"
METADATA = "/.well-known/openid-configuration"
KEYCLOAK_KEYS = "https://login.example/realms/example/protocol/openid-connect/certs"
TENANTS = ["11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"]
AUTH0 = {
    "iss": "https://example.eu.auth0.com/",
    "aud": [API, "https://example.eu.auth0.com/userinfo"],
    "azp": "the-client",
    "scope": "openid read:reports",
    "permissions": ["read:reports"],
}
KEYCLOAK = {
    "iss": "https://login.example/realms/example",
    "aud": [API, "account"],
    "typ": "Bearer",
    "azp": "the-client",
    "scope": "profile email",
    "realm_access": {"roles": ["editor", "offline_access"]},
}
ENTRA = {
    "iss": f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
    "aud": "66666666-7777-8888-9999-000000000000",
    "ver": "2.0",
    "scp": "Reports.Read Profile.Read",
}
COGNITO = {
    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
    "client_id": "1example23456789",
    "token_use": "access",
    "scope": "openid https://api.example/reports.read",
    "jti": "1",
}
COGNITO_PROGRAM = "https://api.example/reports.read"
# The URLs that the issuers' metadata have for their keys.
KEY_URLS = {
    AUTH0["iss"]: "https://example.eu.auth0.com/.well-known/jwks.json",
    KEYCLOAK["iss"]: KEYCLOAK_KEYS,
    COGNITO["iss"]: f"{COGNITO['iss']}/.well-known/jwks.json",
    **{
        f"https://login.microsoftonline.com/{tenant}/v2.0": (
            f"https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
        )
        for tenant in TENANTS
    },
}


def client_behind(decorator: Callable[[Any], Any]) -> FlaskClient:
    """Return a client of an app with one route, ``/``, which returns the caller's subject."""
    app = Flask("behind")
    app.testing = True

    @app.route("/", methods=["GET", "POST"])
    @decorator
    def index() -> str:
        return str(flask_jwtlib.current_principal.subject)

    return app.test_client()


def requirement(program: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the decorator of the ``Authenticator`` that a program composes."""
    auth: Authenticator = program["auth"]
    return auth.requires_authentication


def client_of(program: dict[str, Any]) -> FlaskClient:
    """Return a client of the app that a program defines."""
    program["app"].testing = True
    client: FlaskClient = program["app"].test_client()
    return client


def no_keys() -> str:
    """Fail, as a key server does that is down."""
    raise OSError("no key server")
