"""How keys are renewed while they are in use, and what a new set changes."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    FetchedKeys,
    JWTValidator,
    KeySet,
    TTLKeyProvider,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, bearer

PATIENCE = 30
DOWN = ConnectionError("the key server is down")


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """The key IDs that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def test_point_05_keys_are_refreshed_ahead_in_the_background(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, settled: Any, by: Any
) -> None:
    """Past the refresh-ahead point a caller gets the keys at hand at once, and a fetch begins."""
    provider.warm_up()
    source.answer = [key("b")]
    gate = source.hold()
    clock.move(240)

    # The fetch is held: whoever waited for it would wait for ever.
    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
    source.wait_for(2)
    assert provider.status()["fetching"] is True
    assert provider.status()["state"] == "fresh"

    gate.set()
    settled(provider)
    assert kids(provider) == ["b"]
    assert provider.status()["fetches"]["ahead"] == {"succeeded": 1, "failed": 0}


def test_point_05_exactly_one_background_fetch_runs(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any, at_once: Any
) -> None:
    """However many threads look up keys past that point, one fetch is under way, and nobody waits for it."""
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


def test_point_05_nor_does_anybody_wait_for_one_that_hangs(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any, by: Any
) -> None:
    """With an issuer that hangs, known kids are answered at once: before, at and after the ttl."""
    provider.warm_up()
    source.hold()
    clock.move(250)
    for _ in range(24):
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert [key.kid for key in provider.keys_at_hand(by("a"))] == ["a"]
        # Two steps are beyond the fetch's own time; the provider's is 30 s here.
        clock.move(16)

    assert provider.status()["state"] == "stale"
    assert provider.status()["failures"] > 0


@pytest.mark.parametrize(
    ("chance", "due"),
    [pytest.param(0.0, 210, id="earliest"), pytest.param(1.0, 240, id="latest")],
)
def test_point_05_the_point_lies_at_70_to_80_percent(
    source: Any,
    clock: Any,
    settled: Any,
    monkeypatch: pytest.MonkeyPatch,
    chance: float,
    due: float,
) -> None:
    """Chance decides where, so that many processes don't ask at one moment."""
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


def test_point_05_chance_decides_anew_for_each_set(clock: Any, key: Any) -> None:
    """Of many providers that fetched at one moment, not all refresh at one."""
    due: set[int] = set()
    for _ in range(40):
        provider = TTLKeyProvider(lambda: key("a"), clock=clock)
        provider.warm_up()
        snapshot: Any = provider._cache.snapshot  # type: ignore[attr-defined]
        assert 0.7 <= snapshot.ahead <= 0.8
        due.add(int(snapshot.ahead * 300))

    assert len(due) > 5


def test_point_05_a_failed_refresh_ahead_is_tried_again(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any, key: Any
) -> None:
    """A failure ahead of the ttl is followed by further attempts, with keys that are still fresh."""
    provider.warm_up()
    source.answer = DOWN
    clock.move(240)
    provider.key_set()
    settled(provider)
    assert (provider.status()["state"], provider.status()["failures"]) == ("fresh", 1)
    assert kids(provider) == ["a"]
    assert source.fetches == 2

    source.answer = [key("b")]
    clock.move(1.3)
    assert kids(provider) == ["a"]
    settled(provider)
    assert kids(provider) == ["b"]
    assert source.fetches == 3


