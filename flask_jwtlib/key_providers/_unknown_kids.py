"""How often to look for key IDs that senders may have made up."""

from __future__ import annotations

import math
import threading
from typing import Any

from attrs import define, field

__all__ = ["UnknownKids"]

# Fetches: so many at once, and another one after each span of seconds.
_BUCKET_SIZE = 2
_BUCKET_SECONDS = 30
# How long a key ID counts as unknown after a fetch has not found it, in seconds, and how many are kept. The
# bucket bounds the fetches: this only keeps one key ID, sent again and again, from using it up. It must be
# short, since a key may be published a moment after somebody has named it.
_ABSENT_SECONDS = 5
_MAX_ABSENT = 1024


@define(eq=False)
class UnknownKids:
    """A bucket of fetches, and the key IDs that were looked for in vain."""

    _tokens: float = _BUCKET_SIZE
    _tokens_at: float = -math.inf
    _absent: dict[str, float] = field(factory=dict[str, float])
    # Looked up when it is needed: gevent may have put its own there.
    _lock: Any = field(factory=lambda: threading.Lock())  # noqa: PLW0108

    def may_look(self, now: float) -> bool:
        """Whether the bucket holds a fetch, which is taken out of it."""
        with self._lock:
            gained = (now - self._tokens_at) / _BUCKET_SECONDS
            tokens = min(_BUCKET_SIZE, self._tokens + gained)
            if tokens < 1:
                return False
            self._tokens = tokens - 1
            self._tokens_at = now
            return True

    def is_absent(self, kid: str, now: float) -> bool:
        """Whether a recent fetch has shown that there is no key of this ID."""
        return now < self._absent.get(kid, -math.inf)

    def note_absent(self, kid: str, now: float) -> None:
        """Remember for a while that a fetch has shown so."""
        with self._lock:
            self._absent.pop(kid, None)
            if len(self._absent) >= _MAX_ABSENT:
                # The oldest comes first.
                del self._absent[next(iter(self._absent))]
            self._absent[kid] = now + _ABSENT_SECONDS

    def start_anew(self) -> None:
        """In a process that was forked: hold no lock of another thread's."""
        self._lock = threading.Lock()
