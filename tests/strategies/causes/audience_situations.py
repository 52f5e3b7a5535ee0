"""Situations in which the token is for another API or of another kind, with tokens of real providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from flask import Flask

import flask_jwtlib
from flask_jwtlib import Audience, Scope
from flask_jwtlib.claim_rules import TokenType, TokenUse
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator

from . import provider_tokens as tokens
from .situation_kit import AUDIENCE, Situation, World, claims

CONFIGURED = Flask("configured")


def issued(
    cause: str,
    members: Mapping[str, Any],
    cure: str,
    *,
    audience: Any = AUDIENCE,
    issuer: str = "",
    text: str = "",
    name: str = "",
    rules: Any = (),
) -> Situation:
    """Return the situation in which the app's provider issued a token with these claims only."""
    return Situation(
        cause,
        claims(**{"aud": None, **members}),
        cure,
        auth=lambda world: world.auth(
            issuer=issuer or members["iss"], audience=audience, rules=rules
        ),
        text=text,
        id=name,
    )


def with_audience(cause: str, theirs: Any, ours: str, cure: str, *, name: str = "") -> Situation:
    """Return the situation in which the app has one audience, and the token another."""
    return Situation(
        cause, claims(aud=theirs), cure, auth=lambda world: world.auth(audience=ours), id=name
    )


def _graph(world: World) -> str:
    return world.stranger.token(header=tokens.GRAPH_HEADER, **tokens.GRAPH_ACCESS)


def _keycloak_refresh(world: World) -> str:
    return world.secret.token(**tokens.KEYCLOAK_REFRESH)


def _configured(world: World) -> Any:
    CONFIGURED.config.update(
        JWTLIB_ISSUER=world.idp.issuer_url,
        JWTLIB_AUDIENCE=AUDIENCE,
        JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
    )
    return configured_authenticator(CONFIGURED)


def _module_api(world: World) -> Any:
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.verification_key = lambda: world.secret.private_key
    return flask_jwtlib.default_authenticator


