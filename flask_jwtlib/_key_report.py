"""Tells the log, the listeners and whoever asks how a provider's keys are."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ._key_cache import KeyCache, News, Snapshot
from .key_set import KeySet
from .log_text import library_logger
from .signals import key_event

__all__ = [
    "deliver",
    "describe_fixed",
    "describe_refreshing",
    "log_news",
    "state_at",
    "tell",
    "tell_listeners",
]

_logger = library_logger("flask_jwtlib")
_LEVELS = {
    "dead": logging.ERROR,
    "key_skipped": logging.WARNING,
    "recovered": logging.WARNING,
    "serving_stale": logging.WARNING,
}


# A process that is forked while a thread writes to a log file finds that file locked for ever. The
# engine's own threads are not to bring that about: a fork waits until they have written.
_logging = threading.RLock()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_logging.acquire, after_in_parent=_logging.release, after_in_child=_logging.release
    )


def deliver(provider: object, cache: KeyCache) -> None:
    """Tell what happened since the last time."""
    tell_listeners(provider, log_news(provider, cache))


def log_news(provider: object, cache: KeyCache) -> Sequence[News]:
    """Log what happened since the last time, and answer it."""
    logged: list[News] = []
    # Another thread may be quicker.
    with suppress(IndexError):
        while True:
            logged.append(cache.news.popleft())
            # A filter that raises, for want of a request maybe, is no reason to refuse one.
            with suppress(Exception), _logging:
                _log(provider, logged[-1])
    return logged


def tell_listeners(provider: object, logged: Sequence[News]) -> None:
    """Tell whoever listens what was logged."""
    for news in logged:
        tell(provider, news.event, **news.details)


def tell(provider: object, event: str, **details: Any) -> None:
    """Send an event to whoever listens. What a listener raises is logged."""
    for receiver in tuple(key_event.receivers_for(provider)):
        try:
            receiver(provider, event=event, **details)
        except Exception:
            with suppress(Exception), _logging:
                _logger.exception("a listener of key_event failed on %s", event)


def _log(provider: object, news: News) -> None:
    name = type(provider).__name__
    if news.error is not None:
        _logger.error(
            "%s: fetching the keys failed, next attempt in %.1f s",
            name,
            news.details["next_attempt"],
            exc_info=news.error,
        )
    else:
        _logger.log(
            _LEVELS.get(news.event, logging.INFO), "%s: %s %s", name, news.event, news.details
        )


def describe_refreshing(
    cache: KeyCache, snapshot: Snapshot | None, *, now: float, lifetime: float, max_stale: float
) -> dict[str, Any]:
    """The state of keys that are fetched, as ``TTLKeyProvider.status`` answers it."""
    age = None if snapshot is None else now - snapshot.taken_at
    outcomes: dict[str, dict[str, int]] = {}
    for (reason, outcome), count in sorted(cache.outcomes.items()):
        outcomes.setdefault(reason, {"succeeded": 0, "failed": 0})[outcome] = count
    return {
        "state": state_at(age, lifetime, max_stale),
        "age": age,
        "stale_seconds_left": (
            None if age is None else _finite(max(0, max_stale - max(0, age - lifetime)))
        ),
        "generation": 0 if snapshot is None else snapshot.generation,
        **_describe_set(KeySet(()) if snapshot is None else snapshot.key_set),
        "last_error": cache.last_error,
        "failures": cache.failures,
        "next_retry": max(0, cache.next_attempt - now) if cache.failures else None,
        "fetching": cache.fetch is not None,
        "fetches": outcomes,
    }


def describe_fixed(key_set: KeySet) -> dict[str, Any]:
    """The state of keys that never change, as ``StaticKeyProvider.status`` answers it."""
    return {"state": "static", **_describe_set(key_set)}


def state_at(age: float | None, lifetime: float, max_stale: float) -> str:
    """Name the state of keys of an age in seconds, None where there are none yet."""
    if age is None:
        return "cold"
    if age < lifetime:
        return "fresh"
    return "stale" if age < lifetime + max_stale else "dead"


def _describe_set(key_set: KeySet) -> dict[str, Any]:
    return {
        "keys": len(key_set.keys),
        "kids": sorted(key_set.kids),
        "skipped": dict(Counter(key_set.skipped)),
    }


def _finite(seconds: float) -> float | None:
    """A number that JSON has a word for."""
    return seconds if math.isfinite(seconds) else None
