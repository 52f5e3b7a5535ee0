"""The claims of real providers' tokens, with invented names and identifiers.

Each has the claims that the provider's documentation shows, without the times and the claims that no cause
looks at.
"""

from __future__ import annotations

from typing import Any

TENANT = "11111111-2222-3333-4444-555555555555"
API = "66666666-7777-8888-9999-000000000000"
SPA = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
USER = "0f0f0f0f-1111-2222-3333-444444444444"
GRAPH = "00000003-0000-0000-c000-000000000000"

ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ENTRA_1 = f"https://sts.windows.net/{TENANT}/"
KEYCLOAK = "https://login.example.com/realms/shop"
AUTH0 = "https://shop.eu.auth0.com/"
OKTA = "https://shop.okta.com/oauth2/default"
OKTA_ORG = "https://shop.okta.com"
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
GOOGLE = "https://accounts.google.com"

_ENTRA_USER = {"oid": USER, "tid": TENANT, "rh": "0.AAAA", "uti": "xxxx"}
_ENTRA_1_APP = {
    "appid": SPA,
    "appidacr": "0",
    "idp": f"https://sts.windows.net/{TENANT}/",
    "ver": "1.0",
}

ENTRA_ACCESS = {
    **_ENTRA_USER,
    "iss": ENTRA,
    "aud": API,
    "azp": SPA,
    "azpacr": "0",
    "name": "Ada",
    "preferred_username": "ada@shop.example",
    "scp": "Reports.Read",
    "ver": "2.0",
}
ENTRA_1_ACCESS = {
    **_ENTRA_USER,
    **_ENTRA_1_APP,
    "iss": ENTRA_1,
    "aud": f"api://{API}",
    "scp": "Reports.Read",
    "unique_name": "ada@shop.example",
}
ENTRA_APP_ONLY = {
    "iss": ENTRA,
    "aud": API,
    "azp": SPA,
    "azpacr": "1",
    "oid": USER,
    "sub": USER,
    "tid": TENANT,
    "roles": ["Reports.Read.All"],
    "ver": "2.0",
}
ENTRA_ID = {
    **_ENTRA_USER,
    "iss": ENTRA,
    "aud": API,
    "name": "Ada",
    "preferred_username": "ada@shop.example",
    "ver": "2.0",
}
ENTRA_OVERAGE = {
    **ENTRA_ACCESS,
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {
        "src1": {"endpoint": f"https://graph.windows.net/{TENANT}/users/{USER}/getMemberObjects"}
    },
}
GRAPH_ACCESS = {
    **_ENTRA_USER,
    **_ENTRA_1_APP,
    "iss": ENTRA_1,
    "aud": GRAPH,
    "app_displayname": "SPA",
    "scp": "User.Read openid profile email",
    "wids": ["b79fbf4d-3ef9-4689-8143-76b194e85509"],
}
GRAPH_HEADER = {"nonce": "AQABAAAAAAD"}

KEYCLOAK_ACCESS: dict[str, Any] = {
    "iss": KEYCLOAK,
    "jti": "onrtac:22222222-3333-4444-5555-666666666666",
    "sub": USER,
    "typ": "Bearer",
    "azp": "spa",
    "sid": "33333333-4444-5555-6666-777777777777",
    "acr": "1",
    "allowed-origins": ["https://shop.example.com"],
    "realm_access": {"roles": ["default-roles-shop", "offline_access", "uma_authorization"]},
    "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
    "scope": "openid email profile",
    "preferred_username": "ada",
}
KEYCLOAK_ID = {
    "iss": KEYCLOAK,
    "aud": "spa",
    "sub": USER,
    "typ": "ID",
    "azp": "spa",
    "at_hash": "aaaaaaaaaaaaaaaaaaaaaa",
    "nonce": "bbbbbbbb",
}
KEYCLOAK_REFRESH = {
    "iss": KEYCLOAK,
    "aud": KEYCLOAK,
    "sub": USER,
    "typ": "Refresh",
    "azp": "spa",
    "scope": "openid email profile",
}

AUTH0_ACCESS = {
    "iss": AUTH0,
    "sub": "auth0|0123456789",
    "aud": ["https://api.example.com", "https://shop.eu.auth0.com/userinfo"],
    "azp": "abcdefghijklmnopqrstuvwxyz012345",
    "scope": "openid profile",
    "permissions": ["read:reports"],
}
AUTH0_MANAGEMENT = {
    **AUTH0_ACCESS,
    "aud": "https://shop.eu.auth0.com/api/v2/",
    "scope": "read:current_user",
}
AUTH0_ID = {
    "iss": AUTH0,
    "sub": "auth0|0123456789",
    "aud": "abcdefghijklmnopqrstuvwxyz012345",
    "nonce": "bbbbbbbb",
    "name": "Ada",
}

OKTA_ACCESS = {
    "ver": 1,
    "jti": "AT.xxxx",
    "iss": OKTA,
    "aud": "api://default",
    "cid": "0oaabcdefghijklmnop1",
    "uid": "00uabcdefghijklmnop1",
    "scp": ["openid", "profile"],
    "sub": "ada@shop.example",
}
OKTA_ORG_ACCESS = {**OKTA_ACCESS, "iss": OKTA_ORG, "aud": OKTA_ORG}

COGNITO_ACCESS = {
    "iss": COGNITO,
    "sub": USER,
    "client_id": "1example23456789",
    "origin_jti": "xxxx",
    "token_use": "access",
    "scope": "aws.cognito.signin.user.admin",
    "username": "ada",
    "cognito:groups": ["editors"],
}
COGNITO_ID = {
    "iss": COGNITO,
    "sub": USER,
    "aud": "1example23456789",
    "token_use": "id",
    "cognito:username": "ada",
    "email": "ada@shop.example",
}

GOOGLE_ID = {
    "iss": GOOGLE,
    "azp": "123.apps.googleusercontent.com",
    "aud": "123.apps.googleusercontent.com",
    "sub": "110169484474386276334",
    "at_hash": "aaaaaaaaaaaaaaaaaaaaaa",
    "email": "ada@shop.example",
}
