"""The status that a provider reports about its keys."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_jwtlib import StaticKeyProvider, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from tests.kit import DOWN, PATIENCE

FIELDS = {
    "age": float,
    "failures": int,
    "fetches": dict,
    "fetching": bool,
    "generation": int,
    "keys": int,
    "kids": list,
    "last_error": str,
    "next_retry": float,
    "skipped": dict,
    "stale_seconds_left": float,
    "state": str,
}
COLD: dict[str, Any] = {
    "state": "cold",
    "age": None,
    "stale_seconds_left": None,
    "generation": 0,
    "keys": 0,
    "kids": [],
    "skipped": {},
    "last_error": None,
    "failures": 0,
    "next_retry": None,
    "fetching": False,
    "fetches": {},
}


def status_of(provider: Any) -> dict[str, Any]:
    """Return a provider's status, after checking that JSON can represent it."""
    status: dict[str, Any] = provider.status()
    assert json.loads(json.dumps(status, allow_nan=False)) == status
    if status["state"] != "static":
        assert set(status) == set(FIELDS)
        for name, kind in FIELDS.items():
            assert status[name] is None or isinstance(status[name], (kind, int))
    return status


@pytest.mark.usefixtures("fixed_jitter")
def test_the_status_in_every_state(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
) -> None:
    """Cold, failing, fresh, refreshing, stale and dead: each field has its documented value."""
    assert status_of(provider) == COLD

    source.result, good = DOWN, source.result
    with pytest.raises(VerificationUnavailable):
        provider.warm_up()
    clock.move(0.25)
    cold_and_failing = {
        **COLD,
        "last_error": "ConnectionError",
        "failures": 1,
        "next_retry": 0.75,
        "fetches": {"cold": {"succeeded": 0, "failed": 1}},
    }
    assert status_of(provider) == cold_and_failing
    clock.move(40)
    assert status_of(provider) == {**cold_and_failing, "next_retry": 0}

    source.result = good
    provider.warm_up()
    clock.move(10)
    fresh: dict[str, Any] = {
        **COLD,
        "state": "fresh",
        "age": 10,
        "stale_seconds_left": 14400,
        "generation": 1,
        "keys": 1,
        "kids": ["a"],
        "fetches": {"cold": {"succeeded": 1, "failed": 1}},
    }
    assert status_of(provider) == fresh

    source.result = DOWN
    gate = source.hold()
    clock.move(240)
    provider.key_set()
    assert status_of(provider) == {**fresh, "age": 250, "fetching": True}
    gate.set()
    source.join(3)
    failing = {
        **fresh,
        "last_error": "ConnectionError",
        "failures": 1,
        "next_retry": 1,
        "fetches": {**fresh["fetches"], "ahead": {"succeeded": 0, "failed": 1}},
    }
    assert status_of(provider) == {**failing, "age": 250}

    clock.move(50)
    stale = {**failing, "state": "stale", "age": 300, "next_retry": 0}
    assert status_of(provider) == stale
    clock.move(14_399.5)
    assert status_of(provider) == {**stale, "age": 14_699.5, "stale_seconds_left": 0.5}
    clock.move(0.5)
    dead = {**stale, "state": "dead", "age": 14_700, "stale_seconds_left": 0}
    assert status_of(provider) == dead
    clock.move(1e6)
    assert status_of(provider) == {**dead, "age": 14_700 + 1e6}
    assert source.fetches == 3


