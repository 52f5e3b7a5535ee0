"""What becomes of lookups when fetches fail, hang or bring nothing of use."""

from __future__ import annotations

import functools
import gc
import logging
import math
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event, current_thread, main_thread
from typing import Any

import pytest
from flask import Flask, appcontext_popped, appcontext_pushed, current_app, g, has_app_context

from flask_jwtlib import (
    Authenticator,
    FetchedKeys,
    KeySet,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, bearer

PATIENCE = 30
DOWN = ConnectionError("the key server is down")
MANY = 32


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """The key IDs that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def refused(provider: TTLKeyProvider) -> VerificationUnavailable:
    """The outage that a lookup ends in."""
    with pytest.raises(VerificationUnavailable) as outage:
        provider.key_set()
    return outage.value


@pytest.fixture
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the middle of whatever is left to chance."""
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)


def test_point_04_a_failed_first_fetch_is_every_waiters_outage(
    source: Any, provider: TTLKeyProvider, at_once: Any
) -> None:
    """All who wait for the first keys learn at the same moment that they can't be had: 503."""
    source.answer = DOWN
    gate = source.hold()

    def ask(number: int) -> bool:
        if number == 0:
            # Some wait by now, and others are still to come.
            source.wait_for(1)
            gate.set()
            return True
        outage = refused(provider)
        return outage.status == 503 and outage.retry_after >= 1

    assert at_once(50, ask) == [True] * 50
    assert source.fetches == 1


def test_point_04_the_next_lookup_after_the_backoff_tries_again(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Nothing is poisoned: as soon as the source is up and the pause over, there are keys."""
    source.answer = DOWN
    refused(provider)
    source.answer = [key("a")]
    refused(provider)
    assert source.fetches == 1

    clock.move(1.3)
    assert kids(provider) == ["a"]
    assert source.fetches == 2
    assert provider.status()["failures"] == 0


def test_point_04_an_app_that_started_in_an_outage_recovers(
    app: Flask, issuer: TokenIssuer, make_source: Any, clock: Any
) -> None:
    """Over HTTP: 503 with Retry-After while there are no keys, 200 once there are, without a restart."""
    source = make_source(ConnectionError("https://idp.example/keys?secret=hunter2"))
    auth = Authenticator(keys=TTLKeyProvider(source, clock=clock))

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    client = app.test_client()
    answer = client.get("/", headers=bearer(issuer.token()))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "hunter2" not in answer.text + str(answer.headers)
    assert "ConnectionError" not in answer.text + str(answer.headers)

    source.answer = issuer.jwks
    clock.move(1.3)
    assert client.get("/", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.usefixtures("no_chance")
def test_point_04_failures_are_followed_by_growing_pauses(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """After one, two, … failures in a row the source is asked again after 1, 2, 4, 8, 16, 30, 30 … s."""
    source.answer = DOWN
    for fetches, pause in enumerate([1, 2, 4, 8, 16, 30, 30, 30], start=1):
        assert refused(provider).retry_after == pause
        assert source.fetches == fetches
        clock.move(pause - 0.5)
        assert refused(provider).retry_after == 1
        assert source.fetches == fetches
        clock.move(0.5)


def test_point_04_a_fifth_of_the_pauses_is_left_to_chance(source: Any, clock: Any) -> None:
    """Many processes that failed at one moment don't try again at one."""
    source.answer = DOWN
    pauses: set[float] = set()
    for _ in range(40):
        provider = TTLKeyProvider(source, clock=clock)
        refused(provider)
        pauses.add(provider.status()["next_retry"])

    assert all(0.8 <= pause <= 1.2 for pause in pauses)
    assert min(pauses) < 0.95
    assert max(pauses) > 1.05


@pytest.mark.usefixtures("no_chance")
def test_point_04_a_success_ends_the_pauses(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """After a success the next failure is a first one again."""
    source.answer = DOWN
    for pause in (1, 2, 4):
        refused(provider)
        clock.move(pause)
    source.answer = [key("a")]
    provider.key_set()

    source.answer = DOWN
    clock.move(15_000)
    assert refused(provider).retry_after == 1


@pytest.mark.usefixtures("no_chance")
@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        pytest.param(60, 60, id="longer"),
        pytest.param(1, 1, id="equal"),
        pytest.param(0, 1, id="shorter"),
        pytest.param(1.5, 1.5, id="fraction"),
        pytest.param(300, 300, id="five minutes"),
        pytest.param(86_400, 300, id="no more than that"),
        pytest.param(math.inf, 300, id="infinite"),
        pytest.param(-5, 1, id="negative"),
        pytest.param(math.nan, 1, id="NaN"),
        pytest.param("120", 1, id="text"),
        pytest.param(None, 1, id="None"),
    ],
)
def test_point_04_a_sources_retry_after_is_honoured(
    source: Any, provider: TTLKeyProvider, clock: Any, retry_after: Any, pause: float
) -> None:
    """A source that says when to come again is not asked before, within reason; nonsense is passed over."""
    source.answer = VerificationUnavailable("busy", retry_after=retry_after)

    assert refused(provider).retry_after == math.ceil(pause)
    source.join(1)
    assert provider.status()["failures"] == 1
    assert provider.status()["next_retry"] == pause
    clock.move(pause - 0.1)
    refused(provider)
    assert source.fetches == 1
    clock.move(0.2)
    refused(provider)
    assert source.fetches == 2


