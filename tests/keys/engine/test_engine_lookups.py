"""What a lookup does while keys are fresh, and which keys it chooses."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from flask_jwtlib import (
    ConfigurationError,
    FetchedKeys,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer

DOWN = ConnectionError("the key server is down")


async def _fetch_asynchronously() -> object:
    return None


def kids(provider: TTLKeyProvider) -> list[str | None]:
    """The key IDs that a provider has now."""
    return [key.kid for key in provider.key_set().keys]


def test_point_01_making_a_provider_fetches_nothing_and_starts_no_thread(source: Any) -> None:
    """Neither the constructor nor what only looks at the provider asks the source."""
    threads = threading.enumerate()
    provider = TTLKeyProvider(source)

    assert provider.generation == 0
    assert provider.status()["state"] == "cold"
    assert provider.keys_at_hand(UnverifiedHeader("RS256", "a")) == ()
    assert source.fetches == 0
    assert set(threading.enumerate()) <= set(threads)


def test_point_01_importing_starts_no_thread() -> None:
    """A process that has only imported the package has its one thread."""
    program = (
        "import threading, flask_jwtlib\n"
        "flask_jwtlib.TTLKeyProvider(lambda: 1 / 0)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_point_01_warm_up_fetches_on_demand(source: Any, provider: TTLKeyProvider, by: Any) -> None:
    """Asked to, a provider fetches before the first request; while that is fresh it does nothing."""
    provider.warm_up()
    assert source.fetches == 1

    provider.warm_up()
    provider.keys_for(by("a"))
    assert source.fetches == 1


def test_point_01_warm_up_tells_what_is_wrong(make_source: Any, clock: Any) -> None:
    """A start-up script learns that the keys can't be had, and why."""
    with pytest.raises(VerificationUnavailable) as outage:
        TTLKeyProvider(make_source(DOWN), clock=clock).warm_up()
    assert outage.value.__cause__ is DOWN


class Forbidden:
    """A lock that nobody may take."""

    def __enter__(self) -> None:
        raise AssertionError("a lock was taken")

    def __exit__(self, *_: object) -> None:
        """Never get here."""


