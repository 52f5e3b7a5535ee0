"""A provider that fetches keys, caches them, and refreshes them while they are in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from attrs import Attribute, Factory, field, frozen

from .._options import check_seconds
from ..dry_run import may_fetch
from ..interfaces import KeyProvider
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..values import UnverifiedHeader
from ._freshness import Freshness
from ._key_cache import KeyCache
from ._key_events import send_event
from ._key_fetcher import KeyFetcher, as_fetch
from ._key_lookup import KeyLookup
from ._refresh import Refresh, RefreshTimes
from ._status import describe_refreshing

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["TTLKeyProvider"]

# Seconds to wait for the log at most.
_LOG_PATIENCE = 1


def _name_of(fetch: object) -> str:
    """Return a function's name. Its repr would show a bound object."""
    name: str = getattr(fetch, "__qualname__", type(fetch).__name__)
    return name


def _check_ttl(provider: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        check_seconds(provider, attribute, value)


def _cache_of(provider: object) -> KeyCache:
    return KeyCache(partial(send_event, provider))


def _freshness_of(provider: Any) -> Freshness:
    return Freshness(provider.ttl, provider.refresh)


def _lookup_of(provider: Any) -> KeyLookup:
    cache, freshness = provider._cache, provider._freshness  # noqa: SLF001 - the provider's own fields
    fetcher = KeyFetcher(provider, cache, provider.fetch, provider.refresh, provider.app_context)
    return KeyLookup(provider, cache, fetcher, freshness, provider.refresh)


@frozen(init=False, eq=False)
class TTLKeyProvider(Shared, KeyProvider):
    """Fetches keys with a function of yours, caches them, and refreshes them while they are in use.

    Use it for keys from any place that this package doesn't know. It fetches when keys are first needed.
    They are fresh for ``ttl`` seconds. After 70 to 80 % of that, the next lookup starts a refresh in the
    background. Once keys have expired, callers wait for the refresh: ``max_wait`` seconds, or
    ``fetch_timeout`` if the keys expired longer ago than that, as after an idle hour. While fetches fail,
    old keys are used for ``max_stale`` seconds without waiting. After that, and before the first success,
    lookups raise ``VerificationUnavailable``: 503.

    One fetch runs at a time, for any number of threads, in a background thread. After failures, the next
    attempt is made after 1, 2, 4 … 30 seconds. A fetch that takes longer than ``fetch_timeout`` is given
    up, and its late result is ignored. If no thread can be started, or none begins within a second, a
    caller that needs keys runs the fetch itself, for as long as it takes. A fetch that never ends occupies
    its thread. When 64 hang, no other is started until one of them ends.

    A token with an unknown ``kid`` causes a fetch too, so that new keys work at once: at most two, and one
    more every 30 seconds. A ``kid`` that such a fetch didn't find causes no other fetch for 5 seconds.

    Log lines and ``key_event`` are sent in the background, after the result of a fetch is available.
    Log handlers and receivers don't affect keys, whatever they raise and however long they take.

    A subclass passes its own ``fetch`` to ``__init__``. If it is an attrs class, its own fields are derived:
    ``field(init=False, default=Factory(…, takes_self=True))``.

    Args:
        fetch: Returns the keys in any form that ``KeySet.of`` takes, or ``FetchedKeys``, or raises. It is
            called without arguments, or with ``kid=`` if it has such a parameter: the key ID to fetch if it
            is unknown or nothing was fetched yet, or None for all keys. An empty set is a failed fetch
            until it is returned twice in a row, 30 seconds apart. A set whose members are all unusable is
            always a failed fetch.
        ttl: Seconds that fetched keys are fresh, or a function that returns them, called at each lookup.
        app_context: Run ``fetch`` within an application context of the app whose request caused it, so that
            it can use ``current_app``. A background fetch has its own context, and the app's teardown
            functions are called at its end. A caller that runs the fetch itself uses its own context.
        refresh: How long expired keys are used, and how long callers wait. Its ``min_ttl`` and ``max_ttl``
            do not apply: ``ttl`` or ``FetchedKeys.ttl`` says how long keys are fresh.
        **times: Fields of ``Refresh`` except ``min_ttl`` and ``max_ttl``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: ``fetch`` can't be called, or a number is out of range.
    """

    fetch: Callable[..., object] = field(converter=as_fetch, repr=_name_of)
    ttl: float | Callable[[], float] = field(default=300, validator=_check_ttl, kw_only=True)
    refresh: Refresh = field(factory=Refresh, kw_only=True)
    app_context: bool = field(default=True, kw_only=True)
    _cache: KeyCache = field(init=False, repr=False, default=Factory(_cache_of, takes_self=True))
    _freshness: Freshness = field(
        init=False, repr=False, default=Factory(_freshness_of, takes_self=True)
    )
    _lookup: KeyLookup = field(init=False, repr=False, default=Factory(_lookup_of, takes_self=True))

    def __init__(
        self,
        fetch: Callable[..., object],
        *,
        ttl: float | Callable[[], float] = 300,
        refresh: Refresh | None = None,
        app_context: bool = True,
        **times: Unpack[RefreshTimes],
    ) -> None:
        # Subclasses have only derived fields, so their __attrs_init__ takes the same arguments.
        cast("Any", self).__attrs_init__(
            fetch,
            ttl=ttl,
            refresh=Refresh.of(refresh, times, ttl_bounds=False),
            app_context=app_context,
        )

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for the header's ``kid`` and ``alg``, fetched first if that is due."""
        return self.key_set(header).select(header)

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return what ``keys_for`` returns, but no keys if it would wait for a fetch."""
        cache = self._cache
        snapshot = cache.snapshot
        if snapshot is None:
            return ()
        state = self._freshness.state_of(snapshot)
        if state == "fresh" and not self._freshness.is_due(snapshot):
            return snapshot.key_set.select(header)
        if not may_fetch():
            return () if state == "dead" else snapshot.key_set.select(header)
        try:
            if state == "fresh":
                self._lookup.fetcher.begin("ahead", snapshot)
            elif state != "stale" or not cache.failures or not self._lookup.use_stale(snapshot):
                return ()
            return snapshot.key_set.select(header)
        finally:
            cache.calls.start()

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        """Return the current keys, fetched first if that is due.

        Args:
            header: A token's header. If no key has its ``kid``, the keys are fetched again.

        Raises:
            VerificationUnavailable: There are no keys, or they are too old, and fetching them failed.
        """
        snapshot = self._cache.snapshot
        kid = None if header is None else header.kid
        due = snapshot is None or self._freshness.is_due(snapshot)
        if snapshot is not None and not due and (kid is None or not snapshot.key_set.lacks(kid)):
            return snapshot.key_set
        try:
            return self._lookup.look_up(kid, snapshot, due=due)
        finally:
            # Log and send events after the lookup.
            self._cache.calls.start()

    def warm_up(self) -> None:
        """Fetch the keys now if that is due, so that the first request doesn't wait.

        It also waits up to a second for the log, so that a command that ends now loses no lines.

        Raises:
            VerificationUnavailable: The keys could not be fetched.
        """
        try:
            self.key_set()
        finally:
            self._cache.calls.settle(_LOG_PATIENCE)

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the keys that were fetched last, fresh or not. It doesn't fetch."""
        snapshot = self._cache.snapshot
        return () if snapshot is None else snapshot.key_set.keys

    @property
    def kids(self) -> frozenset[str]:
        """The IDs of the keys that were fetched last. The log lists them if a token has another ``kid``."""
        snapshot = self._cache.snapshot
        return frozenset() if snapshot is None else snapshot.key_set.kids

    @property
    def generation(self) -> int:
        """A number that increases with each fetch, unless that returns the same ``KeySet`` object.

        Results that were cached with another number may be out of date.
        """
        snapshot = self._cache.snapshot
        return 0 if snapshot is None else snapshot.generation

    def status(self) -> dict[str, Any]:
        """Describe the keys, in values that JSON can represent. It doesn't fetch or wait.

        Returns:
            ``state``: ``"cold"`` (nothing was fetched yet), ``"fresh"``, ``"stale"`` (expired but still
            used), ``"empty"`` (the source has no keys) or ``"dead"`` (expired for too long). ``age``,
            ``stale_seconds_left`` and ``next_retry``: seconds, or None. ``generation``. ``keys``: their
            number. ``kids``. ``skipped``: the number of skipped members by reason. ``last_error``: the name
            of an exception's class. ``failures``: their number since the last success. ``fetching``:
            whether a fetch is running. ``fetches``: their numbers by reason and outcome.
        """
        snapshot = self._cache.snapshot
        try:
            lifetime = 0 if snapshot is None else self._freshness.lifetime(snapshot)
        except Exception:  # noqa: BLE001 - if the ttl function raises anything, every lookup fails
            lifetime = -math.inf
        return describe_refreshing(
            self._cache,
            snapshot,
            now=self.refresh.clock(),
            lifetime=lifetime,
            max_stale=self.refresh.max_stale,
        )
