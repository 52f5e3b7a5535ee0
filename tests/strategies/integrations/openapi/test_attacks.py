"""What a visitor who reads the document must not learn, and what making it must not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, JWTValidator, Role, Scope, VerificationKey, policy
from flask_jwtlib.policies import ClaimEquals
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.integrations.openapi import add_security
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)

from .kit import VERSIONS, bare, secured

SECRET = "a-shared-secret-of-more-than-32-bytes-in-all"
KEY = generate_api_key()
INTERNAL = "https://keycloak.internal:8443/metadata?key=hidden"
ISSUER = "https://login.example/realms/shop"


@policy
def secret_project(claims: Any, call: Any) -> bool:
    """Decide by a name that outsiders mustn't learn."""
    return bool(claims["project"] == "codename")


def leaking(error: Any) -> dict[str, str]:
    """Make a body from what only the app may know."""
    return {"log": error.log_message, "secret": SECRET}


HIDDEN: dict[str, tuple[Callable[[], Authenticator], list[Any], list[str]]] = {
    "a shared secret": (
        lambda: Authenticator(
            keys=VerificationKey.from_secret(SECRET),
            validator=JWTValidator(algorithms=["HS256"]),
            failure_handler=JSONHandler(leaking),
        ),
        [],
        [SECRET, "no bearer token"],
    ),
    "API keys": (
        lambda: Authenticator(
            extractor=APIKeyExtractor(),
            validator=APIKeyValidator([APIKeyRecord("alice", digest=api_key_digest(KEY))]),
        ),
        [],
        [KEY, api_key_digest(KEY), "alice"],
    ),
    "where the keys come from": (
        lambda: Authenticator(keys=OIDCKeyProvider(ISSUER, metadata_url=INTERNAL)),
        [],
        ["internal", "8443", "hidden"],
    ),
    "names of roles and claims": (
        lambda: Authenticator(
            keys=TokenIssuer().verification_key, policies=[Role("board", at="groups.secret")]
        ),
        [
            Scope("read") | ~Role("spies"),
            ClaimEquals("merger", "with-acme"),
            secret_project,
            lambda claims: None,
        ],
        ["board", "groups", "spies", "merger", "acme", "secret_project", "codename", "lambda"],
    ),
    "the app's secret key": (
        lambda: DoubleSubmit().added_to(
            Authenticator(
                keys=TokenIssuer().verification_key,
                extractor=CookieTokenExtractor(origins=["https://intranet.example"]),
            )
        ),
        [],
        ["app-secret", "intranet"],
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("make", "rules", "hidden"), HIDDEN.values(), ids=HIDDEN)
def test_a_reader_learns_no_secret(
    app: Flask,
    make: Callable[[], Authenticator],
    rules: list[Any],
    hidden: list[str],
    version: str,
) -> None:
    """The document has no keys, internal addresses, roles, claims or names of functions."""
    app.secret_key = "app-secret"
    auth = make()
    app.add_url_rule(
        "/", "it", auth.requires_authentication(rules=rules)(lambda: "in"), methods=["POST"]
    )
    document = secured(app, version)
    text = json.dumps(document)
    assert "401" in document["paths"]["/"]["post"]["responses"]
    for word in hidden:
        assert word not in text


def test_the_public_issuer_is_named(app: Flask) -> None:
    """Clients get the metadata at the issuer's URL, which tokens have as ``iss``."""
    auth = Authenticator(keys=OIDCKeyProvider(ISSUER, metadata_url=INTERNAL))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    assert secured(app)["components"]["securitySchemes"]["bearer"] == {
        "type": "openIdConnect",
        "openIdConnectUrl": f"{ISSUER}/.well-known/openid-configuration",
    }


def test_nothing_is_fetched(app: Flask) -> None:
    """Making the document asks no issuer, and calls no strategy and no policy of the app."""
    called: list[str] = []

    @policy
    def counting(claims: Any, call: Any) -> bool:
        called.append("policy")
        return True

    class Strategy:
        def extract(self, request: Any) -> None:
            called.append("extract")

        def validate(self, token: Any, keys: Any) -> Any:
            called.append("validate")

        def deny(self, error: Any) -> Any:
            called.append("deny")

        def anonymous(self, error: Any) -> None:
            called.append("anonymous")

    with IdentityProvider() as idp:
        auth = Authenticator(
            keys=OIDCKeyProvider(idp.url, allow_http_on_loopback=True),
            extractor=Strategy(),
            validator=Strategy(),
            failure_handler=Strategy(),
        )
        app.add_url_rule("/", "it", auth.requires_authentication(rules=[counting])(lambda: "in"))

        @app.get("/openapi.json")
        def openapi() -> Any:
            return add_security(bare(app), app)

        response = app.test_client().get("/openapi.json")
        assert response.json is not None
        assert response.json["paths"]["/"]["get"]["security"] == [{"bearer": []}]
        assert not idp.requests
    assert not called


def test_a_request_chooses_no_name(app: Flask, auth: Authenticator) -> None:
    """A document that is made in a request has nothing of the request."""
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/openapi.json", "openapi", lambda: add_security(bare(app), app))
    client = app.test_client()
    usual = client.get("/openapi.json").json
    headers = {"Host": "evil.example", "Authorization": "Evil x", "Cookie": "evil=1"}
    assert client.get("/openapi.json?evil=1", headers=headers).json == usual
