"""What rules share: reading a claim that must exist, and checking and showing the accepted values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .._options import as_strings
from ..errors import AbsentClaimError, ConfigurationError, MissingClaimError
from ..values import Claims

__all__ = ["at_least_one", "listed", "required"]


def at_least_one(owner: str, values: tuple[Any, ...], what: str) -> tuple[str, ...]:
    """Return a rule's values, after checking that there is one and that each is a non-empty string.

    Args:
        owner: The rule's name, for the error.
        values: The values.
        what: What a value is, for the error, such as ``"issuer"``.

    Raises:
        ConfigurationError: There are none, or one isn't a non-empty string.
    """
    if not values:
        raise ConfigurationError(
            f"{owner} was given no {what}: expected at least one, as in {owner}('…')"
        )
    return as_strings(owner, values)


@lru_cache(maxsize=64)
def listed(accepted: tuple[str, ...]) -> str:
    """Show the accepted values in a log line: ``'a' or 'b'``."""
    return " or ".join(map(repr, accepted))


def required(claims: Claims, claim: str) -> Any:
    """Return a claim that a rule needs.

    Raises:
        MissingClaimError: The token has no such claim.
    """
    try:
        return claims[claim]
    except AbsentClaimError:
        raise MissingClaimError(claim) from None
