"""What a refreshing key provider remembers, and the rules by which it fetches again.

The lock is held for a few assignments at a time, never while somebody waits for the network, and never
while code runs that isn't ours. What is read without it, the snapshot above all, is replaced as a whole and
never altered.
"""

from __future__ import annotations

import math
import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import attrs
from attrs import define, field, frozen

from .._options import is_seconds
from ..errors import ConfigurationError, VerificationUnavailable
from ..keys import KeySet
from ._deferred_calls import DeferredCalls
from ._fetch_attempt import Fetch, Reason
from ._refresh import AHEAD
from ._unknown_kids import UnknownKids

__all__ = ["KeyCache", "News", "Snapshot"]

# Seconds between attempts after one, two, … failures in a row, of which a fifth more or less is left
# to chance, so that many processes don't ask at the same moment.
_BACKOFF = (1, 2, 4, 8, 16, 30)
_BACKOFF_SPREAD = 0.2
_LONGEST_RETRY_AFTER = 300
# Fetches that were given up and still hang. Each holds a thread; from so many on, more come slowly.
_MANY_HANGING = 32
_MOST_HANGING = 64
# An issuer that says it has no keys is believed when it says so again after as many seconds, and asked again
# as often from then on.
_BELIEVED_AFTER = 30
_USUAL_TTL = 300


def _refresh_point(key_set: KeySet, ttl: float | None) -> float:
    """Choose the part of their time after which keys are fetched anew."""
    part = random.uniform(*AHEAD)  # noqa: S311 - no secret
    return part if key_set.keys else min(part, _BELIEVED_AFTER / (ttl or _USUAL_TTL))


@frozen(eq=False)
class Snapshot:
    """Some fetched keys.

    Attributes:
        key_set: The keys.
        taken_at: When the fetch of them began, by the provider's clock: they were right then.
        ttl: Seconds that they are fresh, None if that is for the provider to say.
        generation: How many sets there were, up to this one.
        ahead: The part of that time after which they are fetched anew.
    """

    key_set: KeySet
    taken_at: float
    ttl: float | None
    generation: int
    ahead: float


@frozen(eq=False)
class News:
    """Something to tell the log and the signal's receivers.

    Attributes:
        event: The event's name, as ``signals.key_event`` documents it.
        details: What goes with it.
        error: The exception to log.
    """

    event: str
    details: dict[str, Any] = field(factory=dict[str, Any])
    error: BaseException | None = None


