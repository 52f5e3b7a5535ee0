"""Policies within combinations, and the words of a token in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from flask_jwtlib.log_text import quoted
from flask_jwtlib.policies import Policy

__all__ = ["listed", "parts_of"]

_MOST = 10


def parts_of(policies: Iterable[Policy], *, negated: bool = False) -> Iterator[Policy]:
    """Yield policies, and those within combinations.

    Args:
        policies: The policies.
        negated: Whether to yield the policies within negations instead of the negations.
    """
    for policy in policies:
        parts: Any = getattr(policy, "parts", ())
        # Only a negation has one part.
        if isinstance(parts, tuple) and len(cast("tuple[Policy, ...]", parts)) > (
            0 if negated else 1
        ):
            yield from parts_of(cast("tuple[Policy, ...]", parts), negated=negated)
        else:
            yield policy


def listed(words: Iterable[str]) -> str:
    """List words from the token in a sentence."""
    found = sorted(words)
    shown = ", ".join(quoted(word, 60) for word in found[:_MOST])
    more = len(found) - _MOST
    return f"{shown} and {more} more" if more > 0 else shown or "none"
