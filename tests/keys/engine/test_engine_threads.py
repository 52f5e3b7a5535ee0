"""What many threads do at one moment, and what happens where there are none."""

from __future__ import annotations

import linecache
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, current_app, g

from flask_jwtlib import KeySet, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer

PATIENCE = 30
THREADS = 200
DOWN = ConnectionError("the key server is down")


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """The key IDs that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def found(provider: TTLKeyProvider, header: Any) -> list[str | None] | str:
    """The key IDs that a provider answers for a token, or that it can't tell."""
    try:
        return [key.kid for key in provider.keys_for(header)]
    except VerificationUnavailable:
        return "unavailable"


def test_point_03_two_hundred_threads_fetch_once_when_cold(
    source: Any, provider: TTLKeyProvider, at_once: Any, by: Any
) -> None:
    """However many ask at the same moment for the first keys, one fetch serves all."""
    gate = source.hold()

    def ask(number: int) -> Any:
        if number == 0:
            source.wait_for(1)
            gate.set()
        return found(provider, by("a"))

    assert at_once(THREADS, ask) == [["a"]] * THREADS
    assert source.fetches == 1


def test_point_03_and_once_at_each_expiry(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, at_once: Any
) -> None:
    """So it is when keys have come to the end of their time, and all of them get the new ones."""
    provider.warm_up()
    for round_ in range(2, 6):
        source.answer = [key(f"set-{round_}")]
        gate = source.hold()
        clock.move(300)

        def ask(number: int, round_: int = round_, gate: Any = gate) -> Any:
            if number == 0:
                source.wait_for(round_)
                gate.set()
            return kids(provider)

        assert at_once(THREADS, ask) == [[f"set-{round_}"]] * THREADS
        assert source.fetches == round_


def test_point_03_and_once_when_it_fails(
    source: Any, provider: TTLKeyProvider, clock: Any, at_once: Any
) -> None:
    """An outage costs one attempt a pause, not one a caller: with old keys and without."""
    source.answer, good = DOWN, source.answer
    assert at_once(THREADS, lambda _: found(provider, None or _HEADER)) == (
        ["unavailable"] * THREADS
    )
    assert source.fetches == 1

    source.answer = good
    clock.move(2)
    provider.warm_up()
    source.answer = DOWN
    clock.move(300)
    assert at_once(THREADS, lambda _: kids(provider)) == [["a"]] * THREADS
    assert source.fetches == 3


class _Header:
    kid = None
    alg = "RS256"


_HEADER: Any = _Header()


@pytest.fixture
def eager_switching() -> Any:
    """Let threads take turns as often as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_switching")
def test_point_07_under_rotation_no_thread_sees_a_mixture(
    clock: Any, key: Any, by: Any, at_once: Any
) -> None:
    """While sets are replaced all the time, every lookup sees one whole set, and never an older one again."""
    sets = [KeySet([key(f"x-{number}"), key(f"y-{number}")]) for number in range(100)]
    numbers = iter(range(100))
    provider = TTLKeyProvider(
        lambda: sets[next(numbers)], clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE
    )
    provider.warm_up()

    def ask(thread: int) -> bool:
        latest = 0
        for _ in range(50):
            key_set = provider.key_set()
            number = sets.index(key_set)
            if number < latest:
                return False
            latest = number
            if thread == 0:
                clock.move(300)
        return True

    assert at_once(16, ask) == [True] * 16
    assert provider.generation > 20


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _do_nothing(_: threading.Thread) -> None:
    """Behave as where threads are never run."""


@pytest.fixture(
    params=[pytest.param(_refuse, id="refused"), pytest.param(_do_nothing, id="never run")]
)
def without_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no threads, as under uWSGI without --enable-threads or at a limit of the system."""
    monkeypatch.setattr(threading.Thread, "start", request.param)


@pytest.fixture
def lone(source: Any, clock: Any) -> TTLKeyProvider:
    """A provider whose callers need not wait for real until they help themselves."""
    clock.step = 2
    return TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=2)


