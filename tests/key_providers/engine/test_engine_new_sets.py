"""What a new set changes: generations and removed keys."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Audience, Authenticator, JWTValidator, KeySet, TTLKeyProvider
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import DOWN, PATIENCE

from .kit import kids


def test_a_new_set_has_a_higher_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """Each new set raises ``generation`` by one; the old set object is not altered."""
    provider.warm_up()
    first = provider.key_set()
    assert provider.generation == 1

    for generation in (2, 3, 4):
        source.result = [key(f"set-{generation}")]
        clock.move(300)
        assert kids(provider) == [f"set-{generation}"]
        assert provider.generation == provider.status()["generation"] == generation
    assert [each.kid for each in first.keys] == ["a"]


def test_an_unchanged_set_keeps_its_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any
) -> None:
    """A fetch that returns the previous KeySet object renews its age without a new generation."""
    unchanged = KeySet([key("a")])
    source.result = unchanged
    provider.warm_up()
    for result in (unchanged, FetchedKeys(unchanged), FetchedKeys(unchanged, ttl=300)):
        source.result = result
        clock.move(300)
        assert provider.key_set() is unchanged
        assert provider.status()["age"] == 0
        assert provider.generation == 1

    source.result = KeySet([key("a")])
    clock.move(300)
    assert provider.key_set() is not unchanged
    assert provider.generation == 2


def test_a_failed_refresh_keeps_the_generation(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """What was cached for the keys stays valid as long as they are used."""
    provider.warm_up()
    source.result = DOWN
    clock.move(300)
    provider.key_set()
    settled(provider)

    assert provider.generation == 1


@pytest.mark.parametrize("late", ["keys", "failure", "garbage", "empty"])
def test_a_late_result_changes_nothing(
    source: Any,
    clock: Any,
    key: Any,
    listen: Any,
    settled: Any,
    late: str,
) -> None:
    """What a fetch returns or raises after it timed out is ignored, good or bad."""
    provider = TTLKeyProvider(source, clock=clock, fetch_timeout=5, max_wait=PATIENCE)
    provider.warm_up()
    results: dict[str, Any] = {
        "keys": [key("late")],
        "failure": DOWN,
        "garbage": "<html>",
        "empty": {"keys": []},
    }
    source.result = results[late]
    gate = source.hold()
    clock.move(250)
    provider.key_set()
    source.wait_for(2)

    clock.move(5)
    provider.key_set()
    status = provider.status()
    assert (status["fetching"], status["last_error"]) == (False, "TimeoutError")
    source.go_on()
    source.result = [key("b")]
    clock.move(1.3)
    provider.key_set()
    settled(provider)
    status = provider.status()
    events = listen(provider)

    gate.set()
    source.join(2)
    assert provider.status() == status
    assert kids(provider) == ["b"]
    assert provider.generation == 2
    assert events.names == []


def test_a_new_fetch_replaces_the_keys_while_an_old_one_hangs(
    source: Any, timed_out: TTLKeyProvider, clock: Any, key: Any, settled: Any
) -> None:
    """While a fetch that timed out still hangs, a new one replaces the keys."""
    source.result = [key("b")]
    clock.move(1.3)
    timed_out.key_set()
    settled(timed_out)

    assert kids(timed_out) == ["b"]
    assert timed_out.status()["failures"] == 0


def test_a_removed_key_is_refused_from_the_next_lookup_on(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, by: Any, settled: Any
) -> None:
    """A key that is missing from a valid new set is refused at once."""
    source.result = [key("a"), key("b")]
    provider.warm_up()
    assert provider.keys_for(by("b"))
    source.result = [key("a")]
    clock.move(250)
    provider.keys_for(by("a"))
    settled(provider)

    assert not provider.keys_at_hand(by("b"))
    assert not provider.keys_for(by("b"))
    assert provider.keys_for(by("a"))


def test_a_removed_key_is_accepted_for_at_most_305_seconds(
    source: Any, clock: Any, key: Any, by: Any
) -> None:
    """With a lookup each second and fetches that take 4 seconds, a removed key is soon refused."""
    source.result = [key("a"), key("removed")]
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = [key("a")]
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


def test_a_removed_key_is_refused_if_the_first_lookup_comes_at_the_ttl(
    source: Any, clock: Any, key: Any, by: Any
) -> None:
    """Without a lookup between 70 % and the ttl, the fetch begins at the first lookup after it."""
    source.result = [key("a"), key("removed")]
    provider = TTLKeyProvider(source, clock=clock, max_wait=0, fetch_timeout=PATIENCE)
    provider.warm_up()
    source.result = [key("a")]
    gate = source.hold()
    clock.move(300)
    for _ in range(5):
        assert provider.key_set().select(by("removed"))
        clock.move(1)
    gate.set()
    source.join(2)

    assert not provider.key_set().select(by("removed"))


def test_a_verified_token_is_refused_once_its_key_is_gone(
    app: Flask, make_source: Any, clock: Any, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A token that was accepted a moment ago gets 401 after its key is replaced."""
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

    # The same kid with another key: only the signature differs.
    source.result = other_issuer.jwks
    clock.move(300)
    assert client.get("/", headers=headers).status_code == 401
    assert client.get("/", headers=bearer(other_issuer.token(aud="here"))).status_code == 200
    assert provider.generation == 2
