"""The state of a provider that fetches keys, and the rules for when it may fetch again.

The lock is held for a few assignments at a time, never during a fetch and never while an application's code
runs. What is read without it, such as the snapshot, is replaced as a whole and never changed.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import attrs
from attrs import define, field

from ..errors import ConfigurationError
from ..keys import KeySet
from ._deferred_calls import DeferredCalls
from ._empty_sets import EmptySets
from ._fetch_attempt import FetchAttempt, Reason
from ._key_events import KeyEvent
from ._retry_delay import LONGEST_DELAY, retry_delay
from ._snapshot import Snapshot, refresh_point
from ._unknown_kids import UnknownKids

__all__ = ["KeyCache"]

# Attempts that were given up and still hang. Each occupies a thread. From the first number on, new attempts
# are made slowly, and from the second on, none.
_MANY_HANGING = 32
_MOST_HANGING = 64


@define(eq=False)
class KeyCache:
    """The state of one provider.

    Attributes:
        send: Logs and sends an event. It is called only through ``calls``.
        calls: The events that were not sent yet.
        snapshot: The latest keys.
        attempt: The attempt that is running.
        failures: The number of failed attempts in a row.
        last_error: The name of the latest error's class, or None after a success.
        next_attempt: The time before which no attempt is made.
        outcomes: The number of attempts by reason and outcome.
        unknown_kids: The key IDs that were not found.
    """

    send: Callable[[KeyEvent], object]
    calls: DeferredCalls = field(factory=DeferredCalls)
    snapshot: Snapshot | None = None
    attempt: FetchAttempt | None = None
    failures: int = 0
    last_error: str | None = None
    next_attempt: float = -math.inf
    outcomes: Counter[tuple[Reason, str]] = field(factory=Counter[tuple[Reason, str]])
    unknown_kids: UnknownKids = field(factory=UnknownKids)
    # Looked up at each call, since gevent may replace it.
    _lock: Any = field(factory=lambda: threading.Lock())  # noqa: PLW0108
    _hanging: int = 0
    _sent_state: str | None = None
    _empty_sets: EmptySets = field(factory=EmptySets)

    def __attrs_post_init__(self) -> None:
        _caches.add(self)

    def begin(
        self, reason: Reason, seen: Snapshot | None, now: float, timeout: float, kid: str | None
    ) -> tuple[FetchAttempt | None, bool]:
        """Return the running attempt and False, or a new one and True, or None if none may be made.

        Args:
            reason: Why keys are fetched.
            seen: The snapshot that the caller's decision is based on. If another one is the latest by now,
                there is no new attempt, and the caller must decide again.
            now: The time.
            timeout: Seconds after which the attempt is given up.
            kid: The key ID to fetch.
        """
        with self._lock:
            attempt = self.attempt
            if attempt is not None:
                if not attempt.is_overdue(now):
                    return attempt, False
                self._give_up(attempt, now)
            if self.snapshot is not seen or not self._may_fetch(reason, now, kid):
                return None, False
            # If no request came when the next attempt was due, the failures are too old to tell whether the
            # source still fails. Callers then wait as after any expiry.
            awaited = self.failures == 0 or now >= self.next_attempt + timeout
            self.attempt = attempt = FetchAttempt(reason, kid, now, timeout, awaited=awaited)
            return attempt, True

    def succeed(
        self,
        attempt: FetchAttempt,
        key_set: KeySet,
        ttl: float | None,
        now: float,
        *,
        partial: bool = False,
    ) -> None:
        """Store the keys of an attempt, unless it was given up.

        Args:
            attempt: The attempt.
            key_set: The keys.
            ttl: Seconds that they are fresh, or None for the provider's own ``ttl``.
            now: The time.
            partial: Whether only the key with the attempt's ``kid`` was fetched. The age of the other keys
                then continues, or they would never be fetched again. That there is no key is believed at
                once, since such a source has no list that could be empty by mistake.
        """
        with self._lock:
            if self._was_given_up(attempt):
                return
            previous = self.snapshot
            latest = None if previous is None else previous.key_set
            if not key_set.keys and not self._empty_sets.confirms(key_set, latest, now, partial):
                why = "; ".join(key_set.skipped) or "it is empty"
                error = ConfigurationError(f"no key of the set can verify signatures: {why}")
                self._fail(attempt, error, now)
                return
            known = KeySet(()) if latest is None else latest
            generation = 0 if previous is None else previous.generation
            if previous is None or key_set is not known:
                generation += 1
            if partial and attempt.kid is not None and previous is not None and known.keys:
                snapshot = attrs.evolve(previous, key_set=key_set, generation=generation)
            else:
                ahead = refresh_point(key_set, ttl)
                snapshot = Snapshot(key_set, attempt.started, ttl, generation, ahead)
            failures, sent_state = self.failures, self._sent_state
            # Before the failures are reset: a reader that finds none reads the snapshot after that.
            self.snapshot = snapshot
            self.failures = 0
            self.last_error = self._sent_state = self._empty_sets.since = None
            self.next_attempt = -math.inf
            self._end(attempt, "succeeded")
            self._send(
                "refreshed",
                generation=generation,
                added=sorted(key_set.kids - known.kids),
                removed=sorted(known.kids - key_set.kids),
            )
            if key_set.skipped and key_set.skipped != known.skipped:
                self._send("key_skipped", reasons=list(key_set.skipped))
            if failures or sent_state is not None:
                self._send("recovered", failures=failures)
            attempt.done.set()

    def fail(self, attempt: FetchAttempt, error: BaseException, now: float) -> None:
        """Record that an attempt failed, unless it was given up."""
        with self._lock:
            if not self._was_given_up(attempt):
                self._empty_sets.since = None
                self._fail(attempt, error, now)

    def give_up(self, attempt: FetchAttempt, now: float) -> None:
        """Record an attempt as failed if it takes too long."""
        with self._lock:
            if self.attempt is attempt and attempt.is_overdue(now):
                self._give_up(attempt, now)

    def send_state(self, state: str, seen: Snapshot) -> None:
        """Send the event that the keys have expired, once until the next success."""
        with self._lock:
            if self.snapshot is seen and self._sent_state != state:
                self._sent_state = state
                self._send(state)

    def start_anew(self) -> None:
        """In a forked process: keep the keys, but no lock and no attempt of the parent's threads."""
        self._lock = threading.Lock()
        self.unknown_kids.start_anew()
        self.attempt = None
        self._hanging = 0
        snapshot = self.snapshot
        if snapshot is not None:
            # So that the children of one parent don't all refresh at the same moment.
            ahead = refresh_point(snapshot.key_set, snapshot.ttl)
            self.snapshot = attrs.evolve(snapshot, ahead=ahead)

    def _may_fetch(self, reason: Reason, now: float, kid: str | None) -> bool:
        """Return whether an attempt may be made now, and count it if attempts for its reason are limited."""
        if self._hanging >= _MOST_HANGING:
            return False
        if now < self.next_attempt:
            # A source with one key per key ID returns no keys without an ID. Until it has returned the
            # first key, an empty result for one ID says nothing about another.
            returned_none = self.snapshot is None and self._empty_sets.since is not None
            return returned_none and kid is not None and self.unknown_kids.may_look(now)
        return reason != "unknown_kid" or self.unknown_kids.may_look(now)

    def _was_given_up(self, attempt: FetchAttempt) -> bool:
        """Return whether an attempt that ends now was given up before. It no longer hangs."""
        if self.attempt is attempt:
            return False
        self._hanging = max(0, self._hanging - 1)
        return True

    def _give_up(self, attempt: FetchAttempt, now: float) -> None:
        self._hanging += 1
        self._empty_sets.since = None
        seconds = attempt.deadline - attempt.started
        self._fail(attempt, TimeoutError(f"the fetch took longer than {seconds:g} s"), now)

    def _fail(self, attempt: FetchAttempt, error: BaseException, now: float) -> None:
        # A hanging attempt is given up by the next request, maybe hours later. It failed at its deadline:
        # counted from now, the first requests after an idle time would get old keys.
        failed_at = min(now, attempt.deadline)
        many_hang = self._hanging >= _MANY_HANGING
        delay = LONGEST_DELAY if many_hang else retry_delay(self.failures, error)
        self.failures += 1
        self.last_error = type(error).__name__
        self.next_attempt = failed_at + delay
        attempt.error = error
        self._end(attempt, "failed")
        details = {
            "reason": attempt.reason,
            "error": self.last_error,
            "failures": self.failures,
            "next_attempt": max(0, self.next_attempt - now),
        }
        self.calls.add(self.send, KeyEvent("refresh_failed", details, error))
        attempt.done.set()

    def _end(self, attempt: FetchAttempt, outcome: str) -> None:
        self.attempt = None
        self.outcomes[attempt.reason, outcome] += 1

    def _send(self, event: str, **details: Any) -> None:
        self.calls.add(self.send, KeyEvent(event, details))


_caches: WeakSet[KeyCache] = WeakSet()


def _start_anew_in_child() -> None:
    for cache in list(_caches):
        cache.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_start_anew_in_child)
