"""What a refreshing key provider remembers, and the rules by which it fetches again.

The lock is held for a few assignments at a time, never while somebody waits for the network. What is
read without it, the snapshot above all, is replaced as a whole and never altered.
"""

from __future__ import annotations

import math
import os
import random
import threading
from collections import Counter, deque
from typing import Any, Literal
from weakref import WeakSet

import attrs
from attrs import Factory, define, field, frozen

from ._options import is_seconds
from ._unknown_kids import UnknownKids
from .errors import ConfigurationError, VerificationUnavailable
from .key_set import KeySet

__all__ = ["Fetch", "KeyCache", "News", "Reason", "Snapshot"]

Reason = Literal["cold", "ahead", "expired", "unknown_kid"]

# Seconds between attempts after one, two, … failures in a row, of which a fifth more or less is left
# to chance, so that many processes don't ask at the same moment.
_BACKOFF = (1, 2, 4, 8, 16, 30)
_BACKOFF_SPREAD = 0.2
_LONGEST_RETRY_AFTER = 300
# Fetches that were given up and still hang. Each holds a thread; from so many on, more come slowly.
_MANY_HANGING = 32
_MOST_HANGING = 64
# The part of their time after which keys are refreshed ahead.
_AHEAD = (0.7, 0.8)
# An issuer that says it has no keys is believed when it says so again after as many seconds.
_BELIEVED_AFTER = 30


@frozen(eq=False)
class Snapshot:
    """Some fetched keys.

    Attributes:
        key_set: The keys.
        taken_at: When the fetch of them began, by the provider's clock: they were right then.
        ttl: Seconds that they are fresh, None if that is for the provider to say.
        ahead: The part of that time after which they are fetched anew.
        generation: How many sets there were, up to this one.
    """

    key_set: KeySet
    taken_at: float
    ttl: float | None
    generation: int
    ahead: float = Factory(lambda: random.uniform(*_AHEAD))  # noqa: S311 - no secret


class Fetch:
    """One attempt to fetch keys. Callers may wait for it.

    Attributes:
        reason: What it is for.
        kid: The key ID that is wanted, if that is the reason.
        started: When it began, by the provider's clock.
        deadline: When it is given up.
        done: Set when it came to its end, or was given up.
        error: Why it failed, None if it did not.
    """

    __slots__ = ("_claim", "deadline", "done", "error", "kid", "reason", "started")

    def __init__(self, reason: Reason, kid: str | None, started: float, timeout: float) -> None:
        self.reason: Reason = reason
        self.kid = kid
        self.started = started
        self.deadline = started + timeout
        self.error: BaseException | None = None
        self.done = threading.Event()
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Whether the caller is the one who is to run it: only the first one is told so."""
        return self._claim.acquire(blocking=False)

    def is_overdue(self, now: float) -> bool:
        """Whether it takes too long. What nobody has begun to run can't."""
        return now >= self.deadline and self._claim.locked()


