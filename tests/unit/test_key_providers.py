from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from flask_jwtlib import (
    ConfigurationError,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer

HEADER = UnverifiedHeader("RS256", "key-1")
PATIENCE = 30


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Source:
    """A source of keys that answers, or raises, what it is set to, and counts how often."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.fetches = 0

    def __call__(self) -> Any:
        self.fetches += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class SlowSource(Source):
    """A source that says when a fetch began, and answers when it is let."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.began, self.release = Event(), Event()

    def __call__(self) -> Any:
        self.began.set()
        assert self.release.wait(PATIENCE)
        return super().__call__()


async def _fetch_asynchronously() -> object:
    return None


DOWN = ConnectionError("the key server is down")


@pytest.fixture
def clock() -> Clock:
    """A clock at second 1000."""
    return Clock()


@pytest.fixture
def source(issuer: TokenIssuer) -> Source:
    """A source of the issuer's key."""
    return Source(issuer.verification_key)


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """The key IDs that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def key_of(issuer: TokenIssuer, kid: str) -> VerificationKey:
    """The issuer's key under another ID."""
    return VerificationKey.from_pem(issuer.public_pem, kid=kid)


def test_static_keys_are_chosen_by_the_header(issuer: TokenIssuer) -> None:
    """Of the keys that were given, those that fit kid and alg are answered."""
    one, two = key_of(issuer, "one"), key_of(issuer, "two")
    provider = StaticKeyProvider(one, two)

    assert list(provider.keys_for(UnverifiedHeader("RS256", "one"))) == [one]
    assert list(provider.keys_for(UnverifiedHeader("RS256", "two"))) == [two]
    assert not provider.keys_for(UnverifiedHeader("RS256", "three"))
    assert not provider.keys_for(UnverifiedHeader("ES256", "one"))


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(lambda issuer: [issuer.public_pem], id="PEM"),
        pytest.param(lambda issuer: [issuer.jwk], id="JWK"),
        pytest.param(lambda issuer: [issuer.jwks], id="JWK set"),
        pytest.param(lambda issuer: [issuer.public_pem, issuer.jwk], id="PEM and JWK"),
        pytest.param(lambda issuer: [[issuer.jwk], [issuer.public_pem]], id="lists"),
        pytest.param(lambda issuer: [StaticKeyProvider(issuer.jwk).key_set], id="KeySet"),
    ],
)
def test_static_keys_come_in_any_form(
    issuer: TokenIssuer, material: Callable[[TokenIssuer], list[object]]
) -> None:
    """Every form that KeySet.of takes, one or several."""
    assert StaticKeyProvider(*material(issuer)).key_set.keys


@pytest.mark.parametrize(
    "material",
    [
        pytest.param([], id="none"),
        pytest.param([[]], id="empty list"),
        pytest.param(["secret"], id="bare secret"),
        pytest.param([None], id="None"),
        pytest.param(["-----BEGIN PUBLIC KEY-----"], id="damaged PEM"),
    ],
)
def test_a_static_provider_without_a_key_cannot_be_made(material: list[object]) -> None:
    """No key, or what is none, raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        StaticKeyProvider(*material)


def test_providers_are_key_providers(issuer: TokenIssuer, source: Source) -> None:
    """Both have the shape of the interface, and show no key."""
    for provider in (StaticKeyProvider(issuer.public_pem), TTLKeyProvider(source)):
        assert isinstance(provider, KeyProvider)
        assert "BEGIN" not in repr(provider)


def test_keys_are_fetched_when_first_needed(source: Source, clock: Clock) -> None:
    """Making a provider fetches nothing; the first lookup does, and answers the key."""
    provider = TTLKeyProvider(source, clock=clock)
    assert source.fetches == 0

    assert [key.kid for key in provider.keys_for(HEADER)] == ["key-1"]
    assert source.fetches == 1
    assert not provider.keys_for(UnverifiedHeader("RS256", "unknown"))
    assert source.fetches == 1


def test_warm_up_fetches_once(source: Source, clock: Clock) -> None:
    """Asked to, a provider fetches before the first request; while that is fresh it does nothing."""
    provider = TTLKeyProvider(source, clock=clock)

    provider.warm_up()
    provider.warm_up()
    provider.keys_for(HEADER)

    assert source.fetches == 1


def test_warm_up_raises_what_is_wrong(clock: Clock) -> None:
    """A start-up script learns that the keys can't be had."""
    with pytest.raises(VerificationUnavailable) as outage:
        TTLKeyProvider(Source(DOWN), clock=clock).warm_up()
    assert outage.value.__cause__ is DOWN


