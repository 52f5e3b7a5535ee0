"""Fetches the keys of several providers at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from contextvars import copy_context
from functools import partial
from typing import Any

from flask_jwtlib.key_providers import start_thread

__all__ = ["warm_up_all"]

_MOST_AT_ONCE = 16


def warm_up_all(sources: Mapping[str, Any]) -> dict[str, BaseException]:
    """Call ``warm_up`` of each provider, up to 16 at once, and wait for all of them.

    Use it before an app serves requests, so that the first ones don't wait. The calling thread takes part, so
    this also works where no threads can be started.

    Args:
        sources: The providers, or other objects with a ``warm_up`` method, by any name.

    Returns:
        The exceptions that were raised, by the provider's name.
    """
    work = _Work(sources)
    for _ in range(min(_MOST_AT_ONCE, len(sources)) - 1):
        # With the context of the current app, which a function that fetches may need.
        if not start_thread(partial(copy_context().run, work.take_part), "flask_jwtlib-warm-up"):
            break
    work.take_part()
    work.done.wait()
    return {name: work.failed[name] for name in sources if name in work.failed}


class _Work:
    """Providers to warm up, each by one thread.

    Attributes:
        failed: The exceptions that were raised, by the provider's name.
        done: Set when all providers are finished.
    """

    def __init__(self, sources: Mapping[str, Any]) -> None:
        self.failed: dict[str, BaseException] = {}
        self.done = threading.Event()
        self._waiting = deque(sources.items())
        self._left = len(sources)
        self._lock = threading.Lock()
        if not sources:
            self.done.set()

    def take_part(self) -> None:
        """Warm up one provider after the other, until none is waiting."""
        while self._waiting:
            try:
                name, source = self._waiting.popleft()
            except IndexError:  # pragma: no cover - another thread was quicker
                return
            try:
                source.warm_up()
            except BaseException as error:  # noqa: BLE001 - returned to the caller, who is in another thread
                self.failed[name] = error
            with self._lock:
                self._left -= 1
                if not self._left:
                    self.done.set()
