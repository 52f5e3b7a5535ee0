"""Decides whether a source that returns no keys really has none."""

from __future__ import annotations

from attrs import define

from ..keys import KeySet

__all__ = ["CONFIRMED_AFTER", "EmptySets"]

CONFIRMED_AFTER = 30
"""Seconds between two fetches that must both return no keys, and between all that follow them."""


@define(eq=False)
class EmptySets:
    """Remembers since when a source has returned no keys.

    Attributes:
        since: When it first did so. None if it returned keys since then, or failed.
    """

    since: float | None = None

    def confirms(self, key_set: KeySet, known: KeySet | None, now: float, partial: bool) -> bool:
        """Return whether a set without keys is correct, and not a mistake of the source.

        Args:
            key_set: The set.
            known: The latest keys, None before the first fetch.
            now: The time.
            partial: Whether only a single key was fetched.
        """
        if key_set.skipped:
            # It has members, so it should have keys. It is damaged.
            self.since = None
            return False
        if partial or (known is not None and not known.keys):
            return True
        if self.since is None:
            self.since = now
        return now - self.since >= CONFIRMED_AFTER
