"""What a provider tells of its keys: the status, the events and the log."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from flask_jwtlib import (
    FetchedKeys,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    VerificationUnavailable,
)
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer

PATIENCE = 30
URL = "https://user:hunter2@idp.example/keys?secret=hunter3"
DOWN = ConnectionError("the key server is down")
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
    """A provider's status, after a way through JSON that changes nothing."""
    status: dict[str, Any] = provider.status()
    assert json.loads(json.dumps(status, allow_nan=False)) == status
    if status["state"] != "static":
        assert set(status) == set(FIELDS)
        for name, kind in FIELDS.items():
            assert status[name] is None or isinstance(status[name], (kind, int))
    return status


@pytest.fixture
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the middle of whatever is left to chance."""
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)


@pytest.mark.usefixtures("no_chance")
def test_point_12_the_status_in_every_state(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """Cold, failing, fresh, refreshing, stale and dead: each field says what is documented."""
    assert status_of(provider) == COLD

    source.answer, good = DOWN, source.answer
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

    source.answer = good
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

    source.answer = DOWN
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


def test_point_12_a_status_fetches_nothing_and_waits_for_nothing(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """Asked while a fetch is due, or hangs, it tells so."""
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


def test_point_12_fetches_are_counted_by_reason_and_outcome(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, settled: Any
) -> None:
    """Why keys were fetched, and how it ended, each on its own."""
    provider.warm_up()
    provider.keys_for(by("b"))
    provider.keys_for(by("c"))
    clock.move(250)
    provider.key_set()
    settled(provider)
    clock.move(300)
    provider.key_set()
    source.answer = DOWN
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


def test_point_12_skipped_keys_are_counted_by_reason(
    source: Any, provider: TTLKeyProvider, issuer: TokenIssuer
) -> None:
    """Members that can't verify signatures are told of with their number."""
    encrypting = {**issuer.jwk, "use": "enc"}
    source.answer = {"keys": [encrypting, encrypting, {"kty": "odd"}, issuer.jwk]}
    provider.warm_up()

    skipped = status_of(provider)["skipped"]
    assert sorted(skipped.values()) == [1, 2]
    assert next(reason for reason, count in skipped.items() if count == 2).count("use") >= 1
    assert status_of(provider)["kids"] == ["key-1"]
    assert status_of(provider)["keys"] == 1


def test_point_12_kids_are_sorted_and_keys_counted(
    source: Any, provider: TTLKeyProvider, key: Any
) -> None:
    """Keys without a kid count among the keys alone."""
    nameless = TokenIssuer(algorithm="ES256", kid=None).verification_key
    source.answer = [key("c"), key("a"), nameless, key("b")]
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
def test_point_12_times_without_end_have_no_number(
    source: Any, clock: Any, options: dict[str, Any], left: float | None
) -> None:
    """JSON has no word for infinity: a window without end is None."""
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
def test_point_12_a_ttl_that_can_t_be_told_is_no_reason_to_fail(
    source: Any, clock: Any, broken: Callable[[], Any], max_stale: float
) -> None:
    """With a lifetime that nobody knows no key serves: the status says dead, and says it."""
    known = [True]
    provider = TTLKeyProvider(
        source, ttl=lambda: 300 if known else broken(), clock=clock, max_stale=max_stale
    )
    provider.warm_up()
    provider.key_set()
    known.clear()

    status = status_of(provider)
    assert (status["state"], status["stale_seconds_left"], status["kids"]) == ("dead", 0, ["a"])


def test_point_12_a_status_is_of_one_moment(source: Any, clock: Any) -> None:
    """Keys that come while it is made are no part of it."""
    hooks: list[Any] = []

    def watching() -> float:
        if hooks:
            hooks.pop()()
        return float(clock())

    provider = TTLKeyProvider(source, clock=watching)
    hooks.append(provider.warm_up)

    assert status_of(provider)["state"] == "cold"
    assert status_of(provider)["state"] == "fresh"


def test_point_12_a_static_provider_tells_its_keys(key: Any, issuer: TokenIssuer) -> None:
    """Keys that never change are ``static``, with what is known of them."""
    provider = StaticKeyProvider(key("b"), {"keys": [{"kty": "odd"}, issuer.jwk]})

    status = status_of(provider)
    (reason,) = status.pop("skipped")
    assert "kty" in reason
    assert status == {"state": "static", "keys": 2, "kids": ["b", "key-1"]}