def test_at_expiry_callers_wait_for_the_one_fetch(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """At the end of their time the keys are replaced before a caller goes on, if it does not take long."""
    provider.warm_up()
    source.answer = [key("b")]
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
def test_at_expiry_nobody_waits_longer_than_max_wait(
    source: Any, clock: Any, key: Any, settled: Any, max_wait: float
) -> None:
    """A caller whom the old keys can serve gets them after ``max_wait`` seconds, and the fetch goes on."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=max_wait, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = [key("b")]
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
def test_at_expiry_no_wait_is_set_longer_than_max_wait(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, max_wait: float
) -> None:
    """What a caller hands to the system as its longest wait is never more than ``max_wait``."""
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


def test_at_expiry_nobody_waits_for_a_fetch_that_is_older_than_that(
    source: Any, clock: Any, settled: Any
) -> None:
    """``max_wait`` counts from the fetch's beginning: one that began long ago is not waited for."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=600)
    provider.warm_up()
    source.hold()
    clock.move(269)
    provider.key_set()
    source.wait_for(2)
    clock.move(31)

    # If this waited, it would be for as long as a test may take.
    assert kids(provider) == ["a"]
    assert source.fetches == 2


@pytest.mark.parametrize(
    ("age", "waits"),
    [
        pytest.param(300, False, id="at the ttl"),
        pytest.param(329.8, False, id="old keys will do"),
        pytest.param(329.95, True, id="too old when max_wait is over"),
        pytest.param(330, True, id="too old"),
        pytest.param(10_000, True, id="idle"),
    ],
)
def test_point_07_keys_that_are_too_old_are_waited_for_longer(
    source: Any, clock: Any, key: Any, age: float, waits: bool
) -> None:
    """Unless a fetch has failed, old keys serve no longer than a fetch may take: then callers wait for it."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0.1, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = [key("b")]
    gate = source.hold()
    clock.move(age)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kids, provider)
        source.wait_for(2)
        # Longer than max_wait, and much less than fetch_timeout.
        wait([asking], timeout=0.3)
        assert asking.done() is not waits
        gate.set()
        assert asking.result(PATIENCE) == (["b"] if waits else ["a"])
    source.join(2)


def test_point_07_also_for_a_fetch_that_began_before_they_were(
    source: Any, clock: Any, key: Any
) -> None:
    """Who comes when old keys are too old waits for the fetch that those before did not wait for."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = [key("b")]
    gate = source.hold()
    clock.move(310)
    assert kids(provider) == ["a"]
    clock.move(19.9)
    assert kids(provider) == ["a"]
    clock.move(0.1)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kids, provider)
        wait([asking], timeout=0.2)
        assert not asking.done()
        gate.set()
        assert asking.result(PATIENCE) == ["b"]


def test_point_07_a_max_wait_beyond_the_fetch_timeout_counts_in_any_case(
    source: Any, clock: Any, key: Any
) -> None:
    """Who asked to wait long for new keys waits so long, however old the keys at hand are."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE, fetch_timeout=0)
    for _ in range(100):
        # With no time at all for a fetch it may be given up before it ends.
        clock.move(40)
        try:
            provider.warm_up()
        except VerificationUnavailable:
            continue
        break
    first = source.fetches
    source.answer = [key("b")]
    gate = source.hold()
    clock.move(10_000)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kids, provider)
        source.wait_for(first + 1)
        gate.set()
        assert asking.result(PATIENCE) == ["b"]


def test_point_06_an_issuer_that_hangs_after_an_idle_time_is_waited_for_once(
    source: Any, clock: Any
) -> None:
    """Who comes first waits for ``fetch_timeout`` and gets the old keys; nobody waits after that."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    clock.step = 10
    source.hold()
    clock.move(10_000)

    assert kids(provider) == ["a"]
    assert provider.status()["last_error"] == "TimeoutError"
    assert kids(provider) == ["a"]


