"""Many threads that look up keys at the same moment."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from flask_jwtlib import KeySet, TTLKeyProvider
from tests.kit import DOWN, PATIENCE

from .kit import found, kids

THREADS = 200


def test_200_threads_fetch_once_when_cold(
    source: Any, provider: TTLKeyProvider, at_once: Any, by: Any
) -> None:
    """However many threads need the first keys at the same moment, one fetch returns them to all."""
    gate = source.hold()

    def look_up(number: int) -> Any:
        if number == 0:
            source.wait_for(1)
            gate.set()
        return found(provider, by("a"))

    assert at_once(THREADS, look_up) == [["a"]] * THREADS
    assert source.fetches == 1


def test_200_threads_fetch_once_at_each_expiry(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, at_once: Any
) -> None:
    """At the end of the ttl one fetch returns the new keys to all threads."""
    provider.warm_up()
    for round_ in range(2, 6):
        source.result = [key(f"set-{round_}")]
        gate = source.hold()
        clock.move(300)

        def look_up(number: int, round_: int = round_, gate: Any = gate) -> Any:
            if number == 0:
                source.wait_for(round_)
                gate.set()
            return kids(provider)

        assert at_once(THREADS, look_up) == [[f"set-{round_}"]] * THREADS
        assert source.fetches == round_


def test_200_threads_fetch_once_when_the_fetch_fails(
    source: Any, provider: TTLKeyProvider, clock: Any, at_once: Any, by: Any
) -> None:
    """An outage costs one attempt per pause, not one per caller: with old keys and without."""
    source.result, good = DOWN, source.result
    assert at_once(THREADS, lambda _: found(provider, by(None))) == (["unavailable"] * THREADS)
    assert source.fetches == 1

    source.result = good
    clock.move(2)
    provider.warm_up()
    source.result = DOWN
    clock.move(300)
    assert at_once(THREADS, lambda _: kids(provider)) == [["a"]] * THREADS
    assert source.fetches == 3


@pytest.fixture
def frequent_thread_switches() -> Any:
    """Let Python switch between threads as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("frequent_thread_switches")
def test_threads_never_see_a_mixed_or_older_set_during_rotation(
    clock: Any, key: Any, at_once: Any
) -> None:
    """While sets are replaced, each lookup returns one whole set, and never an older one again."""
    sets = [KeySet([key(f"x-{number}"), key(f"y-{number}")]) for number in range(100)]
    numbers = iter(range(100))
    provider = TTLKeyProvider(
        lambda: sets[next(numbers)], clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE
    )
    provider.warm_up()

    def look_up(thread: int) -> bool:
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

    assert at_once(16, look_up) == [True] * 16
    assert provider.generation > 20


@pytest.mark.parametrize("seconds", [0, 1e6, 1e12, float("inf")], ids=repr)
def test_any_valid_timeout_works(source: Any, seconds: float) -> None:
    """A provider works with every number of seconds that its constructor accepts."""
    provider = TTLKeyProvider(source, max_wait=seconds, ttl=0)
    patient = TTLKeyProvider(source, fetch_timeout=max(seconds, PATIENCE))

    assert kids(patient) == ["a"]
    provider.warm_up()
    assert kids(provider) == ["a"]


def test_200_threads_fetch_once_with_the_real_clock(source: Any, by: Any, at_once: Any) -> None:
    """With the real clock, too, one fetch returns the keys to all callers that come meanwhile."""
    provider = TTLKeyProvider(source)
    assert at_once(THREADS, lambda _: found(provider, by("a"))) == [["a"]] * THREADS

    assert source.fetches == 1
