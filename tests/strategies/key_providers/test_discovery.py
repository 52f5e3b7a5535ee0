"""Metadata and key set fail independently, and an issuer that moves its keys is followed."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs
import pytest

from flask_jwtlib import (
    BearerToken,
    Claims,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import DocumentError, HTTPClient
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider

PATIENCE = 30
HOUR = 3600
MOVED = "/moved/keys"
KNOWN = UnverifiedHeader("RS256", "key-1")
# What a server may return instead of a set, and what the error says then.
NO_SET = [
    *[
        pytest.param({"status": status}, f"status is {status}", id=str(status))
        for status in (204, 400, 401, 403, 404, 410, 429, 500, 502, 503)
    ],
    pytest.param({"status": 503, "headers": {"Retry-After": "7"}}, "for 7 s", id="503, busy"),
    pytest.param({"redirect_to": "/elsewhere"}, "redirects", id="redirect"),
    pytest.param({"body": "<html>"}, "the body is not", id="HTML"),
    pytest.param({"body": {"error": "gone"}}, "JWK set", id="error as JSON"),
    pytest.param({"reset": True}, "failed", id="reset"),
    pytest.param({"cut": 5}, "failed", id="cut"),
]
# What a server may return instead of the metadata.
NO_METADATA = [
    pytest.param({"status": 500}, id="500"),
    pytest.param({"status": 404}, id="404"),
    pytest.param({"status": 429, "headers": {"Retry-After": "7"}}, id="429, busy"),
    pytest.param({"body": "<html>"}, id="HTML"),
    pytest.param({"body": {"issuer": "https://evil.example"}}, id="other issuer"),
    pytest.param({"body": {"issuer": "https://evil.example", "jwks_uri": 7}}, id="no jwks_uri"),
    pytest.param({"reset": True}, id="reset"),
]


def discovered(idp: IdentityProvider, **options: Any) -> DiscoveredKeySet:
    """What a provider of the identity provider's keys fetches by."""
    client = HTTPClient(allow_http_on_loopback=True)
    return DiscoveredKeySet(idp.issuer_url, client=client, **{"timeout": PATIENCE, **options})


def provider_of(idp: IdentityProvider, **options: Any) -> OIDCKeyProvider:
    """A provider of the identity provider's keys that waits for slow machines."""
    options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
    return OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True, **options)


def counts(idp: IdentityProvider) -> tuple[int, int, int]:
    """How often it was asked for its metadata, for its keys, and for the keys where they moved."""
    metadata = idp.count(idp.openid_path) + idp.count(idp.oauth_path)
    return metadata, idp.count(idp.jwks_path), idp.count(MOVED)


def move(idp: IdentityProvider, jwks: Any) -> None:
    """Publish another location of the keys; the old one serves what it served."""
    idp.documents[MOVED] = jwks
    metadata = {**idp.metadata, "jwks_uri": idp.url + MOVED}
    idp.documents[idp.openid_path] = idp.documents[idp.oauth_path] = metadata


def kids(fetch: DiscoveredKeySet, **options: Any) -> set[str]:
    """The key IDs that a fetch brings."""
    return set(fetch(**options).keys.kids)


def verify(token: str, keys: KeyProvider) -> Claims:
    """The claims of a token that the keys verify."""
    return JWTValidator().validate(BearerToken(token), keys)


# --- How long metadata live


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, HOUR, id="nothing said"),
        pytest.param({"Cache-Control": "public"}, HOUR, id="no time said"),
        pytest.param({"Cache-Control": "max-age=600"}, 600, id="ten minutes"),
        pytest.param({"Cache-Control": "max-age=86400"}, HOUR, id="a day"),
        pytest.param({"Cache-Control": f"max-age={'9' * 40}"}, HOUR, id="for ever"),
        pytest.param({"Cache-Control": "max-age=600", "Age": "100"}, 500, id="less their age"),
        pytest.param({"Cache-Control": "no-store"}, 60, id="no-store"),
        pytest.param({"Cache-Control": "max-age=1"}, 60, id="a second"),
        pytest.param({"Expires": "0"}, 60, id="expired"),
    ],
)
def test_metadata_live_an_hour_or_less_if_they_say_so(
    idp: IdentityProvider, clock: Any, headers: dict[str, str], seconds: int
) -> None:
    """They are read again by the first fetch after that, and by none before it."""
    idp.add_key()
    idp.behave(path=idp.openid_path, headers=headers)
    fetch = discovered(idp, clock=clock)
    first = fetch().keys
    clock.move(seconds - 1)
    fetch()
    assert counts(idp) == (1, 2, 0)

    clock.move(1)
    assert fetch().keys is first
    assert counts(idp) == (2, 3, 0)
    clock.move(seconds - 1)
    fetch()
    assert counts(idp) == (2, 4, 0)


