"""Causes in the kind of the token: it isn't an access token."""

from __future__ import annotations

from flask_jwtlib.claim_rules import AccessToken, TokenUse
from flask_jwtlib.errors import ClaimError, TokenKindError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.values import Claims

from ._places import place_of

__all__ = ["FINDERS"]

# With these, the kind of the token explains the refusal.
_REASONS = frozenset(
    {
        "wrong-token-kind",
        "wrong-audience",
        "insufficient-scope",
        "missing-claim",
        "unaccepted-claim",
    }
    | {"unaccepted-algorithm", "unknown-key", "bad-signature"}
)
_GRAPH = frozenset(
    {
        "00000003-0000-0000-c000-000000000000",
        "00000002-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://graph.windows.net",
    }
)
_ENTRA = ("login.microsoftonline.com", "login.microsoftonline.us", "sts.windows.net")
_REQUEST = (
    "send the access_token of the token response in the Authorization header, and not the id_token."
)


def _kind(facts: Facts) -> str:
    """Return what the rule for access tokens says about the token: its log text, or an empty string."""
    if facts.error.reason not in _REASONS:
        return ""
    try:
        AccessToken()(Claims(facts.claims, checked_at=facts.now, header=facts.header))
    except ClaimError as error:
        return error.log_message
    return ""


def _is_google(facts: Facts) -> bool:
    return facts.text("iss") in {"accounts.google.com", "https://accounts.google.com"}


@recognises("graph-token", by_claims=True)
def graph(facts: Facts) -> Found | None:
    """The token is for Microsoft Graph or another API of Microsoft's, and only that API can verify it."""
    reasons = {"wrong-audience", "bad-signature", "unknown-key", "wrong-issuer"}
    place = place_of(facts.text("iss"))
    by_audience = any(each.rstrip("/").lower() in _GRAPH for each in facts.strings("aud"))
    # Its signature was made with the hash of this nonce.
    by_nonce = "nonce" in facts.header and place is not None and place.within(*_ENTRA)
    if facts.error.reason not in reasons or not (by_audience or by_nonce):
        return None
    api = (
        "Microsoft Graph"
        if by_audience
        else "an API of Microsoft's own, as the nonce in its header says"
    )
    return Found(
        f"The token is for {api}, and only that API can verify such tokens.",
        "Let the client request a scope of this API, such as api://CLIENT-ID/access_as_user, which "
        "'Expose an API' in its app registration lists, and not User.Read, openid or a scope of "
        "Graph together with it.",
    )


@recognises("google-id-token", by_claims=True)
def google(facts: Facts) -> Found | None:
    """An ID token of Google was sent, and the app's issuer is Google."""
    if not (_is_google(facts) and facts.error.reason in _REASONS):
        return None
    return Found(
        "The token is an ID token of Google, which is for the application that logged the user in.",
        "Google issues no access tokens for other APIs: verify the ID token once at log-in and "
        "start a session of your own, or use an authorization server that issues access tokens "
        "for this API.",
    )


@recognises("id-token-sent", by_claims=True)
def id_token(facts: Facts) -> Found | None:
    """An ID token was sent in place of an access token."""
    if not ("is an ID token" in _kind(facts) or _is_entra_id_token(facts)):
        return None
    return Found(
        "The token is an ID token: it tells an application who logged in, and gives no access to "
        "an API.",
        f"In the client, {_REQUEST}",
    )


def _is_entra_id_token(facts: Facts) -> bool:
    """Whether it is an ID token of Entra ID that has none of the signs of others."""
    place = place_of(facts.text("iss"))
    return (
        facts.error.reason in _REASONS
        and place is not None
        and place.within(*_ENTRA)
        and facts.claims.keys().isdisjoint({"scp", "roles", "azp", "appid", "idtyp"})
        and not facts.claims.keys().isdisjoint({"preferred_username", "name", "email", "rh", "aio"})
    )


@recognises("refresh-token-sent", by_claims=True)
def refresh_token(facts: Facts) -> Found | None:
    """A refresh token was sent in place of an access token."""
    if "is a refresh token" not in _kind(facts) and "'refresh" not in _kind(facts).lower():
        return None
    return Found(
        "The token is a refresh token, which is only for the token endpoint of its provider.",
        "In the client, exchange it for an access token at the provider's token endpoint "
        "(grant_type=refresh_token), and send that; never send the refresh token to an API.",
    )


@recognises("other-kind-sent", by_claims=True)
def other(facts: Facts) -> Found | None:
    """A token of another kind was sent, such as a logout token or a DPoP proof."""
    if not isinstance(facts.error, TokenKindError):
        return None
    use = facts.rule(TokenUse)
    expected = f"token_use {' or '.join(use.accepted)}" if use is not None else "an access token"
    return Found(
        f"The token is of another kind: {facts.error.log_message}.",
        f"Let the client send {expected} for this API; if your provider documents another typ for "
        "its access tokens, name it in AccessToken(types=[…]) or TokenType(…).",
    )


FINDERS = (graph, google, id_token, refresh_token, other)
