"""Sources that have one key for each key ID, and no list of them."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import FetchedKeys, KeySet, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_health import has_keys, status_of

PATIENCE = 30


def found(provider: TTLKeyProvider, header: Any) -> list[str | None] | str:
    """The key IDs that a provider returns for a token, or that it can't tell."""
    try:
        return [key.kid for key in provider.keys_for(header)]
    except VerificationUnavailable:
        return "unavailable"


class Plain:
    """A fetch as a user writes it: it remembers what it found, and returns all of that.

    Attributes:
        published: The keys that the source has.
        asked: The key IDs that it was asked for.
    """

    def __init__(self, published: dict[str, Any]) -> None:
        self.published = published
        self.asked: list[str | None] = []
        self.known: dict[str, Any] = {}

    def __call__(self, kid: str | None = None) -> Any:
        self.asked.append(kid)
        if kid in self.published:
            self.known[kid] = self.published[kid]
        return list(self.known.values())


class Partial(Plain):
    """One that says what it has looked up."""

    key_set = KeySet(())

    def __call__(self, kid: str | None = None) -> Any:
        self.asked.append(kid)
        for each in [kid] if kid is not None else list(self.known):
            self.known.pop(each, None)
            if each in self.published:
                self.known[each] = self.published[each]
        keys = tuple(self.known.values())
        if keys != self.key_set.keys:
            self.key_set = KeySet(keys, exact=True)
        return FetchedKeys(self.key_set, partial=True)


@pytest.fixture(params=[Plain, Partial])
def either(request: pytest.FixtureRequest, key: Any) -> Plain:
    """A source of two keys, ``a`` and ``b``."""
    source: Plain = request.param({"a": key("a"), "b": key("b")})
    return source


@pytest.fixture
def partial(key: Any) -> Partial:
    """A source of two keys, ``a`` and ``b``, that says what it has looked up."""
    return Partial({"a": key("a"), "b": key("b")})


def provider_of(source: Plain, clock: Any) -> TTLKeyProvider:
    """A provider of its keys."""
    return TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)


def test_the_first_token_gets_its_key(either: Plain, clock: Any, by: Any) -> None:
    """On a cold start the fetch is told the key ID that is wanted, and so it is for the second key."""
    provider = provider_of(either, clock)

    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("b")) == ["b"]
    assert found(provider, by("a")) == ["a"]
    assert either.asked == ["a", "b"]


def test_so_it_does_after_a_warm_up_that_found_nothing(either: Plain, clock: Any, by: Any) -> None:
    """A source that has no list returns nothing before a key ID is named. That is no outage for the first."""
    provider = provider_of(either, clock)
    try:
        provider.warm_up()
    except VerificationUnavailable:
        assert type(either) is Plain

    assert found(provider, by("a")) == ["a"]
    assert either.asked == [None, "a"]


def test_and_after_a_made_up_kid(either: Plain, clock: Any, by: Any) -> None:
    """A hostile sender who comes first doesn't keep the first genuine token waiting."""
    provider = provider_of(either, clock)

    assert found(provider, by("made-up")) == ("unavailable" if type(either) is Plain else [])
    assert found(provider, by("a")) == ["a"]
    assert either.asked == ["made-up", "a"]


@pytest.mark.parametrize("cold", [True, False])
def test_made_up_kids_cost_no_more_than_with_a_list(
    either: Plain, clock: Any, by: Any, cold: bool
) -> None:
    """A thousand of them in ten seconds cause two searches, and few attempts beside."""
    provider = provider_of(either, clock)
    if not cold:
        assert found(provider, by("a")) == ["a"]
    for number in range(1000):
        assert found(provider, by(f"made-up-{number}")) in ([], "unavailable")
        clock.move(0.01)

    # While there is no key at all, attempts are made after 1, 2 and 4 seconds, too.
    assert len(either.asked) <= 1 + 2 + (4 if cold else 0)


def test_that_there_is_no_such_key_is_known_at_once(partial: Partial, clock: Any, by: Any) -> None:
    """Nothing that is found is a result: 401, with no second fetch and no pause."""
    provider = provider_of(partial, clock)
    assert found(provider, by("c")) == []
    assert found(provider, by("c")) == []

    status = provider.status()
    assert (partial.asked, status["failures"], status["state"]) == (["c"], 0, "empty")
    assert not has_keys(status_of(provider))


def test_the_age_of_known_keys_goes_on_while_others_are_looked_up(
    partial: Partial, clock: Any, by: Any
) -> None:
    """However many key IDs are named, each known key is looked up again when it expires."""
    provider = provider_of(partial, clock)
    assert found(provider, by("a")) == ["a"]
    del partial.published["a"]
    for number in range(4):
        clock.move(40)
        assert found(provider, by(f"made-up-{number}")) == []
        assert provider.status()["age"] == 40 * (number + 1)
    assert found(provider, by("b")) == ["b"]

    clock.move(140)
    assert found(provider, by("a")) == []
    assert found(provider, by("b")) == ["b"]
    assert partial.asked[-2:] == [None, "a"]
    assert provider.status()["age"] == 0


def test_an_unchanged_set_keeps_its_generation(partial: Partial, clock: Any, by: Any) -> None:
    """Made-up key IDs make nobody forget what was verified."""
    provider = provider_of(partial, clock)
    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("made-up")) == []

    assert provider.generation == 1


def test_keys_that_are_all_gone_are_gone_at_once(partial: Partial, clock: Any, by: Any) -> None:
    """There is no list that may be empty by mistake; each key was looked up."""
    provider = provider_of(partial, clock)
    assert found(provider, by("a")) == ["a"]
    partial.published.clear()
    clock.move(300)

    assert found(provider, by("a")) == []
    assert provider.status()["failures"] == 0


def test_a_long_pause_without_any_key_is_no_outage(partial: Partial, clock: Any, by: Any) -> None:
    """Where nothing was found before, the first key is fresh from when it was looked up."""
    provider = provider_of(partial, clock)
    assert found(provider, by("made-up")) == []
    clock.move(100_000)

    assert found(provider, by("a")) == ["a"]
    assert provider.status()["age"] == 0


def test_a_key_that_cannot_be_used_is_a_failure(clock: Any, by: Any) -> None:
    """That the source has one which is damaged is not the same as that it has none."""

    def fetch(kid: str | None = None) -> FetchedKeys:
        return FetchedKeys({"keys": [{"kty": "RSA", "kid": kid}]}, partial=True)

    provider = TTLKeyProvider(fetch, clock=clock)
    assert found(provider, by("a")) == "unavailable"
    assert provider.status()["failures"] == 1


def test_a_second_kid_at_a_cold_start_is_looked_for_by_itself(
    make_source: Any, clock: Any, key: Any, by: Any, at_once: Any
) -> None:
    """Who waited for the fetch of another key does not take it for an answer to its own question."""
    keys = {"a": key("a"), "b": key("b")}
    known: list[Any] = []
    source = make_source(None)

    def fetch(kid: str | None = None) -> FetchedKeys:
        source(kid)
        known.append(keys[str(kid)])
        return FetchedKeys(list(known), partial=True)

    provider = TTLKeyProvider(fetch, clock=clock, fetch_timeout=PATIENCE)
    gate = source.hold()

    def ask(number: int) -> Any:
        if number == 0:
            source.wait_for(1)
            gate.set()
        return found(provider, by("ab"[number % 2]))

    assert at_once(10, ask) == [["a"], ["b"]] * 5
    assert sorted(source.kids) == ["a", "b"]
