"""Fetches that hang, and how lookups time them out."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from flask_jwtlib import KeySet, TTLKeyProvider, UnverifiedHeader, VerificationUnavailable
from tests.kit import DOWN, PATIENCE

from .kit import kids, refused

MANY = 32


def test_a_hanging_fetch_times_out(
    source: Any, clock: Any, settled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers without keys wait for ``fetch_timeout``, then the fetch has failed."""
    clock.step = 0.01
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=0.05)
    source.hold()

    outage = refused(provider)
    settled(provider)
    assert isinstance(outage.__cause__, TimeoutError)
    assert str(outage.__cause__) == "the fetch took longer than 0.05 s"
    assert provider.status()["fetching"] is False
    assert provider.status()["fetches"]["cold"] == {"succeeded": 0, "failed": 1}
    assert "the fetch took longer than 0.05 s" in caplog.text


def test_the_next_lookup_times_out_a_hanging_background_fetch(
    source: Any, clock: Any, listen: Any
) -> None:
    """If no caller waits for a fetch, the first lookup after ``fetch_timeout`` records its failure."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5)
    provider.warm_up()
    events = listen(provider)
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    clock.move(4.9)
    provider.key_set()
    assert provider.status()["failures"] == 0

    clock.move(0.1)
    assert kids(provider) == ["a"]
    assert provider.status()["failures"] == 1
    (failure,) = events.of("refresh_failed")
    assert (failure["reason"], failure["error"]) == ("ahead", "TimeoutError")


def test_a_waiting_caller_continues_when_another_lookup_times_the_fetch_out(
    source: Any, clock: Any
) -> None:
    """A caller with a long ``max_wait`` returns as soon as any other lookup gives the fetch up."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=PATIENCE)
    provider.warm_up()
    source.hold()
    clock.move(300)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(kids, provider)
        source.wait_for(2)
        wait([patient], timeout=0.2)
        assert not patient.done()
        clock.move(5)
        provider.status()
        assert provider.keys_at_hand(UnverifiedHeader("RS256", "a")) == ()
        with pytest.raises(VerificationUnavailable):
            provider.keys_for(UnverifiedHeader("RS256", "made-up"))
        assert patient.result(PATIENCE / 3) == ["a"]


def test_a_fetch_is_given_up_once(provider: TTLKeyProvider, clock: Any) -> None:
    """Giving up a fetch that was already given up doesn't affect the fetch that followed it."""
    cache: Any = provider._cache
    first, _ = cache.begin("cold", None, clock(), 5, None)
    first.claim(clock())
    clock.move(5)
    assert cache.begin("cold", None, clock(), 5, None) == (None, False)
    clock.move(2)
    second, begun = cache.begin("cold", None, clock(), 5, None)
    assert begun

    cache.give_up(first, clock())
    assert (cache.attempt, cache.failures, second.done.is_set()) == (second, 1, False)


@pytest.mark.usefixtures("fixed_jitter")
def test_32_hanging_fetches_slow_down_further_attempts(
    source: Any, clock: Any, settled: Any
) -> None:
    """From 32 hanging fetches on, attempts are 300 seconds apart. Fetches that ended don't count."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_stale=math.inf)
    provider.warm_up()
    gates = []
    pauses = []
    clock.move(250)
    for number in range(MANY + 2):
        gates.append(source.hold())
        provider.key_set()
        source.wait_for(number + 2)
        clock.move(5)
        provider.key_set()
        pauses.append(provider.status()["next_retry"])
        clock.move(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16] + [30] * (MANY - 6) + [300] * 3

    for number in range(4):
        gates[number].set()
        source.join(number + 2)
    source.go_on()
    source.result = DOWN
    provider.key_set()
    settled(provider)
    assert provider.status()["next_retry"] == 30


def test_a_fetch_that_uses_its_own_provider_times_out(clock: Any) -> None:
    """A fetch that by mistake needs its own keys is an outage after ``fetch_timeout``, not a deadlock."""

    def fetch() -> KeySet:
        return provider.key_set()

    provider = TTLKeyProvider(fetch, clock=clock, fetch_timeout=0.1)

    refused(provider)


def test_no_fetch_starts_while_64_hang(source: Any, provider: TTLKeyProvider) -> None:
    """Each hanging fetch holds a thread, so the next one can only start when one of them ends."""
    cache: Any = provider._cache
    cache._hanging = 64
    with pytest.raises(VerificationUnavailable):
        provider.warm_up()
    assert source.kids == []

    cache._hanging = 63
    provider.warm_up()
    assert source.kids == [None]
