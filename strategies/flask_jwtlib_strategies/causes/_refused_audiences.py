"""The audiences for which a token is refused."""

from __future__ import annotations

from flask_jwtlib.errors import MissingClaimError, Refusal, WrongAudienceError
from flask_jwtlib.explain import Facts

__all__ = ["audiences_of", "is_without_audience"]

_MOST = 20


def is_without_audience(error: Refusal) -> bool:
    return isinstance(error, MissingClaimError) and error.claim == "aud"


def audiences_of(facts: Facts) -> tuple[str, ...]:
    """Return the token's audiences if they are why it is refused."""
    refused = isinstance(facts.error, WrongAudienceError)
    return facts.strings("aud")[:_MOST] if refused else ()
