"""Causes in the audience that are peculiar to a provider."""

from __future__ import annotations

from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted

from ._places import place_of
from ._refused_audiences import audiences_of, is_without_audience
from ._settings import setting

__all__ = ["FINDERS"]


@recognises("cognito-without-aud", by_claims=True)
def cognito(facts: Facts) -> Found | None:
    """An access token of Amazon Cognito has no ``aud``, and the app requires one."""
    # Our own issuer counts: the token's may be invented, and the cure drops the audience.
    places = map(place_of, facts.issuers)
    ours = any(place is not None and place.host.startswith("cognito-idp.") for place in places)
    if not (is_without_audience(facts.error) and ours):
        return None
    return Found(
        "Amazon Cognito's access tokens have no aud, and the app requires one.",
        f"Leave out {setting(facts, 'audience')}, and name the app clients instead: "
        "rules=[Client('APP-CLIENT-ID'), TokenUse('access')] (docs/providers.rst, Amazon Cognito).",
    )


@recognises("keycloak-without-audience-mapper", by_claims=True)
def keycloak_mapper(facts: Facts) -> Found | None:
    """A token of Keycloak has no ``aud``: no audience mapper names the API."""
    if not (is_without_audience(facts.error) and _is_keycloak(facts)):
        return None
    return Found("The token of Keycloak has no aud: no audience mapper adds one.", _mapper(facts))


@recognises("audience-account", by_claims=True)
def keycloak_account(facts: Facts) -> Found | None:
    """The ``aud`` of a token of Keycloak is ``account``: no audience mapper names the API."""
    if not (
        _is_keycloak(facts)
        and set(audiences_of(facts)) in ({"account"}, {"account", "realm-management"})
    ):
        return None
    return Found(
        "aud is 'account', Keycloak's own account console, because no audience mapper names this "
        "API.",
        _mapper(facts),
    )


def _mapper(facts: Facts) -> str:
    audience = quoted(facts.audiences[0]) if facts.audiences else "this API's name"
    return (
        "In Keycloak's admin console, open Clients, the client that requests the token, Client "
        "scopes, its dedicated scope, Add mapper, By configuration, Audience; set Included "
        f"Custom Audience to {audience} and Add to access token to On, and request a new token."
    )


@recognises("auth0-userinfo-audience", by_claims=True)
def auth0_userinfo(facts: Facts) -> Found | None:
    """The token is only for Auth0's ``/userinfo``, or for its Management API."""
    audiences = audiences_of(facts)
    if not (audiences and all(map(_is_of_auth0, audiences))):
        return None
    return Found(
        f"aud is {quoted(audiences[0])}, an endpoint of Auth0 itself.",
        "Let the client send the parameter audience with the Identifier of this API, as Auth0's "
        f"dashboard shows it under Applications, APIs; it must equal {setting(facts, 'audience')}.",
    )


def _is_of_auth0(audience: str) -> bool:
    place = place_of(audience)
    return place is not None and (
        place.path == "/userinfo" or (place.within("auth0.com") and place.path == "/api/v2")
    )


@recognises("okta-org-audience", by_claims=True)
def okta_org(facts: Facts) -> Found | None:
    """The audience of a token of Okta is the organization's URL: it is from the org authorization server."""
    places = [place_of(audience) for audience in audiences_of(facts)]
    if not any(
        place is not None
        and place.within("okta.com", "oktapreview.com", "okta-emea.com")
        and not place.path
        for place in places
    ):
        return None
    return Found(
        "The token is of Okta's org authorization server, whose access tokens are only for Okta "
        "itself.",
        "Let the client use a custom authorization server, such as "
        f"https://ORG.okta.com/oauth2/default, whose Audience equals {setting(facts, 'audience')}.",
    )


def _is_keycloak(facts: Facts) -> bool:
    return "/realms/" in facts.text("iss")


FINDERS = (cognito, keycloak_mapper, keycloak_account, auth0_userinfo, okta_org)
