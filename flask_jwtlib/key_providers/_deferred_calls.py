"""Calls to an application's code, made in the background after the work that caused them."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from attrs import define, field

__all__ = ["DeferredCalls", "start_thread"]

_MOST_WAITING = 256
# Seconds after which a started thread that has not begun is replaced.
_THREAD_PATIENCE = 1


def start_thread(target: Callable[[], object], name: str) -> bool:
    """Start a daemon thread, unless the system can't start one.

    Args:
        target: The function that the thread runs.
        name: The thread's name.

    Returns:
        Whether it was started. It isn't at the limit of threads (RuntimeError) or without memory
        (MemoryError).
    """
    try:
        threading.Thread(target=target, name=name, daemon=True).start()
    except Exception:  # noqa: BLE001 - whatever the reason, the caller continues without a thread
        return False
    return True


@define(eq=False)
class _Worker:
    """The thread that makes the calls at the moment.

    Attributes:
        engaged_at: When it was chosen.
        busy: Whether it has begun.
    """

    engaged_at: float
    busy: bool = False


@define(eq=False)
class DeferredCalls:
    """Calls log handlers, signal receivers and similar functions in a background thread, one at a time.

    Use it so that an application's code doesn't delay or break your own. Queue calls with ``add`` while you
    work, and call ``start`` when your result is available to all threads. The thread ends when no calls are
    left. If no thread can be started, ``start`` makes the calls itself. No lock is held during a call. What a
    call raises is dropped, SystemExit and KeyboardInterrupt included, and the next call is made.

    At most 256 calls can wait. Beyond that, the oldest ones are dropped.

    Args:
        clock: Returns seconds, and never jumps.
    """

    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _waiting: deque[Callable[[], object]] = field(
        init=False, factory=lambda: deque[Callable[[], object]](maxlen=_MOST_WAITING)
    )
    _worker: _Worker | None = field(init=False, default=None)
    # Looked up at each call, since gevent may replace it.
    _lock: Any = field(init=False, factory=lambda: threading.Lock(), repr=False)  # noqa: PLW0108

    def __attrs_post_init__(self) -> None:
        _all.add(self)

    def add(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Queue a call. It is made after the next ``start`` or ``run``."""
        self._waiting.append(partial(function, *args, **kwargs))

    def start(self) -> None:
        """Make the queued calls in a background thread, or in this one if no thread can be started."""
        worker = self._engage()
        if worker is not None and not start_thread(
            partial(self._work, worker), "flask_jwtlib-events"
        ):
            self._work(worker)

    def run(self) -> None:
        """Make the queued calls in this thread, unless another thread is already making them."""
        worker = self._engage()
        if worker is not None:
            self._work(worker)

    def settle(self, patience: float) -> None:
        """Start the queued calls and wait until they are made.

        Args:
            patience: Longest time to wait, in seconds.
        """
        if self._waiting or self._worker is not None:
            settled = threading.Event()
            self.add(settled.set)
            self.start()
            settled.wait(patience)

    def start_anew(self) -> None:
        """In a forked process: drop the parent's calls, and its locks, which another thread may hold."""
        self._lock = threading.Lock()
        self._worker = None
        self._waiting.clear()

    def _engage(self) -> _Worker | None:
        """Return a new worker, or None if there are no calls or another thread makes them."""
        if not self._waiting:
            return None
        now = self.clock()
        with self._lock:
            worker = self._worker
            if worker is not None and (worker.busy or now - worker.engaged_at < _THREAD_PATIENCE):
                return None
            self._worker = worker = _Worker(now)
            return worker

    def _work(self, worker: _Worker) -> None:
        # This may be a caller's thread, which must not see what the calls raise.
        with suppress(BaseException):
            try:
                while (call := self._next(worker)) is not None:
                    with suppress(BaseException):
                        call()
            finally:
                with self._lock:
                    if self._worker is worker:
                        self._worker = None

    def _next(self, worker: _Worker) -> Callable[[], object] | None:
        """Return the next call. Return None if there are no more, or if another worker replaced this one."""
        with self._lock:
            if self._worker is not worker:
                return None
            if not self._waiting:
                # Under the same lock, so that no call is added in between and left waiting.
                self._worker = None
                return None
            worker.busy = True
            return self._waiting.popleft()


_all: WeakSet[DeferredCalls] = WeakSet()


def _start_anew_in_child() -> None:
    for calls in list(_all):
        calls.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_start_anew_in_child)
