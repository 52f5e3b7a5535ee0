"""Keys that are fetched, kept for a while, and refreshed while they are in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from attrs import Attribute, Factory, field, frozen

from .._options import check_seconds, is_seconds
from ..errors import VerificationUnavailable
from ..interfaces import KeyProvider
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..signals import key_event
from ..values import UnverifiedHeader
from ._fetch_attempt import Fetch
from ._key_cache import KeyCache, News, Snapshot
from ._key_events import report_news
from ._key_fetcher import KeyFetcher, as_fetch
from ._refresh import Refresh, RefreshTimes
from ._status import describe_refreshing, state_at

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["TTLKeyProvider"]

# Seconds.
_LOG_PATIENCE = 1


def _name_of(fetch: object) -> str:
    """Show a function without what may be bound to it."""
    name: str = getattr(fetch, "__qualname__", type(fetch).__name__)
    return name


def _check_ttl(provider: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        check_seconds(provider, attribute, value)


def _cache_of(provider: object) -> KeyCache:
    """Make a cache whose news are reported as the provider's."""
    return KeyCache(partial(report_news, provider))


def _fetcher_of(provider: Any) -> KeyFetcher:
    """Make what runs a provider's fetches."""
    return KeyFetcher(
        provider,
        provider._cache,  # noqa: SLF001 - it is the provider's own
        provider.fetch,
        provider.refresh,
        provider.app_context,
    )


