"""Reads paths in threads, so that a path that hangs delays no other."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from attrs import define, field, frozen

__all__ = ["PatientReader", "Read"]

# Maximum number of threads that wait for paths at the same time. While as many hang, no other path is read.
_MAX_THREADS = 64
# Seconds for which a late result may be used, from the start of its reading.
_LATE = 30

T = TypeVar("T")


@frozen(eq=False)
class Read(Generic[T]):
    """The result of reading one path.

    Attributes:
        outcome: What was found.
        more: More paths to read.
    """

    outcome: T
    more: Sequence[Path] = ()


@define(eq=False)
class PatientReader(Generic[T]):
    """Reads paths in parallel if one of them hangs.

    One daemon thread reads path after path. When it makes no progress, more threads help. A path that hangs
    keeps its thread, and isn't read again until the reading ends, so at most one thread waits for it.

    Args:
        patience: How long a call waits for a path that hangs, in seconds.
        timeout: Longest that a call takes, in seconds.
    """

    patience: float
    timeout: float = field(kw_only=True)
    _busy: set[Path] = field(init=False, factory=set[Path])
    _late: dict[Path, tuple[float, Read[T]]] = field(
        init=False, factory=dict[Path, tuple[float, "Read[T]"]]
    )
    _changed: Any = field(init=False, factory=lambda: threading.Condition())  # noqa: PLW0108

    def __attrs_post_init__(self) -> None:
        _readers.add(self)

    def start_anew(self) -> None:
        """Forget the parent process's threads after a fork, and the lock that they may hold."""
        self._changed = threading.Condition()
        self._busy = set()
        self._late = {}

    def read_all(self, paths: Iterable[Path], read: Callable[[Path], Read[T]]) -> dict[Path, T]:
        """Read paths, and the paths that reading them returns.

        Args:
            paths: The paths.
            read: Reads one path.

        Returns:
            What was found, by path. Paths that hang are missing.
        """
        batch = _Batch[T](read)
        batch.add(paths)
        with self._changed:
            for path, (begun, _) in list(self._late.items()):
                if time.monotonic() - begun > _LATE:
                    del self._late[path]
        self._help(batch)
        with self._changed:
            self._wait(batch)
            batch.is_over = True
            return dict(batch.outcomes)

    @property
    def _stall(self) -> float:
        """Seconds without progress after which more threads help."""
        return self.patience / 20

    def _wait(self, batch: _Batch[T]) -> None:
        start = time.monotonic()
        threads = 1
        while not batch.is_done:
            self._changed.wait(self._stall)
            now = time.monotonic()
            may_help = bool(batch.queue) and len(self._busy) < _MAX_THREADS
            if now - start >= self.timeout or (
                not may_help
                and batch.hangs(now - self.patience, full=len(self._busy) >= _MAX_THREADS)
            ):
                return
            if now - start >= self.patience and not batch.is_begun:
                # The thread doesn't run: some servers run no threads of the application.
                self._unlocked(self._work, batch)
            elif may_help and now - start >= self._stall * threads:
                for _ in range(min(threads, _MAX_THREADS - len(self._busy))):
                    self._unlocked(self._help, batch)
                threads *= 2

    def _unlocked(self, act: Callable[[_Batch[T]], None], batch: _Batch[T]) -> None:
        self._changed.release()
        try:
            act(batch)
        finally:
            self._changed.acquire()

    def _help(self, batch: _Batch[T]) -> None:
        thread = threading.Thread(
            target=self._work, args=(batch,), name="flask_jwtlib-files", daemon=True
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            if not batch.is_begun:
                # No thread can be started, so the caller does the work.
                self._work(batch)

    def _work(self, batch: _Batch[T]) -> None:
        while True:
            with self._changed:
                path = self._next(batch)
            if path is None:
                return
            self._read(batch, path)

    def _read(self, batch: _Batch[T], path: Path) -> None:
        read: Read[T] | None = None
        try:
            read = batch.read(path)
        finally:
            with self._changed:
                self._end(batch, path, read)

    def _next(self, batch: _Batch[T]) -> Path | None:
        """Return the next path of a batch that no thread is reading, None if there is none."""
        batch.is_begun = True
        while batch.queue and not batch.is_over and len(self._busy) < _MAX_THREADS:
            path = batch.queue.popleft()
            if path in self._busy:
                continue
            late = self._late.pop(path, None)
            if late is None:
                self._busy.add(path)
                batch.active[path] = time.monotonic()
                return path
            batch.take(path, late[1])
        self._changed.notify_all()
        return None

    def _end(self, batch: _Batch[T], path: Path, read: Read[T] | None) -> None:
        self._busy.discard(path)
        begun = batch.active.pop(path)
        if read is not None:
            if batch.is_over:
                self._late[path] = begun, read
            else:
                batch.take(path, read)
        self._changed.notify_all()


@define(eq=False)
class _Batch(Generic[T]):
    """The paths of one call.

    Attributes:
        read: Reads one path.
        queue: The paths that are still to be read.
        active: The paths that are being read, and when each reading began.
        outcomes: What was found, by path.
        is_begun: Whether a thread has started to work on it.
        is_over: Whether the call has returned.
    """

    read: Callable[[Path], Read[T]]
    queue: deque[Path] = field(init=False, factory=deque[Path])
    active: dict[Path, float] = field(init=False, factory=dict[Path, float])
    outcomes: dict[Path, T] = field(init=False, factory=dict[Path, T])
    is_begun: bool = field(init=False, default=False)
    is_over: bool = field(init=False, default=False)
    _seen: set[Path] = field(init=False, factory=set[Path])

    @property
    def is_done(self) -> bool:
        """Whether all paths are read."""
        return not self.queue and not self.active

    def hangs(self, since: float, *, full: bool) -> bool:
        """Return whether all readings began before ``since``, or none runs and none can start."""
        return max(self.active.values()) <= since if self.active else full

    def add(self, paths: Iterable[Path]) -> None:
        """Put paths into the queue, each only once."""
        for path in paths:
            if path not in self._seen:
                self._seen.add(path)
                self.queue.append(path)

    def take(self, path: Path, read: Read[T]) -> None:
        """Store the result of reading a path."""
        self.outcomes[path] = read.outcome
        self.add(read.more)


_readers: WeakSet[PatientReader[Any]] = WeakSet()


def _start_anew_in_child() -> None:
    for reader in list(_readers):
        reader.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_start_anew_in_child)
