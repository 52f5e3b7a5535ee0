"""Where verification keys come from: configured once, or fetched and kept for a while."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from ._key_cache import Fetch, KeyCache, Snapshot
from ._key_fetching import FetchedKeys, KeyFetcher, check_fetch
from ._key_report import deliver, describe_fixed, describe_refreshing, state_at, tell
from ._options import check_seconds, is_seconds
from .errors import ConfigurationError, VerificationUnavailable
from .interfaces import KeyProvider
from .key_set import KeySet
from .keys import VerificationKey
from .sharing import Shared
from .values import UnverifiedHeader

__all__ = ["FetchedKeys", "StaticKeyProvider", "TTLKeyProvider"]


@frozen(init=False, eq=False)
class StaticKeyProvider(Shared, KeyProvider):
    """Knows the keys that it was given, for good.

    Args:
        material: The keys, each in any form that ``KeySet.of`` takes: ``VerificationKey``, PEM,
            JWK, JWK set, …

    Attributes:
        key_set: The keys.
        generation: 1: there is one set and no other.

    Raises:
        ConfigurationError: One of them is no usable key, or there is none.
    """

    key_set: KeySet
    generation: ClassVar[int] = 1

    def __init__(self, *material: object) -> None:
        key_set = KeySet.of(material)
        if not key_set.keys:
            why = "; ".join(key_set.skipped) or "there is none"
            raise ConfigurationError(f"no key of these can verify signatures: {why}")
        object.__setattr__(self, "key_set", key_set)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``."""
        return self.key_set.select(header)

    keys_at_hand = keys_for

    def status(self) -> dict[str, Any]:
        """Tell which keys there are, as ``TTLKeyProvider.status`` does. The ``state`` is ``"static"``."""
        return describe_fixed(self.key_set)


def _name_of(fetch: object) -> str:
    """Show a function without what may be bound to it."""
    name: str = getattr(fetch, "__qualname__", type(fetch).__name__)
    return name


