"""Causes of refusals of API keys, development tokens and CSRF tokens, by strategies of the catalogue."""

from __future__ import annotations

from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import one_line

__all__ = ["FINDERS"]

_DEVELOPMENT = "a development token is refused: "


@recognises("api-key-malformed")
def malformed_key(facts: Facts) -> Found | None:
    """The text isn't a complete API key of the app."""
    if str(facts.error) != "The API key is malformed":
        return None
    return Found(
        "The text isn't one of the app's API keys: its prefix or its checksum is another one.",
        "Send the whole key, without quotes, as generate_api_key returned it; and not a JWT or "
        "another service's key in the header of API keys.",
    )


@recognises("api-key-unknown")
def unknown_key(facts: Facts) -> Found | None:
    """The API key is complete, and the app has no record of it."""
    if str(facts.error) != "The API key is unknown":
        return None
    return Found(
        "The API key is well-formed, and the app has no record of it.",
        "Use a key of this environment: the records that APIKeyValidator looks up must have its "
        "digest, and a deleted key needs a new one.",
    )


@recognises("api-key-revoked")
def revoked_key(facts: Facts) -> Found | None:
    """The API key was revoked."""
    if str(facts.error) != "The API key is revoked":
        return None
    return Found(
        "The API key is revoked.",
        "Make a new key by `flask jwtlib api-key` or generate_api_key, and give it to its owner.",
    )


@recognises("api-key-expired")
def expired_key(facts: Facts) -> Found | None:
    """The API key has expired."""
    if str(facts.error) != "The API key expired":
        return None
    return Found(
        f"The API key has expired: {one_line(facts.error.log_message, 200)}.",
        "Make a new key with a later expires_at, and give it to its owner.",
    )


@recognises("scheme-not-accepted")
def scheme(facts: Facts) -> Found | None:
    """The credential was sent by a scheme for which the app has no validator of this kind."""
    if str(facts.error) not in {
        "Credentials of this scheme are not accepted",
        "API keys are not accepted by this scheme",
    }:
        return None
    return Found(
        f"The credential is sent by a scheme that isn't its own: {_log_text(facts)}.",
        "Send a JWT by Bearer, and an API key in the header that the app's APIKeyExtractor reads.",
    )


@recognises("development-token-refused")
def development(facts: Facts) -> Found | None:
    """A token of ``flask jwtlib token`` isn't accepted: no debug mode, no local request, another key."""
    if not facts.error.log_message.startswith(_DEVELOPMENT):
        return None
    return Found(
        f"A development token is refused: {_log_text(facts).removeprefix(_DEVELOPMENT)}.",
        "Use a development token only on the machine that made it, in debug mode and without a "
        "proxy, and make a new one by `flask jwtlib token`; everywhere else, get a token from the "
        "provider.",
    )


@recognises("csrf-token-missing")
def csrf(facts: Facts) -> Found | None:
    """The page didn't send its double-submit token, or one that isn't valid any more."""
    if str(facts.error) != "The request has no valid CSRF token":
        return None
    return Found(
        f"The request has no valid CSRF token: {_log_text(facts)}.",
        "Let the page send the token that DoubleSubmit issued after the log-in, in its header or "
        "form field (docs/cookies.rst, Double-submit tokens).",
    )


@recognises("unknown-user")
def unknown_user(facts: Facts) -> Found | None:
    """The token is valid, and its subject isn't an active user of the app."""
    if facts.error.reason != "unknown-user":
        return None
    return Found(
        "The token is valid, and its subject is not an active user of the app.",
        "Create or activate the user whose issuer and subject the token has, in the database that "
        "the app's UserLoader asks.",
    )


def _log_text(facts: Facts) -> str:
    return one_line(facts.error.log_message, 250)


FINDERS = (
    malformed_key,
    unknown_key,
    revoked_key,
    expired_key,
    scheme,
    development,
    csrf,
    unknown_user,
)
