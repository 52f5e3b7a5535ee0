"""Tokens that name an unknown key: which fetches they cause, and how soon new keys are found."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_jwtlib import TTLKeyProvider, VerificationUnavailable
from tests.kit import PATIENCE

from .kit import BUCKET, found

REMEMBERED = 1024


def test_a_new_key_is_fetched_for_the_first_token_that_names_it(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any
) -> None:
    """An unknown kid causes one fetch; if that returns the key, this request verifies."""
    source.result = [key("a"), key("b")]

    assert found(warm, by("b")) == ["b"]
    assert source.kids == [None, "b"]
    assert warm.status()["fetches"]["unknown_kid"] == {"succeeded": 1, "failed": 0}


def test_a_key_of_the_current_set_is_found_though_it_was_absent_before(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A key that came with another fetch is used at once, though an earlier search for it failed."""
    assert found(warm, by("b")) == []
    source.result = [key("a"), key("b")]
    clock.move(31)
    assert found(warm, by("c")) == []
    assert source.fetches == 3

    assert found(warm, by("b")) == ["b"]
    assert source.fetches == 3


def test_an_absent_kid_is_remembered_for_5_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A kid that a fetch did not return causes no further fetch for five seconds."""
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
def test_a_key_named_before_its_publication_is_found_within_5_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, key: Any, clock: Any, early: float
) -> None:
    """A token that names a key before it is published delays it by five seconds, not by a minute."""
    assert found(warm, by("new")) == []
    clock.move(early)
    source.result = [key("a"), key("new")]
    seconds = 0.0
    while found(warm, by("new")) == []:
        clock.move(0.5)
        seconds += 0.5

    assert seconds <= max(0, 5.5 - early)


def test_a_key_named_continuously_before_its_publication_is_found_within_30_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, key: Any, clock: Any
) -> None:
    """An attacker who spends all fetches on the coming key delays it by at most half a minute."""
    for _ in range(600):
        assert found(warm, by("new")) == []
        clock.move(0.1)
    source.result = [key("a"), key("new")]
    seconds = 0.0
    while found(warm, by("new")) == []:
        clock.move(0.1)
        seconds += 0.1

    assert seconds <= 30.1


def test_a_kid_refused_for_an_empty_bucket_is_not_remembered_as_absent(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A kid that was refused without a fetch is searched for as soon as the bucket allows it."""
    for number in range(BUCKET):
        found(warm, by(f"made-up-{number}"))
    source.result = [key("a"), key("new")]
    assert found(warm, by("new")) == []
    clock.move(30)

    assert found(warm, by("new")) == ["new"]


