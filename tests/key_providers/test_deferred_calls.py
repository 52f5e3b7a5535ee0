"""Calls that are made in the background, whatever they do."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib.key_providers import DeferredCalls, start_thread

PATIENCE = 30
ERRORS = [RuntimeError("can't start new thread"), MemoryError(), OSError("no room")]


def refuse_with(error: BaseException) -> Callable[[threading.Thread], None]:
    """Make a ``Thread.start`` that fails."""

    def start(_: threading.Thread) -> None:
        raise error

    return start


def test_calls_are_made_in_order_by_another_thread(all_told: Callable[[], None]) -> None:
    """``add`` only queues a call with its arguments; ``start`` has all of them made."""
    calls, made = DeferredCalls(), []

    def call(number: int, *, by: str) -> None:
        made.append((number, by, threading.current_thread()))

    for number in range(10):
        calls.add(call, number, by="keyword")
    assert made == []
    calls.start()
    all_told()

    assert [(number, by) for number, by, _ in made] == [(number, "keyword") for number in range(10)]
    assert {thread.name for _, _, thread in made} == {"flask_jwtlib-events"}


def test_whoever_settles_finds_the_calls_made() -> None:
    """A command that ends right afterwards has logged what it had to log."""
    calls, made = DeferredCalls(), []
    calls.add(made.append, 1)
    calls.settle(30)

    assert made == [1]
    calls.settle(0)


def test_settling_waits_no_longer_than_it_is_told() -> None:
    """A call that hangs, in whatever thread, keeps nobody for good."""
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
    """Whoever has nothing to tell pays nothing."""
    monkeypatch.setattr(threading, "Thread", None)
    calls = DeferredCalls()
    calls.start()
    calls.run()


@pytest.mark.parametrize(
    "error", [ValueError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
@pytest.mark.parametrize("here", [False, True], ids=["aside", "here"])
def test_whatever_a_call_raises_the_next_one_is_made(
    error: BaseException, here: bool, all_told: Callable[[], None]
) -> None:
    """It ends neither the others nor the thread that makes them."""
    calls, made = DeferredCalls(), []

    def fail() -> None:
        raise error

    calls.add(fail)
    calls.add(made.append, 1)
    calls.run() if here else calls.start()
    all_told()
    assert made == [1]

    calls.add(made.append, 2)
    calls.run()
    assert made == [1, 2]


def test_while_one_call_hangs_nobody_waits(all_told: Callable[[], None]) -> None:
    """Whoever adds another call goes on, and no second thread makes calls out of turn."""
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
    all_told()
    assert made == [0, 1, 2, 3]


def test_the_oldest_of_too_many_calls_are_dropped() -> None:
    """256 wait; where they are not made, memory doesn't grow."""
    calls, made = DeferredCalls(), []
    for number in range(1000):
        calls.add(made.append, number)
    calls.run()

    assert made == list(range(744, 1000))


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_where_no_thread_can_be_started_they_are_made_here(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Whatever ``threading`` raises then."""
    monkeypatch.setattr(threading.Thread, "start", refuse_with(error))
    calls, made = DeferredCalls(), []
    calls.add(lambda: made.append(threading.current_thread()))
    calls.start()

    assert made == [threading.current_thread()]


def test_a_thread_that_does_not_begin_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a second, whoever comes next makes the calls; a thread that begins too late makes none."""
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


def test_a_worker_that_was_replaced_leaves_its_successor_alone() -> None:
    """A call that is slower than the patience for a thread is no reason to make others twice."""
    calls, made = DeferredCalls(), []
    worker: Any = calls._engage  # type: ignore[attr-defined]
    calls.add(made.append, 1)
    first = worker()
    calls._worker = None  # type: ignore[attr-defined]
    second = worker()
    calls._work(first)  # type: ignore[attr-defined]

    assert (made, calls._worker) == ([], second)  # type: ignore[attr-defined]


def test_a_worker_that_is_interrupted_leaves_room_for_another() -> None:
    """Where not even memory is left to take a call out, the next one who comes makes it."""

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
def test_a_forked_process_makes_its_own_calls_only() -> None:
    """What the parent has queued the parent tells; the child holds no lock of the parent's threads."""
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
def test_whether_a_thread_was_started_is_told(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A caller that has to do without hears of it by no exception."""
    done = threading.Event()
    assert start_thread(done.set, "named")
    assert done.wait(PATIENCE)

    monkeypatch.setattr(threading.Thread, "start", refuse_with(error))
    assert not start_thread(done.set, "named")
