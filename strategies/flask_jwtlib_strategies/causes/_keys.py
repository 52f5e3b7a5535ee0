"""Causes in the keys, and in the signature that they don't fit."""

from __future__ import annotations

import re

from flask_jwtlib.errors import (
    BadSignatureError,
    UnknownKeyError,
    VerificationUnavailable,
)
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.key_providers import NoKeyProvider
from flask_jwtlib.log_text import one_line, quoted

from ._settings import setting

__all__ = ["FINDERS"]

_DAY = 24 * 3600
_NO_KEY = re.compile("no key (?:of the set )?can verify")
_CONNECTION = re.compile(
    r"resolve|name or service|getaddrinfo|certificate|ssl|tls|timed out|timeout|refused|connect"
    r"|proxy|fetch|GET ",
    re.IGNORECASE,
)


@recognises("keys-not-fetched")
def not_fetched(facts: Facts) -> Found | None:
    """``explain`` was called in code and may not fetch, and the keys haven't been fetched yet."""
    if facts.may_fetch or "explaining a token doesn't fetch" not in facts.fault:
        return None
    return Found(
        "The provider's keys have not been fetched lately, and explaining a token in code "
        "doesn't fetch them.",
        "Use `flask jwtlib explain`, which fetches them, or call explain(…, fetch_keys=True).",
    )


@recognises("no-keys-configured")
def no_keys(facts: Facts) -> Found | None:
    """The ``Authenticator`` has no keys."""
    if not (
        isinstance(facts.error, VerificationUnavailable)
        and isinstance(facts.provider, NoKeyProvider)
    ):
        return None
    return Found(
        "The Authenticator has no keys to verify a token with.",
        "Pass keys= to the Authenticator, such as a PEM text, a JWKSKeyProvider or an "
        "OIDCKeyProvider.",
    )


@recognises("keys-unreachable")
def unreachable(facts: Facts) -> Found | None:
    """The provider's keys can't be fetched: DNS, TLS, a proxy, a timeout, or an error of the provider."""
    error = facts.error
    if not (isinstance(error, VerificationUnavailable) and _CONNECTION.search(facts.fault)):
        return None
    return Found(
        f"The provider's keys can't be fetched: {one_line(facts.fault, 300)}.",
        "Run `flask jwtlib doctor` where the app runs: it tells DNS, TLS, proxy and provider "
        "apart; the token itself is not to blame.",
    )


@recognises("kid-missing")
def kid_missing(facts: Facts) -> Found | None:
    """The token has no ``kid``, and several keys fit."""
    if not (
        isinstance(facts.error, UnknownKeyError) and "kid" not in facts.header and facts.header
    ):
        return None
    return Found(
        f"The token has no kid, and the app has not exactly one key for {quoted(facts.alg)}, so "
        "it can't choose one.",
        "Let the issuer put the key's ID into the header's kid, as its JWK set has it; or if "
        "tokens without kid are right, configure only the one key that signs them.",
    )


@recognises("no-keys-published")
def no_keys_published(facts: Facts) -> Found | None:
    """The key set has no key that can verify signatures."""
    nothing = isinstance(facts.error, UnknownKeyError) and facts.keys == ()
    if not (nothing or _NO_KEY.search(facts.fault)):
        return None
    return Found(
        "The key set that the app uses has no key that can verify signatures.",
        f"Check {setting(facts, 'keys')} with `flask jwtlib doctor`: the URL may be another "
        "service's, or its keys may be for encryption only.",
    )


@recognises("key-for-other-algorithm")
def key_for_other_algorithm(facts: Facts) -> Found | None:
    """The app has the key that the token names, but for another algorithm."""
    if not isinstance(facts.error, UnknownKeyError):
        return None
    kid = facts.header.get("kid")
    named = [key for key in facts.keys or () if key.kid is not None and key.kid == kid]
    if not named:
        return None
    return Found(
        f"The key with the kid {quoted(kid)} is for {' or '.join(named[0].algorithms)}, and the "
        f"token's alg is {quoted(facts.alg)}.",
        "Let the issuer sign with the algorithm that its key set names for the key: an issuer "
        "that does otherwise, or a token that was changed, is refused (RFC 8725 §3.1).",
    )


@recognises("keys-of-another-issuer", by_claims=True)
def other_issuers_keys(facts: Facts) -> Found | None:
    """No key fits, and the token names another issuer than the one whose keys the app has."""
    iss = facts.text("iss")
    if not (
        isinstance(facts.error, UnknownKeyError | BadSignatureError)
        and iss
        and facts.issuers
        and iss not in facts.issuers
    ):
        return None
    return Found(
        f"The token names the issuer {quoted(iss)}, and the app has the keys of "
        f"{quoted(facts.issuers[0])}.",
        f"Let the client request its token from {quoted(facts.issuers[0])}; if that isn't your "
        f"provider, correct {setting(facts, 'issuer')}.",
    )


@recognises("key-rotated-away", by_claims=True)
def rotated(facts: Facts) -> Found | None:
    """The provider no longer publishes the key that the token names."""
    kid = facts.header.get("kid")
    if not (isinstance(facts.error, UnknownKeyError) and isinstance(kid, str)):
        return None
    known = "" if facts.keys is None else f" (known: {facts.known_kids})"
    issued = facts.claims.get("iat")
    age = facts.now - issued if isinstance(issued, int) and abs(issued) < 2**53 else 0
    old = f", and the token was issued {age / _DAY:.0f} days ago" if age > _DAY else ""
    fetch = "" if facts.may_fetch else " after `flask jwtlib explain` has looked for new keys"
    return Found(
        f"The key {quoted(kid)} that the token names is not, or no longer, among the app's "
        f"keys{known}{old}.",
        f"Let the client get a new token; if new ones are refused, too{fetch}, compare "
        f"{setting(facts, 'keys')} with the provider that issues them by `flask jwtlib doctor`.",
    )


@recognises("other-secret", by_claims=True)
def other_secret(facts: Facts) -> Found | None:
    """The token was signed by another secret than the app's."""
    if not (isinstance(facts.error, BadSignatureError) and facts.alg.startswith("HS")):
        return None
    return Found(
        "The signature doesn't fit the app's secret: the token was signed with another one, or "
        "it was changed.",
        f"Compare the secret in {setting(facts, 'keys')} with the issuer's, also whether one of "
        "them is base64 that must be decoded first.",
    )


@recognises("signature-does-not-fit")
def signature(facts: Facts) -> Found | None:
    """The signature doesn't fit the key: the token was changed, or signed by another key."""
    if not isinstance(facts.error, BadSignatureError):
        return None
    named = "the key that the token names" if "kid" in facts.header else "the app's key"
    return Found(
        f"The signature doesn't fit {named}: the token was changed after it was signed, or "
        "another key signed it.",
        "Get a new token and send it unchanged; if new ones are refused, too, the app has "
        f"another key than the issuer signs with: check {setting(facts, 'keys')} by `flask jwtlib "
        "doctor`.",
    )


FINDERS = (
    not_fetched,
    no_keys,
    no_keys_published,
    unreachable,
    kid_missing,
    key_for_other_algorithm,
    other_issuers_keys,
    rotated,
    other_secret,
    signature,
)