def test_point_06_nobody_waits_once_a_refresh_has_failed(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """While attempts fail, the retries run in the background: a caller gets old keys while one is held."""
    provider.warm_up()
    source.answer = DOWN
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
def test_point_06_after_an_idle_time_a_failure_of_long_ago_is_no_excuse(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, at_once: Any, idle: float
) -> None:
    """One failed fetch, then a pause: the first callers wait for one fetch, which withdraws a key."""
    provider.warm_up()
    source.answer = DOWN
    clock.move(250)
    provider.key_set()
    source.join(2)
    source.answer = [key("b")]
    gate = source.hold()
    clock.move(idle)

    def ask(number: int) -> Any:
        if number == 0:
            source.wait_for(3)
            gate.set()
        return [each.kid for each in provider.keys_for(by("a"))]

    assert at_once(20, ask) == [[]] * 20
    assert source.kids[:3] == [None, None, None]


@pytest.mark.parametrize(
    "idle", [120, 3600, 14_000], ids=["two minutes", "an hour", "nearly too long"]
)
def test_point_06_after_an_idle_time_a_fetch_that_hung_is_no_excuse(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, at_once: Any, idle: float
) -> None:
    """A refresh hangs, then a pause: it failed long ago, so the first callers wait for a new fetch."""
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    source.go_on()
    source.answer = [key("b")]
    clock.move(idle)

    assert at_once(20, lambda _: [each.kid for each in provider.keys_for(by("a"))]) == [[]] * 20


def test_point_06_a_fetch_that_fails_long_after_its_time_is_no_excuse(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any
) -> None:
    """A connection that breaks after an idle hour says nothing about the issuer now."""
    provider.warm_up()
    source.answer = DOWN
    gate = source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    source.go_on()
    clock.move(3600)
    gate.set()
    source.join(2)
    source.answer = [key("b")]

    assert provider.status()["failures"] == 1
    assert list(provider.keys_for(by("a"))) == []


def test_point_06_after_an_idle_time_keys_at_hand_are_none(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, key: Any
) -> None:
    """Keys that are at hand without waiting are those that ``keys_for`` would not wait for either."""
    provider.warm_up()
    source.answer = DOWN
    clock.move(295)
    provider.key_set()
    source.join(2)
    clock.move(5)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(3)

    source.answer = [key("b")]
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
def test_point_06_an_attempt_that_is_made_in_time_keeps_nobody_waiting(
    source: Any,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    late: float,
    waits: bool,
) -> None:
    """While tokens come, each attempt follows the last one, and what is known of the issuer is not old."""
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5)
    provider.warm_up()
    source.answer = DOWN
    clock.move(300)
    provider.key_set()
    source.join(2)
    clock.move(1 + late)
    cache: Any = provider._cache  # type: ignore[attr-defined]

    fetch, begun = cache.begin("expired", cache.snapshot, clock(), 5, None)
    assert (begun, fetch.awaited) == (True, waits)


def test_point_06_an_issuer_that_hangs_after_a_failure_and_an_idle_time_is_waited_for_once(
    source: Any, clock: Any
) -> None:
    """Who comes first waits for ``fetch_timeout``; then the failure is a new one, and nobody waits."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = DOWN
    clock.move(250)
    provider.key_set()
    source.join(2)
    source.hold()
    clock.step = 10
    clock.move(3600)

    assert kids(provider) == ["a"]
    assert provider.status()["last_error"] == "TimeoutError"
    assert kids(provider) == ["a"]


def test_point_07_a_success_replaces_the_snapshot_and_raises_its_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Each new set has a higher number; the old set is not altered."""
    provider.warm_up()
    first = provider.key_set()
    assert provider.generation == 1

    for generation in (2, 3, 4):
        source.answer = [key(f"set-{generation}")]
        clock.move(300)
        assert kids(provider) == [f"set-{generation}"]
        assert provider.generation == provider.status()["generation"] == generation
    assert [each.kid for each in first.keys] == ["a"]


def test_point_07_an_unchanged_set_is_fresh_again_with_the_old_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """The very KeySet of the answer before says that nothing has changed, bare or with a lifetime."""
    unchanged = KeySet([key("a")])
    source.answer = unchanged
    provider.warm_up()
    for answer in (unchanged, FetchedKeys(unchanged), FetchedKeys(unchanged, ttl=300)):
        source.answer = answer
        clock.move(300)
        assert provider.key_set() is unchanged
        assert provider.status()["age"] == 0
        assert provider.generation == 1

    source.answer = KeySet([key("a")])
    clock.move(300)
    assert provider.key_set() is not unchanged
    assert provider.generation == 2


def test_point_07_a_failure_leaves_the_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """What was concluded from the keys holds as long as they serve."""
    provider.warm_up()
    source.answer = DOWN
    clock.move(300)
    provider.key_set()
    settled(provider)

    assert provider.generation == 1


