"""Describes the keys of a provider for monitoring, in values that JSON can represent."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ..keys import KeySet
from ._freshness import state_at
from ._key_cache import KeyCache
from ._snapshot import Snapshot

__all__ = ["describe_fixed", "describe_refreshing"]


def describe_refreshing(
    cache: KeyCache, snapshot: Snapshot | None, *, now: float, lifetime: float, max_stale: float
) -> dict[str, Any]:
    """Describe fetched keys, as ``TTLKeyProvider.status`` documents it."""
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
        "fetching": cache.attempt is not None,
        "fetches": outcomes,
    }


def describe_fixed(key_set: KeySet) -> dict[str, Any]:
    """Describe keys that never change, as ``StaticKeyProvider.status`` documents it."""
    return {"state": "static", **_describe_set(key_set)}


def _describe_set(key_set: KeySet) -> dict[str, Any]:
    return {
        "keys": len(key_set.keys),
        "kids": sorted(key_set.kids),
        "skipped": dict(Counter(key_set.skipped)),
    }


def _finite(seconds: float) -> float | None:
    """Return None for infinity, which JSON doesn't have."""
    return seconds if math.isfinite(seconds) else None
