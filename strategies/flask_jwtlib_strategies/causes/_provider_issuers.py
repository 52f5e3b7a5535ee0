"""Causes in the issuer that are peculiar to a provider, such as its tenants and versions."""

from __future__ import annotations

from flask_jwtlib.errors import WrongIssuerError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted

from ._compared_issuers import first, first_places
from ._places import Place, place_of, same_but_environment
from ._settings import setting

__all__ = ["FINDERS"]

_ENTRA = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "sts.windows.net",
)
_FOR_ALL = frozenset(
    {"common", "organizations", "consumers", "{tenantid}", "{tenant}", "%7btenantid%7d"}
)
# The first label of the host is the tenant, the organization or the project.
_TENANTED = (
    *("auth0.com", "okta.com", "oktapreview.com", "okta-emea.com", "b2clogin.com", "ciamlogin.com"),
    *(
        "onelogin.com",
        "fusionauth.io",
        "zitadel.cloud",
        "logto.app",
        "kinde.com",
        "clerk.accounts.dev",
    ),
    *("stytch.com", "frontegg.com", "workos.com", "duosecurity.com", "pingone.com", "pingone.eu"),
    "supabase.co",
)


@recognises("issuer-for-all-tenants", by_claims=True)
def for_all_tenants(facts: Facts) -> Found | None:
    """The app expects Entra ID's ``common``, ``organizations`` or ``{tenantid}``, which isn't one tenant."""
    pair = first_places(facts, lambda found, ours: any(map(_is_for_all, (found, ours))))
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: common, organizations and {{tenantid}} stand for all tenants, and "
        "tokens have the ID of one.",
        "Name the ID of each tenant whose users you let in, "
        f"'https://login.microsoftonline.com/TENANT-ID/v2.0', in {setting(facts, 'issuer')}, or "
        "several in an IssuerRouter.",
    )


def _is_for_all(place: Place) -> bool:
    return place.within(*_ENTRA, "ciamlogin.com") and _tenant(place) in _FOR_ALL


@recognises("entra-version", by_claims=True)
def entra_version(facts: Facts) -> Found | None:
    """The token of Entra ID is of version 1 and the app expects version 2, or the other way round."""
    pair = first_places(
        facts,
        lambda found, ours: (
            found.within(*_ENTRA)
            and ours.within(*_ENTRA)
            and _tenant(found) == _tenant(ours)
            and _entra_version(found) != _entra_version(ours)
        ),
    )
    if pair is None or pair.places is None:
        return None
    found, ours = map(_entra_version, pair.places)
    value = "2" if ours == 2 else "null or 1"
    return Found(
        f"The token is one of Entra ID's version {found}, and the app expects version {ours}: "
        f"{pair.differing}.",
        "In the API's app registration, under Manifest, set requestedAccessTokenVersion to "
        f"{value}; to accept version {found} instead, take {setting(facts, 'issuer')} and the "
        "audience from docs/providers.rst.",
    )


def _tenant(place: Place) -> str:
    return place.path.strip("/").partition("/")[0].lower()


def _entra_version(place: Place) -> int:
    return 2 if place.path.endswith("/v2.0") else 1


@recognises("okta-org-server", by_claims=True)
def okta_org_server(facts: Facts) -> Found | None:
    """The token is of Okta's org authorization server, whose access tokens only Okta may verify."""
    pair = first_places(
        facts,
        lambda found, ours: (
            found.host == ours.host
            and found.within("okta.com", "oktapreview.com", "okta-emea.com")
            and not found.path
            and ours.path.startswith("/oauth2/")
        ),
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: the token is of Okta's org authorization server, whose tokens are "
        "only for Okta itself.",
        "Let the client request its token at the custom authorization server, "
        f"{quoted(pair.ours + '/v1/authorize')}, instead of /oauth2/v1/authorize.",
    )