def test_status_starts_no_fetch_and_waits_for_none(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """While a fetch is due, ``status`` starts none; while one hangs, it says so at once."""
    provider.warm_up()
    source.hold()
    clock.move(300)
    assert status_of(provider)["fetching"] is False
    assert source.fetches == 1

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(provider.key_set)
        source.wait_for(2)
        assert status_of(provider)["fetching"] is True
        source.release()
        waiting.result(PATIENCE)


def test_fetches_are_counted_by_reason_and_outcome(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, settled: Any
) -> None:
    """The status counts successes and failures for each reason of a fetch."""
    provider.warm_up()
    provider.keys_for(by("b"))
    provider.keys_for(by("c"))
    clock.move(250)
    provider.key_set()
    settled(provider)
    clock.move(300)
    provider.key_set()
    source.result = DOWN
    with pytest.raises(VerificationUnavailable):
        provider.keys_for(by("d"))
    clock.move(15_000)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()

    assert status_of(provider)["fetches"] == {
        "ahead": {"succeeded": 1, "failed": 0},
        "cold": {"succeeded": 1, "failed": 0},
        "expired": {"succeeded": 1, "failed": 1},
        "unknown_kid": {"succeeded": 2, "failed": 1},
    }


def test_skipped_keys_are_counted_by_reason(
    source: Any, provider: TTLKeyProvider, issuer: TokenIssuer
) -> None:
    """The status counts keys that can't verify signatures, by the reason why they were skipped."""
    encrypting = {**issuer.jwk, "use": "enc"}
    source.result = {"keys": [encrypting, encrypting, {"kty": "odd"}, issuer.jwk]}
    provider.warm_up()

    skipped = status_of(provider)["skipped"]
    assert sorted(skipped.values()) == [1, 2]
    assert next(reason for reason, count in skipped.items() if count == 2).count("use") >= 1
    assert status_of(provider)["kids"] == ["key-1"]
    assert status_of(provider)["keys"] == 1


def test_kids_are_sorted_and_keys_counted(source: Any, provider: TTLKeyProvider, key: Any) -> None:
    """Keys without a kid are counted in ``keys`` only."""
    nameless = TokenIssuer(algorithm="ES256", kid=None).verification_key
    source.result = [key("c"), key("a"), nameless, key("b")]
    provider.warm_up()

    assert status_of(provider)["kids"] == ["a", "b", "c"]
    assert status_of(provider)["keys"] == 4


@pytest.mark.parametrize(
    ("options", "left"),
    [
        pytest.param({"ttl": math.inf}, 14400, id="ttl"),
        pytest.param({"max_stale": math.inf}, None, id="max_stale"),
        pytest.param({"ttl": math.inf, "max_stale": math.inf}, None, id="both"),
        pytest.param({"ttl": math.inf, "max_stale": 0}, 0, id="strict"),
    ],
)
def test_an_infinite_stale_window_is_none(
    source: Any, clock: Any, options: dict[str, Any], left: float | None
) -> None:
    """JSON has no infinity, so ``stale_seconds_left`` is None."""
    provider = TTLKeyProvider(source, clock=clock, **options)
    provider.warm_up()

    status = status_of(provider)
    assert (status["state"], status["stale_seconds_left"]) == ("fresh", left)


def _raise() -> float:
    raise KeyError("VERIFICATION_KEY_CACHE_TIMEOUT")


@pytest.mark.parametrize("max_stale", [0, 600, math.inf], ids=repr)
@pytest.mark.parametrize(
    "broken", [pytest.param(lambda: None, id="None"), pytest.param(_raise, id="raises")]
)
def test_status_with_a_broken_ttl_function_is_dead(
    source: Any, clock: Any, broken: Callable[[], Any], max_stale: float
) -> None:
    """While the lifetime is unknown no key is used; ``status`` says dead and doesn't raise."""
    known = [True]
    provider = TTLKeyProvider(
        source, ttl=lambda: 300 if known else broken(), clock=clock, max_stale=max_stale
    )
    provider.warm_up()
    provider.key_set()
    known.clear()

    status = status_of(provider)
    assert (status["state"], status["stale_seconds_left"], status["kids"]) == ("dead", 0, ["a"])


def test_the_status_is_a_consistent_snapshot(source: Any, clock: Any) -> None:
    """Keys that arrive while the status is built are not part of it."""
    hooks: list[Any] = []

    def watching() -> float:
        if hooks:
            hooks.pop()()
        return float(clock())

    provider = TTLKeyProvider(source, clock=watching)
    hooks.append(provider.warm_up)

    assert status_of(provider)["state"] == "cold"
    assert status_of(provider)["state"] == "fresh"


def test_the_status_of_a_static_provider(key: Any, issuer: TokenIssuer) -> None:
    """A static provider's state is ``static``, with its keys, kids and skipped keys."""
    provider = StaticKeyProvider(key("b"), {"keys": [{"kty": "odd"}, issuer.jwk]})

    status = status_of(provider)
    (reason,) = status.pop("skipped")
    assert "kty" in reason
    assert status == {"state": "static", "keys": 2, "kids": ["b", "key-1"]}


def test_a_hanging_fetch_is_under_way_until_a_lookup_times_it_out(source: Any, clock: Any) -> None:
    """After ``fetch_timeout`` the status still says ``fetching`` until a lookup gives the fetch up."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5)
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    clock.move(5)
    assert status_of(provider)["fetching"] is True

    provider.key_set()
    status = status_of(provider)
    assert (status["fetching"], status["last_error"]) == (False, "TimeoutError")
