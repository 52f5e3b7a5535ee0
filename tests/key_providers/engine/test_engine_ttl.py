"""How long keys are fresh: ttl, its defaults and its validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys
from tests.kit import DOWN, raises

from .kit import kids


@pytest.mark.parametrize(
    ("ttl", "age", "fetches"),
    [
        pytest.param(60, 0, 1, id="at once"),
        pytest.param(60, 41.9, 1, id="before 70 %"),
        pytest.param(60, 60, 2, id="at the ttl"),
        pytest.param(60, 1000, 2, id="long after"),
        pytest.param(300, 209.9, 1, id="default, before"),
        pytest.param(300, 300, 2, id="default, at the ttl"),
        pytest.param(0, 0, 2, id="none is kept"),
        pytest.param(math.inf, 1e12, 1, id="kept for ever"),
    ],
)
def test_keys_are_fetched_again_after_the_ttl(
    source: Any, clock: Any, ttl: float, age: float, fetches: int
) -> None:
    """Keys are used for ``ttl`` seconds, by default 300, and then replaced."""
    options: dict[str, Any] = {} if ttl == 300 else {"ttl": ttl}
    provider = TTLKeyProvider(source, clock=clock, max_wait=30, **options)
    provider.key_set()
    clock.move(age)
    assert kids(provider) == ["a"]

    assert source.fetches == fetches


def test_the_defaults_are_those_documented(source: Any) -> None:
    """By default keys are fresh for 300 s and stale for 4 h; callers wait 2 s, and a fetch may take 5 s."""
    provider = TTLKeyProvider(source)

    assert (provider.ttl, provider.refresh.max_stale) == (300, 14400)
    assert (provider.refresh.max_wait, provider.refresh.fetch_timeout) == (2, 5)


def test_a_callable_ttl_is_read_at_each_lookup(
    source: Any, clock: Any, settled: Callable[[TTLKeyProvider], None]
) -> None:
    """A lifetime that changes applies at once, also to keys that were fetched before."""
    ttl = [60.0]
    provider = TTLKeyProvider(source, ttl=lambda: ttl[0], clock=clock, max_wait=30)
    provider.key_set()
    clock.move(30)
    provider.key_set()
    assert (source.fetches, provider.status()["state"]) == (1, "fresh")

    ttl[0] = 30
    assert provider.status()["state"] == "stale"
    provider.key_set()
    settled(provider)
    assert (source.fetches, provider.status()["state"]) == (2, "fresh")

    clock.move(29)
    ttl[0] = 3600
    provider.key_set()
    assert source.fetches == 2


def test_a_ttl_raised_during_a_failing_fetch_applies_at_once(
    key: Any, clock: Any, listen: Any
) -> None:
    """Keys that the new lifetime makes fresh again are used, and no serving_stale event is sent."""
    ttl = [60.0]

    def fetch() -> Any:
        if clock.now > 1000:
            ttl[0] = 3600
            raise DOWN
        return key("a")

    provider = TTLKeyProvider(fetch, ttl=lambda: ttl[0], max_stale=0, clock=clock)
    provider.key_set()
    events = listen(provider)
    clock.move(60)

    assert kids(provider) == ["a"]
    events.wait_for("refresh_failed")
    assert events.names == ["refresh_failed"]


@pytest.mark.parametrize("ttl", [None, "60", -1, math.nan, True], ids=repr)
def test_an_invalid_value_of_a_callable_ttl_is_an_outage(source: Any, clock: Any, ttl: Any) -> None:
    """If the lifetime isn't a number of seconds, old keys are not used, and the status is dead."""
    result: list[Any] = [60]
    provider = TTLKeyProvider(source, ttl=lambda: result[0], clock=clock)
    provider.key_set()
    result[0] = ttl

    with raises(VerificationUnavailable, match="lifetime"):
        provider.key_set()
    assert provider.status()["state"] == "dead"
    assert provider.status()["stale_seconds_left"] == 0


def test_the_ttl_of_fetched_keys_takes_precedence(
    source: Any,
    clock: Any,
    key: Any,
) -> None:
    """``FetchedKeys(ttl=…)`` applies to these keys, the provider's ttl to others."""
    source.result = FetchedKeys([key("a")], ttl=1000)
    provider = TTLKeyProvider(source, ttl=60, clock=clock, max_wait=30)
    provider.key_set()
    clock.move(699)
    provider.key_set()
    assert source.fetches == 1

    source.result = FetchedKeys([key("a")])
    clock.move(301)
    provider.key_set()
    assert source.fetches == 2
    clock.move(60)
    provider.key_set()
    assert source.fetches == 3


@pytest.mark.parametrize("ttl", [-1, math.nan, "60", True, -math.inf], ids=repr)
def test_the_ttl_of_fetched_keys_must_be_seconds_or_none(ttl: Any) -> None:
    """Seconds are a number, 0 or more; with None the provider's ttl applies."""
    with pytest.raises(ConfigurationError, match="ttl must be a number of seconds"):
        FetchedKeys([], ttl=ttl)
    assert FetchedKeys([]).ttl is None
    assert FetchedKeys([], ttl=0).ttl == 0


@pytest.mark.parametrize("name", ["ttl", "max_stale", "max_wait", "fetch_timeout"])
@pytest.mark.parametrize("value", [-1, math.nan, "60", None, True, -math.inf], ids=repr)
def test_invalid_seconds_are_refused(source: Any, name: str, value: Any) -> None:
    """Seconds are a number, 0 or more; anything else raises when the provider is made."""
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(ConfigurationError, match=name):
        TTLKeyProvider(source, **arguments)
