"""Causes in the issuer: how the token's, or that of the metadata, differs from the app's."""

from __future__ import annotations

from flask_jwtlib.errors import MissingClaimError, VerificationUnavailable, WrongIssuerError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted

from ._compared_issuers import compared, first, first_places
from ._places import same_but_environment
from ._settings import setting

__all__ = ["FINDERS", "SPELLING"]

_REALM = "/realms/"


@recognises("issuer-trailing-slash", by_claims=True)
def trailing_slash(facts: Facts) -> Found | None:
    """The two issuers differ only by a slash at the end."""
    pair = first(facts, lambda pair: pair.found.rstrip("/") == pair.ours.rstrip("/"))
    if pair is None:
        return None
    spelled = pair.ours.rstrip("/") + ("" if pair.ours.endswith("/") else "/")
    return Found(
        f"{pair.differing}: they differ only by the slash at the end.",
        f"If the provider's metadata has the issuer {quoted(spelled)}, set "
        f"{setting(facts, 'issuer')} to exactly that.",
    )


@recognises("issuer-http", by_claims=True)
def plain_http(facts: Facts) -> Found | None:
    """The two issuers differ only by ``http`` and ``https``."""
    pair = first_places(
        facts,
        lambda found, ours: (
            (found.host, found.path) == (ours.host, ours.path) and found.scheme != ours.scheme
        ),
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: one is http and the other https.",
        "Tell the provider its public URL, which is https, since it sees only the plain HTTP of "
        "the proxy in front of it: at Keycloak by the options hostname and proxy-headers; and "
        f"keep {setting(facts, 'issuer')} equal to the issuer in its metadata.",
    )


@recognises("issuer-case", by_claims=True)
def case(facts: Facts) -> Found | None:
    """The two issuers differ only by upper and lower case."""
    pair = first(
        facts, lambda pair: pair.found.lower().rstrip("/") == pair.ours.lower().rstrip("/")
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: they differ only by upper and lower case, which counts.",
        f"Copy the issuer from the provider's metadata into {setting(facts, 'issuer')}; a client "
        "must use the same spelling of the URL when it requests a token.",
    )


@recognises("issuer-two-urls", by_claims=True)
def two_urls(facts: Facts) -> Found | None:
    """The issuer is known under two URLs: an internal and a public one, or with another port."""
    pair = first_places(
        facts,
        lambda found, ours: (
            found.path == ours.path
            and (found.host == ours.host or found.is_internal or ours.is_internal)
        ),
    )
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: clients and the app seem to reach one provider under two URLs.",
        "Give the provider one public URL, at Keycloak by its option hostname, and let the app "
        "fetch the keys at the internal one by metadata_url= or by a JWKSKeyProvider, while "
        f"{setting(facts, 'issuer')} is the public URL (docs/providers.rst, Internal and public "
        "issuer URL).",
    )


@recognises("wrong-environment", by_claims=True)
def wrong_environment(facts: Facts) -> Found | None:
    """The two issuers differ in a word such as ``dev`` or ``prod``."""
    pair = first(facts, lambda pair: same_but_environment(pair.found, pair.ours))
    if pair is None:
        return None
    return Found(
        f"{pair.differing}: they seem to be two environments of one provider.",
        f"Let the client request its token in the environment of {quoted(pair.ours)}; or if this "
        f"deployment belongs to another environment, correct its {setting(facts, 'issuer')}.",
    )


@recognises("wrong-realm", by_claims=True)
def wrong_realm(facts: Facts) -> Found | None:
    """The token is of another realm of Keycloak, or of another path on the same host."""
    pair = first_places(
        facts, lambda found, ours: found.host == ours.host and found.path != ours.path
    )
    if pair is None:
        return None
    what = "realm" if _REALM in pair.found and _REALM in pair.ours else "path"
    return Found(
        f"{pair.differing}: the host is the same, and the {what} is another one.",
        f"Let the client request its token at {quoted(pair.ours)}; or if this deployment belongs "
        f"to another one, correct {setting(facts, 'issuer')}.",
    )


@recognises("issuer-missing", by_claims=True)
def missing(facts: Facts) -> Found | None:
    """The token has no ``iss``."""
    if isinstance(facts.error, MissingClaimError) and facts.error.claim == "iss":
        return Found(
            "The token has no iss, so it doesn't say who issued it.",
            "Let the program that issues the tokens put its own name into iss (RFC 7519 §4.1.1): "
            "an OpenID provider always does, so the token may come from somewhere else.",
        )
    return None


@recognises("metadata-of-another-issuer")
def other_metadata(facts: Facts) -> Found | None:
    """The metadata at the configured URL are those of another issuer, so no keys are fetched."""
    pair = next(compared(facts), None)
    if pair is None or not isinstance(facts.error, VerificationUnavailable):
        return None
    return Found(
        f"{pair.differing}, so its keys are not used.",
        f"If that is the issuer you trust, set {setting(facts, 'issuer')} to it; tokens with "
        "another iss need token_issuer=, and `flask jwtlib doctor` shows both.",
    )


SPELLING = (trailing_slash, case, plain_http)


@recognises("wrong-issuer", by_claims=True)
def other(facts: Facts) -> Found | None:
    """The token is from another issuer."""
    if not isinstance(facts.error, WrongIssuerError):
        return None
    expected = " or ".join(map(quoted, facts.issuers[:5])) or "another one"
    return Found(
        f"The token is from another issuer: iss is {quoted(facts.claims.get('iss'))}, and the app "
        f"expects {expected}.",
        f"Let the client request its token from {expected}; or if that isn't your provider, correct "
        f"{setting(facts, 'issuer')} by your provider's metadata.",
    )


FINDERS = (two_urls, other_metadata, wrong_environment, wrong_realm, missing, other)
