"""Causes that every refusal has one of: those of its kind."""

from __future__ import annotations

from ..errors import ClaimError, MissingClaimError, VerificationUnavailable
from ..log_text import one_line, quoted
from ._facts import Facts
from ._finders import Found, recognises

__all__ = ["GENERAL_CAUSES"]


def _log_text(facts: Facts) -> str:
    return one_line(facts.error.log_message, 250).rstrip(".")


@recognises("malformed-token")
def malformed(facts: Facts) -> Found | None:
    """The token isn't a signed JWT in its strict form."""
    if facts.error.reason != "malformed-token":
        return None
    return Found(
        f"The token is not well-formed: {_log_text(facts)}.",
        "Send the token unchanged as the provider issued it; if a program of your own makes "
        "tokens, let a JWT library do it (RFC 7515, RFC 7519).",
    )


@recognises("lifetime-too-long", by_claims=True)
def lifetime(facts: Facts) -> Found | None:
    """The token is valid for longer than ``MaxLifetime`` accepts."""
    if not (
        isinstance(facts.error, ClaimError)
        and "longer than the accepted" in facts.error.log_message
    ):
        return None
    return Found(
        f"{_log_text(facts).capitalize()}.",
        "Shorten the lifetime of access tokens for this API at the provider; MaxLifetime(…) in "
        "the app's rules is the bound.",
    )


@recognises("other-client", by_claims=True)
def client(facts: Facts) -> Found | None:
    """The token was issued to a client that the app's ``Client`` rule doesn't list."""
    if not (
        isinstance(facts.error, ClaimError)
        and facts.error.claim in {"azp", "appid", "client_id", "cid"}
    ):
        return None
    return Found(
        f"The token was issued to a client that the app doesn't list: {_log_text(facts)}.",
        "Let the client that the app knows request the token; only if you also trust the other "
        "one, add its ID to Client(…) in the rules.",
    )


@recognises("claim-missing", by_claims=True)
def claim_missing(facts: Facts) -> Found | None:
    """The token lacks another claim that a rule requires."""
    if not isinstance(facts.error, MissingClaimError):
        return None
    return Found(
        f"The token lacks the claim {quoted(facts.error.claim)}, which the app requires.",
        f"Let the provider put {quoted(facts.error.claim)} into this API's access tokens, by a "
        "mapper, an action or an optional claim; some claims are only in ID tokens by default.",
    )


@recognises("claim-not-accepted", by_claims=True)
def claim(facts: Facts) -> Found | None:
    """A rule doesn't accept another claim."""
    if not isinstance(facts.error, ClaimError):
        return None
    name, stated = quoted(facts.error.claim), _log_text(facts)
    detail = "" if stated == f"the claim {name} is not accepted" else f": {stated}"
    return Found(
        f"The claim {name} is not accepted{detail}.",
        "Compare the claim with the rule of the app that refuses it, which the steps name, and "
        "let the provider issue the claim as the rule expects.",
    )


@recognises("verification-unavailable")
def unavailable(facts: Facts) -> Found | None:
    """The server can't verify tokens at the moment, because of its own set-up."""
    if not isinstance(facts.error, VerificationUnavailable):
        return None
    return Found(
        f"The app can't verify tokens: {_log_text(facts)}.",
        "Mend the app's set-up as that text says, and check it by `flask jwtlib doctor`: no "
        "other token will help.",
    )


@recognises("refused-by-the-application")
def refused(facts: Facts) -> Found | None:
    """A validator, a rule or a policy of the application refuses the token for a reason of its own."""
    return Found(
        f"The app refuses the token ({facts.error.reason}): {_log_text(facts)}.",
        "Look in the app for the validator, rule or policy that raises this, which the last "
        "refused step names, and let the client send what it expects.",
    )


GENERAL_CAUSES = (malformed, lifetime, client, claim_missing, claim, unavailable, refused)
