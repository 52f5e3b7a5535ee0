"""Calls to other people's code, made in the background after our own work is done."""

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
# Seconds after which a thread that was started and has not begun is not expected any more.
_THREAD_PATIENCE = 1


def start_thread(target: Callable[[], object], name: str) -> bool:
    """Start a daemon thread, if the system has one to spare.

    Args:
        target: What the thread runs.
        name: The thread's name.

    Returns:
        Whether it was started. ``threading`` raises RuntimeError at the limit of threads, and MemoryError
        where there is no room for another one.
    """
    try:
        threading.Thread(target=target, name=name, daemon=True).start()
    except Exception:  # noqa: BLE001 - whatever it is, the caller has to do without a thread
        return False
    return True


@define(eq=False)
class _Worker:
    """Whoever makes the calls at present.

    Attributes:
        engaged_at: When it was chosen.
        busy: Whether it has begun.
    """

    engaged_at: float
    busy: bool = False


@define(eq=False)
class DeferredCalls:
    """Calls log handlers, signal receivers and the like, one after the other, where nobody waits for them.

    Queue calls with ``add`` while you work, and call ``start`` when your result is available to everyone.
    A background thread makes the calls and ends when none are left. Where no thread can be started,
    ``start`` makes them itself. No lock is held during a call. What a call raises is dropped, SystemExit
    and KeyboardInterrupt included, and the next call is made.

    While a call takes long, 256 others can wait. Beyond that, the oldest ones are dropped.

    Args:
        clock: A clock in seconds that never jumps.
    """

    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _waiting: deque[Callable[[], object]] = field(
        init=False, factory=lambda: deque[Callable[[], object]](maxlen=_MOST_WAITING)
    )
    _worker: _Worker | None = field(init=False, default=None)
    # Looked up when it is needed: gevent may have put its own there.
    _lock: Any = field(init=False, factory=lambda: threading.Lock(), repr=False)  # noqa: PLW0108

    def __attrs_post_init__(self) -> None:
        _all.add(self)

    def add(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Queue a call. It is made after the next ``start`` or ``run``."""
        self._waiting.append(partial(function, *args, **kwargs))

    def start(self) -> None:
        """Have the queued calls made in a background thread, or make them if no thread can be started."""
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
        """Have the queued calls made, and wait until they are.

        Args:
            patience: The longest to wait, in seconds.
        """
        if self._waiting or self._worker is not None:
            settled = threading.Event()
            self.add(settled.set)
            self.start()
            settled.wait(patience)

    def start_anew(self) -> None:
        """In a forked process: drop what the parent has queued, and hold no lock of another thread."""
        self._lock = threading.Lock()
        self._worker = None
        self._waiting.clear()

    def _engage(self) -> _Worker | None:
        """Return a new worker, or None if there is nothing to do or somebody does it."""
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
        # Whatever happens here is no matter of the thread's: it may be a caller's.
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
        """Return the next call. Ends the worker if there is none, or if another one has replaced it."""
        with self._lock:
            if self._worker is not worker:
                return None
            if not self._waiting:
                # In one step, so that no call is added in between and left there.
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
