"""What tokens whose key is not there cost, and how soon new keys are known."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    AlgorithmError,
    Authenticator,
    BadSignatureError,
    BearerToken,
    InvalidTokenError,
    JWTValidator,
    MalformedTokenError,
    TTLKeyProvider,
    UnknownKeyError,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, base64url, bearer

PATIENCE = 30
DOWN = ConnectionError("the key server is down")
BUCKET = 2
REMEMBERED = 1024


def found(provider: TTLKeyProvider, header: Any) -> list[str | None] | str:
    """The key IDs that a provider answers for a token, or that it can't tell."""
    try:
        return [key.kid for key in provider.keys_for(header)]
    except VerificationUnavailable:
        return "unavailable"


@pytest.fixture
def warm(provider: TTLKeyProvider) -> TTLKeyProvider:
    """A provider that has fetched its one key, ``a``."""
    provider.warm_up()
    return provider


def test_point_14_a_new_key_is_found_by_the_first_token_that_names_it(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any
) -> None:
    """An unknown kid causes one fetch; if it brings the key, this very request verifies."""
    source.answer = [key("a"), key("b")]

    assert found(warm, by("b")) == ["b"]
    assert source.kids == [None, "b"]
    assert warm.status()["fetches"]["unknown_kid"] == {"succeeded": 1, "failed": 0}