def test_point_04_who_began_the_fetch_learns_the_cause(
    source: Any, provider: TTLKeyProvider
) -> None:
    """The outage of who caused the fetch is chained to its error; during the pause there is none to chain."""
    source.answer = DOWN

    assert refused(provider).__cause__ is DOWN
    again = refused(provider)
    assert (again.__cause__, again.__suppress_context__) == (None, True)
    assert "ConnectionError" in str(again)
    assert "is down" not in str(again)


def test_point_04_who_joined_the_fetch_has_an_error_of_its_own(
    source: Any, provider: TTLKeyProvider
) -> None:
    """One exception is chained to one outage: threads don't share what Python adds to while it is raised."""
    source.answer = DOWN
    gate = source.hold()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(refused, provider)
        source.wait_for(1)
        others = [pool.submit(refused, provider) for _ in range(3)]
        wait(others, timeout=0.2)
        gate.set()
        assert first.result(PATIENCE).__cause__ is DOWN
        assert [other.result(PATIENCE).__cause__ for other in others] == [None] * 3


def test_point_04_callers_without_keys_wait_longer_than_max_wait(source: Any, clock: Any) -> None:
    """``max_wait`` is for those whom old keys can serve; the first keys may take ``fetch_timeout``."""
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    gate = source.hold()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kids, provider)
        source.wait_for(1)
        wait([asking], timeout=0.2)
        assert not asking.done()
        gate.set()
        assert asking.result(PATIENCE) == ["a"]


def test_point_06_known_kids_verify_while_refreshes_fail(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, listen: Any
) -> None:
    """Within ttl and max_stale keys serve; retries go on; one serving_stale is told, and one dead."""
    provider.warm_up()
    events = listen(provider)
    source.answer = DOWN
    age = 0
    while age < 14_690:
        clock.move(10)
        age += 10
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        source.join(source.fetches)
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


def test_point_06_beyond_it_a_success_ends_the_outage(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, listen: Any
) -> None:
    """503 for everyone until a fetch succeeds; then the next outage is told of like the first one."""
    events = listen(provider)
    for round_ in (1, 2):
        source.answer = [key("a")]
        provider.warm_up()
        source.answer = DOWN
        clock.move(300)
        assert kids(provider) == ["a"]
        clock.move(14_400)
        refused(provider)
        clock.move(40)
        source.answer = [key("b")]
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
def test_point_06_old_keys_serve_for_max_stale(
    source: Any, clock: Any, by: Any, age: float, served: bool
) -> None:
    """Keys serve for less than ``max_stale`` seconds beyond their time while no fetch succeeds."""
    provider = TTLKeyProvider(source, ttl=60, max_stale=600, clock=clock, max_wait=PATIENCE)
    provider.key_set()
    source.answer = DOWN
    clock.move(age)

    if served:
        assert kids(provider) == ["a"]
        assert provider.keys_at_hand(by("a"))
    else:
        refused(provider)
        assert not provider.keys_at_hand(by("a"))


def test_point_06_max_stale_of_zero_is_strict(source: Any, clock: Any, by: Any) -> None:
    """With ``max_stale=0`` no key serves beyond its time, and the fetch that is due is an expired set's."""
    provider = TTLKeyProvider(source, max_stale=0, clock=clock)
    provider.key_set()
    clock.move(300)
    assert kids(provider) == ["a"]
    assert provider.status()["fetches"]["expired"] == {"succeeded": 1, "failed": 0}

    source.answer = DOWN
    clock.move(300)
    assert refused(provider).__cause__ is DOWN
    assert not provider.keys_at_hand(by("a"))
    assert provider.status()["state"] == "dead"