@pytest.mark.usefixtures("no_chance")
def test_point_12_events_of_a_life(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, listen: Any
) -> None:
    """Every event is sent when it is due, with its details and nothing else."""
    events = listen(provider)
    provider.warm_up()
    source.join(1)
    source.answer = KeySet([key("b"), key("c")], skipped=("a reason",))
    clock.move(250)
    provider.key_set()
    source.join(2)
    assert provider.keys_for(by("made-up")) == ()
    source.join(3)
    source.answer = VerificationUnavailable(URL, retry_after=60)
    clock.move(250)
    provider.key_set()
    source.join(4)
    clock.move(50)
    provider.key_set()
    clock.move(14_400)
    for number in (5, 6):
        with pytest.raises(VerificationUnavailable):
            provider.key_set()
        source.join(number)
        clock.move(60)
    source.answer = [key("c")]
    provider.key_set()
    source.join(7)

    failure = {"reason": "ahead", "error": "VerificationUnavailable", "next_attempt": 60}
    expired = {**failure, "reason": "expired"}
    assert events.told == [
        ("refreshed", {"generation": 1, "added": ["a"], "removed": []}),
        ("refreshed", {"generation": 2, "added": ["b", "c"], "removed": ["a"]}),
        ("key_skipped", {"reasons": ["a reason"]}),
        ("refreshed", {"generation": 2, "added": [], "removed": []}),
        ("unknown_kid", {"kid": "made-up"}),
        ("refresh_failed", {**failure, "failures": 1}),
        ("serving_stale", {}),
        ("refresh_failed", {**expired, "failures": 2}),
        ("dead", {}),
        ("refresh_failed", {**expired, "failures": 3}),
        ("refreshed", {"generation": 3, "added": [], "removed": ["b"]}),
        ("recovered", {"failures": 3}),
    ]


def test_point_12_what_is_skipped_is_told_when_it_changes(
    source: Any, provider: TTLKeyProvider, clock: Any, issuer: TokenIssuer, listen: Any
) -> None:
    """A set with the same bad members as before says nothing new."""
    events = listen(provider)
    for members in ([{"kty": "odd"}], [{"kty": "odd"}], [], [{"kty": "odd"}]):
        source.answer = {"keys": [*members, issuer.jwk]}
        provider.key_set()
        source.join(source.fetches)
        clock.move(300)

    assert events.names == [
        "refreshed",
        "key_skipped",
        "refreshed",
        "refreshed",
        "refreshed",
        "key_skipped",
    ]


def test_point_12_each_refusal_for_an_unknown_kid_is_told(
    source: Any, provider: TTLKeyProvider, by: Any, listen: Any
) -> None:
    """A monitor can count them; those with no kid, or with 503, are not among them."""
    provider.warm_up()
    events = listen(provider)
    for kid in ("x", "y", "z", "x", "a", None):
        provider.keys_for(by(kid))

    assert [details["kid"] for details in events.of("unknown_kid")] == ["x", "y", "z", "x"]
    source.answer = DOWN


def test_point_12_recovery_is_told_if_stale_keys_were(source: Any, clock: Any, listen: Any) -> None:
    """Whoever heard that old keys serve hears that they don't any more, though no fetch failed."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.join(1)
    events = listen(provider)
    gate = source.hold()
    clock.move(300)
    provider.key_set()
    assert events.names == ["serving_stale"]
    gate.set()
    source.join(2)

    assert events.names == ["serving_stale", "refreshed", "recovered"]
    assert events.of("recovered") == [{"failures": 0}]


def _shout(_: object, **__: object) -> None:
    raise RuntimeError("the listener is broken")


def test_point_12_a_listener_that_raises_is_caught(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    by: Any,
    listen: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, changes nothing, and keeps nobody else from hearing."""
    with key_event.connected_to(_shout, provider):
        events = listen(provider)
        provider.warm_up()
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert provider.keys_for(by("made-up")) == ()
        source.answer = DOWN
        clock.move(300)
        provider.key_set()
        source.join(3)

    assert {"refreshed", "unknown_kid", "refresh_failed", "serving_stale"} <= set(events.names)
    assert "a listener of key_event failed on refreshed" in caplog.text
    assert "the listener is broken" in caplog.text
    assert provider.status()["fetching"] is False


