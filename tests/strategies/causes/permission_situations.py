"""Situations in which the token is valid, and the request or the caller's permissions are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Request

from flask_jwtlib import (
    BearerToken,
    Claims,
    HeaderTokenExtractor,
    Role,
    Scope,
    policy,
)
from flask_jwtlib.claim_rules import Client, RequiredClaims, Subject
from flask_jwtlib.errors import CrossSiteError, InvalidTokenError
from flask_jwtlib.evidence import MustBeConfirmed
from flask_jwtlib.policies import AnyScope

from . import provider_tokens as tokens
from .situation_kit import AUDIENCE, Situation, claims


def granted(
    cause: str,
    members: Mapping[str, Any],
    needed: Any,
    cure: str,
    *,
    text: str = "",
    name: str = "",
) -> Situation:
    """Return the situation in which a caller with these claims doesn't satisfy a policy."""
    given = {"aud": AUDIENCE, **members}
    audience = given["aud"] if isinstance(given["aud"], str) else given["aud"][0]
    return Situation(
        cause,
        claims(**given),
        cure,
        auth=lambda world: world.auth(
            issuer=given.get("iss", world.issuer.claims["iss"]),
            audience=audience,
            policies=[needed],
        ),
        text=text,
        id=name,
    )


@policy
def owner(claims: Claims, call: Any) -> bool:
    """The view's user is the caller."""
    return bool(claims["sub"] == call.view_args["user"])


class UncheckedCookie:
    """Reads a token that browsers send by themselves, and checks nothing."""

    def request_with(self, token: str) -> dict[str, Any]:
        return {"headers": {"Cookie": f"token={token}"}}

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get("token")
        return None if value is None else BearerToken(value, source="cookie", ambient=True)


class Seal(MustBeConfirmed):
    """Evidence that a validator must check."""


class SealingExtractor:
    """Attaches evidence to a token."""

    def request_with(self, token: str) -> dict[str, Any]:
        return HeaderTokenExtractor().request_with(token)

    def extract(self, request: Request) -> BearerToken | None:
        token = HeaderTokenExtractor().extract(request)
        return None if token is None else token.with_evidence(Seal())


class LostTokens:
    """Looks for the token where no client sends it."""

    def request_with(self, token: str) -> dict[str, Any]:
        return {"headers": {"X-Other": token}}

    def extract(self, request: Request) -> BearerToken | None:
        return None


class Moody:
    """A validator of the application."""

    def validate(self, token: Any, keys: Any) -> Claims:
        raise InvalidTokenError("not on Mondays")


class Strict(HeaderTokenExtractor):
    """Finds that another site caused each request."""

    def extract(self, request: Request) -> BearerToken | None:
        raise CrossSiteError(
            "another site may have sent the request: its Origin is 'https://evil.example'"
        )