def test_point_06_an_hour_of_outage_takes_160_attempts_at_most(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """Lookups twice a second, of known and unknown kids, cause no more attempts than the backoff allows."""
    provider.warm_up()
    clock.move(299)
    before = source.fetches
    source.answer = DOWN
    for half_second in range(7200):
        provider.keys_for(by("a"))
        if half_second % 3 == 0:
            with pytest.raises(VerificationUnavailable):
                provider.keys_for(by(f"unknown-{half_second}"))
        source.join(source.fetches)
        clock.move(0.5)

    assert 100 <= source.fetches - before <= 160


def test_point_06_keys_at_hand_take_part(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, listen: Any, key: Any
) -> None:
    """What is at hand in an outage is answered, told of once, and retried in the background."""
    provider.warm_up()
    events = listen(provider)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]

    source.answer = DOWN
    clock.move(295)
    assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(2)
    clock.move(5)
    for _ in range(3):
        assert [each.kid for each in provider.keys_at_hand(by("a"))] == ["a"]
    source.join(3)
    events.wait_for("serving_stale")
    assert provider.keys_at_hand(by("b")) == ()

    source.answer = [key("b")]
    clock.move(3)
    provider.keys_at_hand(by("a"))
    source.join(4)
    assert [each.kid for each in provider.keys_at_hand(by("b"))] == ["b"]
    assert events.names.count("serving_stale") == 1


def test_keys_at_hand_never_wait(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any
) -> None:
    """Where ``keys_for`` would wait for a fetch, nothing is at hand, and nothing is fetched."""
    assert provider.keys_at_hand(by("a")) == ()
    assert source.fetches == 0

    provider.warm_up()
    clock.move(300)
    assert provider.keys_at_hand(by("a")) == ()
    clock.move(14_400)
    assert provider.keys_at_hand(by("a")) == ()
    assert source.fetches == 1


EMPTY = [
    pytest.param(KeySet(()), "it is empty", id="KeySet"),
    pytest.param([], "it is empty", id="list"),
    pytest.param({"keys": []}, "it is empty", id="JWK set"),
]


@pytest.mark.parametrize(("empty", "why"), EMPTY)
def test_point_08_a_set_without_keys_is_a_failed_refresh(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    empty: Any,
    why: str,
) -> None:
    """An issuer that seems to have no keys is not believed at first: the old ones go on serving."""
    provider.warm_up()
    source.answer = empty
    clock.move(300)

    assert kids(provider) == ["a"]
    source.join(2)
    assert provider.status()["last_error"] == "ConfigurationError"
    assert provider.status()["generation"] == 1
    assert "no key of the set can verify signatures: " in caplog.text
    assert why in caplog.text


def _rsa(**members: Any) -> dict[str, Any]:
    return {"kty": "RSA", "n": "sXchz8", "e": "AQAB", "kid": "b", **members}


UNUSABLE = [
    pytest.param(["a", "b"], id="strings"),
    pytest.param([{}, {}], id="empty objects"),
    pytest.param([None, 5, []], id="no objects"),
    pytest.param([{"kty": "RSA"}], id="no members"),
    pytest.param([_rsa()], id="truncated n"),
    pytest.param([_rsa(alg="RS265")], id="misspelled alg"),
    pytest.param([_rsa(use="enc")], id="for encryption"),
    pytest.param([_rsa(key_ops=["sign"])], id="for signing"),
    pytest.param([_rsa(d="AQAB")], id="private"),
    pytest.param([{"kty": "unheard-of", "kid": "b"}], id="unknown kind"),
    pytest.param([{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}], id="weak secret"),
]


@pytest.mark.parametrize("members", UNUSABLE)
def test_point_08_a_set_of_unusable_members_replaces_no_good_keys(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, members: list[Any]
) -> None:
    """For as long as it lasts, such a set is a failed refresh: old keys are used, then it is 503."""
    provider.warm_up()
    good = source.answer
    source.answer = {"keys": members}
    while provider.status()["age"] < 14_600:
        clock.move(61)
        assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
        source.join(source.fetches)
    assert provider.status()["failures"] == source.fetches - 1 > 100
    assert (provider.generation, provider.status()["state"]) == (1, "stale")

    clock.move(200)
    assert refused(provider).status == 503
    assert provider.status()["state"] == "dead"

    source.answer = good
    clock.move(40)
    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]


