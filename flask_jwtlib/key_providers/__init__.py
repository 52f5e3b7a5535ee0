"""Where verification keys come from: configured once, or fetched and cached.

A provider of your own is any object with the method ``keys_for(header)``. To fetch keys from a place that
this package doesn't know, pass a function to ``TTLKeyProvider``, which caches and refreshes them.
"""

from __future__ import annotations

from ._checked import CheckedKeyProvider, NoKeyProvider, as_key_provider
from ._deferred_calls import DeferredCalls, start_thread
from ._fetched_keys import FetchedKeys
from ._refresh import Refresh, RefreshTimes
from ._static import StaticKeyProvider
from ._ttl import TTLKeyProvider

__all__ = [
    "CheckedKeyProvider",
    "DeferredCalls",
    "FetchedKeys",
    "NoKeyProvider",
    "Refresh",
    "RefreshTimes",
    "StaticKeyProvider",
    "TTLKeyProvider",
    "as_key_provider",
    "start_thread",
]
