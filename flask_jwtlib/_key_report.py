"""Tells the log, the receivers of signals and whoever asks how a provider's keys are."""

from __future__ import annotations

import logging
import math
from collections import Counter
from contextlib import suppress
from typing import Any

from ._key_cache import KeyCache, News, Snapshot
from .key_set import KeySet
from .log_text import library_logger
from .signals import key_event

__all__ = [
    "describe_fixed",
    "describe_refreshing",
    "report_context_error",
    "report_news",
    "state_at",
]

_logger = library_logger("flask_jwtlib")
_LEVELS = {
    "dead": logging.ERROR,
    "key_skipped": logging.WARNING,
    "recovered": logging.WARNING,
    "serving_stale": logging.WARNING,
}


def report_news(provider: object, news: News) -> None:
    """Log some news, and send them to the receivers of ``key_event``.

    This runs code that isn't ours, which may raise anything and take any time: only ``DeferredCalls`` may
    call it. What a receiver raises is logged, and the next one is called.
    """
    # A filter that raises, maybe because there is no request, keeps no receiver from its event.
    with suppress(BaseException):
        _log(provider, news)
    _forget_frames(news.error)
    for receiver in tuple(key_event.receivers_for(provider)):
        try:
            receiver(provider, event=news.event, **news.details)
        except BaseException:
            with suppress(BaseException):
                _logger.exception("a listener of key_event failed on %s", news.event)


def report_context_error(provider: object, error: BaseException) -> None:
    """Log what an application context raised that was pushed for a fetch."""
    _logger.error(
        "%s: the application context of a fetch raised %s; the fetch is not affected",
        type(provider).__name__,
        type(error).__name__,
        exc_info=error,
    )


def _log(provider: object, news: News) -> None:
    name = type(provider).__name__
    if news.error is not None:
        _logger.error(
            "%s: fetching the keys failed, next attempt in %.1f s",
            name,
            news.details["next_attempt"],
            exc_info=news.error,
        )
    elif news.event != "unknown_kid":
        # An unknown kid is logged where its token is refused.
        _logger.log(
            _LEVELS.get(news.event, logging.INFO), "%s: %s %s", name, news.event, news.details
        )


def _forget_frames(error: BaseException | None) -> None:
    """Cut an exception and its causes off from what was running when they were raised.

    The frames would keep the fetch alive, which keeps the exception.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def describe_refreshing(
    cache: KeyCache, snapshot: Snapshot | None, *, now: float, lifetime: float, max_stale: float
) -> dict[str, Any]:
    """Describe keys that are fetched, as ``TTLKeyProvider.status`` returns it."""
    age = None if snapshot is None else now - snapshot.taken_at
    outcomes: dict[str, dict[str, int]] = {}
    for (reason, outcome), count in sorted(cache.outcomes.items()):
        outcomes.setdefault(reason, {"succeeded": 0, "failed": 0})[outcome] = count
    state = state_at(age, lifetime, max_stale)
    if snapshot is not None and not snapshot.key_set.keys and state != "dead":
        state = "empty"
    return {
        "state": state,
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
    """Describe keys that never change, as ``StaticKeyProvider.status`` returns it."""
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