@pytest.mark.parametrize("members", UNUSABLE)
def test_point_08_nor_is_it_ever_taken_for_the_first_keys(
    source: Any, provider: TTLKeyProvider, clock: Any, members: list[Any]
) -> None:
    """A provider that never had a key has none, and says that it is cold."""
    source.answer = {"keys": members}
    for _ in range(10):
        assert refused(provider).status == 503
        clock.move(61)
    assert provider.status()["state"] == "cold"


def test_point_08_unusable_members_between_two_empty_sets_count_as_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """An empty set is believed when it comes twice in a row, with nothing else in between."""
    provider.warm_up()
    for answer in ([], {"keys": [{}]}, []):
        source.answer = answer
        clock.move(301)
        assert kids(provider) == ["a"]
        source.join(source.fetches)
    clock.move(61)
    assert kids(provider) == []


def test_point_08_unusable_members_after_an_empty_set_are_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """That there is no key was believed; that damage is the truth is not."""
    source.answer = []
    refused(provider)
    clock.move(31)
    assert kids(provider) == []

    source.answer = {"keys": [{}]}
    clock.move(301)
    assert kids(provider) == []
    assert provider.status()["failures"] == 1


@pytest.mark.parametrize("ttl", [60, 300, 3600, None], ids=repr)
def test_point_08_a_source_without_keys_is_asked_again_soon(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, ttl: float | None, settled: Any
) -> None:
    """Keys that come back are found after half a minute, though no token names them."""
    source.answer = FetchedKeys([], ttl=ttl)
    refused(provider)
    clock.move(31)
    assert kids(provider) == []

    source.answer = [key("a")]
    clock.move(31)
    provider.warm_up()
    settled(provider)
    assert kids(provider) == ["a"]


@pytest.mark.parametrize(("empty", "why"), EMPTY)
def test_point_08_twice_in_a_row_it_is_believed(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, empty: Any, why: str, settled: Any
) -> None:
    """30 seconds later the same answer counts: no token verifies any more, and that is no outage."""
    provider.warm_up()
    source.answer = empty
    clock.move(250)
    provider.key_set()
    source.join(2)
    clock.move(29.9)
    provider.key_set()
    source.join(3)
    assert kids(provider) == ["a"]

    clock.move(2.6)
    provider.key_set()
    source.join(4)
    assert kids(provider) == []
    assert provider.generation == 2
    assert list(provider.keys_for(by("a"))) == []
    assert provider.status()["state"] == "empty"
    assert provider.status()["failures"] == 0