def test_an_issuer_that_moves_its_keys_is_followed_within_an_hour(
    idp: IdentityProvider, clock: Any
) -> None:
    """While the old location goes on serving a withdrawn key, it is accepted for an hour and a refresh."""
    old = idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})
    clock.move(HOUR)

    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert keys.key_set().kids == {"new"}


# --- Where the metadata can't be had


@pytest.mark.parametrize("how", NO_METADATA)
def test_without_metadata_the_last_known_location_serves(
    idp: IdentityProvider, clock: Any, how: dict[str, Any]
) -> None:
    """However old the metadata are, a reachable set is refreshed: a withdrawn key goes, a new one comes."""
    old = idp.add_key(kid="old")
    keys = provider_of(idp, clock=clock, max_stale=0)
    keys.warm_up()
    idp.behave(path=idp.openid_path, **how)
    idp.behave(path=idp.oauth_path, **how)
    new = idp.rotate(kid="new")

    for _ in range(48):
        clock.move(HOUR)
        assert verify(new.token(), keys).subject == "alice"
    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert (keys.status()["state"], keys.status()["failures"]) == ("fresh", 0)


def test_the_status_says_why_the_metadata_cannot_be_read(idp: IdentityProvider, clock: Any) -> None:
    """Nothing fails, so the operator finds the reason there, without a query and in words of JSON."""
    idp.add_key()
    keys = provider_of(idp, clock=clock)
    assert keys.status()["metadata_error"] is None
    keys.warm_up()
    assert keys.status()["metadata_error"] is None
    idp.behave(path=idp.openid_path, status=403)
    idp.behave(path=idp.oauth_path, body={"issuer": "https://evil.example?key=hunter2\n"})
    clock.move(HOUR)
    keys.warm_up()

    fault = json.loads(json.dumps(keys.status()))["metadata_error"]
    assert "status is 403" in fault
    assert "the metadata of 'https://evil.example?***" in fault
    assert "hunter2" not in fault
    assert fault.isprintable()
    idp.behave()
    clock.move(HOUR)
    keys.warm_up()
    assert keys.status()["metadata_error"] is None


def test_metadata_that_hang_leave_time_for_the_set(idp: IdentityProvider, clock: Any) -> None:
    """Where a location is known, they get half of the time."""
    idp.add_key()
    fetch = discovered(idp, clock=clock, timeout=1)
    fetch()
    clock.move(HOUR)
    idp.behave(path=idp.openid_path, hang=True)
    idp.behave(path=idp.oauth_path, hang=True)

    assert kids(fetch) == {"key-1"}
    assert "not answered within 0." in (fetch.fault or "")
    idp.release()


# --- Where the set can't be had


@pytest.mark.parametrize(("how", "_"), NO_SET)
def test_a_set_that_cannot_be_had_is_looked_for_in_the_metadata(
    idp: IdentityProvider, how: dict[str, Any], _: str
) -> None:
    """Within the same fetch it is had from where the metadata say by then."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.jwks_path, **how)
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 1)
    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 2)


def test_a_server_that_is_gone_is_no_obstacle(idp: IdentityProvider) -> None:
    """Nor is a host that takes no connection any more."""
    with IdentityProvider() as old:
        signer = old.add_key()
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": old.jwks_url}
        fetch = discovered(idp)
        fetch()
    move(idp, signer.jwks)

    assert kids(fetch) == {"key-1"}
    assert counts(idp) == (2, 0, 1)


@pytest.mark.parametrize(("how", "fault"), NO_SET)
def test_a_set_that_has_not_moved_is_a_failed_fetch(
    idp: IdentityProvider, how: dict[str, Any], fault: str
) -> None:
    """The metadata are read once, the set isn't asked twice, and the error is the set's."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.jwks_path, **how)

    with pytest.raises((DocumentError, VerificationUnavailable), match=fault):
        fetch()
    assert counts(idp) == (2, 2, 0)


