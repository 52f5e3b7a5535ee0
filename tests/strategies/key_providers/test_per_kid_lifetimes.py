"""How long PerKidKeyProvider keeps keys, and how it refreshes them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flask_jwtlib import (
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider
from tests.kit import PATIENCE

from .kit import HOUR
from .per_kid_kit import accepted, provider_of, publish, refreshed, requested


@pytest.mark.parametrize("seconds", [60, 300, 3600])
def test_each_key_has_its_own_lifetime(idp: IdentityProvider, clock: Any, seconds: int) -> None:
    """A key's lifetime doesn't depend on when other keys were fetched, or on their lifetimes."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    idp.behave(path="/keys/a", headers={"Cache-Control": f"max-age={seconds}"})
    idp.behave(path="/keys/b", headers={"Cache-Control": "max-age=1800"})
    keys = provider_of(idp, clock=clock)
    assert accepted(b.token(), keys)
    assert accepted(b.token(), keys)
    clock.move(40)
    assert accepted(a.token(), keys)
    del idp.documents["/keys/a"]
    for _ in range(20):
        clock.move(seconds / 20)
        accepted(a.token(), keys)
        refreshed(keys)
    clock.move(1)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_only_keys_in_use_are_refreshed(idp: IdentityProvider, clock: Any) -> None:
    """A key in use is refreshed ahead; one that no token names is dropped when it expires."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    assert accepted(b.token(), keys)
    assert accepted(a.token(), keys)
    idp.forget()
    for _ in range(60):
        clock.move(15)
        assert accepted(a.token(), keys)
        refreshed(keys)
    assert set(requested(idp)) == {"a"}
    assert 3 <= idp.count() <= 6
    assert refreshed(keys)["kids"] == ["a"]


def test_an_idle_key_is_fetched_again_when_a_token_names_it(
    idp: IdentityProvider, clock: Any
) -> None:
    """After any idle time the key is fetched again, and refused if it was removed."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    for pause in (0, HOUR, 100 * HOUR):
        clock.move(pause)
        assert accepted(a.token(), keys)
    assert requested(idp) == ["a", "a", "a"]
    del idp.documents["/keys/a"]
    clock.move(HOUR)
    assert not accepted(a.token(), keys)


@pytest.mark.parametrize("status", [404, 410])
def test_a_removed_key_is_refused_after_its_next_refresh(
    idp: IdentityProvider, clock: Any, status: int
) -> None:
    """The other keys stay."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=status)
    clock.move(299)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_a_key_that_gets_403_twice_is_refused(idp: IdentityProvider, clock: Any) -> None:
    """One 403 may come from a firewall; storage services return it for files that don't exist."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=403)
    clock.move(301)
    assert accepted(a.token(), keys)
    assert accepted(b.token(), keys)
    refreshed(keys)
    clock.move(31)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_the_only_key_is_refused_after_403_twice(idp: IdentityProvider, clock: Any) -> None:
    """The first 403 makes the whole refresh fail, since there is no other key."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    assert accepted(a.token(), keys)
    idp.behave(path="/keys/a", status=403)
    clock.move(301)
    assert accepted(a.token(), keys)
    assert keys.status()["failures"] == 1
    clock.move(31)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)


def test_keys_are_used_for_four_hours_of_an_outage(idp: IdentityProvider, clock: Any) -> None:
    """Stale keys are used while no key can be fetched, and no longer."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    assert accepted(a.token(), keys)
    idp.behave(status=500)
    for _ in range(47):
        clock.move(301)
        assert accepted(a.token(), keys)
        refreshed(keys)
    clock.move(HOUR)
    with pytest.raises(VerificationUnavailable):
        accepted(a.token(), keys)
    idp.behave()
    clock.move(60)
    assert accepted(a.token(), keys)


def test_a_failing_key_does_not_affect_the_others(idp: IdentityProvider, clock: Any) -> None:
    """The others are refreshed; the failing key is used for four hours, then unavailable until it is back."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=500)
    for _ in range(47):
        clock.move(301)
        assert accepted(a.token(), keys)
        assert accepted(b.token(), keys)
        refreshed(keys)
    for _ in range(12):
        clock.move(301)
        accepted(b.token(), keys)
        refreshed(keys)
    with pytest.raises(VerificationUnavailable):
        accepted(a.token(), keys)
    idp.behave(path="/keys/a")
    clock.move(31)
    assert accepted(a.token(), keys)


def test_a_refresh_continues_where_the_last_one_ran_out_of_time(
    idp: IdentityProvider, clock: Any
) -> None:
    """Keys that the timeout left out are requested first the next time."""
    issuers = [publish(idp, kid) for kid in ("a", "b", "c")]
    keys: Any = provider_of(idp, clock=clock, fetch_timeout=1)
    for issuer in (*issuers, *issuers):
        assert accepted(issuer.token(), keys)
        clock.move(31)
    for kid in ("a", "b", "c"):
        keys.fetch.note_use(kid)
    clock.move(301)
    idp.forget()
    idp.behave(path="/keys/a", hang=True)
    began = time.monotonic()
    with pytest.raises(Exception, match="no complete response within"):
        keys.fetch()
    assert time.monotonic() - began < PATIENCE
    assert requested(idp) == ["a"]
    idp.release()
    idp.behave()
    assert keys.fetch().keys.kids == {"a", "b", "c"}
    assert requested(idp) == ["a", "a", "b", "c"]


def test_max_keys_limits_the_keys(idp: IdentityProvider, clock: Any) -> None:
    """The key that was fetched longest ago is dropped, and fetched again when a token names it."""
    issuers = [publish(idp, f"k{number}") for number in range(5)]
    keys = provider_of(idp, clock=clock, max_keys=3)
    for issuer in issuers:
        clock.move(31)
        assert accepted(issuer.token(), keys)
        assert len(keys.status()["kids"]) <= 3
    assert keys.status()["kids"] == ["k2", "k3", "k4"]
    clock.move(31)
    assert accepted(issuers[0].token(), keys)


def test_warm_up_sends_no_request(idp: IdentityProvider) -> None:
    """There is no list to fetch; the first token still gets its key."""
    a = publish(idp, "a")
    keys = provider_of(idp)
    keys.warm_up()
    assert idp.connections == 0
    assert accepted(a.token(), keys)
    assert keys.key_set(UnverifiedHeader("ES256", "..")).kids == {"a"}
    assert keys.status()["state"] == "fresh"


def test_a_late_fetch_changes_nothing(idp: IdentityProvider) -> None:
    """The result of a fetch that timed out doesn't replace a later one."""
    publish(idp, "a")
    publish(idp, "b")
    keys: Any = provider_of(idp)
    look_up = keys.fetch.client.get

    class Client:
        def get(self, url: str, **options: Any) -> Any:
            document = look_up(url, **options)
            if url.endswith("/a"):
                keys.fetch(kid="b")
            return document

    late = PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True)
    object.__setattr__(keys.fetch, "client", Client())
    keys.fetch(kid="a")
    object.__setattr__(keys.fetch, "client", late.fetch.client)
    assert keys.fetch().keys.kids == {"b"}