@pytest.mark.parametrize(
    ("age", "fetches"),
    [
        pytest.param(0, 1, id="at once"),
        pytest.param(59.9, 1, id="before"),
        pytest.param(60, 2, id="at the ttl"),
        pytest.param(61, 2, id="after"),
    ],
)
def test_keys_are_fetched_again_after_their_time(
    source: Source, clock: Clock, age: float, fetches: int
) -> None:
    """Keys are fresh for less than ``ttl`` seconds."""
    provider = TTLKeyProvider(source, ttl=60, clock=clock)
    provider.key_set()
    clock.move(age)
    provider.key_set()

    assert source.fetches == fetches


def test_the_default_ttl_is_300_seconds(source: Source, clock: Clock) -> None:
    """Without an argument, keys are kept for five minutes."""
    provider = TTLKeyProvider(source, clock=clock)
    provider.key_set()
    clock.move(299)
    provider.key_set()
    assert source.fetches == 1
    clock.move(1)
    provider.key_set()
    assert source.fetches == 2


def test_the_real_clock_never_jumps(source: Source) -> None:
    """By default the clock is a monotonic one: a change of the date neither keeps nor drops keys."""
    provider = TTLKeyProvider(source)

    assert kids(provider) == kids(provider) == ["key-1"]
    assert source.fetches == 1


def test_a_rotated_key_is_used_after_the_ttl(
    issuer: TokenIssuer, source: Source, clock: Clock
) -> None:
    """When the source has another key, the provider has it after its time, and the old one no more."""
    provider = TTLKeyProvider(source, ttl=60, clock=clock)
    assert kids(provider) == ["key-1"]

    source.answer = key_of(issuer, "key-2")
    assert kids(provider) == ["key-1"]
    clock.move(60)
    assert kids(provider) == ["key-2"]


def test_a_ttl_of_zero_fetches_each_time(source: Source, clock: Clock) -> None:
    """0 seconds is a lifetime: nothing is kept."""
    provider = TTLKeyProvider(source, ttl=0, clock=clock)

    assert [kids(provider) for _ in range(3)] == [["key-1"]] * 3
    assert source.fetches == 3


def test_a_ttl_without_end_fetches_once(source: Source, clock: Clock) -> None:
    """Infinite is a lifetime, too."""
    provider = TTLKeyProvider(source, ttl=math.inf, clock=clock)
    provider.key_set()
    clock.move(1e9)
    provider.key_set()

    assert source.fetches == 1


def test_a_ttl_that_is_a_function_is_asked_each_time(source: Source, clock: Clock) -> None:
    """A lifetime that may change is asked for at each lookup, and counts for keys fetched before."""
    ttl = [60.0]
    provider = TTLKeyProvider(source, ttl=lambda: ttl[0], clock=clock)
    provider.key_set()
    clock.move(30)
    provider.key_set()
    assert source.fetches == 1

    ttl[0] = 30
    provider.key_set()
    assert source.fetches == 2


@pytest.mark.parametrize("ttl", [None, "60", -1, math.nan, True], ids=repr)
def test_a_ttl_function_that_answers_nonsense_is_an_outage(
    source: Source, clock: Clock, ttl: Any
) -> None:
    """A lifetime that is no number of seconds lets nobody in on old keys."""
    answers: list[Any] = [60, 60]
    provider = TTLKeyProvider(source, ttl=lambda: answers.pop(0) if answers else ttl, clock=clock)
    provider.key_set()
    answers.clear()

    with pytest.raises(VerificationUnavailable, match="lifetime"):
        provider.key_set()


