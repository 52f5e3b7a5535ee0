"""Events and interruptions between any two lines of the engine."""

from __future__ import annotations

import linecache
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider
from tests.kit import DOWN, PATIENCE

from .kit import ENGINE, found, kids


class At:
    """Runs an action between two lines of the engine: before the line of this number that it reaches.

    The action may acquire the provider's lock, so lines at which that is held don't count, unless
    ``locked`` is set.
    """

    def __init__(
        self,
        number: int,
        provider: TTLKeyProvider,
        action: Callable[[], object],
        *,
        locked: bool = False,
    ) -> None:
        self._left = number
        self._cache: Any = provider._cache
        self._action = action
        self._locked = locked
        self.done = False

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: Any, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.endswith(ENGINE):
            return None
        if event == "line" and not self.done and self._counts(frame):
            self._left -= 1
            if self._left < 0:
                self.done = True
                sys.settrace(None)
                try:
                    self._action()
                finally:
                    sys.settrace(self._trace)
        return self._trace

    def _counts(self, frame: Any) -> bool:
        if self._locked:
            # Python raises no interruption at the end of a with statement.
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            return not line.lstrip().startswith("with ")
        locks = self._cache._lock, self._cache.unknown_kids._lock, self._cache.calls._lock
        return not any(lock.locked() for lock in locks)


def test_at_expiry_new_keys_may_come_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, listen: Any
) -> None:
    """A caller gets the old set or the new one, and no serving_stale event follows the refresh."""
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
        provider.warm_up()
        source.join(1)
        events = listen(provider)
        source.result = [key("b")]
        gate = source.hold()
        clock.move(300)

        def succeed(source: Any = source, gate: Any = gate) -> None:
            gate.set()
            if source.fetches > 1:
                source.join(2)

        at = At(number, provider, succeed)
        with at:
            result = kids(provider)
        gate.set()
        source.join(2)
        assert result in (["a"], ["b"])
        assert kids(provider) == ["b"]
        assert source.fetches == 2
        assert "serving_stale" not in events.names[events.names.index("refreshed") :]
        if not at.done:
            break
    assert number > 20


def test_during_a_search_the_key_may_come_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, by: Any, settled: Any
) -> None:
    """Until a fetch proves that the key is absent, its token gets 503, not 401."""
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)
        provider.warm_up()
        source.result = DOWN
        assert found(provider, by("b")) == "unavailable"

        def rotate(source: Any = source, provider: TTLKeyProvider = provider) -> None:
            source.result = [key("a"), key("b")]
            clock.move(2)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(found, provider, by("x")).result(PATIENCE)
            settled(provider)

        at = At(number, provider, rotate)
        with at:
            result = found(provider, by("b"))
        assert result in ("unavailable", ["b"]), number
        if not at.done:
            break
        assert found(provider, by("b")) == ["b"]
    assert number > 10


class Interruption(BaseException):
    """Ends a thread from outside, as a timeout of gevent does."""


@pytest.mark.parametrize("what", ["cold", "expired", "search"])
def test_a_caller_may_be_interrupted_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, by: Any, what: str
) -> None:
    """Wherever a caller is interrupted, later callers get their keys."""

    def interrupt() -> None:
        raise Interruption

    for number in range(1000):
        source = make_source([key("a")])
        clock.step = 0
        provider = TTLKeyProvider(source, clock=clock)
        if what != "cold":
            provider.warm_up()
            source.join(1)
        clock.step = 2
        if what == "expired":
            clock.move(300)
        kid = "b" if what == "search" else "a"
        source.result = [key("a"), key("b")]
        at = At(number, provider, interrupt, locked=True)
        with at:
            try:
                result = found(provider, by(kid))
            except Interruption:
                result = "interrupted"
        assert at.done == (result == "interrupted")
        deadline = time.monotonic() + PATIENCE
        while found(provider, by(kid)) != [kid]:
            assert time.monotonic() < deadline, number
            clock.move(2)
        if not at.done:
            break
    assert number > 10


def test_a_fetching_thread_may_fail_at_any_line(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """If a fetch's thread dies at any line, as when memory runs out, the next fetch succeeds."""

    def fail() -> None:
        raise MemoryError

    clock.step = 2
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(source, clock=clock)
        at = At(number, provider, fail, locked=True)
        before = threading.gettrace()
        threading.settrace(at._trace)
        try:
            found(provider, by(None))
        finally:
            threading.settrace(before)
        at.done, done = True, at.done
        deadline = time.monotonic() + PATIENCE
        while found(provider, by(None)) != ["a"]:
            assert time.monotonic() < deadline, number
            clock.move(2)
        if not done:
            break
    assert number > 10
