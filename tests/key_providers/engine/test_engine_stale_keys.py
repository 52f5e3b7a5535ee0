"""How long keys are used while refreshes fail."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable
from tests.kit import DOWN, PATIENCE

from .kit import kids, refused


def test_known_kids_verify_until_max_stale_while_refreshes_fail(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, listen: Any, settled: Any
) -> None:
    """Stale keys are used until ``max_stale`` and retries continue; serving_stale and dead are sent once."""
    provider.warm_up()
    events = listen(provider)
    source.result = DOWN
    age = 0
    while age < 14_690:
        clock.move(10)
        age += 10
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        settled(provider)
    assert events.names.count("serving_stale") == 1
    assert events.names.count("refresh_failed") == source.fetches - 1 > 400
    assert "dead" not in events.names

    clock.move(10)
    for _ in range(3):
        refused(provider)
    with pytest.raises(VerificationUnavailable):
        provider.keys_for(by("a"))
    assert events.names.count("dead") == 1
    assert events.names.count("serving_stale") == 1
    assert provider.status()["state"] == "dead"


def test_a_success_after_max_stale_ends_the_outage(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, listen: Any
) -> None:
    """Lookups raise until a fetch succeeds; the next outage sends the same events as the first one."""
    events = listen(provider)
    for round_ in (1, 2):
        source.result = [key("a")]
        provider.warm_up()
        source.result = DOWN
        clock.move(300)
        assert kids(provider) == ["a"]
        clock.move(14_400)
        refused(provider)
        clock.move(40)
        source.result = [key("b")]
        assert kids(provider) == ["b"]
        clock.move(15_000)
        events.wait_for("recovered", round_)

    assert [name for name in events.names if name not in {"refreshed", "refresh_failed"}] == [
        "serving_stale",
        "dead",
        "recovered",
    ] * 2


@pytest.mark.parametrize(
    ("age", "served"),
    [
        pytest.param(60, True, id="at the ttl"),
        pytest.param(659.9, True, id="within"),
        pytest.param(660, False, id="at the end"),
        pytest.param(9999, False, id="long after"),
    ],
)
def test_stale_keys_are_used_until_max_stale(
    source: Any, clock: Any, by: Any, age: float, served: bool
) -> None:
    """Expired keys are used for less than ``max_stale`` seconds while no fetch succeeds."""
    provider = TTLKeyProvider(source, ttl=60, max_stale=600, clock=clock, max_wait=PATIENCE)
    provider.key_set()
    source.result = DOWN
    clock.move(age)

    if served:
        assert kids(provider) == ["a"]
        assert provider.keys_at_hand(by("a"))
    else:
        refused(provider)
        assert not provider.keys_at_hand(by("a"))


def test_max_stale_of_zero_never_uses_expired_keys(source: Any, clock: Any, by: Any) -> None:
    """With ``max_stale=0`` a lookup at the end of the ttl waits for new keys, and fails if there are none."""
    provider = TTLKeyProvider(source, max_stale=0, clock=clock)
    provider.key_set()
    clock.move(300)
    assert kids(provider) == ["a"]
    assert provider.status()["fetches"]["expired"] == {"succeeded": 1, "failed": 0}

    source.result = DOWN
    clock.move(300)
    assert refused(provider).__cause__ is DOWN
    assert not provider.keys_at_hand(by("a"))
    assert provider.status()["state"] == "dead"


def test_an_hour_of_outage_causes_at_most_160_attempts(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, settled: Any
) -> None:
    """Two lookups a second, of known and unknown kids, cause no more attempts than the backoff allows."""
    provider.warm_up()
    clock.move(299)
    before = source.fetches
    source.result = DOWN
    for half_second in range(7200):
        provider.keys_for(by("a"))
        if half_second % 3 == 0:
            with pytest.raises(VerificationUnavailable):
                provider.keys_for(by(f"unknown-{half_second}"))
        settled(provider)
        clock.move(0.5)

    assert 100 <= source.fetches - before <= 160


def test_keys_at_hand_returns_stale_keys_and_starts_retries(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, listen: Any, key: Any
) -> None:
    """In an outage ``keys_at_hand`` returns stale keys, sends one serving_stale, and starts retries."""
    provider.warm_up()
    events = listen(provider)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]

    source.result = DOWN
    clock.move(295)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(2)
    clock.move(5)
    for _ in range(3):
        assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(3)
    events.wait_for("serving_stale")
    assert provider.keys_at_hand(by("b")) == ()

    source.result = [key("b")]
    clock.move(3)
    provider.keys_at_hand(by("a"))
    source.join(4)
    assert [each.kid for each in provider.keys_at_hand(by("b"))] == ["b"]
    assert events.names.count("serving_stale") == 1


def test_keys_at_hand_never_waits(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """Where ``keys_for`` would wait for a fetch, ``keys_at_hand`` returns nothing and starts no fetch."""
    assert provider.keys_at_hand(by("a")) == ()
    assert source.fetches == 0

    provider.warm_up()
    clock.move(300)
    assert provider.keys_at_hand(by("a")) == ()
    clock.move(14_400)
    assert provider.keys_at_hand(by("a")) == ()
    assert source.fetches == 1