def test_1024_absent_kids_are_remembered(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """The least recently searched kid is forgotten for a new one."""
    unknown: Any = warm._cache.unknown_kids
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


def test_the_bucket_holds_two_fetches_and_refills_one_in_30_seconds(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any, settled: Any
) -> None:
    """After two fetches at once, one more is allowed each half minute; no more than two accumulate."""

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
    settled(warm)
    assert fetches_of(10) == 2


def test_a_search_during_the_backoff_takes_nothing_from_the_bucket(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """Unknown kids get 503 without a fetch; after the pause both fetches are available."""
    source.result = VerificationUnavailable(retry_after=100)
    clock.move(240)
    warm.key_set()
    source.join(2)
    for number in range(50):
        assert found(warm, by(f"made-up-{number}")) == "unavailable"
    assert source.fetches == 2

    source.result = [key("a")]
    clock.move(101)
    warm.key_set()
    source.join(3)
    assert found(warm, by("x")) == []
    assert found(warm, by("y")) == []
    assert source.fetches == 5


def test_known_kids_take_nothing_from_the_bucket(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any
) -> None:
    """However many tokens are verified, the fetches for unknown kids remain available."""
    for _ in range(100):
        assert found(warm, by("a")) == ["a"]
    source.result = [key("a"), key("b")]

    assert found(warm, by("b")) == ["b"]


def test_a_search_joins_a_running_fetch(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A search waits for a fetch that runs already, whatever its reason."""
    source.result = [key("a"), key("b")]
    gate = source.hold()
    clock.move(250)
    warm.key_set()
    source.wait_for(2)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(found, warm, by("b"))
        gate.set()
        assert pending.result(PATIENCE) == ["b"]
    assert source.fetches == 2


def test_a_fetch_that_began_before_the_token_does_not_prove_absence(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """Such a fetch may have been answered before the key was published, so another one follows."""
    gate = source.hold()
    clock.move(250)
    warm.key_set()
    source.wait_for(2)
    source.result = [key("a"), key("b")]
    source.go_on()
    clock.move(1)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(found, warm, by("b"))
        gate.set()
        assert pending.result(PATIENCE) == ["b"]
    assert source.kids == [None, None, "b"]


def test_concurrent_searches_for_a_kid_share_one_fetch(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, at_once: Any
) -> None:
    """However many threads wait for a new key, one fetch returns it to all."""
    source.result = [key("a"), key("b")]
    gate = source.hold()

    def look_up(number: int) -> Any:
        if number == 0:
            source.wait_for(2)
            gate.set()
        return found(warm, by("b"))

    assert at_once(100, look_up) == [["b"]] * 100
    assert source.fetches == 2


def test_known_kids_verify_during_a_search(source: Any, warm: TTLKeyProvider, by: Any) -> None:
    """While a search hangs, lookups of known kids return at once."""
    gate = source.hold()
    with ThreadPoolExecutor(1) as pool:
        searching = pool.submit(found, warm, by("b"))
        source.wait_for(2)
        for _ in range(100):
            assert found(warm, by("a")) == ["a"]
        assert not searching.done()
        gate.set()
        assert searching.result(PATIENCE) == []


def test_ten_thousand_unknown_kids_cause_at_most_two_fetches(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any, at_once: Any
) -> None:
    """200 threads name 10,000 unknown kids within 10 seconds; known kids verify meanwhile."""
    lock = threading.Lock()

    def look_up(thread: int) -> bool:
        for number in range(50):
            with lock:
                clock.move(0.001)
            if found(warm, by(f"made-up-{thread}-{number}")) != []:
                return False
            if found(warm, by("a")) != ["a"]:
                return False
        return True

    assert at_once(200, look_up) == [True] * 200
    assert clock.now == pytest.approx(1010)
    assert source.fetches <= 1 + BUCKET


def test_a_new_key_during_a_flood_is_found_within_30_seconds(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """While made-up kids empty the bucket, a published key is found at most half a minute later."""
    for number in range(100):
        found(warm, by(f"made-up-{number}"))
    source.result = [key("a"), key("new")]
    refused = 0
    while refused <= 30 and found(warm, by("new")) == []:
        refused += 1
        for number in range(10):
            found(warm, by(f"made-up-{clock.now}-{number}"))
        clock.move(1)

    assert refused <= 30


def test_an_absent_kid_is_found_when_another_search_fetches_it(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """A new kid that is remembered as absent is found as soon as another token's fetch returns it."""
    assert found(warm, by("new")) == []
    source.result = [key("a"), key("new")]
    seconds = 0
    while seconds <= 30 and found(warm, by("new")) == []:
        seconds += 1
        found(warm, by(f"made-up-{clock.now}"))
        clock.move(1)

    assert seconds <= 30


def test_regular_rotations_refuse_no_token(
    source: Any, warm: TTLKeyProvider, key: Any, by: Any, clock: Any
) -> None:
    """In ten rotations, a minute apart, each new key is found at once."""
    for number in range(10):
        clock.move(60)
        source.result = [key(f"key-{number}"), key(f"key-{number + 1}")]
        assert found(warm, by(f"key-{number + 1}")) == [f"key-{number + 1}"]
        assert found(warm, by(f"key-{number}")) == [f"key-{number}"]


def test_keys_that_arrive_before_a_search_starts_are_used(
    source: Any,
    clock: Any,
    key: Any,
    by: Any,
) -> None:
    """A caller that is about to search, and finds new keys in place, uses those."""
    hooks: list[Any] = []

    def watching() -> float:
        if hooks:
            hooks.pop()()
        return float(clock())

    provider = TTLKeyProvider(source, clock=watching, max_wait=PATIENCE, fetch_timeout=PATIENCE)
    provider.warm_up()

    def rotate() -> None:
        source.result = [key("a"), key("b")]
        clock.move(250)
        provider.key_set()
        source.join(2)

    # The clock is read for the age, on arrival, for the absent kids, and for the search, in this order.
    hooks.extend([rotate, int, int, int])
    assert found(provider, by("b")) == ["b"]
    assert source.kids == [None, None]


def test_a_search_passes_the_kid_to_the_fetch(
    source: Any, warm: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A fetch with a ``kid`` parameter gets the unknown kid, and None when all keys are due."""
    found(warm, by("b"))
    clock.move(250)
    warm.key_set()
    source.join(3)
    clock.move(300)
    warm.key_set()

    assert source.kids == [None, "b", None, None]