@pytest.mark.parametrize("name", ["ttl", "max_stale", "max_wait"])
@pytest.mark.parametrize("value", [-1, math.nan, "60", None, True, -math.inf], ids=repr)
def test_a_number_out_of_range_is_refused(source: Source, name: str, value: Any) -> None:
    """Seconds are a number, 0 or more; anything else raises when the provider is made."""
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(ConfigurationError, match=name):
        TTLKeyProvider(source, **arguments)


@pytest.mark.parametrize("fetch", [None, "url", {"keys": []}], ids=["None", "str", "dict"])
def test_what_cannot_be_called_is_no_fetch(fetch: Any) -> None:
    """A URL or a key in place of the function is a mistake, and a secret is not shown."""
    with pytest.raises(ConfigurationError, match="fetch is a function"):
        TTLKeyProvider(fetch)


@pytest.mark.parametrize(
    "fetch", [_fetch_asynchronously, lambda header: header], ids=["async", "arity"]
)
def test_a_function_that_cannot_be_called_so_is_no_fetch(fetch: Any) -> None:
    """An async function, and one that wants arguments, are refused when the provider is made."""
    with pytest.raises(ConfigurationError):
        TTLKeyProvider(fetch)


def test_a_fetch_without_a_signature_is_tried(clock: Clock) -> None:
    """Where Python can't tell a callable's arguments, it is called, and its failure is an outage."""
    provider: Any = TTLKeyProvider(min, clock=clock)

    with pytest.raises(VerificationUnavailable):
        provider.key_set()


def test_an_endless_wait_can_be_asked_for(source: Source, clock: Clock) -> None:
    """Whatever ``max_wait`` a provider can be made with, it can work with."""
    for wait in (0, 1e6, 1e12, math.inf):
        try:
            provider = TTLKeyProvider(source, max_wait=wait, clock=clock)
        except ConfigurationError:
            continue
        assert kids(provider) == ["key-1"]


def test_fifty_threads_fetch_once(source: Source, clock: Clock) -> None:
    """However many threads ask at the same moment, cold and again after the ttl, one fetches for all."""
    threads = 50
    provider = TTLKeyProvider(source, ttl=60, clock=clock, max_wait=PATIENCE)
    barrier = Barrier(threads)

    def ask(_: int) -> list[str | None]:
        barrier.wait(PATIENCE)
        return kids(provider)

    with ThreadPoolExecutor(threads) as pool:
        for rounds in (1, 2, 3):
            assert list(pool.map(ask, range(threads))) == [["key-1"]] * threads
            assert source.fetches == rounds
            clock.move(60)


def test_fifty_threads_fail_once(clock: Clock) -> None:
    """While the source is down, one thread learns it for all: it is not asked fifty times."""
    threads = 50
    source = Source(DOWN)
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE)
    barrier = Barrier(threads)

    def ask(_: int) -> str:
        barrier.wait(PATIENCE)
        try:
            provider.key_set()
        except VerificationUnavailable:
            return "unavailable"
        return "keys"

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(ask, range(threads))) == ["unavailable"] * threads
    assert source.fetches == 1


def test_callers_with_old_keys_do_not_wait_for_a_fetch(issuer: TokenIssuer, clock: Clock) -> None:
    """While one thread fetches, the others go on at once with the keys at hand."""
    source = SlowSource(key_of(issuer, "old"))
    source.release.set()
    provider = TTLKeyProvider(source, ttl=60, clock=clock, max_wait=PATIENCE)
    provider.key_set()
    source.release.clear()
    source.began.clear()
    source.answer = key_of(issuer, "new")
    clock.move(60)

    with ThreadPoolExecutor(2) as pool:
        fetching = pool.submit(kids, provider)
        assert source.began.wait(PATIENCE)
        try:
            assert pool.submit(kids, provider).result(PATIENCE / 3) == ["old"]
        finally:
            source.release.set()
        assert fetching.result(PATIENCE) == ["new"]
    assert kids(provider) == ["new"]