@pytest.mark.parametrize("how", NO_METADATA)
def test_without_set_and_metadata_the_error_is_the_sets(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """The last known location stays known."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.openid_path, **how)
    idp.behave(path=idp.oauth_path, **how)
    idp.behave(path=idp.jwks_path, status=500, times=1)

    with pytest.raises(DocumentError, match="jwks: the response's status is 500"):
        fetch()
    assert kids(fetch) == {"key-1"}


def test_a_set_that_hangs_is_looked_for_in_the_metadata_the_next_time(
    idp: IdentityProvider,
) -> None:
    """It took all the time of one fetch; the next one begins with the metadata."""
    idp.add_key()
    fetch = discovered(idp, timeout=0.5)
    fetch()
    idp.behave(path=idp.jwks_path, hang=True)
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    with pytest.raises(DocumentError, match="not answered within"):
        fetch()
    assert counts(idp) == (1, 2, 0)
    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 1)
    idp.release()


@pytest.mark.parametrize("members", [[], ["x"], [{}], [{"kty": "oct", "k": "AA"}]])
def test_a_set_without_usable_keys_is_looked_for_in_the_metadata(
    idp: IdentityProvider, members: list[Any]
) -> None:
    """What an issuer leaves behind at the old place may be an empty set."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.jwks = {"keys": members}
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"new"}


@pytest.mark.parametrize("status", [403, 500])
def test_an_old_location_that_fails_costs_no_request(
    idp: IdentityProvider, clock: Any, status: int
) -> None:
    """A new key is accepted at once, and the withdrawn one refused."""
    old = idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    idp.behave(path=idp.jwks_path, status=status)
    new = TokenIssuer(idp.issuer_url, kid="new")
    move(idp, new.jwks)

    assert verify(new.token(), keys).subject == "alice"
    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert keys.status()["failures"] == 0


# --- Where the set lacks a key


