"""Looks up keys that are missing or due for a refresh: fetches them, or uses old ones."""

from __future__ import annotations

import math

from attrs import frozen

from ..dry_run import may_fetch
from ..errors import VerificationUnavailable
from ..keys import KeySet
from ..signals import key_event
from ._fetch_attempt import FetchAttempt
from ._freshness import Freshness
from ._key_cache import KeyCache
from ._key_events import KeyEvent
from ._key_fetcher import KeyFetcher
from ._refresh import Refresh
from ._snapshot import Snapshot

__all__ = ["KeyLookup"]


@frozen(eq=False)
class KeyLookup:
    """Looks up the keys of one provider, and fetches them first if that is due.

    Args:
        owner: The provider, whose events are sent.
        cache: Its state.
        fetcher: Runs its fetches.
        freshness: How fresh its keys are.
        refresh: How long to wait, and the clock.
    """

    owner: object
    cache: KeyCache
    fetcher: KeyFetcher
    freshness: Freshness
    refresh: Refresh

    def look_up(self, kid: str | None, seen: Snapshot | None, *, due: bool) -> KeySet:
        """Return the latest keys, fetched first if they are due or lack the key ID.

        Args:
            kid: The token's key ID.
            seen: The latest keys.
            due: Whether they are due for a refresh.

        Raises:
            VerificationUnavailable: There are no keys, or they are too old, and fetching them failed.
        """
        if not may_fetch():
            return self._without_fetching(seen)
        arrived = self.refresh.clock()
        proven = False
        if seen is None or due:
            seen, attempt = self._refreshed(seen, kid)
            proven = (
                kid is not None
                and attempt is not None
                and self.fetcher.proves(attempt, kid, arrived)
            )
        if kid is not None and seen.key_set.lacks(kid):
            return self._searched(kid, arrived, proven=proven)
        return seen.key_set

    def _without_fetching(self, seen: Snapshot | None) -> KeySet:
        """Return the latest keys, as long as a request could use them."""
        if seen is None:
            raise VerificationUnavailable(
                "the keys have not been fetched yet, and explaining a token doesn't fetch them"
            )
        if self.freshness.state_of(seen) == "dead":
            raise VerificationUnavailable(
                "the keys are too old, and explaining a token doesn't fetch them"
            )
        return seen.key_set

    def use_stale(self, snapshot: Snapshot) -> bool:
        """Return whether expired keys may be used without waiting, since the last attempts failed.

        Another attempt is started if one is due.
        """
        attempt, _ = self.fetcher.begin("expired", snapshot)
        if attempt is not None and attempt.awaited:
            return False
        if attempt is not None:
            # Runs it if no thread does.
            self.fetcher.wait(attempt, 0)
        self.cache.send_state("serving_stale", snapshot)
        return True

    def _refreshed(
        self, seen: Snapshot | None, kid: str | None
    ) -> tuple[Snapshot, FetchAttempt | None]:
        """Return the keys to use, and the attempt that was waited for.

        The first attempt is for the token's key ID. A source with one key per key ID returns no keys
        without one.
        """
        cache = self.cache
        state = self.freshness.state_of(seen)
        if seen is not None and state == "fresh":
            self.fetcher.begin("ahead", seen)
            return seen, None
        if seen is None:
            attempt, begun = self.fetcher.begin("cold", None, kid)
        else:
            attempt, begun = self.fetcher.begin("expired", seen)
        if attempt is not None and (seen is None or state == "dead"):
            self.fetcher.wait(attempt, self.refresh.fetch_timeout)
        elif attempt is not None and seen is not None:
            self.fetcher.wait(attempt, self._patience(attempt, seen) if attempt.awaited else 0)
        latest = cache.snapshot
        if latest is not None and latest is not seen:
            return latest, attempt
        state = self.freshness.state_of(latest)
        if latest is not None and state == "dead":
            cache.send_state("dead", latest)
        elif latest is not None:
            # They are fresh if the ttl was changed meanwhile.
            if state == "stale":
                cache.send_state("serving_stale", latest)
            return latest, attempt
        raise self._unavailable() from (attempt.error if attempt is not None and begun else None)

    def _patience(self, attempt: FetchAttempt, old: Snapshot) -> float:
        """Return how many seconds of an attempt callers wait if they could use old keys.

        Unless fetches fail, old keys are used no longer than a fetch takes.
        """
        end = old.taken_at + self.freshness.lifetime(old) + self.refresh.fetch_timeout
        if max(self.refresh.clock(), attempt.started + self.refresh.max_wait) < end:
            return self.refresh.max_wait
        return max(self.refresh.max_wait, self.refresh.fetch_timeout)

    def _searched(self, kid: str, arrived: float, *, proven: bool) -> KeySet:
        """Return the latest keys, after a fetch for an unknown key ID if one is allowed.

        Args:
            kid: The key ID.
            arrived: When the token came.
            proven: Whether an attempt has just shown that there is no such key.

        Raises:
            VerificationUnavailable: The fetch failed, so it isn't known whether the key exists.
        """
        cache = self.cache
        while True:
            seen = cache.snapshot
            if seen is None or not seen.key_set.lacks(kid):
                return KeySet(()) if seen is None else seen.key_set
            if proven:
                cache.unknown_kids.note_absent(kid, self.refresh.clock())
            if proven or cache.unknown_kids.is_absent(kid, self.refresh.clock()):
                break
            attempt, begun = self.fetcher.begin("unknown_kid", seen, kid)
            # Read before the snapshot: a success replaces the snapshot before it resets the failures.
            failed = cache.failures > 0
            if attempt is None and cache.snapshot is not seen:
                continue
            if attempt is None and not failed:
                break
            if attempt is None or (failed and not begun):
                # Only one caller waits for a source that fails.
                raise self._unavailable()
            self.fetcher.wait(attempt, self.refresh.fetch_timeout)
            if attempt.error is not None or not attempt.done.is_set():
                raise self._unavailable() from (attempt.error if begun else None)
            proven = self.fetcher.proves(attempt, kid, arrived)
        if key_event.has_receivers_for(self.owner):
            cache.calls.add(cache.send, KeyEvent("unknown_kid", {"kid": kid}))
        return seen.key_set

    def _unavailable(self) -> VerificationUnavailable:
        cache = self.cache
        wait = cache.next_attempt - self.refresh.clock()
        return VerificationUnavailable(
            f"the verification keys could not be fetched ({cache.last_error or 'no result yet'})",
            retry_after=max(1, math.ceil(wait)) if math.isfinite(wait) else 1,
        )