@pytest.mark.usefixtures("without_threads")
def test_point_11_without_threads_callers_fetch_by_themselves(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """The first keys, new keys at expiry, and a search: whoever waits for a fetch runs it."""
    assert found(lone, by("a")) == ["a"]
    source.answer = [key("b")]
    clock.move(300)
    assert kids(lone) == ["b"]
    source.answer = [key("b"), key("c")]
    assert found(lone, by("c")) == ["c"]
    assert found(lone, by("made-up")) == []

    assert source.threads == [threading.current_thread()] * 4
    assert lone.status()["fetching"] is False


@pytest.mark.usefixtures("without_threads")
def test_point_11_without_threads_a_refresh_ahead_is_made_up_for_at_expiry(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """What nobody runs in the background is run by the first caller who waits for it."""
    lone.warm_up()
    source.answer = [key("b")]
    clock.move(250)
    assert kids(lone) == ["a"]
    assert kids(lone) == ["a"]
    assert source.fetches == 1

    clock.move(50)
    assert kids(lone) == ["b"]
    assert source.fetches == 2


@pytest.mark.usefixtures("without_threads")
def test_point_11_without_threads_an_outage_is_survived(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """Old keys serve within their window, beyond it nobody is let in, and the outage's end is noticed."""
    lone.warm_up()
    source.answer = DOWN
    clock.move(300)
    while lone.status()["age"] < 14_600:
        assert kids(lone) == ["a"]
        clock.move(70)
    assert lone.status()["failures"] > 50

    clock.move(200)
    assert found(lone, by("a")) == "unavailable"
    source.answer = [key("b")]
    clock.move(40)
    assert found(lone, by("b")) == ["b"]


@pytest.mark.usefixtures("without_threads")
def test_point_11_without_threads_retries_go_on_at_any_pace(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Though nobody waits while attempts fail, one is made all the same before long."""
    lone.warm_up()
    source.answer = DOWN
    clock.move(300)
    assert kids(lone) == ["a"]
    source.answer = [key("b")]
    seconds = 0
    while seconds < 120 and kids(lone) == ["a"]:
        seconds += 1
        clock.move(1)

    assert seconds < 120


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("end", [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_point_11_without_threads_an_exit_goes_through(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any, end: BaseException
) -> None:
    """A caller who runs the fetch is interrupted like anybody, and blocks nobody after that."""
    source.answer = end
    with pytest.raises(type(end)):
        lone.key_set()
    assert lone.status()["failures"] == 1

    source.answer = [key("a")]
    clock.move(1.3)
    assert kids(lone) == ["a"]


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("app_context", [True, False])
def test_point_11_without_threads_nothing_of_the_request_is_torn_down(
    app: Flask, clock: Any, issuer: TokenIssuer, app_context: bool
) -> None:
    """A caller that runs the fetch within its request lends it its own context, and pushes none."""
    app.config["KEYS"] = issuer.jwks
    torn_down: list[str] = []
    app.teardown_appcontext(lambda _: torn_down.append("app context"))
    app.teardown_request(lambda _: torn_down.append("request"))

    def fetch() -> Any:
        return current_app.config["KEYS"]

    clock.step = 2
    provider = TTLKeyProvider(fetch, clock=clock, app_context=app_context)
    with app.test_request_context():
        g.caller = "alice"
        assert kids(provider) == ["key-1"]
        assert (g.caller, torn_down) == ("alice", [])


def test_a_thread_that_comes_too_late_fetches_nothing(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a caller has run the fetch, its thread finds nothing to do."""
    late: list[threading.Thread] = []
    start = threading.Thread.start
    clock.step = 2
    provider = TTLKeyProvider(source, clock=clock)

    def remember(thread: threading.Thread) -> None:
        late.append(thread)

    monkeypatch.setattr(threading.Thread, "start", remember)
    assert kids(provider) == ["a"]
    monkeypatch.setattr(threading.Thread, "start", start)

    (thread,) = (each for each in late if each.name == "flask_jwtlib-keys")
    assert thread.daemon
    thread.start()
    thread.join(PATIENCE)
    assert source.fetches == 1
    assert provider.status()["fetches"] == {"cold": {"succeeded": 1, "failed": 0}}


def test_a_fetch_that_its_thread_runs_is_not_run_again(source: Any, clock: Any, key: Any) -> None:
    """A caller who waits long helps itself only if nobody has begun."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE)
    gate = source.hold()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kids, provider)
        source.wait_for(1)
        clock.move(10)
        second = pool.submit(kids, provider)
        gate.set()
        assert waiting.result(PATIENCE) == second.result(PATIENCE) == ["a"]
    assert source.fetches == 1


@pytest.mark.parametrize("seconds", [0, 1e6, 1e12, float("inf")], ids=repr)
def test_any_patience_can_be_asked_for(source: Any, seconds: float) -> None:
    """Whatever seconds a provider can be made with, it can work with."""
    provider = TTLKeyProvider(source, max_wait=seconds, ttl=0)
    patient = TTLKeyProvider(source, fetch_timeout=max(seconds, PATIENCE))

    assert kids(patient) == ["a"]
    provider.warm_up()
    assert kids(provider) == ["a"]


def test_point_03_at_real_time(source: Any, by: Any, at_once: Any) -> None:
    """With the real clock, too: one fetch for all who come while it is under way."""
    provider = TTLKeyProvider(source)
    assert at_once(THREADS, lambda _: found(provider, by("a"))) == [["a"]] * THREADS

    assert source.fetches == 1


ENGINE = tuple(
    f"flask_jwtlib{os.sep}{name}"
    for name in (
        "key_providers.py",
        "_key_cache.py",
        "_key_fetch.py",
        "_key_fetching.py",
        "_unknown_kids.py",
        "deferred_calls.py",
    )
)


class At:
    """Does something between two lines of the engine: before the line of this number that it gets to.

    What it does may want the provider's lock, so lines at which that is taken don't count, unless
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
        self._cache: Any = provider._cache  # type: ignore[attr-defined]
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
            # Python itself interrupts nobody on the way out of a with statement.
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            return not line.lstrip().startswith("with ")
        locks = self._cache._lock, self._cache.unknown_kids._lock, self._cache.calls._lock
        return not any(lock.locked() for lock in locks)


def test_at_expiry_new_keys_may_come_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, listen: Any
) -> None:
    """A caller gets the old set or the new one, and nobody is told of stale keys when they are no more."""
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
        provider.warm_up()
        source.join(1)
        events = listen(provider)
        source.answer = [key("b")]
        gate = source.hold()
        clock.move(300)

        def succeed(source: Any = source, gate: Any = gate) -> None:
            gate.set()
            if source.fetches > 1:
                source.join(2)

        at = At(number, provider, succeed)
        with at:
            answer = kids(provider)
        gate.set()
        source.join(2)
        assert answer in (["a"], ["b"])
        assert kids(provider) == ["b"]
        assert source.fetches == 2
        assert "serving_stale" not in events.names[events.names.index("refreshed") :]
        if not at.done:
            break
    assert number > 20


def test_during_a_search_the_key_may_come_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """While nobody knows whether a key is there, its token is never refused for good."""
    for number in range(1000):
        source = make_source([key("a")])
        provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)
        provider.warm_up()
        source.answer = DOWN
        assert found(provider, by("b")) == "unavailable"

        def rotate(source: Any = source, provider: TTLKeyProvider = provider) -> None:
            source.answer = [key("a"), key("b")]
            clock.move(2)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(found, provider, by("x")).result(PATIENCE)
            source.join(source.fetches)

        at = At(number, provider, rotate)
        with at:
            answer = found(provider, by("b"))
        assert answer in ("unavailable", ["b"]), number
        if not at.done:
            break
        assert found(provider, by("b")) == ["b"]
    assert number > 10


class Interruption(BaseException):
    """What ends a thread from outside, such as a timeout of gevent's."""


@pytest.mark.parametrize("what", ["cold", "expired", "search"])
def test_a_caller_may_be_interrupted_between_any_two_lines(
    make_source: Any, clock: Any, key: Any, by: Any, what: str
) -> None:
    """Whatever it was about to do, the callers after it get their keys."""

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
        source.answer = [key("a"), key("b")]
        at = At(number, provider, interrupt, locked=True)
        with at:
            try:
                answer = found(provider, by(kid))
            except Interruption:
                answer = "interrupted"
        assert at.done == (answer == "interrupted")
        deadline = time.monotonic() + PATIENCE
        while found(provider, by(kid)) != [kid]:
            assert time.monotonic() < deadline, number
            clock.move(2)
        if not at.done:
            break
    assert number > 10


def test_a_fetching_thread_may_fail_at_any_line(
    make_source: Any, clock: Any, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even memory is left, a fetch that ends at any line is overcome by the next one."""

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
            found(provider, _HEADER)
        finally:
            threading.settrace(before)  # type: ignore[arg-type]
        at.done, done = True, at.done
        deadline = time.monotonic() + PATIENCE
        while found(provider, _HEADER) != ["a"]:
            assert time.monotonic() < deadline, number
            clock.move(2)
        if not done:
            break
    assert number > 10


@pytest.mark.usefixtures("without_threads")
def test_point_11_without_threads_keys_at_hand_are_refreshed_too(
    source: Any, lone: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """Who asks for what is at hand first, as a composite does, finds new keys after an outage."""
    lone.warm_up()
    source.answer = DOWN
    clock.move(300)
    assert kids(lone) == ["a"]
    source.answer = [key("b")]
    for _ in range(60):
        if not lone.keys_at_hand(by("a")):
            lone.key_set()
        clock.move(2)

    assert lone.status()["kids"] == ["b"]
