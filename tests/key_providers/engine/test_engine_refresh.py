"""How keys are refreshed while they are in use, and what a new set changes."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable
from tests.kit import DOWN, PATIENCE

from .kit import kids


def test_keys_are_refreshed_ahead_in_the_background(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, settled: Any, by: Any
) -> None:
    """After 70 to 80 % of the ttl a lookup returns the current keys at once, and starts a fetch."""
    provider.warm_up()
    source.result = [key("b")]
    gate = source.hold()
    clock.move(240)

    # The fetch is held: a caller that waited for it would never return.
    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
    source.wait_for(2)
    assert provider.status()["fetching"] is True
    assert provider.status()["state"] == "fresh"

    gate.set()
    settled(provider)
    assert kids(provider) == ["b"]
    assert provider.status()["fetches"]["ahead"] == {"succeeded": 1, "failed": 0}


def test_one_background_fetch_runs_at_a_time(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any, at_once: Any
) -> None:
    """However many threads look up keys, one refresh is under way, and no thread waits for it."""
    provider.warm_up()
    gate = source.hold()
    clock.move(250)

    assert at_once(100, lambda _: kids(provider)) == [["a"]] * 100
    source.wait_for(2)
    assert at_once(100, lambda _: kids(provider)) == [["a"]] * 100
    assert source.fetches == 2

    gate.set()
    settled(provider)
    assert at_once(20, lambda _: kids(provider)) == [["a"]] * 20
    assert source.fetches == 2


def test_no_lookup_waits_for_a_hanging_refresh(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """While the issuer hangs, lookups of known kids return at once: before, at and after the ttl."""
    provider.warm_up()
    source.hold()
    clock.move(250)
    for _ in range(24):
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert [key.kid for key in provider.keys_at_hand(by("a"))] == ["a"]
        # Two steps exceed the fetch timeout, which is 30 s here.
        clock.move(16)

    assert provider.status()["state"] == "stale"
    assert provider.status()["failures"] > 0


@pytest.mark.parametrize(
    ("chance", "due"),
    [pytest.param(0.0, 210, id="earliest"), pytest.param(1.0, 240, id="latest")],
)
def test_the_refresh_begins_between_70_and_80_percent_of_the_ttl(
    source: Any,
    clock: Any,
    settled: Any,
    monkeypatch: pytest.MonkeyPatch,
    chance: float,
    due: float,
) -> None:
    """The moment is random, so that processes don't all fetch at once."""
    monkeypatch.setattr(random, "uniform", lambda low, high: low + chance * (high - low))
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    clock.move(due - 0.01)
    provider.key_set()
    assert source.fetches == 1

    clock.move(0.02)
    provider.key_set()
    source.wait_for(2)
    settled(provider)


def test_each_set_is_refreshed_at_another_random_moment(clock: Any, key: Any) -> None:
    """Providers that fetched at the same moment refresh at different moments."""
    due: set[int] = set()
    for _ in range(40):
        provider = TTLKeyProvider(lambda: key("a"), clock=clock)
        provider.warm_up()
        snapshot: Any = provider._cache.snapshot
        assert 0.7 <= snapshot.ahead <= 0.8
        due.add(int(snapshot.ahead * 300))

    assert len(due) > 5


def test_a_failed_refresh_ahead_is_retried(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any, key: Any
) -> None:
    """Further attempts follow a failure before the ttl, while the keys are still fresh."""
    provider.warm_up()
    source.result = DOWN
    clock.move(240)
    provider.key_set()
    settled(provider)
    assert (provider.status()["state"], provider.status()["failures"]) == ("fresh", 1)
    assert kids(provider) == ["a"]
    assert source.fetches == 2

    source.result = [key("b")]
    clock.move(1.3)
    assert kids(provider) == ["a"]
    settled(provider)
    assert kids(provider) == ["b"]
    assert source.fetches == 3


def test_at_expiry_callers_wait_for_one_fetch(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """A caller at the end of the ttl gets the new keys if the fetch is quick."""
    provider.warm_up()
    source.result = [key("b")]
    gate = source.hold()
    clock.move(300)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kids, provider)
        source.wait_for(2)
        assert not waiting.done()
        gate.set()
        assert waiting.result(PATIENCE) == ["b"]
    assert provider.status()["fetches"]["expired"] == {"succeeded": 1, "failed": 0}


