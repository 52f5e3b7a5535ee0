"""Constants and functions that the tests of the refreshing engine share."""

from __future__ import annotations

import os
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable

# Fetches for unknown kids that a provider allows at once.
BUCKET = 2
# The files between whose lines some tests interrupt a thread.
ENGINE = tuple(
    f"key_providers{os.sep}{name}"
    for name in (
        "_ttl.py",
        "_key_lookup.py",
        "_freshness.py",
        "_key_cache.py",
        "_snapshot.py",
        "_empty_sets.py",
        "_retry_delay.py",
        "_fetch_attempt.py",
        "_key_fetcher.py",
        "_unknown_kids.py",
        "_deferred_calls.py",
    )
)


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """Return the IDs of the keys that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def found(provider: TTLKeyProvider, header: Any) -> list[str | None] | str:
    """Return the IDs of the keys that a provider returns for a token, or "unavailable"."""
    try:
        return [key.kid for key in provider.keys_for(header)]
    except VerificationUnavailable:
        return "unavailable"


def refused(provider: TTLKeyProvider) -> VerificationUnavailable:
    """Return the outage that a lookup raises."""
    with pytest.raises(VerificationUnavailable) as outage:
        provider.key_set()
    return outage.value