def _check_ttl(provider: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        check_seconds(provider, attribute, value)


@frozen(eq=False)
class TTLKeyProvider(Shared, KeyProvider):
    """Fetches keys when they are first needed, keeps them, and fetches them anew while they are in use.

    Keys are fresh for ``ttl`` seconds. After 70 to 80 % of that the next lookup has them fetched
    again, in the background. When their time is over all the same, callers wait for the fetch:
    ``max_wait`` seconds, or ``fetch_timeout`` if the keys are older than that by then, as after an
    idle hour. If it fails, the old keys go on serving, and nobody waits, for ``max_stale`` seconds.
    Beyond that, and before the first success, there are no keys: 503.

    However many threads ask, one fetches. After a failure it is tried again after 1, 2, 4 … 30
    seconds. A fetch runs in a thread of its own, in a context of the app that asked, if any; what
    takes longer than ``fetch_timeout`` is given up, and its late answer counts for nothing. Where no
    thread takes it up within a second, a caller runs it, for as long as it takes. A fetch that never
    ends keeps its thread: when 64 hang, there is no further one until one of them ends.

    A token of an unknown ``kid`` causes a fetch, too, so that new keys are known at once: two at
    most, and one more every 30 seconds. One that was not found is not looked for again for a
    minute.

    Subclasses hand a ``fetch`` of theirs to ``__init__``.

    Args:
        fetch: Answers the keys in any form that ``KeySet.of`` takes, or ``FetchedKeys``, or raises.
            It is called without arguments, or with ``kid=`` if it has a parameter of that name: the
            unknown key ID that is wanted, or None. A set without keys counts as a failure, until it
            is answered twice in a row, 30 seconds apart.
        ttl: Seconds that fetched keys are fresh, or a function that answers them, asked at each
            lookup.
        max_stale: Seconds that keys may serve beyond that while no fetch succeeds. 0 is strict.
        max_wait: Seconds that a caller waits whom keys might serve that are hardly too old.
        fetch_timeout: Seconds that a fetch may take, and that any other caller waits.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: ``fetch`` can't be called, or a number is out of range.
    """

    fetch: Callable[..., object] = field(validator=check_fetch, repr=_name_of)
    ttl: float | Callable[[], float] = field(default=300, validator=_check_ttl, kw_only=True)
    max_stale: float = field(default=14400, validator=check_seconds, kw_only=True)
    max_wait: float = field(default=2, validator=check_seconds, kw_only=True)
    fetch_timeout: float = field(default=5, validator=check_seconds, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _cache: KeyCache = field(init=False, factory=KeyCache, repr=False)
    _fetcher: KeyFetcher = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        fetcher = KeyFetcher(self, self._cache, self.fetch, self.fetch_timeout, self.clock)
        object.__setattr__(self, "_fetcher", fetcher)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``, fetching first where it is due."""
        return self.key_set(header).select(header)

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Answer what ``keys_for`` would without waiting: no keys, if it would wait for a fetch."""
        snapshot = self._cache.snapshot
        if snapshot is None:
            return ()
        state = self._state_of(snapshot)
        if state == "fresh":
            if self._is_due(snapshot):
                self._fetcher.begin("ahead", snapshot)
        elif state == "stale" and self._cache.failures:
            fetch, _ = self._fetcher.begin("expired", snapshot)
            if fetch is not None:
                # Runs it if no thread has taken it up.
                self._fetcher.wait(fetch, 0)
            self._announce("serving_stale", snapshot)
        else:
            return ()
        return snapshot.key_set.select(header)

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        """The keys as they are now, fetched first where it is due.

        Args:
            header: A token's header. If no key is of its ``kid``, they are fetched anew.

        Raises:
            VerificationUnavailable: There are none, or they are too old, and none could be fetched.
        """
        snapshot = self._cache.snapshot
        if snapshot is None or self._is_due(snapshot):
            snapshot = self._renewed(snapshot)
        kid = None if header is None else header.kid
        if kid is not None and snapshot.key_set.lacks(kid):
            return self._searched(kid)
        return snapshot.key_set

    def warm_up(self) -> None:
        """Fetch the keys now if that is due, so that the first request need not wait.

        Raises:
            VerificationUnavailable: They could not be had.
        """
        self.key_set()

    @property
    def generation(self) -> int:
        """A number that each fetch raises, unless it answers the very ``KeySet`` object of the one before.

        What was concluded from the keys of another number may be wrong by now.
        """
        snapshot = self._cache.snapshot
        return 0 if snapshot is None else snapshot.generation

    def status(self) -> dict[str, Any]:
        """Tell how the keys are, in values that JSON has words for. Nobody waits, and nothing is fetched.

        Returns:
            ``state``: ``"cold"``, nothing was fetched yet; ``"fresh"``; ``"stale"``, old and still
            serving; or ``"dead"``. ``age``, ``stale_seconds_left`` and ``next_retry`` in seconds,
            None where there is no such time. ``generation``, ``keys`` (their number), ``kids``;
            ``skipped``, members of the set by the reason why they are not used. ``last_error``, the
            name of an exception's class, and ``failures`` since the last success. ``fetching``,
            whether a fetch is under way, and ``fetches``, their numbers by reason and outcome.
        """
        snapshot = self._cache.snapshot
        try:
            lifetime = 0 if snapshot is None else self._lifetime(snapshot)
        except Exception:  # noqa: BLE001 - whatever a function raises, every lookup fails
            lifetime = -math.inf
        return describe_refreshing(
            self._cache,
            snapshot,
            now=self.clock(),
            lifetime=lifetime,
            max_stale=self.max_stale,
        )

    def _lifetime(self, snapshot: Snapshot) -> float:
        if snapshot.ttl is not None:
            return snapshot.ttl
        if not callable(self.ttl):
            return self.ttl
        seconds = self.ttl()
        if not is_seconds(seconds):
            raise VerificationUnavailable(
                f"the keys' lifetime is {seconds!r}, want seconds, 0 or more"
            )
        return seconds

    def _is_due(self, snapshot: Snapshot) -> bool:
        """Whether keys are to be refreshed, ahead of their end or beyond it."""
        return self.clock() - snapshot.taken_at >= snapshot.ahead * self._lifetime(snapshot)

    def _state_of(self, snapshot: Snapshot | None) -> str:
        if snapshot is None:
            return "cold"
        age = self.clock() - snapshot.taken_at
        return state_at(age, self._lifetime(snapshot), self.max_stale)

    def _renewed(self, seen: Snapshot | None) -> Snapshot:
        """The latest keys: those seen, if they are fresh, or else fetched ones, or old ones."""
        cache = self._cache
        state = self._state_of(seen)
        if seen is not None and state == "fresh":
            self._fetcher.begin("ahead", seen)
            return seen
        failing = cache.failures > 0
        fetch, begun = self._fetcher.begin("cold" if seen is None else "expired", seen)
        if fetch is not None and state != "stale":
            self._fetcher.wait(fetch, self.fetch_timeout)
        elif fetch is not None and seen is not None:
            self._fetcher.wait(fetch, 0 if failing else self._patience(fetch, seen))
        latest = cache.snapshot
        if latest is not None and latest is not seen:
            return latest
        state = self._state_of(latest)
        if latest is not None and state == "dead":
            self._announce("dead", latest)
        elif latest is not None:
            # Fresh, if the ttl was changed meanwhile.
            if state == "stale":
                self._announce("serving_stale", latest)
            return latest
        raise self._unavailable() from (fetch.error if fetch is not None and begun else None)

    def _patience(self, fetch: Fetch, old: Snapshot) -> float:
        """For how many seconds of a fetch callers wait whom old keys might serve.

        Unless a fetch has failed, they serve no longer than it takes to fetch others.
        """
        end = old.taken_at + self._lifetime(old) + self.fetch_timeout
        if max(self.clock(), fetch.started + self.max_wait) < end:
            return self.max_wait
        return max(self.max_wait, self.fetch_timeout)

    def _searched(self, kid: str) -> KeySet:
        """The latest keys after a look for one, if that is allowed, that the present ones lack.

        Raises:
            VerificationUnavailable: It could not be looked for, so that nobody knows of its absence.
        """
        cache = self._cache
        arrived = self.clock()
        proven = False
        while True:
            seen = cache.snapshot
            if seen is None or not seen.key_set.lacks(kid):
                return KeySet(()) if seen is None else seen.key_set
            if proven:
                cache.unknown_kids.note_absent(kid, self.clock())
            if proven or cache.unknown_kids.is_absent(kid, self.clock()):
                break
            fetch, begun = self._fetcher.begin("unknown_kid", seen, kid)
            # Looked at first: a success replaces the snapshot before it forgets the failures.
            failed = cache.failures > 0
            if fetch is None and cache.snapshot is not seen:
                continue
            if fetch is None and not failed:
                break
            if fetch is None or (failed and not begun):
                # One caller alone is made to wait for a source that fails.
                raise self._unavailable()
            self._fetcher.wait(fetch, self.fetch_timeout)
            if fetch.error is not None or not fetch.done.is_set():
                raise self._unavailable() from (fetch.error if begun else None)
            # What began before may have been answered before the key was published.
            proven = fetch.started >= arrived
        tell(self, "unknown_kid", kid=kid)
        return seen.key_set

    def _announce(self, event: str, seen: Snapshot) -> None:
        self._cache.announce(event, seen)
        deliver(self, self._cache)

    def _unavailable(self) -> VerificationUnavailable:
        cache = self._cache
        wait = cache.next_attempt - self.clock()
        return VerificationUnavailable(
            f"the verification keys could not be fetched ({cache.last_error or 'no answer yet'})",
            retry_after=max(1, math.ceil(wait)) if math.isfinite(wait) else 1,
        )