def test_callers_without_keys_wait_for_the_fetch(issuer: TokenIssuer, clock: Clock) -> None:
    """With no keys at hand, whoever asks during a fetch gets what it brings."""
    source = SlowSource(issuer.verification_key)
    provider = TTLKeyProvider(source, clock=clock, max_wait=PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        fetching = pool.submit(kids, provider)
        assert source.began.wait(PATIENCE)
        waiting = pool.submit(kids, provider)
        source.release.set()
        assert (fetching.result(PATIENCE), waiting.result(PATIENCE)) == (["key-1"], ["key-1"])
    assert source.fetches == 1


def test_nobody_waits_longer_than_max_wait(issuer: TokenIssuer, clock: Clock) -> None:
    """A fetch that hangs does not hang everybody: after ``max_wait`` it is an outage."""
    source = SlowSource(issuer.verification_key)
    provider = TTLKeyProvider(source, clock=clock, max_wait=0)

    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(kids, provider)
        assert source.began.wait(PATIENCE)
        try:
            with pytest.raises(VerificationUnavailable) as outage:
                provider.key_set()
            assert outage.value.retry_after >= 1
        finally:
            source.release.set()
        assert fetching.result(PATIENCE) == ["key-1"]


def test_old_keys_are_kept_when_a_fetch_fails(
    source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A key server's outage does not take away keys that were good; it is logged with its cause."""
    provider = TTLKeyProvider(source, ttl=60, clock=clock)
    provider.key_set()
    source.answer = DOWN
    clock.move(60)

    with caplog.at_level(logging.ERROR, "flask_jwtlib"):
        assert kids(provider) == ["key-1"]
    assert "the key server is down" in caplog.text
    assert "next attempt in 1 s" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="None"),
        pytest.param("", id="empty"),
        pytest.param("<html>", id="HTML"),
        pytest.param({"keys": []}, id="empty JWK set"),
        pytest.param('{"error": "busy"}', id="error JSON"),
        pytest.param([], id="empty list"),
    ],
)
def test_garbage_does_not_displace_old_keys(source: Source, clock: Clock, answer: Any) -> None:
    """An answer that holds no key is a failed fetch: the old keys stay."""
    provider = TTLKeyProvider(source, ttl=60, clock=clock)
    provider.key_set()
    source.answer = answer
    clock.move(60)

    assert kids(provider) == ["key-1"]


@pytest.mark.parametrize(
    ("age", "served"),
    [
        pytest.param(60, True, id="at the ttl"),
        pytest.param(659, True, id="within"),
        pytest.param(660, False, id="at the end"),
        pytest.param(9999, False, id="long after"),
    ],
)
def test_old_keys_serve_for_max_stale(
    source: Source, clock: Clock, age: float, served: bool
) -> None:
    """Keys serve for less than ``max_stale`` seconds beyond their time while no fetch succeeds."""
    provider = TTLKeyProvider(source, ttl=60, max_stale=600, clock=clock)
    provider.key_set()
    source.answer = DOWN
    clock.move(age)

    if served:
        assert kids(provider) == ["key-1"]
    else:
        with pytest.raises(VerificationUnavailable):
            provider.key_set()


def test_max_stale_of_zero_is_strict(source: Source, clock: Clock) -> None:
    """With ``max_stale=0`` no key serves beyond its time."""
    provider = TTLKeyProvider(source, ttl=60, max_stale=0, clock=clock)
    provider.key_set()
    source.answer = DOWN
    clock.move(60)

    with pytest.raises(VerificationUnavailable) as outage:
        provider.key_set()
    assert outage.value.__cause__ is DOWN


def test_failures_are_followed_by_growing_pauses(source: Source, clock: Clock) -> None:
    """After one, two, … failures in a row the source is asked again after 1, 2, 4, 8, 16, 30, 30 … s."""
    source.answer = DOWN
    provider = TTLKeyProvider(source, clock=clock)

    for fetches, pause in enumerate([1, 2, 4, 8, 16, 30, 30, 30], start=1):
        with pytest.raises(VerificationUnavailable) as outage:
            provider.key_set()
        assert source.fetches == fetches
        assert outage.value.retry_after == pause
        clock.move(pause - 0.5)
        with pytest.raises(VerificationUnavailable) as outage:
            provider.key_set()
        assert source.fetches == fetches
        assert outage.value.retry_after == 1
        clock.move(0.5)


