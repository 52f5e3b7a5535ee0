"""Refreshes after an idle time, and while attempts fail."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider
from tests.kit import DOWN, PATIENCE

from .kit import kids


def test_after_an_idle_time_one_caller_waits_for_a_hanging_issuer(source: Any, clock: Any) -> None:
    """The first caller waits for ``fetch_timeout`` and gets the old keys; later callers don't wait."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    clock.step = 10
    source.hold()
    clock.move(10_000)

    assert kids(provider) == ["a"]
    assert provider.status()["last_error"] == "TimeoutError"
    assert kids(provider) == ["a"]


def test_no_caller_waits_after_a_failed_refresh(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """While attempts fail, retries run in the background: callers get old keys while one is held."""
    provider.warm_up()
    source.result = DOWN
    clock.move(295)
    provider.key_set()
    settled(provider)

    gate = source.hold()
    clock.move(5)
    assert kids(provider) == ["a"]
    source.wait_for(3)
    assert kids(provider) == ["a"]
    assert provider.status()["state"] == "stale"
    gate.set()
    settled(provider)


@pytest.mark.parametrize("idle", [60, 3600, 14_000], ids=["a minute", "an hour", "nearly too long"])
def test_after_an_idle_time_an_old_failure_does_not_keep_a_removed_key(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, at_once: Any, idle: float
) -> None:
    """After one failed fetch and a pause, the first callers wait for a new fetch, which removes the key."""
    provider.warm_up()
    source.result = DOWN
    clock.move(250)
    provider.key_set()
    source.join(2)
    source.result = [key("b")]
    gate = source.hold()
    clock.move(idle)

    def look_up(number: int) -> Any:
        if number == 0:
            source.wait_for(3)
            gate.set()
        return [each.kid for each in provider.keys_for(by("a"))]

    assert at_once(20, look_up) == [[]] * 20
    assert source.kids[:3] == [None, None, None]


@pytest.mark.parametrize(
    "idle", [120, 3600, 14_000], ids=["two minutes", "an hour", "nearly too long"]
)
def test_after_an_idle_time_a_hung_fetch_does_not_keep_a_removed_key(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, at_once: Any, idle: float
) -> None:
    """After a hanging refresh and a pause, the first callers wait for a new fetch."""
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    source.go_on()
    source.result = [key("b")]
    clock.move(idle)

    assert at_once(20, lambda _: [each.kid for each in provider.keys_for(by("a"))]) == [[]] * 20


def test_a_fetch_that_fails_late_does_not_keep_a_removed_key(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """A connection that breaks after an idle hour says nothing about the issuer now."""
    provider.warm_up()
    source.result = DOWN
    gate = source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    source.go_on()
    clock.move(3600)
    gate.set()
    source.join(2)
    source.result = [key("b")]

    assert provider.status()["failures"] == 1
    assert list(provider.keys_for(by("a"))) == []


def test_after_an_idle_time_keys_at_hand_is_empty(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, key: Any
) -> None:
    """``keys_at_hand`` returns only keys that ``keys_for`` would return without waiting."""
    provider.warm_up()
    source.result = DOWN
    clock.move(295)
    provider.key_set()
    source.join(2)
    clock.move(5)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(3)

    source.result = [key("b")]
    clock.move(3600)
    assert list(provider.keys_at_hand(by("a"))) == []
    assert list(provider.keys_for(by("a"))) == []


@pytest.mark.parametrize(
    ("late", "waits"),
    [
        pytest.param(0, False, id="as soon as the pause is over"),
        pytest.param(4.9, False, id="a moment later"),
        pytest.param(5, True, id="when the attempt would be over"),
        pytest.param(500, True, id="much later"),
    ],
)
def test_callers_wait_only_if_the_last_failure_is_old(
    source: Any,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    late: float,
    waits: bool,
) -> None:
    """While tokens come regularly, attempts follow failures closely, and no caller waits."""
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5)
    provider.warm_up()
    source.result = DOWN
    clock.move(300)
    provider.key_set()
    source.join(2)
    clock.move(1 + late)
    cache: Any = provider._cache

    fetch, begun = cache.begin("expired", cache.snapshot, clock(), 5, None)
    assert (begun, fetch.awaited) == (True, waits)


def test_after_a_failure_and_an_idle_time_one_caller_waits_for_a_hanging_issuer(
    source: Any, clock: Any
) -> None:
    """The first caller waits for ``fetch_timeout``; that is a recent failure, so later callers don't wait."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = DOWN
    clock.move(250)
    provider.key_set()
    source.join(2)
    source.hold()
    clock.step = 10
    clock.move(3600)

    assert kids(provider) == ["a"]
    assert provider.status()["last_error"] == "TimeoutError"
    assert kids(provider) == ["a"]
