"""Where verification keys come from: configured once, or fetched and kept for a while."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Callable, Sequence
from threading import TIMEOUT_MAX, Lock
from typing import Any

from attrs import Attribute, field, frozen

from ._options import check_seconds, is_seconds
from .errors import ConfigurationError, VerificationUnavailable
from .interfaces import KeyProvider
from .key_set import KeySet
from .keys import VerificationKey
from .values import UnverifiedHeader

__all__ = ["StaticKeyProvider", "TTLKeyProvider"]

_logger = logging.getLogger("flask_jwtlib")

# Seconds between attempts after one, two, … failures in a row.
_BACKOFF = (1, 2, 4, 8, 16, 30)
_LONGEST_RETRY_AFTER = 300


@frozen(init=False, eq=False)
class StaticKeyProvider(KeyProvider):
    """Knows the keys that it was given, for good.

    Args:
        material: The keys, each in any form that ``KeySet.of`` takes: ``VerificationKey``, PEM,
            JWK, JWK set, …

    Raises:
        ConfigurationError: One of them is no usable key, or there is none.
    """

    key_set: KeySet

    def __init__(self, *material: object) -> None:
        object.__setattr__(self, "key_set", KeySet.of(material))

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``."""
        return self.key_set.select(header)


class _Cache:
    """What a ``TTLKeyProvider`` remembers. Its lock is held by whoever fetches, so that nobody else does."""

    __slots__ = ("failures", "fetching", "last_error", "latest", "next_attempt")

    def __init__(self) -> None:
        self.latest: tuple[KeySet, float] | None = None
        self.failures = 0
        self.last_error: str | None = None
        self.next_attempt = -math.inf
        self.fetching = Lock()


def _check_ttl(provider: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        check_seconds(provider, attribute, value)


def _check_fetch(_: object, __: Attribute[Any], value: object) -> None:
    if not callable(value):
        raise ConfigurationError(
            f"fetch is a function that answers the keys, not {type(value).__name__}"
        )
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError(
            "fetch is async; it must be a plain function that answers the keys"
        )
    try:
        inspect.signature(value).bind()
    except TypeError:
        raise ConfigurationError("fetch needs arguments; it is called without any") from None
    except ValueError:
        # A callable without a signature, such as a builtin, shows its arity when it is called.
        return


@frozen(eq=False)
class TTLKeyProvider(KeyProvider):
    """Fetches the keys when they are first needed, and again when they are older than ``ttl``.

    However many threads ask, one fetches. While it does, and when it fails, the others go on with
    the keys at hand, for ``max_stale`` seconds beyond their time; with no keys at hand they wait
    for the fetch.

    Args:
        fetch: Called without arguments; answers the keys in any form that ``KeySet.of`` takes, or
            raises.
        ttl: Seconds that fetched keys are fresh, or a function that answers them, asked at each
            lookup.
        max_stale: Seconds that keys may serve beyond that while no fetch succeeds. 0 is strict.
        max_wait: Seconds that a caller without keys waits for another's fetch.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: ``fetch`` can't be called, or a number is out of range.
    """

    fetch: Callable[[], object] = field(validator=_check_fetch)
    ttl: float | Callable[[], float] = field(default=300, validator=_check_ttl, kw_only=True)
    max_stale: float = field(default=14400, validator=check_seconds, kw_only=True)
    max_wait: float = field(default=2, validator=check_seconds, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _cache: _Cache = field(init=False, factory=_Cache, repr=False)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``, fetching first where it is due."""
        return self.key_set().select(header)

    def key_set(self) -> KeySet:
        """The keys as they are now, fetched first where it is due.

        Raises:
            VerificationUnavailable: There are none, or they are too old, and none could be fetched.
        """
        latest = self._cache.latest
        if latest is not None and self.clock() - latest[1] < self._lifetime():
            return latest[0]
        return self._refreshed()

    def warm_up(self) -> None:
        """Fetch the keys now if that is due, so that the first request need not wait.

        Raises:
            VerificationUnavailable: They could not be had.
        """
        self.key_set()

    def _lifetime(self) -> float:
        if not callable(self.ttl):
            return self.ttl
        seconds = self.ttl()
        if not is_seconds(seconds):
            raise VerificationUnavailable(
                f"the keys' lifetime is {seconds!r}, want seconds, 0 or more"
            )
        return seconds

    def _refreshed(self) -> KeySet:
        cache = self._cache
        # Whoever has keys that will do need not wait for another's fetch.
        patience = 0 if self._usable() else min(self.max_wait, TIMEOUT_MAX)
        if cache.fetching.acquire(timeout=patience):
            try:
                # Whoever held the lock before may have fetched, or failed to.
                latest = cache.latest
                now = self.clock()
                if latest is not None and now - latest[1] < self._lifetime():
                    return latest[0]
                if now >= cache.next_attempt:
                    return self._fetched()
            finally:
                cache.fetching.release()
        return self._stale()

    def _fetched(self) -> KeySet:
        cache = self._cache
        try:
            key_set = KeySet.of(self.fetch())
        except Exception as error:
            delay: float = _BACKOFF[min(cache.failures, len(_BACKOFF) - 1)]
            if isinstance(error, VerificationUnavailable):
                delay = min(max(delay, error.retry_after), _LONGEST_RETRY_AFTER)
            cache.failures += 1
            cache.last_error = type(error).__name__
            cache.next_attempt = self.clock() + delay
            _logger.exception("fetching the verification keys failed, next attempt in %g s", delay)
            return self._stale(error)
        cache.failures = 0
        cache.last_error = None
        cache.next_attempt = -math.inf
        cache.latest = key_set, self.clock()
        return key_set

    def _usable(self) -> KeySet | None:
        """The keys at hand, if they are not too old."""
        latest = self._cache.latest
        if latest is None or self.clock() - latest[1] >= self._lifetime() + self.max_stale:
            return None
        return latest[0]

    def _stale(self, cause: Exception | None = None) -> KeySet:
        usable = self._usable()
        if usable is not None:
            return usable
        wait = self._cache.next_attempt - self.clock()
        raise VerificationUnavailable(
            f"the verification keys could not be fetched ({self._cache.last_error or 'no answer yet'})",
            retry_after=max(1, math.ceil(wait)) if math.isfinite(wait) else 1,
        ) from cause