@frozen(init=False, eq=False)
class TTLKeyProvider(Shared, KeyProvider):
    """Fetches keys when they are first needed, keeps them, and refreshes them while they are in use.

    Keys are fresh for ``ttl`` seconds. After 70 to 80 % of that, the next lookup starts a refresh in the
    background. Once keys have expired, callers wait for the refresh: ``max_wait`` seconds, or
    ``fetch_timeout`` if the keys expired longer ago than that, as after an idle hour. While attempts fail one
    after the other, the old keys are used for ``max_stale`` seconds and nobody waits. After that, and before
    the first success, there are no keys: 503.

    However many threads ask, one fetch runs at a time. After a failure, the next attempt is made after
    1, 2, 4 … 30 seconds. A fetch runs in a thread of its own. One that takes longer than ``fetch_timeout`` is
    given up, and its late result is ignored. Where no thread can be started, or none begins within a second,
    a caller that needs keys runs the fetch, for as long as it takes. A fetch that never ends keeps its
    thread: when 64 hang, no other is started until one of them ends.

    A token with an unknown ``kid`` causes a fetch, too, so that new keys work at once: two at most, and one
    more every 30 seconds. A ``kid`` that such a fetch has not found causes no other one for 5 seconds.

    Log lines and ``key_event`` are sent in the background, when the result of a fetch is available to
    everyone. What log handlers and receivers raise, and how long they take, affects no key.

    Subclasses hand a ``fetch`` of theirs to ``__init__``.

    Args:
        fetch: Returns the keys in any form that ``KeySet.of`` takes, or ``FetchedKeys``, or raises.
            It is called without arguments, or with ``kid=`` if it has a parameter of that name: the
            key ID that is wanted, if it is unknown or nothing was fetched yet, or None for all keys. An empty
            set is a failed fetch until it is returned twice in a row, 30 seconds apart. A set with members of
            which none can be used is a failed fetch always.
        ttl: Seconds that fetched keys are fresh, or a function that returns them, called at each
            lookup.
        app_context: Run ``fetch`` within an application context of the app whose request caused it, for
            functions that use ``current_app``. A fetch in the background has a context of its own, and the
            app's teardown functions are called at its end. A caller that runs the fetch itself has its own
            context: none is pushed, and nothing is torn down before the request ends.
        refresh: How long expired keys are used, and how long anyone waits. Its ``min_ttl`` and ``max_ttl`` do
            not apply: ``ttl`` or ``FetchedKeys.ttl`` says how long keys are fresh.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: ``fetch`` can't be called, or a number is out of range.
    """

    fetch: Callable[..., object] = field(converter=as_fetch, repr=_name_of)
    ttl: float | Callable[[], float] = field(default=300, validator=_check_ttl, kw_only=True)
    refresh: Refresh = field(factory=Refresh, kw_only=True)
    app_context: bool = field(default=True, kw_only=True)
    _cache: KeyCache = field(init=False, repr=False, default=Factory(_cache_of, takes_self=True))
    _fetcher: KeyFetcher = field(
        init=False, repr=False, default=Factory(_fetcher_of, takes_self=True)
    )

    def __init__(
        self,
        fetch: Callable[..., object],
        *,
        ttl: float | Callable[[], float] = 300,
        refresh: Refresh | None = None,
        app_context: bool = True,
        **times: Unpack[RefreshTimes],
    ) -> None:
        # Subclasses have derived fields only, so that theirs takes the same arguments.
        cast("Any", self).__attrs_init__(
            fetch, ttl=ttl, refresh=Refresh.of(refresh, times), app_context=app_context
        )

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``, fetching first where that is due."""
        return self.key_set(header).select(header)

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return what ``keys_for`` would without waiting: no keys, if it would wait for a fetch."""
        cache = self._cache
        snapshot = cache.snapshot
        if snapshot is None:
            return ()
        state = self._state_of(snapshot)
        if state == "fresh" and not self._is_due(snapshot):
            return snapshot.key_set.select(header)
        try:
            if state == "fresh":
                self._fetcher.begin("ahead", snapshot)
            elif state != "stale" or not cache.failures or not self._serves_stale(snapshot):
                return ()
            return snapshot.key_set.select(header)
        finally:
            cache.calls.start()

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        """Return the keys as they are now, fetched first where that is due.

        Args:
            header: A token's header. If no key is of its ``kid``, they are fetched anew.

        Raises:
            VerificationUnavailable: There are none, or they are too old, and none could be fetched.
        """
        snapshot = self._cache.snapshot
        kid = None if header is None else header.kid
        due = snapshot is None or self._is_due(snapshot)
        if snapshot is not None and not due and (kid is None or not snapshot.key_set.lacks(kid)):
            return snapshot.key_set
        try:
            return self._looked_up(kid, snapshot, due=due)
        finally:
            # The log and the signals, when the answer is known.
            self._cache.calls.start()

    def warm_up(self) -> None:
        """Fetch the keys now if that is due, so that the first request need not wait.

        What there is to log is logged when this returns, unless the log takes more than a second: a
        command that ends now would lose it.

        Raises:
            VerificationUnavailable: They could not be had.
        """
        try:
            self.key_set()
        finally:
            self._cache.calls.settle(_LOG_PATIENCE)

    @property
    def kids(self) -> frozenset[str]:
        """The IDs of the keys that were fetched last, which the log lists when a token names another one."""
        snapshot = self._cache.snapshot
        return frozenset() if snapshot is None else snapshot.key_set.kids

    @property
    def generation(self) -> int:
        """A number that each fetch raises, unless it returns the very ``KeySet`` object of the one before.

        What was concluded from the keys of another number may be wrong by now.
        """
        snapshot = self._cache.snapshot
        return 0 if snapshot is None else snapshot.generation

    def status(self) -> dict[str, Any]:
        """Describe the keys, in values that JSON has words for. Nobody waits, and nothing is fetched.

        Returns:
            ``state``: ``"cold"``, nothing was fetched yet; ``"fresh"``; ``"stale"``, expired and still
            used; ``"empty"``, the source has no keys; or ``"dead"``, expired for too long. ``age``,
            ``stale_seconds_left`` and ``next_retry`` in seconds, None where there is no such time.
            ``generation``, ``keys`` (their number), ``kids``; ``skipped``, members of the set by the reason
            why they are not used. ``last_error``, the name of an exception's class, and ``failures`` since
            the last success. ``fetching``, whether a fetch is under way, and ``fetches``, their numbers by
            reason and outcome.
        """
        snapshot = self._cache.snapshot
        try:
            lifetime = 0 if snapshot is None else self._lifetime(snapshot)
        except Exception:  # noqa: BLE001 - whatever a function raises, every lookup fails
            lifetime = -math.inf
        return describe_refreshing(
            self._cache,
            snapshot,
            now=self.refresh.clock(),
            lifetime=lifetime,
            max_stale=self.refresh.max_stale,
        )

    def _lifetime(self, snapshot: Snapshot) -> float:
        if snapshot.ttl is not None:
            return snapshot.ttl
        if not callable(self.ttl):
            return self.ttl
        seconds = self.ttl()
        if not is_seconds(seconds):
            raise VerificationUnavailable(
                f"the keys' lifetime is {seconds!r}, expected seconds, 0 or more"
            )
        return seconds

    def _is_due(self, snapshot: Snapshot) -> bool:
        """Whether keys are to be refreshed, ahead of their end or beyond it."""
        return self.refresh.clock() - snapshot.taken_at >= snapshot.ahead * self._lifetime(snapshot)

    def _state_of(self, snapshot: Snapshot | None) -> str:
        if snapshot is None:
            return "cold"
        age = self.refresh.clock() - snapshot.taken_at
        return state_at(age, self._lifetime(snapshot), self.refresh.max_stale)

    def _serves_stale(self, snapshot: Snapshot) -> bool:
        """Whether expired keys are used without waiting, since attempts fail one after the other."""
        fetch, _ = self._fetcher.begin("expired", snapshot)
        if fetch is not None and fetch.awaited:
            return False
        if fetch is not None:
            # Runs it if no thread does.
            self._fetcher.wait(fetch, 0)
        self._cache.announce("serving_stale", snapshot)
        return True

    def _looked_up(self, kid: str | None, seen: Snapshot | None, *, due: bool) -> KeySet:
        """The latest keys: fetched first where that is due, and searched for one that they lack."""
        arrived = self.refresh.clock()
        proven = False
        if seen is None or due:
            seen, fetch = self._renewed(seen, kid)
            proven = (
                kid is not None and fetch is not None and self._fetcher.proves(fetch, kid, arrived)
            )
        if kid is not None and seen.key_set.lacks(kid):
            return self._searched(kid, arrived, proven=proven)
        return seen.key_set

    def _renewed(self, seen: Snapshot | None, kid: str | None) -> tuple[Snapshot, Fetch | None]:
        """The latest keys, and the fetch that was waited for: those seen, fetched ones, or old ones.

        Before the first keys are there, the fetch is for the wanted one: a source may have one key per key
        ID, and none to return before one is named.
        """
        cache = self._cache
        state = self._state_of(seen)
        if seen is not None and state == "fresh":
            self._fetcher.begin("ahead", seen)
            return seen, None
        if seen is None:
            fetch, begun = self._fetcher.begin("cold", None, kid)
        else:
            fetch, begun = self._fetcher.begin("expired", seen)
        if fetch is not None and (seen is None or state == "dead"):
            self._fetcher.wait(fetch, self.refresh.fetch_timeout)
        elif fetch is not None and seen is not None:
            self._fetcher.wait(fetch, self._patience(fetch, seen) if fetch.awaited else 0)
        latest = cache.snapshot
        if latest is not None and latest is not seen:
            return latest, fetch
        state = self._state_of(latest)
        if latest is not None and state == "dead":
            cache.announce("dead", latest)
        elif latest is not None:
            # Fresh, if the ttl was changed meanwhile.
            if state == "stale":
                cache.announce("serving_stale", latest)
            return latest, fetch
        raise self._unavailable() from (fetch.error if fetch is not None and begun else None)

    def _patience(self, fetch: Fetch, old: Snapshot) -> float:
        """For how many seconds of a fetch callers wait who could use old keys.

        Unless fetches fail, those are used no longer than it takes to fetch others.
        """
        end = old.taken_at + self._lifetime(old) + self.refresh.fetch_timeout
        if max(self.refresh.clock(), fetch.started + self.refresh.max_wait) < end:
            return self.refresh.max_wait
        return max(self.refresh.max_wait, self.refresh.fetch_timeout)

    def _searched(self, kid: str, arrived: float, *, proven: bool) -> KeySet:
        """The latest keys after a search, if one is allowed, for a key that the present ones lack.

        Args:
            kid: The key ID.
            arrived: When the token came.
            proven: Whether a fetch has just shown that there is no such key.

        Raises:
            VerificationUnavailable: It could not be searched for, so its absence isn't known.
        """
        cache = self._cache
        while True:
            seen = cache.snapshot
            if seen is None or not seen.key_set.lacks(kid):
                return KeySet(()) if seen is None else seen.key_set
            if proven:
                cache.unknown_kids.note_absent(kid, self.refresh.clock())
            if proven or cache.unknown_kids.is_absent(kid, self.refresh.clock()):
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
            self._fetcher.wait(fetch, self.refresh.fetch_timeout)
            if fetch.error is not None or not fetch.done.is_set():
                raise self._unavailable() from (fetch.error if begun else None)
            proven = self._fetcher.proves(fetch, kid, arrived)
        if key_event.has_receivers_for(self):
            cache.calls.add(cache.report, News("unknown_kid", {"kid": kid}))
        return seen.key_set

    def _unavailable(self) -> VerificationUnavailable:
        cache = self._cache
        wait = cache.next_attempt - self.refresh.clock()
        return VerificationUnavailable(
            f"the verification keys could not be fetched ({cache.last_error or 'no answer yet'})",
            retry_after=max(1, math.ceil(wait)) if math.isfinite(wait) else 1,
        )