def test_point_12_a_listener_that_hangs_delays_nobody_who_waits_for_keys(
    source: Any, clock: Any, key: Any, by: Any
) -> None:
    """Those who wait for a fetch go on before the listeners hear of it."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=10)
    provider.warm_up()
    source.join(1)
    source.answer = [key("a"), key("b")]
    hang, heard = Event(), Event()

    def listener(_: object, **__: object) -> None:
        heard.set()
        assert hang.wait(PATIENCE)

    with key_event.connected_to(listener, provider):
        try:
            # If this waited for the listener, it would be refused after fetch_timeout.
            assert [each.kid for each in provider.keys_for(by("b"))] == ["b"]
            assert heard.wait(PATIENCE)
        finally:
            hang.set()
        source.join(2)


class Choosy(logging.Filter):
    """A log filter that wants what it can't have, as one that reads the request does."""

    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("Working outside of request context")


def test_a_log_filter_that_raises_refuses_nobody(
    source: Any, clock: Any, by: Any, listen: Any
) -> None:
    """Known kids verify, and those who wait for a fetch hear of its end at once."""
    logger = logging.getLogger("flask_jwtlib")
    choosy = Choosy()
    logger.addFilter(choosy)
    try:
        provider = TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)
        events = listen(provider)
        source.answer, good = DOWN, source.answer
        with pytest.raises(VerificationUnavailable) as outage:
            provider.key_set()
        assert outage.value.__cause__ is DOWN
        source.answer = good
        clock.move(1.3)
        provider.key_set()
        source.hold()
        clock.move(250)
        provider.key_set()
        source.wait_for(3)
        clock.move(31)
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        with key_event.connected_to(_shout, provider):
            provider.key_set()
    finally:
        logger.removeFilter(choosy)
    assert events.names.count("refresh_failed") == 2


def test_point_12_news_has_a_level_by_its_weight(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What is as it should be is INFO, what is not yet bad is WARNING, an outage is ERROR."""
    source.answer = KeySet([key("a")], skipped=("a reason",))
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        provider.warm_up()
        source.join(1)
        source.answer = DOWN
        clock.move(300)
        provider.key_set()
        source.join(2)
        clock.move(14_400)
        with pytest.raises(VerificationUnavailable):
            provider.key_set()
        source.join(3)
        source.answer = [key("a")]
        clock.move(5)
        provider.key_set()
        source.join(4)

    levels = {
        record.getMessage().split()[1]: record.levelname
        for record in caplog.records
        if record.name == "flask_jwtlib"
    }
    assert levels == {
        "refreshed": "INFO",
        "key_skipped": "WARNING",
        "fetching": "ERROR",
        "serving_stale": "WARNING",
        "dead": "ERROR",
        "recovered": "WARNING",
    }
    assert all("TTLKeyProvider: " in record.getMessage() for record in caplog.records)


def test_point_12_neither_shows_a_url_a_token_or_key_material(
    clock: Any, issuer: TokenIssuer, by: Any, listen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Status, events and log of a provider whose source is told a secret don't repeat it."""
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    weak = {"kty": "oct", "k": secret, "alg": "HS512"}
    answers: list[Any] = [
        {"keys": [weak, {**issuer.jwk, "d": secret}, issuer.jwk]},
        secret,
        {"keys": [weak]},
        {"keys": [weak, issuer.jwk]},
    ]

    def fetch(url: str = URL) -> Any:
        answer = answers.pop(0)
        return FetchedKeys(answer)

    provider = TTLKeyProvider(fetch, clock=clock, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    events = listen(provider)
    shown = []
    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        for _ in range(4):
            provider.key_set()
            shown.append(repr(provider.status()))
            clock.move(303)
    events.wait_for("recovered")
    shown += [repr(events.told), caplog.text]

    assert not answers
    for text in shown:
        for hidden in (secret, "hunter2", "hunter3", issuer.jwk["n"], issuer.jwk["n"][:40]):
            assert hidden not in text


def test_events_are_sent_by_the_provider_alone(source: Any, clock: Any, listen: Any) -> None:
    """Who listens to one provider hears nothing of another."""
    one, other = TTLKeyProvider(source, clock=clock), TTLKeyProvider(source, clock=clock)
    events = listen(one)
    other.warm_up()
    source.join(1)

    assert events.names == []


def test_the_status_of_a_hanging_fetch_that_nobody_asked_after(source: Any, clock: Any) -> None:
    """Beyond its time a fetch is still under way, until a lookup gives it up."""
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