@frozen(eq=False)
class News:
    """Something to tell the log and the listeners, once the lock is free.

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
        snapshot: The latest keys.
        fetch: The attempt that is under way.
        failures: How many attempts failed in a row.
        last_error: The class of the latest one's error, None after a success.
        next_attempt: The time before which none is made.
        outcomes: How many attempts there were, by reason and outcome.
        unknown_kids: What was looked for in vain.
        news: What was not told yet, oldest first.
    """

    snapshot: Snapshot | None = None
    fetch: Fetch | None = None
    failures: int = 0
    last_error: str | None = None
    next_attempt: float = -math.inf
    outcomes: Counter[tuple[Reason, str]] = field(factory=Counter[tuple[Reason, str]])
    unknown_kids: UnknownKids = field(factory=UnknownKids)
    news: deque[News] = field(factory=deque[News])
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
        """Answer the attempt that is under way, or a new one and True if one may be made.

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
            if self.snapshot is not seen or now < self.next_attempt:
                return None, False
            if self._hanging >= _MOST_HANGING:
                return None, False
            if reason == "unknown_kid" and not self.unknown_kids.may_look(now):
                return None, False
            self.fetch = fetch = Fetch(reason, kid, now, timeout)
            return fetch, True

    def succeed(self, fetch: Fetch, key_set: KeySet, ttl: float | None, now: float) -> None:
        """Take what an attempt brought, unless it was given up meanwhile."""
        with self._lock:
            if self._is_late(fetch):
                return
            previous = self.snapshot
            known = KeySet(()) if previous is None else previous.key_set
            if not key_set.keys and not self._is_believed(previous, now):
                why = "; ".join(key_set.skipped) or "it is empty"
                error = ConfigurationError(f"no key of the set can verify signatures: {why}")
                self._fail(fetch, error, now)
                return
            generation = 0 if previous is None else previous.generation
            if previous is None or key_set is not known:
                generation += 1
            self.snapshot = Snapshot(key_set, fetch.started, ttl, generation)
            self._end(fetch, "succeeded")
            self._tell(
                "refreshed",
                generation=generation,
                added=sorted(key_set.kids - known.kids),
                removed=sorted(known.kids - key_set.kids),
            )
            if key_set.skipped and key_set.skipped != known.skipped:
                self._tell("key_skipped", reasons=list(key_set.skipped))
            if self.failures or self._announced is not None:
                self._tell("recovered", failures=self.failures)
            self.failures = 0
            self.last_error = self._announced = self._empty_since = None
            self.next_attempt = -math.inf

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
        """In a process that was forked: keep the keys, and nothing that another thread was about to do."""
        self._lock = threading.Lock()
        self.unknown_kids.start_anew()
        self.fetch = None
        # The parent tells what it has to tell.
        self.news = deque()
        self._hanging = 0
        if self.snapshot is not None:
            # So that the children of one parent don't all refresh at one moment.
            self.snapshot = attrs.evolve(self.snapshot, ahead=random.uniform(*_AHEAD))  # noqa: S311

    def _is_late(self, fetch: Fetch) -> bool:
        """Whether an attempt that ends now was given up before."""
        if self.fetch is fetch:
            return False
        self._hanging = max(0, self._hanging - 1)
        return True

    def _is_believed(self, previous: Snapshot | None, now: float) -> bool:
        """Whether a set without keys is what the issuer means."""
        if previous is not None and not previous.key_set.keys:
            return True
        if self._empty_since is None:
            self._empty_since = now
        return now - self._empty_since >= _BELIEVED_AFTER

    def _give_up(self, fetch: Fetch, now: float) -> None:
        self._hanging += 1
        self._empty_since = None
        seconds = fetch.deadline - fetch.started
        self._fail(fetch, TimeoutError(f"no answer within {seconds:g} s"), now)
        fetch.done.set()

    def _fail(self, fetch: Fetch, error: BaseException, now: float) -> None:
        delay: float = _BACKOFF[min(self.failures, len(_BACKOFF) - 1)]
        delay *= random.uniform(1 - _BACKOFF_SPREAD, 1 + _BACKOFF_SPREAD)  # noqa: S311
        if isinstance(error, VerificationUnavailable) and is_seconds(error.retry_after):
            delay = min(max(delay, error.retry_after), _LONGEST_RETRY_AFTER)
        if self._hanging >= _MANY_HANGING:
            delay = _LONGEST_RETRY_AFTER
        self.failures += 1
        self.last_error = type(error).__name__
        self.next_attempt = now + delay
        self._end(fetch, "failed")
        details = {
            "reason": fetch.reason,
            "error": self.last_error,
            "failures": self.failures,
            "next_attempt": delay,
        }
        self.news.append(News("refresh_failed", details, error))
        fetch.error = error

    def _end(self, fetch: Fetch, outcome: str) -> None:
        self.fetch = None
        self.outcomes[fetch.reason, outcome] += 1

    def _tell(self, event: str, **details: Any) -> None:
        self.news.append(News(event, details))


_caches: WeakSet[KeyCache] = WeakSet()


def _start_anew_in_child() -> None:
    for cache in list(_caches):
        cache.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_start_anew_in_child)