SITUATIONS = [
    Situation(
        "graph-token",
        _graph,
        "api://CLIENT-ID/access_as_user",
        auth=lambda world: world.auth(issuer=tokens.ENTRA_1, audience=tokens.API),
        text="not verified",
    ),
    Situation(
        "graph-token",
        _graph,
        "Expose an API",
        auth=lambda world: world.auth(issuer=tokens.ENTRA, audience=tokens.API),
        id="and an app of version 2",
    ),
    issued(
        "graph-token",
        {**tokens.GRAPH_ACCESS, "aud": "https://graph.microsoft.com/"},
        "Expose",
        name="by its URL",
    ),
    Situation(
        "graph-token",
        lambda world: world.stranger.token(
            header=tokens.GRAPH_HEADER,
            **{**tokens.GRAPH_ACCESS, "aud": "https://management.azure.com"},
        ),
        "Expose an API",
        auth=lambda world: world.auth(issuer=tokens.ENTRA_1, audience=tokens.API),
        text="an API of Microsoft's own",
        id="of another API",
    ),
    issued("google-id-token", tokens.GOOGLE_ID, "log-in"),
    issued("id-token-sent", tokens.KEYCLOAK_ID, "access_token", name="of Keycloak"),
    issued("id-token-sent", tokens.AUTH0_ID, "access_token", name="of Auth0"),
    issued("id-token-sent", tokens.COGNITO_ID, "access_token", name="of Cognito"),
    issued(
        "id-token-sent",
        tokens.ENTRA_ID,
        "access_token",
        audience="api://reports",
        name="of Entra ID without signs",
    ),
    Situation(
        "id-token-sent",
        claims(**tokens.KEYCLOAK_ID),
        "access_token",
        auth=lambda world: world.plain(Audience(AUDIENCE)),
        id="in an app without a rule for kinds",
    ),
    Situation(
        "refresh-token-sent",
        _keycloak_refresh,
        "grant_type=refresh_token",
        auth=lambda world: world.auth(issuer=tokens.KEYCLOAK),
        text="not verified",
    ),
    issued(
        "refresh-token-sent",
        {**tokens.KEYCLOAK_ACCESS, "aud": AUDIENCE, "typ": "Offline"},
        "token endpoint",
        name="an offline token",
    ),
    Situation("other-kind-sent", claims(header={"typ": "logout+jwt"}), "AccessToken(types=[…])"),
    Situation(
        "other-kind-sent",
        claims(token_use="device"),
        "token_use access",
        auth=lambda world: world.auth(rules=[TokenUse("access")]),
        id="another use",
    ),
    Situation(
        "other-kind-sent",
        claims(),
        "documents another typ",
        auth=lambda world: world.auth(rules=[TokenType("at+jwt")]),
        id="another typ",
    ),
    issued("cognito-without-aud", tokens.COGNITO_ACCESS, "Client('APP-CLIENT-ID')"),
    issued(
        "keycloak-without-audience-mapper",
        tokens.KEYCLOAK_ACCESS,
        f"Included Custom Audience to '{AUDIENCE}'",
    ),
    issued("audience-account", {**tokens.KEYCLOAK_ACCESS, "aud": "account"}, "Add mapper"),
    issued(
        "audience-account",
        {**tokens.KEYCLOAK_ACCESS, "aud": ["realm-management", "account"]},
        "request a new token",
        name="of an administrator",
    ),
    issued(
        "auth0-userinfo-audience",
        {**tokens.AUTH0_ACCESS, "aud": ["https://shop.eu.auth0.com/userinfo"]},
        "parameter audience",
    ),
    issued(
        "auth0-userinfo-audience",
        tokens.AUTH0_MANAGEMENT,
        "Identifier",
        name="of the Management API",
    ),
    issued("okta-org-audience", tokens.OKTA_ORG_ACCESS, "custom authorization server"),
    with_audience("audience-slash", "https://api.example/", "https://api.example", "one spelling"),
    issued(
        "audience-api-prefix",
        tokens.ENTRA_1_ACCESS,
        "requestedAccessTokenVersion",
        audience=tokens.API,
    ),
    issued(
        "audience-api-prefix",
        tokens.ENTRA_ACCESS,
        "client ID",
        audience=f"api://{tokens.API}",
        name="the other way round",
    ),
    with_audience("audience-http", "http://api.example", "https://api.example", "one spelling"),
    with_audience(
        "audience-http",
        "api.example",
        "https://api.example",
        "one spelling",
        name="without a scheme",
    ),
    with_audience(
        "audience-case", "https://api.example/Shop", "https://api.example/shop", "one spelling"
    ),
    with_audience(
        "audience-environment",
        ["https://api-test.example"],
        "https://api.example",
        "request a token for 'https://api.example'",
    ),
    issued(
        "audience-is-client",
        {**tokens.AUTH0_ACCESS, "aud": tokens.AUTH0_ACCESS["azp"]},
        f"aud is '{AUDIENCE}'",
    ),
    Situation(
        "audience-not-configured",
        claims(aud="https://other.example"),
        "Audience(…) in the validator's rules",
        auth=lambda world: world.plain(),
        text="'https://other.example'",
    ),
    Situation(
        "audience-not-configured",
        lambda world: evolve(world.secret, claims={}).token(aud="reports"),
        "flask_jwtlib.JWT_AUDIENCE",
        auth=_module_api,
        id="in the module API",
    ),
    Situation(
        "audience-missing",
        claims(aud=None, iss="https://id.example"),
        f"'{AUDIENCE}'",
        auth=lambda world: world.auth(issuer="https://id.example"),
    ),
    with_audience(
        "wrong-audience",
        "https://bank.example",
        "https://shop.example",
        "for 'https://shop.example'",
    ),
    with_audience(
        "wrong-audience", ["a", "b"], "https://shop.example", "correct Audience(…)", name="several"
    ),
    Situation(
        "wrong-audience",
        lambda world: world.token(iss=world.idp.issuer_url, aud="https://bank.example"),
        "correct JWTLIB_AUDIENCE",
        auth=_configured,
        arguments={"app": CONFIGURED},
        id="with settings",
    ),
    Situation(
        "id-token-sent",
        claims(**{**tokens.COGNITO_ID, "aud": AUDIENCE}),
        "access_token",
        auth=lambda world: world.plain(Audience(AUDIENCE), policies=[Scope("read")]),
        text="gives no access",
        id="at a route with a scope",
    ),
]