def test_old_keys_are_served_during_the_pause(source: Source, clock: Clock) -> None:
    """Between attempts the old keys serve, and the source is left alone."""
    provider = TTLKeyProvider(source, ttl=60, clock=clock)
    provider.key_set()
    source.answer = DOWN
    clock.move(60)

    assert [kids(provider) for _ in range(5)] == [["key-1"]] * 5
    assert source.fetches == 2
    clock.move(1)
    assert kids(provider) == ["key-1"]
    assert source.fetches == 3


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        pytest.param(60, 60, id="longer"),
        pytest.param(1, 1, id="equal"),
        pytest.param(0, 1, id="shorter"),
        pytest.param(86_400, 300, id="no more than five minutes"),
    ],
)
def test_a_sources_retry_after_is_honoured(
    source: Source, clock: Clock, retry_after: int, pause: int
) -> None:
    """A source that says when to come again is not asked before, within reason."""
    source.answer = VerificationUnavailable("busy", retry_after=retry_after)
    provider = TTLKeyProvider(source, clock=clock)

    with pytest.raises(VerificationUnavailable) as outage:
        provider.key_set()
    assert outage.value.retry_after == pause
    clock.move(pause - 0.1)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()
    assert source.fetches == 1
    clock.move(0.1)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()
    assert source.fetches == 2


def test_a_cold_failure_recovers(issuer: TokenIssuer, source: Source, clock: Clock) -> None:
    """An app that started while the source was down has keys as soon as it is up, without a restart."""
    source.answer = DOWN
    provider = TTLKeyProvider(source, clock=clock)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()

    source.answer = issuer.verification_key
    with pytest.raises(VerificationUnavailable):
        provider.key_set()
    clock.move(1)
    assert kids(provider) == ["key-1"]


def test_a_success_ends_the_pauses(issuer: TokenIssuer, source: Source, clock: Clock) -> None:
    """After a success the next failure is a first one again."""
    source.answer = DOWN
    provider = TTLKeyProvider(source, ttl=60, max_stale=0, clock=clock)
    for pause in (1, 2, 4):
        with pytest.raises(VerificationUnavailable):
            provider.key_set()
        clock.move(pause)
    source.answer = issuer.verification_key
    provider.key_set()

    source.answer = DOWN
    clock.move(60)
    with pytest.raises(VerificationUnavailable) as outage:
        provider.key_set()
    assert outage.value.retry_after == 1


def test_the_time_of_a_fetch_counts_from_its_end(issuer: TokenIssuer, clock: Clock) -> None:
    """Keys that took long to come are fresh from when they came."""

    def slow() -> VerificationKey:
        clock.move(50)
        return issuer.verification_key

    provider = TTLKeyProvider(slow, ttl=60, clock=clock)
    provider.key_set()
    at = clock.now
    clock.move(59)
    provider.key_set()

    assert clock.now == at + 59


def test_the_end_of_the_process_leaves_the_provider_usable(
    issuer: TokenIssuer, source: Source, clock: Clock
) -> None:
    """An interrupt during a fetch passes through, and blocks nobody after it."""
    source.answer = KeyboardInterrupt()
    provider = TTLKeyProvider(source, clock=clock, max_wait=0)
    with pytest.raises(KeyboardInterrupt):
        provider.key_set()

    source.answer = issuer.verification_key
    assert kids(provider) == ["key-1"]


def test_keys_are_parsed_once_a_fetch(
    issuer: TokenIssuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched is made into keys once, not at each lookup."""
    made: list[object] = []
    make = KeySet.of
    monkeypatch.setattr(KeySet, "of", lambda *args, **kwargs: (made.append(1), make(*args))[1])
    provider = TTLKeyProvider(Source(issuer.public_pem), clock=clock)
    provider.key_set()
    once = len(made)
    for _ in range(5):
        provider.keys_for(HEADER)

    assert len(made) == once > 0


def test_providers_share_nothing(issuer: TokenIssuer, clock: Clock) -> None:
    """Two providers of the same source each keep what they fetched."""
    source = Source(issuer.verification_key)
    one, other = TTLKeyProvider(source, clock=clock), TTLKeyProvider(source, clock=clock)
    one.key_set()
    other.key_set()

    assert source.fetches == 2
    assert one != other