@pytest.mark.parametrize("late", ["keys", "failure", "garbage", "empty"])
def test_point_07_a_late_answer_changes_nothing(
    source: Any,
    clock: Any,
    key: Any,
    listen: Any,
    late: str,
) -> None:
    """What a fetch that was given up brings at last counts for nothing, good or bad."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=PATIENCE)
    provider.warm_up()
    answers: dict[str, Any] = {
        "keys": [key("late")],
        "failure": DOWN,
        "garbage": "<html>",
        "empty": {"keys": []},
    }
    source.answer = answers[late]
    gate = source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)

    clock.move(5)
    provider.key_set()
    status = provider.status()
    assert (status["fetching"], status["last_error"]) == (False, "TimeoutError")
    source.go_on()
    source.answer = [key("b")]
    clock.move(1.3)
    provider.key_set()
    source.join(3)
    status = provider.status()
    events = listen(provider)

    gate.set()
    source.join(2)
    assert provider.status() == status
    assert kids(provider) == ["b"]
    assert provider.generation == 2
    assert events.names == []


def test_point_07_the_next_lookup_after_a_late_answer_is_not_delayed(
    source: Any, clock: Any, key: Any, settled: Any
) -> None:
    """While an abandoned fetch still hangs, a new one replaces the keys."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=PATIENCE)
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    clock.move(5)
    provider.key_set()
    clock.move(1.3)
    source.go_on()
    source.answer = [key("b")]
    provider.key_set()
    settled(provider)

    assert kids(provider) == ["b"]
    assert provider.status()["failures"] == 0


def test_point_07_a_removed_key_is_refused_from_the_next_lookup_on(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, settled: Any
) -> None:
    """A key that a valid new set lacks is gone with it."""
    source.answer = [key("a"), key("b")]
    provider.warm_up()
    assert provider.keys_for(by("b"))
    source.answer = [key("a")]
    clock.move(250)
    provider.keys_for(by("a"))
    settled(provider)

    assert not provider.keys_at_hand(by("b"))
    assert not provider.keys_for(by("b"))
    assert provider.keys_for(by("a"))


def test_point_07_a_removed_key_is_accepted_for_305_seconds_at_most(
    source: Any, clock: Any, key: Any, by: Any
) -> None:
    """With a lookup each second and fetches that take nearly all their time, a removed key is soon gone."""
    source.answer = [key("a"), key("removed")]
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = [key("a")]
    gate = source.hold()
    began: float | None = None
    accepted = 0.0
    for second in range(400):
        if provider.key_set().select(by("removed")):
            accepted = second
        if began is None and provider.status()["fetching"]:
            began = second
        if began is not None and second == began + 4:
            gate.set()
            source.join(2)
        clock.move(1)

    assert 210 <= accepted <= 305


def test_point_07_so_it_is_if_nobody_asked_before_the_ttl(
    source: Any, clock: Any, key: Any, by: Any
) -> None:
    """With no lookup between 70 % and the ttl the fetch begins at the first one beyond it."""
    source.answer = [key("a"), key("removed")]
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.answer = [key("a")]
    gate = source.hold()
    clock.move(300)
    for _ in range(5):
        assert provider.key_set().select(by("removed"))
        clock.move(1)
    gate.set()
    source.join(2)

    assert not provider.key_set().select(by("removed"))


def test_point_07_no_verified_token_outlives_the_keys_that_verified_it(
    app: Flask, make_source: Any, clock: Any, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A token that was accepted a moment ago is refused once its key is gone."""
    source = make_source(issuer.jwks)
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE)
    auth = Authenticator(keys=provider, validator=JWTValidator(rules=[Audience("here")]))

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    client = app.test_client()
    headers = bearer(issuer.token(aud="here"))
    assert [client.get("/", headers=headers).status_code for _ in range(3)] == [200] * 3

    # The same kid with another key: only the signature tells.
    source.answer = other_issuer.jwks
    clock.move(300)
    assert client.get("/", headers=headers).status_code == 401
    assert client.get("/", headers=bearer(other_issuer.token(aud="here"))).status_code == 200
    assert provider.generation == 2


def test_the_age_of_keys_counts_from_when_their_fetch_began(clock: Any, key: Any) -> None:
    """The time that keys took to come is part of their age: who knows when they were read."""
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


def test_a_ttl_of_zero_keeps_nothing(source: Any, clock: Any) -> None:
    """With ttl 0 each lookup has keys of its own."""
    always = TTLKeyProvider(source, ttl=0, max_stale=0, clock=clock)

    assert [kids(always) for _ in range(3)] == [["a"]] * 3
    assert source.fetches == 3
    assert always.generation == 3