def test_point_14_the_live_set_comes_first(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A key that has come with another fetch is known at once, though it was looked for in vain before."""
    assert found(warm, by("b")) == []
    source.answer = [key("a"), key("b")]
    clock.move(31)
    assert found(warm, by("c")) == []
    assert source.fetches == 3

    assert found(warm, by("b")) == ["b"]
    assert source.fetches == 3


def test_point_14_absence_is_remembered_for_5_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A kid that a fetch has not found is refused without another one, for five seconds."""
    assert found(warm, by("b")) == []
    assert source.fetches == 2
    for _ in range(49):
        clock.move(0.1)
        assert found(warm, by("b")) == []
    assert source.fetches == 2

    clock.move(0.1)
    assert found(warm, by("b")) == []
    assert source.fetches == 3


@pytest.mark.parametrize("early", [0.5, 1, 4.9, 29])
def test_point_14_a_key_that_was_named_too_early_is_accepted_in_time(
    source: Any, warm: TTLKeyProvider, by: Any, key: Any, clock: Any, early: float
) -> None:
    """Whoever names a key before it is published delays it by five seconds, and not by a minute."""
    assert found(warm, by("new")) == []
    clock.move(early)
    source.answer = [key("a"), key("new")]
    seconds = 0.0
    while found(warm, by("new")) == []:
        clock.move(0.5)
        seconds += 0.5

    assert seconds <= max(0, 5.5 - early)


def test_point_14_even_if_it_is_named_all_the_time(
    source: Any, warm: TTLKeyProvider, by: Any, key: Any, clock: Any
) -> None:
    """A hostile sender who spends all fetches on the coming key delays it by half a minute at most."""
    for _ in range(600):
        assert found(warm, by("new")) == []
        clock.move(0.1)
    source.answer = [key("a"), key("new")]
    seconds = 0.0
    while found(warm, by("new")) == []:
        clock.move(0.1)
        seconds += 0.1

    assert seconds <= 30.1


def test_point_14_a_kid_that_was_not_looked_for_is_not_remembered(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """What was refused for an empty bucket alone is looked for as soon as a fetch may be made."""
    for number in range(BUCKET):
        found(warm, by(f"made-up-{number}"))
    source.answer = [key("a"), key("new")]
    assert found(warm, by("new")) == []
    clock.move(30)

    assert found(warm, by("new")) == ["new"]


def test_point_14_1024_absent_kids_are_remembered(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """The oldest is forgotten for the newest, and one that was looked for again is not the oldest."""
    unknown: Any = warm._cache.unknown_kids  # type: ignore[attr-defined]
    assert found(warm, by("first")) == []
    assert found(warm, by("second")) == []
    for number in range(REMEMBERED - 2):
        unknown.note_absent(f"other-{number}", clock())
    assert (unknown.is_absent("first", clock()), unknown.is_absent("second", clock())) == (
        True,
    ) * 2

    unknown.note_absent("first", clock())
    unknown.note_absent("one-more", clock())
    assert not unknown.is_absent("second", clock())
    assert unknown.is_absent("first", clock())
    assert unknown.is_absent("other-0", clock())
    assert source.fetches == 3
    assert found(warm, by("first")) == []
    assert source.fetches == 3


def test_point_14_the_bucket_holds_two_and_gains_one_in_30_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """After two fetches at once another one may be made each half minute; no more than two are saved up."""

    def fetches_of(kids: int) -> int:
        before = source.fetches
        for number in range(kids):
            assert found(warm, by(f"{clock.now}-{number}")) == []
        return int(source.fetches - before)

    assert fetches_of(10) == 2
    clock.move(29.9)
    assert fetches_of(10) == 0
    clock.move(0.1)
    assert fetches_of(10) == 1
    clock.move(45)
    assert fetches_of(10) == 1
    clock.move(15)
    assert fetches_of(10) == 1
    clock.move(3600)
    warm.key_set()
    source.join(source.fetches)
    assert fetches_of(10) == 2


def test_point_14_backoff_holds_a_search_back_and_costs_nothing_of_the_bucket(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """During the pause after a failure nothing is fetched: 503; afterwards both fetches are still there."""
    source.answer = VerificationUnavailable(retry_after=100)
    clock.move(240)
    warm.key_set()
    source.join(2)
    for number in range(50):
        assert found(warm, by(f"made-up-{number}")) == "unavailable"
    assert source.fetches == 2

    source.answer = [key("a")]
    clock.move(101)
    warm.key_set()
    source.join(3)
    assert found(warm, by("x")) == []
    assert found(warm, by("y")) == []
    assert source.fetches == 5


def test_point_14_known_kids_cost_nothing_of_the_bucket(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any
) -> None:
    """However many tokens are verified, the fetches for unknown ones are there when they are needed."""
    for _ in range(100):
        assert found(warm, by("a")) == ["a"]
    source.answer = [key("a"), key("b")]

    assert found(warm, by("b")) == ["b"]


def test_point_14_a_fetch_that_is_under_way_is_joined(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A search waits for the fetch that runs already, whatever that is for."""
    source.answer = [key("a"), key("b")]
    gate = source.hold()
    clock.move(250)
    warm.key_set()
    source.wait_for(2)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(found, warm, by("b"))
        gate.set()
        assert asking.result(PATIENCE) == ["b"]
    assert source.fetches == 2


def test_point_14_what_began_before_proves_no_absence(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A fetch that began before the token came may have been answered before its key was published."""
    gate = source.hold()
    clock.move(250)
    warm.key_set()
    source.wait_for(2)
    source.answer = [key("a"), key("b")]
    source.go_on()
    clock.move(1)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(found, warm, by("b"))
        gate.set()
        assert asking.result(PATIENCE) == ["b"]
    assert source.kids == [None, None, "b"]


def test_point_14_one_search_at_a_time(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, at_once: Any
) -> None:
    """However many threads wait for a new key, one fetch brings it to all."""
    source.answer = [key("a"), key("b")]
    gate = source.hold()

    def ask(number: int) -> Any:
        if number == 0:
            source.wait_for(2)
            gate.set()
        return found(warm, by("b"))

    assert at_once(100, ask) == [["b"]] * 100
    assert source.fetches == 2


def test_point_14_known_kids_go_on_during_a_search(
    source: Any, warm: TTLKeyProvider, by: Any
) -> None:
    """While a search hangs, lookups of known kids are answered at once."""
    gate = source.hold()
    with ThreadPoolExecutor(1) as pool:
        searching = pool.submit(found, warm, by("b"))
        source.wait_for(2)
        for _ in range(100):
            assert found(warm, by("a")) == ["a"]
        assert not searching.done()
        gate.set()
        assert searching.result(PATIENCE) == []


def test_point_15_ten_thousand_unknown_kids_cause_two_fetches(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any, at_once: Any
) -> None:
    """From 200 threads within 10 seconds: two fetches at most, and known kids verify all the while."""
    lock = threading.Lock()

    def ask(thread: int) -> bool:
        for number in range(50):
            with lock:
                clock.move(0.001)
            if found(warm, by(f"made-up-{thread}-{number}")) != []:
                return False
            if found(warm, by("a")) != ["a"]:
                return False
        return True

    assert at_once(200, ask) == [True] * 200
    assert clock.now == pytest.approx(1010)
    assert source.fetches <= 1 + BUCKET


def test_point_15_a_rotation_in_a_flood_is_accepted_within_30_seconds(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """While made-up kids use up the bucket, a key that is really new is known half a minute later at most."""
    for number in range(100):
        found(warm, by(f"made-up-{number}"))
    source.answer = [key("a"), key("new")]
    refused = 0
    while refused <= 30 and found(warm, by("new")) == []:
        refused += 1
        for number in range(10):
            found(warm, by(f"made-up-{clock.now}-{number}"))
        clock.move(1)

    assert refused <= 30


def test_point_15_even_if_it_was_looked_for_too_early(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A new kid that is remembered as absent is known as soon as another token's fetch brings it."""
    assert found(warm, by("new")) == []
    source.answer = [key("a"), key("new")]
    seconds = 0
    while seconds <= 30 and found(warm, by("new")) == []:
        seconds += 1
        found(warm, by(f"made-up-{clock.now}"))
        clock.move(1)

    assert seconds <= 30


def test_point_15_without_a_flood_a_rotation_is_accepted_at_once(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """Ten rotations, a minute apart, and no token is refused."""
    for number in range(10):
        clock.move(60)
        source.answer = [key(f"key-{number}"), key(f"key-{number + 1}")]
        assert found(warm, by(f"key-{number + 1}")) == [f"key-{number + 1}"]
        assert found(warm, by(f"key-{number}")) == [f"key-{number}"]


def test_point_16_attempts_are_charged_and_not_successes(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any, at_once: Any
) -> None:
    """200 unknown kids with the issuer down: two attempts at most, and each gets 503."""
    source.answer = DOWN
    lock = threading.Lock()

    def ask(number: int) -> Any:
        with lock:
            clock.move(0.05)
        return found(warm, by(f"made-up-{number}"))

    assert at_once(200, ask) == ["unavailable"] * 200
    assert clock.now == pytest.approx(1010)
    assert source.fetches <= 1 + BUCKET


def test_point_16_a_failed_search_proves_nothing(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A kid that could not be looked for is no unknown one: it is found once the issuer is up."""
    source.answer = DOWN
    assert found(warm, by("b")) == "unavailable"
    source.answer = [key("a"), key("b")]
    assert found(warm, by("b")) == "unavailable"

    clock.move(1.3)
    assert found(warm, by("b")) == ["b"]


def test_point_16_known_kids_are_not_touched_by_failed_searches(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """Fresh keys serve on, whatever becomes of searches."""
    source.answer = DOWN
    for number in range(20):
        assert found(warm, by(f"made-up-{number}")) == "unavailable"
        assert found(warm, by("a")) == ["a"]
        clock.move(5)
    assert warm.status()["state"] == "fresh"


def test_point_16_an_empty_bucket_after_a_failure_is_no_proof_either(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """When the pause is over and the bucket empty, absence is as unproven as before: 503."""
    source.answer = DOWN
    for _ in range(BUCKET):
        assert found(warm, by("b")) == "unavailable"
        clock.move(2.5)
    assert warm.status()["next_retry"] == 0

    assert found(warm, by("b")) == "unavailable"
    assert source.fetches == 1 + BUCKET


def test_point_16_one_caller_alone_waits_for_an_issuer_that_fails(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """While attempts fail, those who would join a search that hangs get their 503 at once."""
    source.answer = DOWN
    assert found(warm, by("b")) == "unavailable"
    clock.move(1.3)
    gate = source.hold()

    with ThreadPoolExecutor(2) as pool:
        searching = pool.submit(found, warm, by("b"))
        source.wait_for(3)
        other = pool.submit(found, warm, by("c"))
        wait([other], timeout=PATIENCE / 3)
        assert other.done()
        assert not searching.done()
        gate.set()
        assert searching.result(PATIENCE) == other.result(PATIENCE) == "unavailable"


def test_point_16_a_search_that_hangs_is_given_up(source: Any, clock: Any, by: Any) -> None:
    """It is an outage after ``fetch_timeout``; the fetch's end is not waited for."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=0.05)
    for _ in range(100):
        # On a slow machine the first fetch may be given up as well.
        if found(provider, by("a")) == ["a"]:
            break
        clock.move(40)
    source.hold()

    assert found(provider, by("b")) == "unavailable"
    clock.move(0.05)
    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("c")) == "unavailable"
    assert provider.status()["last_error"] == "TimeoutError"
    assert provider.status()["fetching"] is False


def test_point_16_the_cause_is_chained_for_who_began_it(
    source: Any, warm: TTLKeyProvider, by: Any
) -> None:
    """The outage of the search's first caller has its error as the cause."""
    source.answer = DOWN
    with pytest.raises(VerificationUnavailable) as outage:
        warm.keys_for(by("b"))
    assert outage.value.__cause__ is DOWN
    assert outage.value.retry_after >= 1

    with pytest.raises(VerificationUnavailable) as outage:
        warm.keys_for(by("b"))
    assert outage.value.__cause__ is None


def test_point_16_who_joined_a_search_has_an_error_of_its_own(
    source: Any, warm: TTLKeyProvider, by: Any
) -> None:
    """The search's error is chained to one outage, though it is that of all who waited."""
    source.answer = DOWN
    gate = source.hold()

    def outage() -> BaseException | None:
        with pytest.raises(VerificationUnavailable) as raised:
            warm.keys_for(by("b"))
        return raised.value.__cause__

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(outage)
        source.wait_for(2)
        others = [pool.submit(outage) for _ in range(3)]
        wait(others, timeout=0.2)
        gate.set()
        assert first.result(PATIENCE) is DOWN
        assert [other.result(PATIENCE) for other in others] == [None] * 3


def test_a_set_that_comes_during_the_decision_is_looked_at(
    source: Any, clock: Any, key: Any, by: Any, settled: Any
) -> None:
    """Who was about to search, and finds that new keys have come meanwhile, takes them."""
    hooks: list[Any] = []

    def watching() -> float:
        if hooks:
            hooks.pop()()
        return float(clock())

    provider = TTLKeyProvider(source, clock=watching, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    provider.warm_up()

    def rotate() -> None:
        source.answer = [key("a"), key("b")]
        clock.move(250)
        provider.key_set()
        source.join(2)

    # The clock is read first for the age, then on arrival, for the memory, and for the search.
    hooks.extend([rotate, int, int, int])
    assert found(provider, by("b")) == ["b"]
    assert source.kids == [None, None]


def test_the_wanted_kid_is_handed_to_the_fetch(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A fetch that takes a kid is told which one is wanted, and None where it is about all keys."""
    found(warm, by("b"))
    clock.move(250)
    warm.key_set()
    source.join(3)
    clock.move(300)
    warm.key_set()

    assert source.kids == [None, "b", None, None]


def test_point_13_keys_for_any_kid_are_never_searched(
    make_source: Any, clock: Any, by: Any, issuer: TokenIssuer
) -> None:
    """Where the key has no kid, no token's kid is unknown."""
    source = make_source(issuer.public_pem)
    provider = TTLKeyProvider(source, clock=clock)
    for number in range(50):
        assert len(provider.keys_for(by(f"made-up-{number}"))) == 1

    assert source.fetches == 1


KID = {"kid": "unheard-of"}


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        pytest.param(lambda ours, _: ours.token(header={"kid": None}), None, id="no kid"),
        pytest.param(
            lambda ours, theirs: theirs.token(header={"kid": None}), BadSignatureError, id="forged"
        ),
        pytest.param(lambda ours, theirs: theirs.token(), BadSignatureError, id="forged, our kid"),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "HS256", **KID}),
            AlgorithmError,
            id="algorithm not allowed",
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "none", **KID}), AlgorithmError, id="none"
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "PS256"}),
            UnknownKeyError,
            id="algorithm not the key's",
        ),
        pytest.param(
            lambda ours, _: ours.token(header=KID, padding="x" * 10_000),
            MalformedTokenError,
            id="too large",
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"crit": ["exp"], **KID}),
            InvalidTokenError,
            id="critical extension",
        ),
        pytest.param(lambda *_: "a.b.c", MalformedTokenError, id="garbage"),
        pytest.param(
            lambda ours, _: f"{base64url(b'{}')}.{base64url(b'{}')}.x", InvalidTokenError, id="bare"
        ),
    ],
)
def test_point_17_no_such_token_causes_a_fetch(
    source: Any,
    clock: Any,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    make: Any,
    refusal: type[Exception] | None,
) -> None:
    """Without a kid, with the wrong algorithm, badly signed, too large: none is worth a question."""
    source.answer = issuer.jwks
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    validator = JWTValidator(algorithms=["RS256", "PS256"])
    token = BearerToken(make(issuer, other_issuer))

    if refusal is None:
        assert validator.validate(token, provider)["sub"] == "alice"
    else:
        with pytest.raises(refusal):
            validator.validate(token, provider)
    assert source.fetches == 1


