"""Situations in which the token's issuer isn't the app's."""

from __future__ import annotations

from typing import Any

from flask_jwtlib import Authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .situation_kit import AUDIENCE, Situation, World, claims

TENANT = "11111111-2222-3333-4444-555555555555"
OTHER_TENANT = "99999999-2222-3333-4444-555555555555"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ENTRA_1 = f"https://sts.windows.net/{TENANT}/"
POOL = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"


def differs(
    cause: str, ours: str, theirs: str, cure: str, *, name: str = "", text: str = ""
) -> Situation:
    """Return the situation in which the app expects one issuer, and the token has another."""
    return Situation(
        cause,
        claims(iss=theirs),
        cure,
        auth=lambda world: world.auth(issuer=ours),
        text=text or theirs[:40],
        id=name,
    )


def _by_unknown_key(world: World) -> str:
    return world.unknown.token(iss="https://login.example.com/realms/other")


def _discovered(world: World) -> Any:
    """Return an ``Authenticator`` whose issuer lacks the slash, or has one too many."""
    return oidc_authenticator(f"{world.idp.issuer_url}/", AUDIENCE, allow_http_on_loopback=True)


def _by_other_url(world: World) -> Any:
    return oidc_authenticator(
        f"{world.idp.issuer_url}/realms/one",
        AUDIENCE,
        metadata_url=world.idp.url + world.idp.openid_path,
        allow_http_on_loopback=True,
    )


def _routed(world: World) -> Any:
    return Authenticator(
        validator=IssuerRouter(
            TrustedIssuer("https://a.example/", keys=world.provider, audience=AUDIENCE),
            TrustedIssuer("https://b.example/", keys=world.provider, audience=AUDIENCE),
        )
    )


SITUATIONS = [
    differs(
        "issuer-trailing-slash",
        "https://shop.eu.auth0.com",
        "https://shop.eu.auth0.com/",
        "Issuer(…) in the validator's rules to exactly that",
    ),
    differs(
        "issuer-trailing-slash",
        "https://login.example/",
        "https://login.example",
        "'https://login.example', set",
        name="one too many",
    ),
    Situation(
        "issuer-trailing-slash",
        lambda world: world.token(iss=world.idp.issuer_url),
        "issuer of oidc_authenticator",
        auth=_discovered,
        text="metadata",
        id="in the metadata",
    ),
    Situation(
        "issuer-trailing-slash",
        claims(iss="https://a.example"),
        "'https://a.example', set issuer of TrustedIssuer",
        auth=_routed,
        id="of a routed issuer",
    ),
    differs("issuer-http", "https://login.example", "http://login.example", "proxy-headers"),
    differs(
        "issuer-case",
        "https://login.example/realms/Shop",
        "https://login.example/realms/shop",
        "same spelling",
    ),
    differs(
        "issuer-for-all-tenants",
        "https://login.microsoftonline.com/common/v2.0",
        ENTRA,
        "IssuerRouter",
    ),
    differs(
        "issuer-for-all-tenants",
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        ENTRA,
        "TENANT-ID",
        name="the template",
    ),
    differs(
        "entra-version",
        ENTRA,
        ENTRA_1,
        "requestedAccessTokenVersion to 2",
        text="version 1, and the app expects version 2",
    ),
    differs(
        "entra-version",
        ENTRA_1,
        ENTRA,
        "requestedAccessTokenVersion to null or 1",
        name="the other way round",
    ),
    differs(
        "okta-org-server",
        "https://shop.okta.com/oauth2/default",
        "https://shop.okta.com",
        "/oauth2/default/v1/authorize",
    ),
    differs(
        "keycloak-auth-path",
        "https://login.example/realms/shop",
        "https://login.example/auth/realms/shop",
        "http-relative-path",
    ),
    differs(
        "keycloak-auth-path",
        "https://login.example/auth/realms/shop",
        "https://login.example/realms/shop",
        "http-relative-path",
        name="the other way round",
    ),
    differs(
        "issuer-two-urls",
        "http://keycloak:8080/realms/shop",
        "https://login.example/realms/shop",
        "Internal and public issuer URL",
    ),
    differs(
        "issuer-two-urls",
        "https://login.example/realms/shop",
        "http://localhost:8080/realms/shop",
        "hostname",
        name="localhost",
    ),
    differs(
        "issuer-two-urls",
        "https://login.example/realms/shop",
        "https://login.example:8443/realms/shop",
        "hostname",
        name="a port",
    ),
    differs("b2c-host", ENTRA, f"https://shop.b2clogin.com/{TENANT}/v2.0/", "metadata_url="),
    differs(
        "google-issuer",
        "https://login.example",
        "https://accounts.google.com",
        "access token of the app's own",
    ),
    differs(
        "google-issuer",
        "https://accounts.google.com",
        "accounts.google.com",
        "Google",
        name="without https",
    ),
    differs(
        "wrong-environment",
        "https://login.example/realms/shop",
        "https://dev-login.example/realms/shop",
        "another environment",
    ),
    differs(
        "wrong-environment",
        "https://login.example/realms/shop-prod",
        "https://login.example/realms/shop-staging",
        "'https://login.example/realms/shop-prod'",
        name="in the path",
    ),
    differs(
        "wrong-environment",
        "https://shop.eu.auth0.com/",
        "https://dev-shop.eu.auth0.com/",
        "another environment",
        name="of Auth0",
    ),
    differs(
        "wrong-user-pool",
        POOL,
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ZzZzZzZzZ",
        "'eu-central-1_AbCdEfGhI'",
    ),
    differs(
        "wrong-tenant",
        ENTRA,
        f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0",
        "TrustedIssuer",
    ),
    differs(
        "wrong-tenant",
        "https://shop.eu.auth0.com/",
        "https://bank.eu.auth0.com/",
        "only if",
        name="of Auth0",
    ),
    differs(
        "wrong-tenant",
        "https://securetoken.google.com/shop",
        "https://securetoken.google.com/bank",
        "only if",
        name="of Firebase",
    ),
    differs(
        "wrong-realm",
        "https://login.example/realms/shop",
        "https://login.example/realms/bank",
        "'https://login.example/realms/shop'",
        text="the realm is another",
    ),
    differs(
        "wrong-realm",
        "https://shop.okta.com/oauth2/default",
        "https://shop.okta.com/oauth2/other",
        "/oauth2/default",
        text="the path is another",
        name="a path",
    ),
    Situation("issuer-missing", claims(iss=None), "RFC 7519"),
    Situation(
        "metadata-of-another-issuer",
        claims(iss="https://login.example"),
        "issuer of oidc_authenticator",
        auth=_by_other_url,
        text="The issuer in the provider's metadata",
    ),
    Situation(
        "wrong-realm", _by_unknown_key, "realms/shop", text="not verified", id="with another key"
    ),
    differs("wrong-issuer", "https://login.example", "https://evil.example", "correct Issuer"),
]