def test_point_02_a_known_kid_of_fresh_keys_takes_no_lock(
    source: Any, clock: Any, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While keys are fresh, a lookup reads the clock once, takes no lock, and calls nothing of the system."""
    reads: list[float] = []

    def counting() -> float:
        reads.append(clock())
        return reads[-1]

    provider: Any = TTLKeyProvider(source, clock=counting)
    provider.warm_up()
    monkeypatch.setattr(provider._cache, "_lock", Forbidden())
    monkeypatch.setattr(provider._cache.unknown_kids, "_lock", Forbidden())
    monkeypatch.setattr(threading, "Thread", Forbidden)
    header = by("a")
    called: set[str | None] = set()

    def watch(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            called.add(getattr(function, "__module__", None))

    reads.clear()
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        keys = provider.keys_for(header)
    finally:
        sys.setprofile(before)

    assert [key.kid for key in keys] == ["a"]
    assert len(reads) == 1
    # `None` is a method of a builtin type; "sys" is the end of the watch.
    assert called <= {None, "builtins", "sys"}


def test_point_02_keys_are_parsed_once_a_fetch(
    issuer: TokenIssuer,
    make_source: Any,
    clock: Any,
    by: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was fetched is made into keys once, not at each lookup."""
    made: list[object] = []
    make = KeySet.of
    monkeypatch.setattr(KeySet, "of", lambda *args, **kwargs: (made.append(1), make(*args))[1])
    provider = TTLKeyProvider(make_source(issuer.public_pem), clock=clock)
    for _ in range(5):
        provider.keys_for(by("anything"))

    assert len(made) == 1


def test_point_02_the_clock_is_read_by_every_lookup(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """Keys are fresh until 70 % of their time at least: up to there nothing is fetched."""
    provider.warm_up()
    for _ in range(20):
        clock.move(10.49)
        provider.key_set()

    assert source.fetches == 1


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
def test_keys_are_fetched_again_after_their_time(
    source: Any, clock: Any, ttl: float, age: float, fetches: int
) -> None:
    """Keys are used for ``ttl`` seconds, by default 300, and then new ones."""
    options: dict[str, Any] = {} if ttl == 300 else {"ttl": ttl}
    provider = TTLKeyProvider(source, clock=clock, max_wait=30, **options)
    provider.key_set()
    clock.move(age)
    assert kids(provider) == ["a"]

    assert source.fetches == fetches


def test_the_defaults_are_those_documented(source: Any) -> None:
    """300 s fresh, 4 h stale, 2 s of waiting, 5 s a fetch."""
    provider = TTLKeyProvider(source)

    assert (provider.ttl, provider.max_stale) == (300, 14400)
    assert (provider.max_wait, provider.fetch_timeout) == (2, 5)


def test_a_ttl_that_is_a_function_acts_at_once(
    source: Any, clock: Any, settled: Callable[[TTLKeyProvider], None]
) -> None:
    """A lifetime that may change is asked for at each lookup, and counts for keys fetched before."""
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


def test_a_ttl_that_is_raised_while_a_fetch_fails_acts_at_once(
    key: Any, clock: Any, listen: Any
) -> None:
    """Keys that are fresh again by a new lifetime serve, and nobody is told that they are stale."""
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
def test_a_ttl_function_that_answers_nonsense_is_an_outage(
    source: Any, clock: Any, ttl: Any
) -> None:
    """A lifetime that is no number of seconds lets nobody in on old keys, and the status says so."""
    answer: list[Any] = [60]
    provider = TTLKeyProvider(source, ttl=lambda: answer[0], clock=clock)
    provider.key_set()
    answer[0] = ttl

    with pytest.raises(VerificationUnavailable, match="lifetime"):
        provider.key_set()
    assert provider.status()["state"] == "dead"
    assert provider.status()["stale_seconds_left"] == 0


def test_the_ttl_of_an_answer_comes_first(source: Any, clock: Any, key: Any, settled: Any) -> None:
    """What a fetch says of its keys' lifetime counts for these keys, the provider's for others."""
    source.answer = FetchedKeys([key("a")], ttl=1000)
    provider = TTLKeyProvider(source, ttl=60, clock=clock, max_wait=30)
    provider.key_set()
    clock.move(699)
    provider.key_set()
    assert source.fetches == 1

    source.answer = FetchedKeys([key("a")])
    clock.move(301)
    provider.key_set()
    assert source.fetches == 2
    clock.move(60)
    provider.key_set()
    assert source.fetches == 3


@pytest.mark.parametrize("ttl", [-1, math.nan, "60", True, -math.inf], ids=repr)
def test_an_answer_has_a_lifetime_or_none(ttl: Any) -> None:
    """Seconds are a number, 0 or more; None leaves it to the provider."""
    with pytest.raises(ConfigurationError, match="ttl must be a number of seconds"):
        FetchedKeys([], ttl=ttl)
    assert FetchedKeys([]).ttl is None
    assert FetchedKeys([], ttl=0).ttl == 0


@pytest.mark.parametrize("name", ["ttl", "max_stale", "max_wait", "fetch_timeout"])
@pytest.mark.parametrize("value", [-1, math.nan, "60", None, True, -math.inf], ids=repr)
def test_a_number_out_of_range_is_refused(source: Any, name: str, value: Any) -> None:
    """Seconds are a number, 0 or more; anything else raises when the provider is made."""
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(ConfigurationError, match=name):
        TTLKeyProvider(source, **arguments)


@pytest.mark.parametrize("fetch", [None, "url", {"keys": []}], ids=["None", "str", "dict"])
def test_what_cannot_be_called_is_no_fetch(fetch: Any) -> None:
    """A URL or a key in place of the function is a mistake, and a secret is not shown."""
    with pytest.raises(ConfigurationError, match="fetch must be a function") as refusal:
        TTLKeyProvider(fetch)
    assert "url" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fetch", "message"),
    [
        pytest.param(_fetch_asynchronously, "async", id="async"),
        pytest.param(lambda header: header, "needs header", id="argument"),
        pytest.param(lambda one, *, two: None, "needs one, two", id="arguments"),
        pytest.param(lambda kid, /: None, "needs kid", id="positional kid"),
    ],
)
def test_a_function_that_cannot_be_called_so_is_no_fetch(fetch: Any, message: str) -> None:
    """An async function, and one that wants arguments, are refused when the provider is made."""
    with pytest.raises(ConfigurationError, match=message):
        TTLKeyProvider(fetch)


def test_a_fetch_without_a_signature_is_tried(clock: Any) -> None:
    """Where Python can't tell a callable's arguments, it is called, and its failure is an outage."""
    provider: Any = TTLKeyProvider(min, clock=clock)

    with pytest.raises(VerificationUnavailable):
        provider.key_set()


def _take_nothing() -> Any:
    return {}


def _take_anything(*args: Any, **kwargs: Any) -> Any:
    return {"args": args, **kwargs}


def _take_kid(kid: str | None) -> Any:
    return {"kid": kid}


def _take_kid_by_name(*, kid: str | None = "left out") -> Any:
    return {"kid": kid}


def _take_kid_by_place(kid: str | None = "left out", /) -> Any:
    return {"kid": kid}


def _take_kids(*kid: str | None) -> Any:
    return {"kid": kid}


def _take_more(other: int = 1, kid: str | None = "left out") -> Any:
    return {"kid": kid, "other": other}


@pytest.mark.parametrize(
    ("fetch", "arguments"),
    [
        pytest.param(_take_nothing, {}, id="none"),
        pytest.param(_take_anything, {"args": ()}, id="any"),
        pytest.param(_take_kid, {"kid": None}, id="kid"),
        pytest.param(_take_kid_by_name, {"kid": None}, id="kid by name"),
        pytest.param(_take_kid_by_place, {"kid": "left out"}, id="kid by place"),
        pytest.param(_take_kids, {"kid": ()}, id="all arguments named kid"),
        pytest.param(_take_more, {"kid": None, "other": 1}, id="kid and other"),
    ],
)
def test_point_09_a_fetch_is_called_as_it_can_be(
    issuer: TokenIssuer, clock: Any, fetch: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    """It is called without arguments, or with kid= if it has a parameter that can be given so."""
    called: list[Any] = []

    class Fetch:
        __signature__ = inspect.signature(fetch)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            called.append(fetch(*args, **kwargs))
            return issuer.verification_key

    TTLKeyProvider(Fetch(), clock=clock).warm_up()

    assert called == [arguments]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda issuer: issuer.public_pem, id="PEM"),
        pytest.param(lambda issuer: issuer.public_pem.encode(), id="bytes"),
        pytest.param(lambda issuer: [issuer.public_pem], id="list"),
        pytest.param(lambda issuer: iter([issuer.public_pem]), id="iterator"),
        pytest.param(lambda issuer: issuer.jwk, id="JWK"),
        pytest.param(lambda issuer: issuer.jwks, id="JWK set"),
        pytest.param(lambda issuer: issuer.verification_key, id="VerificationKey"),
        pytest.param(lambda issuer: KeySet([issuer.verification_key]), id="KeySet"),
        pytest.param(lambda issuer: FetchedKeys(issuer.jwks), id="FetchedKeys"),
    ],
)
def test_keys_are_fetched_in_any_form(
    issuer: TokenIssuer, make_source: Any, clock: Any, by: Any, make: Callable[..., Any]
) -> None:
    """A fetch answers keys in any form that KeySet.of takes."""
    provider = TTLKeyProvider(make_source(make(issuer)), clock=clock)

    (only,) = provider.keys_for(by("key-1"))
    assert only.verify("RS256", b"x", issuer.sign(b"x"))