def test_point_08_exactly_30_seconds_are_enough(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """The two answers are 30 seconds apart at least."""
    provider.warm_up()
    source.answer = []
    clock.move(250)
    provider.key_set()
    source.join(2)
    clock.move(30)
    provider.key_set()
    source.join(3)

    assert kids(provider) == []


def test_point_08_also_of_the_first_fetch(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """An issuer without keys is an outage at start, and believed half a minute later."""
    source.answer = {"keys": []}
    refused(provider)
    clock.move(29)
    refused(provider)
    clock.move(3)

    assert kids(provider) == []
    assert provider.generation == 1


@pytest.mark.parametrize("between", ["keys", "failure", "hang"])
def test_point_08_not_with_anything_else_in_between(
    source: Any, clock: Any, key: Any, between: str
) -> None:
    """Empty answers count from anew after keys, an error or a fetch that was given up."""
    provider = TTLKeyProvider(source, ttl=100, clock=clock, max_wait=PATIENCE, fetch_timeout=5)
    provider.warm_up()

    def fetch(answer: Any, after: float) -> None:
        source.answer = answer
        clock.move(after)
        provider.key_set()
        source.join(source.fetches)

    fetch([], 100)
    if between == "hang":
        source.hold()
        clock.move(4)
        provider.key_set()
        source.wait_for(3)
        source.go_on()
        clock.move(5)
        provider.key_set()
        assert provider.status()["last_error"] == "TimeoutError"
    else:
        fetch(DOWN if between == "failure" else [key("a")], 20)
    fetch([], 120)
    assert kids(provider) == ["a"]
    fetch([], 31)
    assert kids(provider) == []


def test_point_08_what_is_believed_is_not_doubted_again(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, listen: Any
) -> None:
    """Further empty answers are successes, and keys that come back serve at once."""
    provider.warm_up()
    source.answer = []
    for seconds in (250, 30):
        clock.move(seconds)
        provider.key_set()
        source.join(source.fetches)
    assert kids(provider) == []
    events = listen(provider)

    clock.move(300)
    assert kids(provider) == []
    assert provider.status()["failures"] == 0
    source.answer = [key("a")]
    clock.move(300)
    assert kids(provider) == ["a"]
    source.join(source.fetches)
    assert "refresh_failed" not in events.names

    source.answer = []
    clock.move(300)
    assert kids(provider) == ["a"]


GARBAGE = [
    pytest.param(None, "ConfigurationError", id="None"),
    pytest.param("", "ConfigurationError", id="empty"),
    pytest.param(b"", "ConfigurationError", id="no bytes"),
    pytest.param("<html>", "ConfigurationError", id="HTML"),
    pytest.param('{"error": "busy"}', "ConfigurationError", id="error JSON"),
    pytest.param({"keys": None}, "ConfigurationError", id="no array"),
    pytest.param(5, "ConfigurationError", id="number"),
    pytest.param([None], "ConfigurationError", id="list of None"),
    pytest.param(DOWN, "ConnectionError", id="raises"),
    pytest.param(RecursionError(), "RecursionError", id="raises deep"),
    pytest.param(KeyError("kid"), "KeyError", id="bug"),
]


@pytest.mark.parametrize(("answer", "error"), GARBAGE)
def test_point_09_what_is_no_key_is_a_failed_refresh(
    source: Any, provider: TTLKeyProvider, clock: Any, answer: Any, error: str
) -> None:
    """Whatever a fetch raises, or answers that is no key, leaves the old keys as they are."""
    provider.warm_up()
    source.answer = answer
    clock.move(300)

    assert kids(provider) == ["a"]
    source.join(2)
    status = provider.status()
    assert (status["last_error"], status["failures"]) == (error, 1)
    assert status["fetches"]["expired"] == {"succeeded": 0, "failed": 1}


@pytest.mark.parametrize(("answer", "error"), GARBAGE)
def test_point_09_nor_is_it_a_first_key(
    source: Any, provider: TTLKeyProvider, answer: Any, error: str
) -> None:
    """Without old keys it is an outage, of which the fetch's error is the cause."""
    source.answer = answer

    assert type(refused(provider).__cause__).__name__ == error


def test_point_09_the_cause_is_chained_in_the_log(
    source: Any, provider: TTLKeyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the error, what it came of, and where it was raised; the refusal has its name alone."""
    inner = OSError("no route to host")
    source.answer = ConnectionError("the key server is down")
    source.answer.__cause__ = inner

    outage = refused(provider)
    source.join(1)
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.name == "flask_jwtlib"
    assert record.getMessage().startswith(
        "TTLKeyProvider: fetching the keys failed, next attempt in"
    )
    assert "no route to host" in caplog.text
    assert "the key server is down" in caplog.text
    assert "raise answer" in caplog.text
    for text in (str(outage), outage.description):
        assert "down" not in text
        assert "route" not in text


def test_point_09_the_log_says_when_it_is_tried_again(
    source: Any, provider: TTLKeyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """A person who reads the log sees how long the pause is."""
    source.answer = VerificationUnavailable(retry_after=60)
    refused(provider)
    source.join(1)

    assert "next attempt in 60.0 s" in caplog.text


def test_point_09_a_fetch_may_use_the_current_app(
    app: Flask, issuer: TokenIssuer, clock: Any
) -> None:
    """A fetch reads the settings of the app whose request caused it, in a context of its own."""
    app.config["KEYS"] = issuer.jwks
    seen: list[Any] = []

    def fetch() -> Any:
        seen.append(("caller" in g, current_app.name))
        return current_app.config["KEYS"]

    provider = TTLKeyProvider(fetch, clock=clock)
    with app.test_request_context():
        g.caller = "alice"
        assert kids(provider) == ["key-1"]
    assert seen == [(False, "resource_server")]


def test_point_09_outside_of_an_app_there_is_none(clock: Any) -> None:
    """Without an app at hand a fetch that wants one fails like any other."""
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)

    assert type(refused(provider).__cause__) is RuntimeError


def test_point_09_a_background_fetch_has_the_app_too(
    app: Flask, issuer: TokenIssuer, clock: Any, settled: Any
) -> None:
    """A refresh ahead runs after the request that caused it may have ended."""
    app.config["KEYS"] = issuer.jwks
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)
    with app.app_context():
        provider.warm_up()
    clock.move(250)
    with app.app_context():
        provider.key_set()
    settled(provider)

    assert provider.status()["fetches"]["ahead"] == {"succeeded": 1, "failed": 0}


@pytest.mark.parametrize("error", [DOWN, SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("function", ["teardown", "pushed", "popped"])
def test_point_09_what_an_apps_context_raises_changes_no_key(
    app: Flask,
    issuer: TokenIssuer,
    clock: Any,
    error: BaseException,
    function: str,
    settled: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Teardown functions and receivers run when the keys are there; what they raise is logged."""
    raised: list[BaseException] = []

    def fail(*_: object, **__: object) -> None:
        if current_thread() is not main_thread():
            raised.append(error)
            raise error

    if function == "teardown":
        app.teardown_appcontext(fail)
    else:
        signal = appcontext_pushed if function == "pushed" else appcontext_popped
        signal.connect(fail, app)
    app.config["KEYS"] = issuer.jwks
    provider = TTLKeyProvider(lambda: current_app.config["KEYS"], clock=clock)
    with app.app_context():
        assert kids(provider) == ["key-1"]
    settled(provider)

    assert raised == [error]
    assert provider.status()["failures"] == 0
    assert f"application context of a fetch raised {type(error).__name__}" in caplog.text


def test_point_09_an_exit_in_a_fetch_is_logged_once(
    app: Flask, source: Any, provider: TTLKeyProvider, settled: Any, caplog: Any
) -> None:
    """It passes the application context on its way out, which is not the context's fault."""
    source.answer = SystemExit(3)
    with app.app_context():
        refused(provider)
    source.join(1)
    settled(provider)

    assert caplog.text.count("fetching the keys failed") == 1
    assert "application context" not in caplog.text


def test_point_09_a_teardown_function_that_hangs_keeps_nobody_waiting(
    app: Flask, issuer: TokenIssuer, clock: Any
) -> None:
    """The keys are there before an app's functions run."""
    hang = Event()

    def wait(_: BaseException | None) -> None:
        if current_thread() is not main_thread():
            assert hang.wait(PATIENCE)

    app.teardown_appcontext(wait)
    provider = TTLKeyProvider(lambda: issuer.jwk, clock=clock, fetch_timeout=PATIENCE / 3)
    try:
        with app.app_context():
            assert kids(provider) == ["key-1"]
            assert provider.status()["fetching"] is False
    finally:
        hang.set()


def test_point_09_a_fetch_that_needs_no_app_gets_no_context_of_one(
    app: Flask, issuer: TokenIssuer, clock: Any
) -> None:
    """Without ``app_context`` nothing of the app is touched, as with all providers of the catalogue."""
    seen: list[bool] = []

    def fetch() -> Any:
        seen.append(has_app_context())
        return issuer.jwk

    provider = TTLKeyProvider(fetch, clock=clock, app_context=False)
    with app.app_context():
        assert kids(provider) == ["key-1"]
    assert seen == [False]


def test_point_09_a_fetch_that_hangs_is_given_up(
    source: Any, clock: Any, settled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers without keys wait for ``fetch_timeout``, then it is a failure like any other."""
    clock.step = 0.01
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=0.05)
    source.hold()

    outage = refused(provider)
    settled(provider)
    assert isinstance(outage.__cause__, TimeoutError)
    assert str(outage.__cause__) == "no answer within 0.05 s"
    assert provider.status()["fetching"] is False
    assert provider.status()["fetches"]["cold"] == {"succeeded": 0, "failed": 1}
    assert "no answer within 0.05 s" in caplog.text


def test_point_09_a_hanging_fetch_is_given_up_by_whoever_comes_next(
    source: Any, clock: Any, listen: Any
) -> None:
    """Where nobody waits for a fetch, the first lookup beyond its time notes that it failed."""
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


def test_point_09_whoever_waits_for_it_hears_of_it(source: Any, clock: Any) -> None:
    """A caller who is patient goes on as soon as another one has given the fetch up."""
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


def test_point_09_a_fetch_is_given_up_once(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """Who comes to give up a fetch that another one has given up leaves its successor alone."""
    cache: Any = provider._cache  # type: ignore[attr-defined]
    first, _ = cache.begin("cold", None, clock(), 5, None)
    first.claim(clock())
    clock.move(5)
    assert cache.begin("cold", None, clock(), 5, None) == (None, False)
    clock.move(2)
    second, begun = cache.begin("cold", None, clock(), 5, None)
    assert begun

    cache.give_up(first, clock())
    assert (cache.fetch, cache.failures, second.done.is_set()) == (second, 1, False)


@pytest.mark.usefixtures("no_chance")
def test_point_09_many_hanging_fetches_slow_down_the_attempts(
    source: Any, clock: Any, at_once: Any
) -> None:
    """Each that hangs holds a thread: from 32 on, attempts are 300 seconds apart. Ended ones don't count."""
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
    source.answer = DOWN
    provider.key_set()
    source.join(source.fetches)
    assert provider.status()["next_retry"] == 30


def test_point_09_the_many_are_not_remembered_for_ever(
    source: Any, clock: Any, settled: Any, key: Any
) -> None:
    """A source that answers in time again is asked at the usual pace, though some still hang."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5)
    provider.warm_up()
    source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)
    clock.move(5)
    provider.key_set()
    source.go_on()
    source.answer = [key("b")]
    clock.move(2)
    provider.key_set()
    settled(provider)

    assert kids(provider) == ["b"]


@pytest.mark.parametrize(
    "chained", [pytest.param(False, id="plain"), pytest.param(True, id="chained")]
)
def test_a_failure_keeps_nothing_alive(
    clock: Any, chained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a failed fetch held goes at once, with no garbage collection: its frames are not kept."""

    class Held:
        """Something that is dear to hold, such as a connection."""

    held: list[weakref.ref[Held]] = []
    # pytest keeps what is logged.
    monkeypatch.setattr(logging.getLogger("flask_jwtlib"), "disabled", True)

    def fetch() -> Any:
        dear = Held()
        held.append(weakref.ref(dear))
        if not chained:
            raise DOWN
        try:
            int("no number")
        except ValueError as inner:
            raise ConnectionError("outer") from inner

    provider = TTLKeyProvider(fetch, clock=clock)
    gc.collect()
    gc.disable()
    try:
        refused(provider)
        assert held[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("end", [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_an_exit_in_a_fetch_is_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, end: BaseException
) -> None:
    """A fetch that wants to end the process ends its thread alone, and blocks nobody after it."""
    source.answer = end
    assert refused(provider).__cause__ is end
    source.join(1)
    assert provider.status()["fetching"] is False

    source.answer = [key("a")]
    clock.move(1.3)
    assert kids(provider) == ["a"]


def test_callers_without_keys_get_what_the_one_fetch_brings(
    source: Any, provider: TTLKeyProvider
) -> None:
    """Whoever comes while the first fetch is under way waits for it."""
    gate = source.hold()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kids, provider)
        source.wait_for(1)
        second = pool.submit(kids, provider)
        gate.set()
        assert first.result(PATIENCE) == second.result(PATIENCE) == ["a"]

    assert source.fetches == 1


def test_a_fetch_that_asks_its_own_provider_ends(clock: Any) -> None:
    """A mistake by which a fetch needs its own keys is an outage after ``fetch_timeout``, no standstill."""

    def fetch() -> KeySet:
        return provider.key_set()

    provider = TTLKeyProvider(fetch, clock=clock, fetch_timeout=0.1)

    refused(provider)


def test_point_09_no_more_than_so_many_fetches_hang(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """Each holds a thread, so the next one has to wait until one of them ends."""
    cache: Any = provider._cache  # type: ignore[attr-defined]
    cache._hanging = 64
    with pytest.raises(VerificationUnavailable):
        provider.warm_up()
    assert source.kids == []

    cache._hanging = 63
    provider.warm_up()
    assert source.kids == [None]


def _fetch_with(password: str) -> None:
    raise ConnectionError


def test_what_is_bound_to_a_fetch_is_not_shown() -> None:
    """The representation of a provider gets into logs, and names the function alone."""
    shown = repr(TTLKeyProvider(functools.partial(_fetch_with, password="hunter2")))

    assert "hunter2" not in shown
    assert "lambda" in repr(TTLKeyProvider(lambda: None))