SITUATIONS = [
    Situation("dpop-token-without-proof", claims(cnf={"jkt": "x" * 43}), "RFC 9449"),
    Situation(
        "certificate-token-without-certificate",
        claims(cnf={"x5t#S256": "x" * 43}),
        "only if a proxy",
    ),
    Situation("bound-token-without-proof", claims(cnf={"kid": "x"}), "Evidence and bound tokens"),
    Situation(
        "cross-site-check-missing",
        claims(),
        "CrossSiteCheckedTokenExtractor",
        auth=lambda world: world.auth(extractor=UncheckedCookie()),
    ),
    Situation(
        "cross-site-request",
        claims(),
        "origins=",
        auth=lambda world: world.auth(extractor=Strict()),
    ),
    Situation(
        "evidence-unchecked",
        claims(),
        "belongs to the extractor",
        auth=lambda world: world.auth(extractor=SealingExtractor()),
        text="Seal",
    ),
    Situation(
        "token-not-found",
        claims(),
        "WSGIPassAuthorization",
        auth=lambda world: world.auth(extractor=LostTokens()),
    ),
    granted(
        "entra-group-overage",
        tokens.ENTRA_OVERAGE,
        Role("editors", at="groups"),
        "Groups assigned to the application",
    ),
    granted(
        "entra-group-overage",
        {**tokens.ENTRA_ACCESS, "hasgroups": True},
        Role("editors", at="groups") | Scope("Reports.Write"),
        "app roles",
        name="of the implicit flow",
    ),
    granted(
        "entra-app-only-token",
        tokens.ENTRA_APP_ONLY,
        Scope("Reports.Read"),
        "Role('NAME')",
        text="'Reports.Read.All'",
    ),
    granted("scope-in-scp", {"scope": "openid", "scp": "read"}, Scope("read"), "into one claim"),
    granted(
        "scope-in-permissions",
        tokens.AUTH0_ACCESS,
        Scope("read:reports"),
        "Role('read:reports', at='permissions')",
    ),
    granted("scope-prefix", tokens.ENTRA_ACCESS, Scope("api://reports/Reports.Read"), "advertise="),
    granted(
        "scope-prefix",
        {"scope": "https://api.example/read"},
        AnyScope("read", "write"),
        "RESOURCE-SERVER/NAME",
        name="of Cognito",
    ),
    granted(
        "scope-case", {"scope": "reports.read"}, Scope("Reports.Read"), "as the provider defines it"
    ),
    granted("scopes-joined", {"scope": "read,write"}, Scope("write"), "join scopes by spaces"),
    granted(
        "missing-scope",
        tokens.KEYCLOAK_ACCESS,
        Scope("reports"),
        "request 'reports'",
        text="'email', 'openid', 'profile'",
    ),
    granted(
        "missing-scope",
        {},
        Scope("reports"),
        "consent",
        text="it has none",
        name="without any scope",
    ),
    granted(
        "missing-scope",
        {"scope": " ".join(f"scope{number}" for number in range(40))},
        Scope("reports"),
        "consent",
        text="30 more",
        name="with many scopes",
    ),
    granted(
        "role-in-other-claim",
        {**tokens.KEYCLOAK_ACCESS, "realm_access": {"roles": ["editor"]}},
        Role("editor"),
        "Role('editor', at='realm_access.roles')",
    ),
    granted(
        "role-in-other-claim",
        {**tokens.KEYCLOAK_ACCESS, "resource_access": {"shop-api": {"roles": ["editor"]}}},
        Role("editor", at="realm_access.roles"),
        "at=('resource_access', 'shop-api', 'roles')",
        name="of a client of Keycloak",
    ),
    granted(
        "role-in-other-claim",
        {"https://shop.example/roles": ["editor"]},
        Role("editor"),
        "at=('https://shop.example/roles',)",
        name="of Auth0",
    ),
    granted(
        "role-in-other-claim",
        tokens.COGNITO_ACCESS | {"aud": AUDIENCE},
        Role("editors"),
        "cognito:groups",
        name="of Cognito",
    ),
    granted(
        "missing-role",
        tokens.KEYCLOAK_ACCESS,
        Role("editor", at="realm_access.roles"),
        "Assign the role 'editor'",
        text="it has 'default-roles-shop', 'offline_access', 'uma_authorization' there",
    ),
    granted(
        "missing-role",
        tokens.KEYCLOAK_ACCESS,
        Role("editor"),
        "Assign",
        text="it has none there, and 'default-roles-shop'",
        name="with others elsewhere",
    ),
    granted("policy-needs-endpoint", {}, owner, "--endpoint NAME", text="owner"),
    granted(
        "policy-not-satisfied",
        {"blocked": True},
        ~Role("blocked", at="state"),
        "what the policy requires",
    ),
    Situation(
        "other-client",
        claims(azp="other-spa"),
        "only if you also trust",
        auth=lambda world: world.auth(rules=[Client("spa")]),
        text="'other-spa'",
    ),
    Situation(
        "claim-missing",
        claims(),
        "by a mapper",
        auth=lambda world: world.auth(rules=[RequiredClaims("tenant")]),
        text="'tenant'",
    ),
    Situation(
        "claim-not-accepted",
        claims(),
        "the rule of the app",
        auth=lambda world: world.auth(rules=[Subject("ada")]),
        text="'sub'",
    ),
    Situation(
        "refused-by-the-application",
        claims(),
        "validator, rule or policy",
        auth=lambda world: world.auth(validator=Moody()),
        text="not on Mondays",
    ),
]
