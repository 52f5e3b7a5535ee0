"""How fresh fetched keys are."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from .._options import is_seconds
from ..errors import VerificationUnavailable
from ._refresh import Refresh
from ._snapshot import Snapshot

__all__ = ["Freshness", "state_at"]


def state_at(age: float | None, lifetime: float, max_stale: float) -> str:
    """Return the state of keys with an age in seconds, or None before the first fetch."""
    if age is None:
        return "cold"
    if age < lifetime:
        return "fresh"
    return "stale" if age < lifetime + max_stale else "dead"


@frozen(eq=False)
class Freshness:
    """Decides whether a provider's keys are fresh, stale or dead.

    Args:
        ttl: Seconds that keys are fresh, or a function that returns them.
        refresh: The provider's clock, and how long expired keys are used.
    """

    ttl: float | Callable[[], float]
    refresh: Refresh

    def lifetime(self, snapshot: Snapshot) -> float:
        """Return how many seconds keys are fresh.

        Raises:
            VerificationUnavailable: The function returned something else.
        """
        if snapshot.ttl is not None:
            return snapshot.ttl
        if not callable(self.ttl):
            return self.ttl
        seconds = self.ttl()
        if not is_seconds(seconds):
            raise VerificationUnavailable(
                f"the keys' lifetime is {seconds!r}, expected a number of seconds, 0 or more"
            )
        return seconds

    def is_due(self, snapshot: Snapshot) -> bool:
        """Return whether keys should be refreshed, because they expire soon or have expired."""
        return self.refresh.clock() - snapshot.taken_at >= snapshot.ahead * self.lifetime(snapshot)

    def state_of(self, snapshot: Snapshot | None) -> str:
        """Return the state of keys: cold, fresh, stale or dead."""
        if snapshot is None:
            return "cold"
        age = self.refresh.clock() - snapshot.taken_at
        return state_at(age, self.lifetime(snapshot), self.refresh.max_stale)