@recognises("keycloak-auth-path", by_claims=True)
def keycloak_path(facts: Facts) -> Found | None:
    """The two issuers differ by ``/auth``, which URLs of Keycloak had before version 17."""
    pair = first_places(
        facts,
        lambda found, ours: (
            found.host == ours.host
            and "/realms/" in found.path
            and {found.path, ours.path} == {f"/auth{_without_auth(ours)}", _without_auth(ours)}
        ),
    )
    if pair is None:
        return None
    without = _without_auth(place_of(pair.ours) or Place("", "", None, ""))
    return Found(
        f"{pair.differing}: only one has /auth, which Keycloak's URLs had before version 17.",
        f"Look at the issuer in Keycloak's metadata, and set {setting(facts, 'issuer')} to it, "
        f"either with {quoted('/auth' + without)} or {quoted(without)}; Keycloak's option "
        "http-relative-path decides.",
    )


def _without_auth(place: Place) -> str:
    return place.path.removeprefix("/auth")


@recognises("b2c-host", by_claims=True)
def b2c_host(facts: Facts) -> Found | None:
    """The token is of Azure AD B2C or Entra External ID, and the app expects Entra ID, or vice versa."""
    pair = first_places(
        facts,
        lambda found, ours: (
            found.within("b2clogin.com", "ciamlogin.com")
            != ours.within("b2clogin.com", "ciamlogin.com")
            and (found.within(*_ENTRA) or ours.within(*_ENTRA))
        ),
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: one is Azure AD B2C or Entra External ID, and the other is Entra ID.",
        "Copy the issuer from the metadata of the user flow that your clients use into "
        f"{setting(facts, 'issuer')}, and pass the metadata's URL as metadata_url=.",
    )


@recognises("google-issuer", by_claims=True)
def google_issuer(facts: Facts) -> Found | None:
    """The token is a Google ID token, and the app expects another issuer."""
    if isinstance(facts.error, WrongIssuerError) and facts.text("iss") in {
        "accounts.google.com",
        "https://accounts.google.com",
    }:
        return Found(
            f"The token is an ID token of Google: iss is {quoted(facts.text('iss'))}.",
            "Google issues no access tokens for other APIs: let the client send an access token "
            "of the app's own provider, which it gets after logging in with Google there.",
        )
    return None


@recognises("wrong-user-pool", by_claims=True)
def wrong_pool(facts: Facts) -> Found | None:
    """The token is of another user pool or region of Amazon Cognito."""
    pair = first_places(facts, lambda found, ours: _is_cognito(found) and _is_cognito(ours))
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: the user pool or its region is another one.",
        f"Let the client log in to the user pool {quoted(pair.ours.rpartition('/')[2])}; or if "
        f"this deployment belongs to another pool, correct {setting(facts, 'issuer')}.",
    )


def _is_cognito(place: Place) -> bool:
    return place.host.startswith("cognito-idp.")


@recognises("wrong-tenant", by_claims=True)
def wrong_tenant(facts: Facts) -> Found | None:
    """The token is of another tenant, organization or project of the same kind of provider."""
    pair = first(
        facts,
        lambda pair: (
            isinstance(facts.error, WrongIssuerError)
            and pair.places is not None
            and _are_tenants(*pair.places)
            and not same_but_environment(pair.found, pair.ours)
        ),
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: the tenant is another one.",
        "Let the client request its token from the tenant that the app expects; only if you also "
        "let that tenant's users in, add it by name as a TrustedIssuer of an IssuerRouter, with "
        "its own keys and audience.",
    )


def _are_tenants(found: Place, ours: Place) -> bool:
    if found.within(*_ENTRA) and ours.within(*_ENTRA):
        return _tenant(found) != _tenant(ours)
    in_path = found.host == ours.host == "securetoken.google.com"
    by_host = found.host != ours.host and any(
        found.within(domain) and ours.within(domain) for domain in _TENANTED
    )
    return in_path or by_host


FINDERS = (
    for_all_tenants,
    entra_version,
    okta_org_server,
    keycloak_path,
    b2c_host,
    google_issuer,
    wrong_pool,
    wrong_tenant,
)
