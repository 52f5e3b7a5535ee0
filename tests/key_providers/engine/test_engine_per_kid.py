"""Sources that look up one key for each key ID, without a list of all keys."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import KeySet, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_health import has_keys, status_of
from flask_jwtlib.key_providers import FetchedKeys
from tests.kit import PATIENCE

from .kit import found


class Plain:
    """A fetch that collects the keys it found, and returns all of them.

    Attributes:
        published: The keys that the source has.
        searched: The key IDs that were looked up.
    """

    def __init__(self, published: dict[str, Any]) -> None:
        self.published = published
        self.searched: list[str | None] = []
        self.known: dict[str, Any] = {}

    def __call__(self, kid: str | None = None) -> Any:
        self.searched.append(kid)
        if kid in self.published:
            self.known[kid] = self.published[kid]
        return list(self.known.values())


class Partial(Plain):
    """A fetch that marks its result as partial."""

    key_set = KeySet(())

    def __call__(self, kid: str | None = None) -> Any:
        self.searched.append(kid)
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
    """A source of two keys, ``a`` and ``b``, whose results are partial."""
    return Partial({"a": key("a"), "b": key("b")})


def provider_of(source: Plain, clock: Any) -> TTLKeyProvider:
    """Return a provider of a source's keys."""
    return TTLKeyProvider(source, clock=clock, fetch_timeout=PATIENCE, max_wait=PATIENCE)


def test_a_cold_start_fetches_the_key_of_the_token(either: Plain, clock: Any, by: Any) -> None:
    """Each fetch gets the key ID of the token that caused it."""
    provider = provider_of(either, clock)

    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("b")) == ["b"]
    assert found(provider, by("a")) == ["a"]
    assert either.searched == ["a", "b"]


def test_a_warm_up_without_keys_does_not_delay_the_first_token(
    either: Plain, clock: Any, by: Any
) -> None:
    """A source without a list returns nothing to ``warm_up``; the first token still gets its key."""
    provider = provider_of(either, clock)
    try:
        provider.warm_up()
    except VerificationUnavailable:
        assert type(either) is Plain

    assert found(provider, by("a")) == ["a"]
    assert either.searched == [None, "a"]


def test_a_made_up_kid_does_not_delay_the_first_token(either: Plain, clock: Any, by: Any) -> None:
    """A made-up key ID at start-up doesn't delay the first genuine token."""
    provider = provider_of(either, clock)

    assert found(provider, by("made-up")) == ("unavailable" if type(either) is Plain else [])
    assert found(provider, by("a")) == ["a"]
    assert either.searched == ["made-up", "a"]


@pytest.mark.parametrize("cold", [True, False])
def test_made_up_kids_cost_no_more_than_with_a_list(
    either: Plain, clock: Any, by: Any, cold: bool
) -> None:
    """A thousand of them in ten seconds cause two searches, and few other attempts."""
    provider = provider_of(either, clock)
    if not cold:
        assert found(provider, by("a")) == ["a"]
    for number in range(1000):
        assert found(provider, by(f"made-up-{number}")) in ([], "unavailable")
        clock.move(0.01)

    # While there is no key at all, the backoff allows attempts after 1, 2 and 4 seconds, too.
    assert len(either.searched) <= 1 + 2 + (4 if cold else 0)


def test_a_partial_result_proves_absence(partial: Partial, clock: Any, by: Any) -> None:
    """A partial result without the key means 401, with no second fetch and no pause."""
    provider = provider_of(partial, clock)
    assert found(provider, by("c")) == []
    assert found(provider, by("c")) == []

    status = provider.status()
    assert (partial.searched, status["failures"], status["state"]) == (["c"], 0, "empty")
    assert not has_keys(status_of(provider))


def test_searches_do_not_renew_known_keys(partial: Partial, clock: Any, by: Any) -> None:
    """However many key IDs are searched, each known key is fetched again when it expires."""
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
    assert partial.searched[-2:] == [None, "a"]
    assert provider.status()["age"] == 0


def test_an_unchanged_partial_set_keeps_its_generation(
    partial: Partial, clock: Any, by: Any
) -> None:
    """Made-up key IDs don't invalidate what is cached for the keys."""
    provider = provider_of(partial, clock)
    assert found(provider, by("a")) == ["a"]
    assert found(provider, by("made-up")) == []

    assert provider.generation == 1


def test_an_empty_partial_result_is_accepted_at_once(partial: Partial, clock: Any, by: Any) -> None:
    """Unlike a list that may be empty by mistake, a partial result has looked up each key."""
    provider = provider_of(partial, clock)
    assert found(provider, by("a")) == ["a"]
    partial.published.clear()
    clock.move(300)

    assert found(provider, by("a")) == []
    assert provider.status()["failures"] == 0


def test_the_first_key_after_a_long_pause_is_fresh(partial: Partial, clock: Any, by: Any) -> None:
    """If no key was found before, the first one is fresh from when it is fetched."""
    provider = provider_of(partial, clock)
    assert found(provider, by("made-up")) == []
    clock.move(100_000)

    assert found(provider, by("a")) == ["a"]
    assert provider.status()["age"] == 0


def test_an_unusable_key_is_a_failed_fetch(clock: Any, by: Any) -> None:
    """A damaged key is a failure, not an absent key."""

    def fetch(kid: str | None = None) -> FetchedKeys:
        return FetchedKeys({"keys": [{"kty": "RSA", "kid": kid}]}, partial=True)

    provider = TTLKeyProvider(fetch, clock=clock)
    assert found(provider, by("a")) == "unavailable"
    assert provider.status()["failures"] == 1


def test_concurrent_cold_callers_each_fetch_their_own_key(
    make_source: Any, clock: Any, key: Any, by: Any, at_once: Any
) -> None:
    """A caller that waited for the fetch of another key doesn't take its key for absent."""
    keys = {"a": key("a"), "b": key("b")}
    known: list[Any] = []
    source = make_source(None)

    def fetch(kid: str | None = None) -> FetchedKeys:
        source(kid)
        known.append(keys[str(kid)])
        return FetchedKeys(list(known), partial=True)

    provider = TTLKeyProvider(fetch, clock=clock, fetch_timeout=PATIENCE)
    gate = source.hold()

    def look_up(number: int) -> Any:
        if number == 0:
            source.wait_for(1)
            gate.set()
        return found(provider, by("ab"[number % 2]))

    assert at_once(10, look_up) == [["a"], ["b"]] * 5
    assert sorted(source.kids) == ["a", "b"]
