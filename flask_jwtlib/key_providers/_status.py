"""Describes the keys of a provider for a monitor, in values that JSON has."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ..keys import KeySet
from ._key_cache import KeyCache, Snapshot

__all__ = ["describe_fixed", "describe_refreshing", "state_at"]


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
