"""Fetches on systems that start no threads, or start them late."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, current_app, g

from flask_jwtlib import TTLKeyProvider
from flask_jwtlib.testing import TokenIssuer
from tests.kit import DOWN, PATIENCE

from .kit import found, kids


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _do_nothing(_: threading.Thread) -> None:
    """Behave like a system on which threads never run."""


@pytest.fixture(
    params=[pytest.param(_refuse, id="refused"), pytest.param(_do_nothing, id="never run")]
)
def without_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable threads, as under uWSGI without --enable-threads or at a limit of the system."""
    monkeypatch.setattr(threading.Thread, "start", request.param)


@pytest.fixture
def threadless(source: Any, clock: Any) -> TTLKeyProvider:
    """A provider whose callers wait no real time before they run the fetch themselves."""
    clock.step = 2
    return TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=2)


@pytest.mark.usefixtures("without_threads")
def test_without_threads_waiting_callers_run_the_fetch(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """For the first keys, at expiry and in a search, the caller that waits for a fetch runs it."""
    assert found(threadless, by("a")) == ["a"]
    source.result = [key("b")]
    clock.move(300)
    assert kids(threadless) == ["b"]
    source.result = [key("b"), key("c")]
    assert found(threadless, by("c")) == ["c"]
    assert found(threadless, by("made-up")) == []

    assert source.threads == [threading.current_thread()] * 4
    assert threadless.status()["fetching"] is False


@pytest.mark.usefixtures("without_threads")
def test_without_threads_a_refresh_ahead_runs_at_expiry(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """A background fetch that no thread runs is run by the first caller that waits for it."""
    threadless.warm_up()
    source.result = [key("b")]
    clock.move(250)
    assert kids(threadless) == ["a"]
    assert kids(threadless) == ["a"]
    assert source.fetches == 1

    clock.move(50)
    assert kids(threadless) == ["b"]
    assert source.fetches == 2


@pytest.mark.usefixtures("without_threads")
def test_without_threads_an_outage_ends_like_any_other(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """Stale keys are used until ``max_stale``, then lookups fail until there are new keys."""
    threadless.warm_up()
    source.result = DOWN
    clock.move(300)
    while threadless.status()["age"] < 14_600:
        assert kids(threadless) == ["a"]
        clock.move(70)
    assert threadless.status()["failures"] > 50

    clock.move(200)
    assert found(threadless, by("a")) == "unavailable"
    source.result = [key("b")]
    clock.move(40)
    assert found(threadless, by("b")) == ["b"]


@pytest.mark.usefixtures("without_threads")
def test_without_threads_retries_continue(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Though no caller waits while attempts fail, new keys are found within two minutes."""
    threadless.warm_up()
    source.result = DOWN
    clock.move(300)
    assert kids(threadless) == ["a"]
    source.result = [key("b")]
    seconds = 0
    while seconds < 120 and kids(threadless) == ["a"]:
        seconds += 1
        clock.move(1)

    assert seconds < 120


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("end", [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_without_threads_an_exit_reaches_the_caller(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any, end: BaseException
) -> None:
    """SystemExit and KeyboardInterrupt in a fetch end the caller that runs it, and later fetches run."""
    source.result = end
    with pytest.raises(type(end)):
        threadless.key_set()
    assert threadless.status()["failures"] == 1

    source.result = [key("a")]
    clock.move(1.3)
    assert kids(threadless) == ["a"]


@pytest.mark.usefixtures("without_threads")
@pytest.mark.parametrize("app_context", [True, False])
def test_without_threads_a_fetch_runs_in_the_callers_app_context(
    app: Flask, clock: Any, issuer: TokenIssuer, app_context: bool
) -> None:
    """A fetch in a request's thread pushes no context, so no teardown function runs."""
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


def test_a_thread_that_starts_late_fetches_nothing(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a caller has run the fetch, its thread does nothing."""
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


def test_a_fetch_that_has_begun_is_not_run_by_a_caller(source: Any, clock: Any) -> None:
    """A caller that has waited long runs the fetch only if its thread has not begun it."""
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


@pytest.mark.usefixtures("without_threads")
def test_without_threads_keys_at_hand_are_refreshed_after_an_outage(
    source: Any, threadless: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """A caller that tries ``keys_at_hand`` first, as a composite does, gets new keys after an outage."""
    threadless.warm_up()
    source.result = DOWN
    clock.move(300)
    assert kids(threadless) == ["a"]
    source.result = [key("b")]
    for _ in range(60):
        if not threadless.keys_at_hand(by("a")):
            threadless.key_set()
        clock.move(2)

    assert threadless.status()["kids"] == ["b"]
