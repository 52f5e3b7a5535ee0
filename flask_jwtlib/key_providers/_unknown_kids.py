"""Limits fetches for unknown key IDs, which clients may have made up."""

from __future__ import annotations

import math
import threading
from typing import Any

from attrs import define, field

__all__ = ["UnknownKids"]

# A token bucket: this many fetches at once, and one more each time this many seconds have passed.
_BUCKET_SIZE = 2
_BUCKET_SECONDS = 30
# How long a key ID counts as unknown after a fetch didn't find it, in seconds, and how many are remembered.
# The bucket limits the fetches. This only keeps a single key ID, sent repeatedly, from emptying it. The
# time is short, since a key may be published just after a token named it.
_ABSENT_SECONDS = 5
_MAX_ABSENT = 1024


@define(eq=False)
class UnknownKids:
    """A token bucket for fetches, and the key IDs that were not found."""

    _tokens: float = _BUCKET_SIZE
    _tokens_at: float = -math.inf
    _absent: dict[str, float] = field(factory=dict[str, float])
    # Looked up at each call, since gevent may replace it.
    _lock: Any = field(factory=lambda: threading.Lock())  # noqa: PLW0108

    def may_look(self, now: float) -> bool:
        """Return whether a fetch is allowed now, and count it."""
        with self._lock:
            gained = (now - self._tokens_at) / _BUCKET_SECONDS
            tokens = min(_BUCKET_SIZE, self._tokens + gained)
            if tokens < 1:
                return False
            self._tokens = tokens - 1
            self._tokens_at = now
            return True

    def is_absent(self, kid: str, now: float) -> bool:
        """Return whether a recent fetch showed that there is no key with this ID."""
        return now < self._absent.get(kid, -math.inf)

    def note_absent(self, kid: str, now: float) -> None:
        """Remember for a few seconds that there is no key with this ID."""
        with self._lock:
            self._absent.pop(kid, None)
            if len(self._absent) >= _MAX_ABSENT:
                # The oldest comes first.
                del self._absent[next(iter(self._absent))]
            self._absent[kid] = now + _ABSENT_SECONDS

    def start_anew(self) -> None:
        """In a forked process: replace the lock, which another thread may hold."""
        self._lock = threading.Lock()
