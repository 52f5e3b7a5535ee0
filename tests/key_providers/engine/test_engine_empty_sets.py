"""Fetched sets without keys, or without usable keys."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import KeySet, TTLKeyProvider
from flask_jwtlib.key_providers import FetchedKeys
from tests.kit import DOWN, PATIENCE

from .kit import kids, refused

EMPTY = [
    pytest.param(KeySet(()), id="KeySet"),
    pytest.param([], id="list"),
    pytest.param({"keys": []}, id="JWK set"),
]


@pytest.mark.parametrize("empty", EMPTY)
def test_a_first_empty_set_is_a_failed_refresh(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    empty: Any,
) -> None:
    """The first empty set that an issuer sends is rejected, and the old keys stay in use."""
    provider.warm_up()
    source.result = empty
    clock.move(300)

    assert kids(provider) == ["a"]
    source.join(2)
    assert provider.status()["last_error"] == "ConfigurationError"
    assert provider.status()["generation"] == 1
    assert "no key of the set can verify signatures: " in caplog.text
    assert "it is empty" in caplog.text


def _rsa(**members: Any) -> dict[str, Any]:
    return {"kty": "RSA", "n": "sXchz8", "e": "AQAB", "kid": "b", **members}


UNUSABLE = [
    pytest.param(["a", "b"], id="strings"),
    pytest.param([{}, {}], id="empty objects"),
    pytest.param([None, 5, []], id="not objects"),
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
def test_a_set_without_usable_keys_never_replaces_good_keys(
    source: Any, provider: TTLKeyProvider, clock: Any, by: Any, members: list[Any], settled: Any
) -> None:
    """A set without usable keys is a failed refresh however often it comes, until lookups fail."""
    provider.warm_up()
    good = source.result
    source.result = {"keys": members}
    while provider.status()["age"] < 14_600:
        clock.move(61)
        assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]
        settled(provider)
    assert provider.status()["failures"] == source.fetches - 1 > 100
    assert (provider.generation, provider.status()["state"]) == (1, "stale")

    clock.move(200)
    assert refused(provider).status == 503
    assert provider.status()["state"] == "dead"

    source.result = good
    clock.move(40)
    assert [each.kid for each in provider.keys_for(by("a"))] == ["a"]


@pytest.mark.parametrize("members", UNUSABLE)
def test_a_set_without_usable_keys_is_never_the_first_set(
    source: Any, provider: TTLKeyProvider, clock: Any, members: list[Any]
) -> None:
    """A provider that has only fetched unusable keys stays cold."""
    source.result = {"keys": members}
    for _ in range(10):
        assert refused(provider).status == 503
        clock.move(61)
    assert provider.status()["state"] == "cold"


def test_unusable_keys_between_two_empty_sets_are_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any, settled: Any
) -> None:
    """An empty set is accepted when it comes twice in a row, with nothing else in between."""
    provider.warm_up()
    for result in ([], {"keys": [{}]}, []):
        source.result = result
        clock.move(301)
        assert kids(provider) == ["a"]
        settled(provider)
    clock.move(61)
    assert kids(provider) == []


def test_unusable_keys_after_an_accepted_empty_set_are_a_failure(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """A set of unusable keys doesn't replace an accepted empty set either."""
    source.result = []
    refused(provider)
    clock.move(31)
    assert kids(provider) == []

    source.result = {"keys": [{}]}
    clock.move(301)
    assert kids(provider) == []
    assert provider.status()["failures"] == 1


@pytest.mark.parametrize("ttl", [60, 300, 3600, None], ids=repr)
def test_an_empty_set_is_refreshed_every_30_seconds(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, ttl: float | None, settled: Any
) -> None:
    """Keys that come back are found after half a minute, though no token names them."""
    source.result = FetchedKeys([], ttl=ttl)
    refused(provider)
    clock.move(31)
    assert kids(provider) == []

    source.result = [key("a")]
    clock.move(31)
    provider.warm_up()
    settled(provider)
    assert kids(provider) == ["a"]


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_set_is_accepted_the_second_time(
    source: Any,
    provider: TTLKeyProvider,
    clock: Any,
    by: Any,
    empty: Any,
) -> None:
    """When the empty set comes again 30 seconds later, no token verifies, and that is no outage."""
    provider.warm_up()
    source.result = empty
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


def test_two_empty_sets_exactly_30_seconds_apart_are_accepted(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """The two empty sets must be at least 30 seconds apart."""
    provider.warm_up()
    source.result = []
    clock.move(250)
    provider.key_set()
    source.join(2)
    clock.move(30)
    provider.key_set()
    source.join(3)

    assert kids(provider) == []


def test_a_cold_provider_accepts_the_second_empty_set(
    source: Any, provider: TTLKeyProvider, clock: Any
) -> None:
    """An issuer without keys is an outage at start-up, and accepted half a minute later."""
    source.result = {"keys": []}
    refused(provider)
    clock.move(29)
    refused(provider)
    clock.move(3)

    assert kids(provider) == []
    assert provider.generation == 1


@pytest.mark.parametrize("between", ["keys", "failure", "hang"])
def test_other_results_between_empty_sets_restart_the_count(
    source: Any, clock: Any, key: Any, between: str, settled: Any
) -> None:
    """After keys, an error or a fetch that timed out, an empty set has to come twice again."""
    provider = TTLKeyProvider(source, ttl=100, clock=clock, max_wait=PATIENCE, fetch_timeout=5)
    provider.warm_up()

    def fetch(result: Any, after: float) -> None:
        source.result = result
        clock.move(after)
        provider.key_set()
        settled(provider)

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


def test_an_accepted_empty_set_stays_accepted(
    source: Any, provider: TTLKeyProvider, clock: Any, key: Any, listen: Any, settled: Any
) -> None:
    """Further empty sets are successes, and keys that come back are used at once."""
    provider.warm_up()
    source.result = []
    for seconds in (250, 30):
        clock.move(seconds)
        provider.key_set()
        settled(provider)
    assert kids(provider) == []
    events = listen(provider)

    clock.move(300)
    assert kids(provider) == []
    assert provider.status()["failures"] == 0
    source.result = [key("a")]
    clock.move(300)
    assert kids(provider) == ["a"]
    settled(provider)
    assert "refresh_failed" not in events.names

    source.result = []
    clock.move(300)
    assert kids(provider) == ["a"]
