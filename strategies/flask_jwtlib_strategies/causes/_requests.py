"""Causes in the request around the token, and in what the token is bound to."""

from __future__ import annotations

from flask_jwtlib.errors import (
    ClaimError,
    CrossSiteError,
    InvalidRequestError,
    MalformedCredentialsError,
    MissingTokenError,
    VerificationUnavailable,
)
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import one_line, quoted

__all__ = ["FINDERS"]


def _bound_to(facts: Facts) -> tuple[str, ...]:
    """Return the members of ``cnf`` if they are why the token is refused."""
    refused = isinstance(facts.error, ClaimError) and facts.error.claim == "cnf"
    return tuple(facts.members("cnf")) if refused else ()


@recognises("dpop-token-without-proof", by_claims=True)
def dpop(facts: Facts) -> Found | None:
    """The token is bound to a key of the client (DPoP), and the request has no proof of it."""
    if "jkt" not in _bound_to(facts):
        return None
    return Found(
        "The token is bound to a key of the client (cnf.jkt, DPoP), and nothing checks a proof "
        "that the client has it.",
        "Let the client send it by the scheme DPoP with a DPoP header (RFC 9449), and the app "
        "have a validator that checks the proof; for an app without one, the provider must not "
        "bind the tokens of this client.",
    )


@recognises("certificate-token-without-certificate", by_claims=True)
def certificate(facts: Facts) -> Found | None:
    """The token is bound to a client certificate (mutual TLS), and the request shows none."""
    if "x5t#S256" not in _bound_to(facts):
        return None
    return Found(
        "The token is bound to a client certificate (cnf.x5t#S256, RFC 8705), and nothing "
        "confirms that the client has it.",
        "Let a validator compare the certificate that the TLS server verified; only if a proxy "
        "in front of the app compares it already, pass confirmed_elsewhere=('x5t#S256',) to the "
        "Authenticator.",
    )


@recognises("bound-token-without-proof", by_claims=True)
def bound(facts: Facts) -> Found | None:
    """The token is bound to something else by ``cnf``, and the request has no proof of it."""
    members = _bound_to(facts)
    if not members:
        return None
    return Found(
        f"The token is bound by {', '.join(map(quoted, members[:5]))} in cnf, and no validator "
        "confirmed it.",
        "Add a validator that checks what the token is bound to (docs/extending.rst, Evidence "
        "and bound tokens); for an app without one, the provider must not bind its tokens.",
    )


@recognises("cross-site-check-missing")
def unchecked(facts: Facts) -> Found | None:
    """Browsers send the token by themselves, as in a cookie, and no cross-site check was made."""
    if not (isinstance(facts.error, CrossSiteError) and "is ambient" in facts.error.log_message):
        return None
    return Found(
        "Browsers send this token by themselves, as in a cookie, and nothing checked which site "
        "caused the request.",
        "Wrap the extractor in a CrossSiteCheckedTokenExtractor with the origins of your pages "
        "(docs/cookies.rst); in tests, send Sec-Fetch-Site: same-origin.",
    )


@recognises("cross-site-request")
def cross_site(facts: Facts) -> Found | None:
    """The cross-site check refused the request."""
    if not isinstance(facts.error, CrossSiteError):
        return None
    return Found(
        f"The cross-site check refuses the request: {one_line(facts.error.log_message, 200)}.",
        "Let your page send the request from its own origin, or list the origins that you own in "
        "origins=; programs send the token in the Authorization header.",
    )


@recognises("evidence-unchecked")
def evidence(facts: Facts) -> Found | None:
    """The extractor attached evidence, and the ``Authenticator`` has no validator that checks it."""
    names = [type(value).__name__ for value in facts.evidence]
    if not (
        isinstance(facts.error, VerificationUnavailable)
        and "attached" in facts.error.log_message
        and names
    ):
        return None
    return Found(
        f"The extractor attached {', '.join(names)} to the token, and no validator checks it.",
        "Put the validator that belongs to the extractor around the validator of the "
        "Authenticator.",
    )


@recognises("token-not-found")
def not_found(facts: Facts) -> Found | None:
    """The request has no token where the app looks for one."""
    if not isinstance(facts.error, MissingTokenError):
        return None
    return Found(
        "No token was found where the app looks for one: "
        f"{one_line(facts.error.log_message, 200)}.",
        "Send it as 'Authorization: Bearer TOKEN', or where the app's extractor looks; some "
        "servers remove the header, as Apache does without WSGIPassAuthorization On.",
    )


@recognises("credentials-malformed")
def malformed_credentials(facts: Facts) -> Found | None:
    """The header, the cookie or the parameter isn't one token."""
    if not isinstance(facts.error, InvalidRequestError | MalformedCredentialsError):
        return None
    return Found(
        f"The request's credentials are not one token: {one_line(facts.error.log_message, 200)}.",
        "Send exactly one token, in one place, with only letters, digits and the characters - . "
        "_ ~ + / and =.",
    )


FINDERS = (
    dpop,
    certificate,
    bound,
    unchecked,
    cross_site,
    evidence,
    not_found,
    malformed_credentials,
)