@pytest.mark.parametrize("parameter", ["jku", "x5u", "jwk", "x5c"])
def test_point_17_keys_that_a_token_brings_along_are_never_read(
    source: Any,
    clock: Any,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    parameter: str,
) -> None:
    """A key in a token, or a place where it says that one is, decides nothing and is not visited."""
    source.answer = issuer.jwks
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    values: dict[str, Any] = {
        "jku": "http://127.0.0.1:9/keys",
        "x5u": "http://127.0.0.1:9/cert",
        "jwk": other_issuer.jwk,
        "x5c": ["MIIB"],
    }

    def connect(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr("socket.socket.connect", connect)
    header = {parameter: values[parameter]}
    validator = JWTValidator(algorithms=["RS256"])

    with pytest.raises(BadSignatureError):
        validator.validate(BearerToken(other_issuer.token(header=header)), provider)
    assert validator.validate(BearerToken(issuer.token(header=header)), provider)["sub"] == "alice"
    assert source.fetches == 1


def test_point_16_over_http_an_unproven_absence_is_503_and_a_proven_one_401(
    app: Flask, source: Any, warm: TTLKeyProvider, issuer: TokenIssuer, clock: Any, by: Any
) -> None:
    """The caller can tell "not known to us" from "we can't say"."""
    auth = Authenticator(keys=warm)

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        return "in"

    client = app.test_client()
    unknown = bearer(issuer.token(header={"kid": "unheard-of"}))
    source.answer, good = DOWN, source.answer
    answer = client.get("/", headers=unknown)
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (503, False)

    source.answer = good
    clock.move(1.3)
    answer = client.get("/", headers=unknown)
    assert (answer.status_code, "Retry-After" in answer.headers) == (401, False)
    assert client.get("/", headers=bearer(issuer.token(header={"kid": "a"}))).status_code == 200


def test_the_first_fetch_is_no_search(
    source: Any, provider: TTLKeyProvider, by: Any, key: Any
) -> None:
    """A cold provider fetches once, with the wanted kid, whether that is found or not."""
    assert found(provider, by("a")) == ["a"]
    assert source.kids == ["a"]


def test_the_first_fetch_may_show_that_a_kid_is_unknown(
    source: Any, provider: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A fetch that began after the token came is not made again for that token."""
    assert found(provider, by("b")) == []
    assert found(provider, by("b")) == []
    assert source.kids == ["b"]

    clock.move(5)
    assert found(provider, by("b")) == []
    assert source.kids == ["b", "b"]


def test_nor_is_one_at_expiry_unless_it_was_not_told_the_kid(
    source: Any, key: Any, by: Any, clock: Any
) -> None:
    """An unknown kid is unknown if all keys were fetched just now; a fetch that takes a kid is asked."""
    fetches: list[None] = []

    def all_keys() -> Any:
        fetches.append(None)
        return [key("a")]

    provider = TTLKeyProvider(all_keys, clock=clock)
    telling = TTLKeyProvider(source, clock=clock)
    for each in (provider, telling):
        each.warm_up()
    clock.move(300)
    for each in (provider, telling):
        assert found(each, by("b")) == []

    assert len(fetches) == 2
    assert source.kids == [None, None, "b"]