@pytest.mark.parametrize("max_wait", [0, 0.05])
def test_at_expiry_callers_wait_at_most_max_wait(
    source: Any, clock: Any, key: Any, settled: Any, max_wait: float
) -> None:
    """After ``max_wait`` seconds a caller gets the old keys, and the fetch continues."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=max_wait, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = [key("b")]
    gate = source.hold()
    clock.move(300)

    assert kids(provider) == ["a"]
    assert provider.status()["fetching"] is True
    assert provider.status()["failures"] == 0

    gate.set()
    settled(provider)
    assert kids(provider) == ["b"]
    assert source.fetches == 2


@pytest.mark.parametrize("max_wait", [0, 0.25, 2])
def test_at_expiry_no_single_wait_exceeds_max_wait(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, max_wait: float
) -> None:
    """No timeout that a caller passes to ``Event.wait`` is longer than ``max_wait``."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=max_wait, fetch_timeout=PATIENCE)
    provider.warm_up()
    waits: list[float] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None:
                waits.append(timeout)
                return self.is_set()
            return super().wait(timeout)

    gate = source.hold()
    monkeypatch.setattr(threading, "Event", Watched)
    clock.move(300)
    assert kids(provider) == ["a"]
    monkeypatch.undo()
    gate.set()
    source.join(2)

    assert max(waits) == max_wait
    assert min(waits) >= 0


def test_max_wait_counts_from_the_start_of_the_fetch(source: Any, clock: Any) -> None:
    """At expiry no caller waits for a fetch that began more than ``max_wait`` seconds ago."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=600)
    provider.warm_up()
    source.hold()
    clock.move(269)
    provider.key_set()
    source.wait_for(2)
    clock.move(31)

    # A lookup that waited here would never return.
    assert kids(provider) == ["a"]
    assert source.fetches == 2


@pytest.mark.parametrize(
    ("age", "waits"),
    [
        pytest.param(300, False, id="at the ttl"),
        pytest.param(329.8, False, id="old keys still usable"),
        pytest.param(329.95, True, id="too old when max_wait is over"),
        pytest.param(330, True, id="too old"),
        pytest.param(10_000, True, id="idle"),
    ],
)
def test_callers_wait_for_a_fetch_when_old_keys_exceed_fetch_timeout(
    source: Any, clock: Any, key: Any, age: float, waits: bool
) -> None:
    """Unless a fetch has failed, old keys are used at most ``fetch_timeout`` beyond the ttl."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0.1, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = [key("b")]
    gate = source.hold()
    clock.move(age)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(kids, provider)
        source.wait_for(2)
        # Longer than max_wait, and much less than fetch_timeout.
        wait([pending], timeout=0.3)
        assert pending.done() is not waits
        gate.set()
        assert pending.result(PATIENCE) == (["b"] if waits else ["a"])
    source.join(2)


def test_callers_wait_for_a_running_fetch_once_the_keys_are_too_old(
    source: Any, clock: Any, key: Any
) -> None:
    """A caller waits for a fetch that earlier callers did not wait for, once the old keys are too old."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = [key("b")]
    gate = source.hold()
    clock.move(310)
    assert kids(provider) == ["a"]
    clock.move(19.9)
    assert kids(provider) == ["a"]
    clock.move(0.1)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(kids, provider)
        wait([pending], timeout=0.2)
        assert not pending.done()
        gate.set()
        assert pending.result(PATIENCE) == ["b"]


def test_a_max_wait_beyond_fetch_timeout_always_applies(source: Any, clock: Any, key: Any) -> None:
    """A caller waits up to ``max_wait`` for new keys, however old the current ones are."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=0)
    for _ in range(100):
        # With a timeout of 0 a fetch may be given up before it ends.
        clock.move(40)
        try:
            provider.warm_up()
        except VerificationUnavailable:
            continue
        break
    first = source.fetches
    source.result = [key("b")]
    gate = source.hold()
    clock.move(10_000)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(kids, provider)
        source.wait_for(first + 1)
        gate.set()
        assert pending.result(PATIENCE) == ["b"]


def test_the_age_of_keys_counts_from_when_their_fetch_began(clock: Any, key: Any) -> None:
    """The time that a fetch took is part of the age of its keys."""
    began: list[float] = []

    def slow() -> Any:
        began.append(clock.now)
        clock.move(20)
        return key("a")

    provider = TTLKeyProvider(slow, ttl=60, clock=clock, fetch_timeout=600)
    provider.key_set()
    assert provider.status()["age"] == 20
    clock.move(21.9)
    provider.key_set()
    assert began == [1000]

    clock.move(18.1)
    assert provider.status()["state"] == "stale"


def test_a_ttl_of_zero_fetches_for_each_lookup(source: Any, clock: Any) -> None:
    """With ``ttl=0`` nothing is cached."""
    always = TTLKeyProvider(source, ttl=0, max_stale=0, clock=clock)

    assert [kids(always) for _ in range(3)] == [["a"]] * 3
    assert source.fetches == 3
    assert always.generation == 3
