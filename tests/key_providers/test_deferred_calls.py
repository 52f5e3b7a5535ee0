"""Background calls, and what happens when they fail or hang."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib.key_providers import DeferredCalls, start_thread
from tests.kit import PATIENCE

ERRORS = [RuntimeError("can't start new thread"), MemoryError(), OSError("no room")]


def refuse_with(error: BaseException) -> Callable[[threading.Thread], None]:
    """Make a ``Thread.start`` that fails."""

    def start(_: threading.Thread) -> None:
        raise error

    return start


def test_another_thread_makes_the_calls_in_order(calls_made: Callable[[], None]) -> None:
    """``add`` only queues a call with its arguments; ``start`` runs all of them."""
    calls, made = DeferredCalls(), []

    def call(number: int, *, by: str) -> None:
        made.append((number, by, threading.current_thread()))

    for number in range(10):
        calls.add(call, number, by="keyword")
    assert made == []
    calls.start()
    calls_made()

    assert [(number, by) for number, by, _ in made] == [(number, "keyword") for number in range(10)]
    assert {thread.name for _, _, thread in made} == {"flask_jwtlib-events"}


def test_settle_waits_for_pending_calls() -> None:
    """A command that ends right after ``settle`` has logged everything."""
    calls, made = DeferredCalls(), []
    calls.add(made.append, 1)
    calls.settle(30)

    assert made == [1]
    calls.settle(0)


def test_settle_has_a_timeout() -> None:
    """A hanging call, in whichever thread, blocks ``settle`` only until its timeout."""
    calls, over, begun = DeferredCalls(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        over.wait(30)

    calls.add(hang)
    calls.start()
    assert begun.wait(30)
    calls.settle(0.01)
    assert not over.is_set()
    over.set()
    calls.settle(30)


def test_without_calls_no_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without calls, no thread is started."""
    monkeypatch.setattr(threading, "Thread", None)
    calls = DeferredCalls()
    calls.start()
    calls.run()


@pytest.mark.parametrize(
    "error", [ValueError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
@pytest.mark.parametrize("here", [False, True], ids=["aside", "here"])
def test_an_exception_does_not_stop_later_calls(
    error: BaseException, here: bool, calls_made: Callable[[], None]
) -> None:
    """An exception ends neither the queue nor the thread."""
    calls, made = DeferredCalls(), []

    def fail() -> None:
        raise error

    calls.add(fail)
    calls.add(made.append, 1)
    calls.run() if here else calls.start()
    calls_made()
    assert made == [1]

    calls.add(made.append, 2)
    calls.run()
    assert made == [1, 2]


def test_a_hanging_call_blocks_no_caller(calls_made: Callable[[], None]) -> None:
    """While a call hangs, ``add`` returns at once, and no second thread makes calls out of order."""
    calls, made = DeferredCalls(), []
    began, hang = threading.Event(), threading.Event()

    def call() -> None:
        began.set()
        assert hang.wait(PATIENCE)
        made.append(0)

    calls.add(call)
    calls.start()
    assert began.wait(PATIENCE)
    for number in range(1, 4):
        calls.add(made.append, number)
        calls.start()
        calls.run()
    assert made == []
    hang.set()
    calls_made()
    assert made == [0, 1, 2, 3]


def test_the_oldest_of_too_many_calls_are_dropped() -> None:
    """At most 256 calls wait, so that memory doesn't grow."""
    calls, made = DeferredCalls(), []
    for number in range(1000):
        calls.add(made.append, number)
    calls.run()

    assert made == list(range(744, 1000))


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_without_threads_the_caller_makes_the_calls(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """If ``threading`` can't start a thread, the calls run in the current one."""
    monkeypatch.setattr(threading.Thread, "start", refuse_with(error))
    calls, made = DeferredCalls(), []
    calls.add(lambda: made.append(threading.current_thread()))
    calls.start()

    assert made == [threading.current_thread()]


def test_a_thread_that_does_not_begin_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a second, the next caller makes the calls; a thread that begins later makes none."""
    late: list[threading.Thread] = []
    now = [0.0]
    start = threading.Thread.start
    calls, made = DeferredCalls(clock=lambda: now[0]), []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: late.append(thread))  # noqa: PLW0108
    calls.add(made.append, 1)
    calls.start()
    now[0] += 0.9
    calls.run()
    assert made == []

    now[0] += 0.1
    calls.run()
    assert made == [1]
    monkeypatch.undo()
    calls.add(made.append, 2)
    start(late[0])
    late[0].join(PATIENCE)
    assert made == [1]


def test_a_replaced_worker_leaves_its_successor_alone() -> None:
    """A worker that was replaced while it was slow makes no further calls."""
    calls, made = DeferredCalls(), []
    worker: Any = calls._engage  # type: ignore[attr-defined]
    calls.add(made.append, 1)
    first = worker()
    calls._worker = None  # type: ignore[attr-defined]
    second = worker()
    calls._work(first)  # type: ignore[attr-defined]

    assert (made, calls._worker) == ([], second)  # type: ignore[attr-defined]


def test_an_interrupted_worker_can_be_replaced() -> None:
    """After a worker dies, even of a MemoryError, the next caller makes its calls."""

    class Interrupted(DeferredCalls):
        interruptions = 1

        def _next(self, worker: Any) -> Any:
            if self.interruptions:
                self.interruptions -= 1
                raise MemoryError
            return super()._next(worker)

    calls, made = Interrupted(), []
    calls.add(made.append, 1)
    calls.run()
    assert made == []
    calls.run()
    assert made == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_makes_only_its_own_calls() -> None:
    """The parent's queued calls stay with the parent, and its threads' locks don't block the child."""
    calls, made = DeferredCalls(), []
    calls.add(made.append, "parent")
    calls._lock.acquire()  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            calls.add(made.append, "child")
            calls.run()
            status = int(made != ["child"])
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    calls._lock.release()  # type: ignore[attr-defined]
    calls.run()

    assert os.waitstatus_to_exitcode(status) == 0
    assert made == ["parent"]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_start_returns_whether_a_thread_was_started(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A caller that has to do without a thread gets False, and no exception."""
    done = threading.Event()
    assert start_thread(done.set, "named")
    assert done.wait(PATIENCE)

    monkeypatch.setattr(threading.Thread, "start", refuse_with(error))
    assert not start_thread(done.set, "named")
