"""Causes in a text that was never a JWT: an opaque token, an API key or another service's secret."""

from __future__ import annotations

import re

from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.interfaces import vary_of

from ._places import place_of
from ._token_text import header_of, is_malformed

__all__ = ["FINDERS", "OPAQUE"]

_GITHUB = re.compile(r"(?:gh[pousr]_|github_pat_)\w+")
_API_KEY = re.compile(
    r"(?:[sprw]k[_-](?:live|test|proj|ant|or)?[_-]?|xox[a-z]-|glpat-|AKIA|ASIA|AIza|hf_|SG\.|dop_v1_|shp(?:at|ss)_)"
    r"[\w.=-]{8,}|[A-Za-z][0-9A-Za-z]*(?:_[0-9A-Za-z]+)*_[0-9A-Za-z]{36}"
)


@recognises("github-token")
def github_token(facts: Facts) -> Found | None:
    """A token of GitHub was sent."""
    if is_malformed(facts) and _GITHUB.fullmatch(facts.token.strip()):
        return Found(
            "The text is a token of GitHub, which isn't a JWT and only GitHub can verify.",
            "Send an access token of the app's own provider; revoke the GitHub token if it was "
            "sent to a server that shouldn't have it.",
        )
    return None


@recognises("google-access-token")
def google_access_token(facts: Facts) -> Found | None:
    """An access token of Google was sent, which only Google's APIs can verify."""
    if is_malformed(facts) and facts.token.strip().startswith("ya29."):
        return Found(
            "The text is an access token for Google's own APIs, which isn't a JWT.",
            "Google issues no access tokens for other APIs: use an authorization server that "
            "does, or exchange Google's log-in for a session of your app.",
        )
    return None


@recognises("api-key-sent")
def api_key(facts: Facts) -> Found | None:
    """An API key or another service's secret was sent in place of a token."""
    if is_malformed(facts) and _API_KEY.fullmatch(facts.token.strip()):
        headers = [
            name for name in vary_of(facts.authenticator.extractor) or () if "api" in name.lower()
        ]
        if headers:
            return Found(
                "The text looks like an API key, and it was sent as a bearer token.",
                f"Send it in the header {headers[0]}, without Bearer; to explain it, pass the whole "
                f"header: {headers[0]}: KEY.",
            )
        return Found(
            "The text looks like an API key, not like a JWT.",
            "Send an access token of the provider; if this API should accept API keys, add an "
            "APIKeyExtractor and an APIKeyValidator for its own keys, and revoke a key that "
            "was sent to the wrong server.",
        )
    return None


@recognises("auth0-opaque-token")
def auth0_opaque(facts: Facts) -> Found | None:
    """The token isn't a JWT, or is encrypted, and Auth0 issued it: the client requested no audience."""
    header = header_of(facts)
    encrypted_by = str(header.get("iss", "")) if header.get("alg") == "dir" else ""
    issuers = (*facts.issuers, encrypted_by)
    by_auth0 = any(
        place is not None and place.within("auth0.com") for place in map(place_of, issuers)
    )
    text = facts.token.strip()
    # A JWT that was cut begins as one.
    is_opaque = header.get("alg") == "dir" or ("." not in text and not text.startswith("ey"))
    if not (is_malformed(facts) and by_auth0 and is_opaque):
        return None
    return Found(
        "The token is only for Auth0 itself: Auth0 issues an opaque or encrypted token if the client "
        "requests no audience.",
        "Let the client send the parameter audience with the API's Identifier when it requests the "
        "token, or set a Default Audience in the settings of the Auth0 tenant.",
    )


@recognises("opaque-token")
def opaque(facts: Facts) -> Found | None:
    """The token isn't a JWT but a random text, which only the issuer can look up."""
    if is_malformed(facts) and "." not in facts.token.strip(".") and facts.token.strip():
        return Found(
            "The text isn't a JWT: it has no dots, so it is an opaque token, an API key or a "
            "password.",
            "Let the client request an access token in the format JWT for this API, often by a "
            "parameter audience or resource; opaque tokens need a validator that asks the issuer "
            "(RFC 7662).",
        )
    return None


FINDERS = (github_token, google_access_token, api_key, auth0_opaque)
OPAQUE = (opaque,)