@define(eq=False)
class KeyCache:
    """The state of one provider.

    Attributes:
        report: Tells the log and the receivers of some news. It is only called through ``calls``.
        calls: The calls to code that isn't ours: what happened, and was not told yet.
        snapshot: The latest keys.
        fetch: The attempt that is under way.
        failures: How many attempts failed in a row.
        last_error: The class of the latest one's error, None after a success.
        next_attempt: The time before which none is made.
        outcomes: How many attempts there were, by reason and outcome.
        unknown_kids: What was looked for in vain.
    """

    report: Callable[[News], object]
    calls: DeferredCalls = field(factory=DeferredCalls)
    snapshot: Snapshot | None = None
    fetch: Fetch | None = None
    failures: int = 0
    last_error: str | None = None
    next_attempt: float = -math.inf
    outcomes: Counter[tuple[Reason, str]] = field(factory=Counter[tuple[Reason, str]])
    unknown_kids: UnknownKids = field(factory=UnknownKids)
    # Looked up when it is needed: gevent may have put its own there.
    _lock: Any = field(factory=lambda: threading.Lock())  # noqa: PLW0108
    _hanging: int = 0
    _announced: str | None = None
    _empty_since: float | None = None

    def __attrs_post_init__(self) -> None:
        _caches.add(self)

    def begin(
        self, reason: Reason, seen: Snapshot | None, now: float, timeout: float, kid: str | None
    ) -> tuple[Fetch | None, bool]:
        """Return the attempt that is under way, or a new one and True if one may be made.

        Args:
            reason: What it is for.
            seen: The snapshot by which the caller decided. If it is not the latest any more, the
                caller has to decide anew.
            now: The time.
            timeout: Seconds after which it is given up.
            kid: The key ID that is wanted.
        """
        with self._lock:
            fetch = self.fetch
            if fetch is not None:
                if not fetch.is_overdue(now):
                    return fetch, False
                self._give_up(fetch, now)
            if self.snapshot is not seen or not self._may_fetch(reason, now, kid):
                return None, False
            # An attempt was due, and would have ended by now, but nobody came: that the issuer fails is no
            # longer known. After an idle time, callers wait as at any expiry.
            awaited = self.failures == 0 or now >= self.next_attempt + timeout
            self.fetch = fetch = Fetch(reason, kid, now, timeout, awaited=awaited)
            return fetch, True

    def succeed(
        self, fetch: Fetch, key_set: KeySet, ttl: float | None, now: float, *, partial: bool = False
    ) -> None:
        """Take what an attempt brought, unless it was given up meanwhile.

        Args:
            fetch: The attempt.
            key_set: The keys.
            ttl: Seconds that they are fresh, None if that is for the provider to say.
            now: The time.
            partial: Whether only the key of the attempt's ``kid`` was looked up. The age of the others goes
                on, or a source with one key per ``kid`` would never be asked for them again. That there is
                no key is believed at once, as such a source has no list that could be empty by mistake.
        """
        with self._lock:
            if self._is_late(fetch):
                return
            previous = self.snapshot
            known = KeySet(()) if previous is None else previous.key_set
            if not key_set.keys and not self._is_believed(key_set, previous, now, partial):
                why = "; ".join(key_set.skipped) or "it is empty"
                error = ConfigurationError(f"no key of the set can verify signatures: {why}")
                self._fail(fetch, error, now)
                return
            generation = 0 if previous is None else previous.generation
            if previous is None or key_set is not known:
                generation += 1
            if partial and fetch.kid is not None and previous is not None and known.keys:
                latest = attrs.evolve(previous, key_set=key_set, generation=generation)
            else:
                ahead = _refresh_point(key_set, ttl)
                latest = Snapshot(key_set, fetch.started, ttl, generation, ahead)
            failures, announced = self.failures, self._announced
            # Before the failures are forgotten: who finds none looks at the latest keys after that.
            self.snapshot = latest
            self.failures = 0
            self.last_error = self._announced = self._empty_since = None
            self.next_attempt = -math.inf
            self._end(fetch, "succeeded")
            self._tell(
                "refreshed",
                generation=generation,
                added=sorted(key_set.kids - known.kids),
                removed=sorted(known.kids - key_set.kids),
            )
            if key_set.skipped and key_set.skipped != known.skipped:
                self._tell("key_skipped", reasons=list(key_set.skipped))
            if failures or announced is not None:
                self._tell("recovered", failures=failures)
            fetch.done.set()

    def fail(self, fetch: Fetch, error: BaseException, now: float) -> None:
        """Take note that an attempt failed, unless it was given up meanwhile."""
        with self._lock:
            if not self._is_late(fetch):
                self._empty_since = None
                self._fail(fetch, error, now)

    def give_up(self, fetch: Fetch, now: float) -> None:
        """Take note that an attempt failed if it takes too long."""
        with self._lock:
            if self.fetch is fetch and fetch.is_overdue(now):
                self._give_up(fetch, now)

    def announce(self, event: str, seen: Snapshot) -> None:
        """Tell that the keys seen are beyond their time, once until the next success."""
        with self._lock:
            if self.snapshot is seen and self._announced != event:
                self._announced = event
                self._tell(event)

    def start_anew(self) -> None:
        """In a forked process: keep the keys, and nothing that another thread was about to do."""
        self._lock = threading.Lock()
        self.unknown_kids.start_anew()
        self.fetch = None
        self._hanging = 0
        snapshot = self.snapshot
        if snapshot is not None:
            # So that the children of one parent don't all refresh at one moment.
            ahead = _refresh_point(snapshot.key_set, snapshot.ttl)
            self.snapshot = attrs.evolve(snapshot, ahead=ahead)

    def _may_fetch(self, reason: Reason, now: float, kid: str | None) -> bool:
        """Whether an attempt may be made now. If one that the bucket limits may, it is taken out of it."""
        if self._hanging >= _MOST_HANGING:
            return False
        if now < self.next_attempt:
            # A source with one key per key ID has none to return before one is named. Until it has returned
            # the first, that it returned none says nothing about another key ID.
            searching = kid is not None and self.snapshot is None and self._empty_since is not None
            return searching and self.unknown_kids.may_look(now)
        return reason != "unknown_kid" or self.unknown_kids.may_look(now)

    def _is_late(self, fetch: Fetch) -> bool:
        """Whether an attempt that ends now was given up before."""
        if self.fetch is fetch:
            return False
        self._hanging = max(0, self._hanging - 1)
        return True

    def _is_believed(
        self, key_set: KeySet, previous: Snapshot | None, now: float, partial: bool
    ) -> bool:
        """Whether a set without keys is what the issuer means."""
        if key_set.skipped:
            # It has members, so it should have keys: that is damage, for as long as it lasts.
            self._empty_since = None
            return False
        if partial or (previous is not None and not previous.key_set.keys):
            return True
        if self._empty_since is None:
            self._empty_since = now
        return now - self._empty_since >= _BELIEVED_AFTER

    def _give_up(self, fetch: Fetch, now: float) -> None:
        self._hanging += 1
        self._empty_since = None
        seconds = fetch.deadline - fetch.started
        self._fail(fetch, TimeoutError(f"no answer within {seconds:g} s"), now)

    def _fail(self, fetch: Fetch, error: BaseException, now: float) -> None:
        # An attempt that hangs is given up when somebody comes, maybe hours later. It failed when its time
        # was over: to count from now would serve old keys to those who come first after an idle time.
        failed_at = min(now, fetch.deadline)
        delay: float = _BACKOFF[min(self.failures, len(_BACKOFF) - 1)]
        delay *= random.uniform(1 - _BACKOFF_SPREAD, 1 + _BACKOFF_SPREAD)  # noqa: S311
        if isinstance(error, VerificationUnavailable) and is_seconds(error.retry_after):
            delay = min(max(delay, error.retry_after), _LONGEST_RETRY_AFTER)
        if self._hanging >= _MANY_HANGING:
            delay = _LONGEST_RETRY_AFTER
        self.failures += 1
        self.last_error = type(error).__name__
        self.next_attempt = failed_at + delay
        fetch.error = error
        self._end(fetch, "failed")
        details = {
            "reason": fetch.reason,
            "error": self.last_error,
            "failures": self.failures,
            "next_attempt": max(0, self.next_attempt - now),
        }
        self.calls.add(self.report, News("refresh_failed", details, error))
        fetch.done.set()

    def _end(self, fetch: Fetch, outcome: str) -> None:
        self.fetch = None
        self.outcomes[fetch.reason, outcome] += 1

    def _tell(self, event: str, **details: Any) -> None:
        self.calls.add(self.report, News(event, details))


_caches: WeakSet[KeyCache] = WeakSet()


def _start_anew_in_child() -> None:
    for cache in list(_caches):
        cache.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_start_anew_in_child)