def test_a_set_that_lacks_the_wanted_kid_is_looked_for_in_the_metadata(
    idp: IdentityProvider,
) -> None:
    """The old location may go on serving the old set; the new key is at the new one."""
    old = idp.add_key()
    fetch = discovered(idp)
    fetch()
    move(idp, {"keys": [old.jwk, TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"key-1"}
    assert counts(idp) == (1, 2, 0)
    assert kids(fetch, kid="new") == {"key-1", "new"}
    assert counts(idp) == (2, 3, 1)


@pytest.mark.parametrize("how", [{}, *NO_METADATA])
def test_an_unknown_kid_costs_one_reading_of_both(idp: IdentityProvider, how: Any) -> None:
    """Whether the metadata can be read or not; the set that was had is the answer."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.openid_path, **how)
    idp.forget()

    assert kids(fetch, kid="unknown") == {"key-1"}
    assert (idp.count(idp.openid_path), idp.count(idp.jwks_path)) == (1, 1)
    assert idp.count(idp.oauth_path) <= 1


def test_metadata_that_were_just_read_are_not_read_again(idp: IdentityProvider, clock: Any) -> None:
    """Neither by the first fetch, nor by one that begins with them because they are old."""
    idp.add_key()
    fetch = discovered(idp, clock=clock)
    fetch(kid="unknown")
    assert counts(idp) == (1, 1, 0)
    clock.move(HOUR)
    fetch(kid="unknown")
    assert counts(idp) == (2, 2, 0)
    clock.move(HOUR)
    idp.behave(path=idp.jwks_path, status=500)
    with pytest.raises(DocumentError):
        fetch()
    assert counts(idp) == (3, 3, 0)


def test_unknown_kids_are_bounded_by_the_bucket(idp: IdentityProvider, clock: Any) -> None:
    """Many of them cost two readings of both, and a new key is found when the bucket has another."""
    idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    idp.forget()
    stranger = TokenIssuer(idp.issuer_url)
    for number in range(50):
        with pytest.raises(UnknownKeyError):
            verify(stranger.token(header={"kid": f"unknown-{number}"}), keys)
    assert counts(idp) == (2, 2, 0)

    new = TokenIssuer(idp.issuer_url, kid="new")
    move(idp, new.jwks)
    clock.move(31)
    assert verify(new.token(), keys).subject == "alice"
    assert counts(idp) == (3, 3, 1)


def test_keys_that_moved_to_a_place_that_fails_are_a_failed_fetch(
    idp: IdentityProvider, clock: Any
) -> None:
    """What the old place serves is no longer the issuer's set."""
    signer = idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    move(idp, signer.jwks)
    idp.behave(path=MOVED, status=500)

    with pytest.raises(VerificationUnavailable):
        verify(TokenIssuer(idp.issuer_url, kid="new").token(), keys)
    assert verify(signer.token(), keys).subject == "alice"


def test_an_outage_does_not_multiply_requests(idp: IdentityProvider, clock: Any) -> None:
    """Of an attempt in which both fail, each place is asked once."""
    idp.add_key()
    fetch = discovered(idp, clock=clock)
    fetch()
    idp.behave(status=500)
    for _ in range(5):
        idp.forget()
        with pytest.raises(DocumentError):
            fetch()
        assert counts(idp) == (2, 1, 0)


def test_refreshes_of_an_hour_read_the_metadata_once(idp: IdentityProvider, clock: Any) -> None:
    """While all is well they cost next to nothing."""
    idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    for _ in range(12):
        clock.move(300)
        keys.keys_for(KNOWN)
        deadline = time.monotonic() + PATIENCE
        while keys.status()["fetching"] and time.monotonic() < deadline:
            time.sleep(0.001)
    assert counts(idp) == (2, 13, 0)


# --- Metadata elsewhere


@pytest.mark.parametrize("issuer", [None, "", 7, b"https://issuer.example", ["a"]])
def test_an_issuer_with_a_metadata_url_is_text(idp: IdentityProvider, issuer: Any) -> None:
    """It need not be a URL then, but has to be what the metadata can have."""
    with pytest.raises(ConfigurationError, match="the issuer must be a non-empty string"):
        OIDCKeyProvider(issuer, metadata_url=idp.url, allow_http_on_loopback=True)


@pytest.mark.parametrize(
    "issuer", ["accounts", "https://a.example?p=1", "http://adfs.example/adfs"]
)
def test_metadata_may_be_anywhere_and_name_any_issuer(idp: IdentityProvider, issuer: str) -> None:
    """By a URL with a query, at which alone they are looked for; the issuer must be the same text."""
    signer = idp.add_key()
    idp.documents["/elsewhere"] = {"issuer": issuer, "jwks_uri": idp.jwks_url}
    options: dict[str, Any] = {
        "metadata_url": f"{idp.url}/elsewhere?appid=hunter2",
        "allow_http_on_loopback": True,
        "fetch_timeout": PATIENCE,
    }
    keys = OIDCKeyProvider(issuer, **options)
    assert verify(signer.token(), keys).subject == "alice"
    assert [(one.path, one.query) for one in idp.requests] == [
        ("/elsewhere", "appid=hunter2"),
        (idp.jwks_path, ""),
    ]
    assert "hunter2" not in repr(keys)
    idp.forget()
    with pytest.raises(VerificationUnavailable) as error:
        OIDCKeyProvider(f"{issuer}/", **options).warm_up()
    fault = str(error.value.__cause__)
    assert fault.startswith(f"GET {idp.url}/elsewhere: these are the metadata of")
    assert "hunter2" not in fault
    assert counts(idp) == (0, 0, 0)


@pytest.mark.parametrize("how", NO_METADATA)
def test_a_metadata_url_has_no_second_place(idp: IdentityProvider, how: dict[str, Any]) -> None:
    """Where it fails, the well-known places are not tried."""
    idp.add_key()
    idp.behave(path="/elsewhere", **how)
    keys = OIDCKeyProvider(
        idp.issuer_url, metadata_url=f"{idp.url}/elsewhere", allow_http_on_loopback=True
    )
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert (idp.count("/elsewhere"), counts(idp)) == (1, (0, 0, 0))


def test_a_location_that_was_replaced_is_not_doubted(idp: IdentityProvider) -> None:
    """An abandoned fetch that ran out of time says nothing about what a later one found."""
    idp.add_key()
    fetch: Any = discovered(idp)
    fetch()
    location = fetch._memory.location
    fetch._memory.location = replaced = attrs.evolve(location)
    assert fetch._moved(location, time.monotonic() - 1) is None
    assert fetch._memory.location is replaced
