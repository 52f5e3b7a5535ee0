"""The keys of one fetch, with their age and lifetime."""

from __future__ import annotations

import random

from attrs import frozen

from ..keys import KeySet
from ._empty_sets import CONFIRMED_AFTER
from ._refresh import AHEAD

__all__ = ["Snapshot", "refresh_point"]

_USUAL_TTL = 300


def refresh_point(key_set: KeySet, ttl: float | None) -> float:
    """Choose the part of the keys' lifetime after which they are refreshed."""
    part = random.uniform(*AHEAD)  # noqa: S311 - not a secret
    return part if key_set.keys else min(part, CONFIRMED_AFTER / (ttl or _USUAL_TTL))


@frozen(eq=False)
class Snapshot:
    """The keys of one fetch.

    Attributes:
        key_set: The keys.
        taken_at: When the fetch began, by the provider's clock. The keys were correct then.
        ttl: Seconds that they are fresh, or None for the provider's own ``ttl``.
        generation: The number of different key sets so far, including this one.
        ahead: The part of their lifetime after which they are refreshed.
    """

    key_set: KeySet
    taken_at: float
    ttl: float | None
    generation: int
    ahead: float