@pytest.mark.parametrize("form", ["public_pem", "verification_key", "jwk"])
def test_point_13_one_bare_key_without_a_kid_serves_any_kid(
    make_source: Any, clock: Any, by: Any, form: str
) -> None:
    """One key without a kid, as the documented callback gives, is answered whatever kid a token names."""
    nameless = TokenIssuer(algorithm="ES256", kid=None)
    source = make_source(getattr(nameless, form))
    provider = TTLKeyProvider(source, clock=clock)

    for kid in (None, "", "anything", "2024-01"):
        (only,) = provider.keys_for(by(kid, "ES256"))
        assert only.verify("ES256", b"x", nameless.sign(b"x"))
    assert source.fetches == 1


def test_point_20_no_kid_in_the_token_takes_the_one_key_that_fits(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """A token without a kid is verified if exactly one key fits its algorithm."""
    ec = TokenIssuer(algorithm="ES256", kid="ec").verification_key
    source = make_source([key("a"), key("b"), ec])
    provider = TTLKeyProvider(source, clock=clock)

    assert list(provider.keys_for(by(None, "ES256"))) == [ec]
    assert list(provider.keys_for(by(None))) == []
    assert list(provider.keys_for(by(None, "HS256"))) == []
    assert list(provider.keys_at_hand(by(None, "ES256"))) == [ec]


def test_point_20_a_token_with_a_kid_never_falls_back(
    make_source: Any, clock: Any, key: Any, by: Any
) -> None:
    """A token that names a kid is verified by that kid's keys or none, though another one would fit."""
    provider = TTLKeyProvider(make_source([key("a")]), clock=clock)

    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
    for kid in ("b", "A", "", "a "):
        assert list(provider.keys_for(by(kid))) == []
        assert list(provider.keys_at_hand(by(kid))) == []


def test_providers_are_key_providers(issuer: TokenIssuer, source: Any) -> None:
    """Both have the shape of the interface, and show no key."""
    for provider in (StaticKeyProvider(issuer.public_pem), TTLKeyProvider(source)):
        assert isinstance(provider, KeyProvider)
        assert "BEGIN" not in repr(provider)
    warm = TTLKeyProvider(source)
    warm.warm_up()
    assert "VerificationKey" not in repr(warm)


def test_providers_share_nothing(source: Any, clock: Any) -> None:
    """Two providers of the same source each keep what they fetched."""
    one, other = TTLKeyProvider(source, clock=clock), TTLKeyProvider(source, clock=clock)
    one.key_set()
    other.key_set()

    assert source.fetches == 2
    assert one != other


def test_a_provider_can_be_subclassed(issuer: TokenIssuer, clock: Any, by: Any) -> None:
    """A subclass hands a fetch of its own to the constructor, and is the sender of its events."""

    class Configured(TTLKeyProvider):
        def __init__(self, pem: str) -> None:
            super().__init__(self._load, ttl=60, clock=clock)
            object.__setattr__(self, "pem", pem)

        def _load(self) -> object:
            return self.pem  # type: ignore[attr-defined]

    provider = Configured(issuer.public_pem)

    assert len(provider.keys_for(by("x"))) == 1
    assert provider.ttl == 60


def test_point_10_ages_come_from_a_clock_that_never_jumps(
    source: Any, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the machine's date neither ends nor prolongs the life of keys."""
    provider = TTLKeyProvider(source, ttl=3600)
    provider.warm_up()
    wall = time.time()
    for jump in (-1e9, 1e9, 3600, -3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: wall + jump)
        monkeypatch.setattr(time, "time_ns", lambda jump=jump: int((wall + jump) * 1e9))
        assert [key.kid for key in provider.keys_for(by("a"))] == ["a"]
        assert provider.status()["state"] == "fresh"
        assert 0 <= provider.status()["age"] < 600

    assert source.fetches == 1
    assert provider.clock is time.monotonic


def test_point_10_an_outage_is_timed_by_that_clock(
    source: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses after failures and the stale window don't depend on the date either."""
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    source.answer = DOWN
    monkeypatch.setattr(time, "time", lambda: 4e9)
    clock.move(14_699)
    assert kids(provider) == ["a"]
    assert source.fetches == 2

    assert kids(provider) == ["a"]
    assert source.fetches == 2
    monkeypatch.setattr(time, "time", lambda: 0.0)
    clock.move(1)
    with pytest.raises(VerificationUnavailable):
        provider.key_set()


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
    ("material", "message"),
    [
        pytest.param([], "there is none", id="none"),
        pytest.param([[]], "there is none", id="empty list"),
        pytest.param([{"keys": []}], "there is none", id="empty JWK set"),
        pytest.param([KeySet(())], "there is none", id="empty set"),
        pytest.param([{"keys": [{"kty": "RSA", "use": "enc"}, {}]}], "; ", id="unusable JWK set"),
        pytest.param(["secret"], "from_secret", id="bare secret"),
        pytest.param([None], "NoneType", id="None"),
        pytest.param(["-----BEGIN PUBLIC KEY-----"], "cut off", id="damaged PEM"),
    ],
)
def test_a_static_provider_without_a_key_cannot_be_made(
    material: list[object], message: str
) -> None:
    """No key, or what is none, raises when the provider is made, and says why."""
    with pytest.raises(ConfigurationError, match=message):
        StaticKeyProvider(*material)


def test_static_keys_are_chosen_by_the_header(key: Any, by: Any) -> None:
    """Of the keys that were given, those that fit kid and alg are answered, and all of them are at hand."""
    one, two = key("one"), key("two")
    provider = StaticKeyProvider(one, two)

    for lookup in (provider.keys_for, provider.keys_at_hand):
        assert list(lookup(by("one"))) == [one]
        assert list(lookup(by("two"))) == [two]
        assert not lookup(by("three"))
        assert not lookup(by("one", "ES256"))
