"""Failures of an issuer's metadata and key set, and key sets that move."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs
import pytest

from flask_jwtlib import (
    ConfigurationError,
    VerificationUnavailable,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE, raises

from .kit import HOUR, KNOWN, discovered, oidc_provider_of, verify

MOVED = "/moved/keys"
# What a server may return instead of a key set, and what the error says then.
NO_SET = [
    *[
        pytest.param({"status": status}, f"status is {status}", id=str(status))
        for status in (204, 400, 401, 403, 404, 410, 429, 500, 502, 503)
    ],
    pytest.param({"status": 503, "headers": {"Retry-After": "7"}}, "after 7 s", id="503, busy"),
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


def counts(idp: IdentityProvider) -> tuple[int, int, int]:
    """Return the number of requests for the metadata, for the keys, and for the keys at their new URL."""
    metadata = idp.count(idp.openid_path) + idp.count(idp.oauth_path)
    return metadata, idp.count(idp.jwks_path), idp.count(MOVED)


def move(idp: IdentityProvider, jwks: Any) -> None:
    """Publish another URL of the keys; the old one keeps its document."""
    idp.documents[MOVED] = jwks
    metadata = {**idp.metadata, "jwks_uri": idp.url + MOVED}
    idp.documents[idp.openid_path] = idp.documents[idp.oauth_path] = metadata


def kids(fetch: DiscoveredKeySet, **options: Any) -> set[str]:
    """Return the key IDs of the keys that a fetch returns."""
    return set(fetch(**options).keys.kids)


# --- Lifetime of the metadata


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
def test_metadata_are_fresh_for_at_most_an_hour(
    idp: IdentityProvider, clock: Any, headers: dict[str, str], seconds: int
) -> None:
    """The first fetch after their lifetime reads them again, and no fetch before."""
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


def test_a_new_jwks_uri_is_used_within_an_hour(idp: IdentityProvider, clock: Any) -> None:
    """A removed key that the old URL still publishes is accepted for at most an hour and one refresh."""
    old = idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
    keys.warm_up()
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})
    clock.move(HOUR)

    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert keys.key_set().kids == {"new"}


# --- Failures of the metadata


@pytest.mark.parametrize("how", NO_METADATA)
def test_without_metadata_the_last_known_jwks_uri_is_used(
    idp: IdentityProvider, clock: Any, how: dict[str, Any]
) -> None:
    """However old the metadata are, the key set is refreshed: removed keys are refused and new ones found."""
    old = idp.add_key(kid="old")
    keys = oidc_provider_of(idp, clock=clock, max_stale=0)
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


def test_the_status_shows_the_metadata_error(idp: IdentityProvider, clock: Any) -> None:
    """Since keys are still refreshed, the status has the reason, as JSON and without a query."""
    idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
    assert keys.status()["metadata_error"] is None
    keys.warm_up()
    assert keys.status()["metadata_error"] is None
    idp.behave(path=idp.openid_path, status=403)
    idp.behave(path=idp.oauth_path, body={"issuer": "https://evil.example?key=hunter2\n"})
    clock.move(HOUR)
    keys.warm_up()

    fault = json.loads(json.dumps(keys.status()))["metadata_error"]
    assert "status is 403" in fault
    assert "these are the metadata of 'https://evil.example?***" in fault
    assert "hunter2" not in fault
    assert fault.isprintable()
    idp.behave()
    clock.move(HOUR)
    keys.warm_up()
    assert keys.status()["metadata_error"] is None


def test_hanging_metadata_leave_half_of_the_time_for_the_key_set(
    idp: IdentityProvider, clock: Any
) -> None:
    """If the ``jwks_uri`` is known, the metadata's requests get half of the timeout."""
    idp.add_key()
    fetch = discovered(idp, clock=clock, fetch_timeout=1)
    fetch()
    clock.move(HOUR)
    idp.behave(path=idp.openid_path, hang=True)
    idp.behave(path=idp.oauth_path, hang=True)

    assert kids(fetch) == {"key-1"}
    assert "no complete response within 0." in (fetch.fault or "")
    idp.release()


# --- Failures of the key set


@pytest.mark.parametrize(("how", "_"), NO_SET)
def test_a_failed_key_set_is_fetched_from_the_current_jwks_uri(
    idp: IdentityProvider, how: dict[str, Any], _: str
) -> None:
    """The same fetch reads the metadata again and requests the URL that they name now."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.jwks_path, **how)
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 1)
    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 2)


def test_a_key_set_moves_away_from_a_dead_server(idp: IdentityProvider) -> None:
    """The new URL is used when the old host accepts no connections."""
    with IdentityProvider() as old:
        signer = old.add_key()
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": old.jwks_url}
        fetch = discovered(idp)
        fetch()
    move(idp, signer.jwks)

    assert kids(fetch) == {"key-1"}
    assert counts(idp) == (2, 0, 1)


@pytest.mark.parametrize(("how", "fault"), NO_SET)
def test_a_failed_key_set_that_has_not_moved_is_an_error(
    idp: IdentityProvider, how: dict[str, Any], fault: str
) -> None:
    """The metadata are read once, the key set isn't requested twice, and the error is the key set's."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.jwks_path, **how)

    with raises((FetchError, VerificationUnavailable), match=fault):
        fetch()
    assert counts(idp) == (2, 2, 0)


@pytest.mark.parametrize("how", NO_METADATA)
def test_if_key_set_and_metadata_fail_the_error_is_the_key_sets(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """The provider keeps the last known ``jwks_uri``."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.openid_path, **how)
    idp.behave(path=idp.oauth_path, **how)
    idp.behave(path=idp.jwks_path, status=500, times=1)

    with pytest.raises(FetchError, match="jwks: the response's status is 500"):
        fetch()
    assert kids(fetch) == {"key-1"}


def test_after_a_hanging_key_set_the_next_fetch_reads_the_metadata(
    idp: IdentityProvider,
) -> None:
    """The key set used up the time of one fetch, so the next one begins with the metadata."""
    idp.add_key()
    fetch = discovered(idp, fetch_timeout=0.5)
    fetch()
    idp.behave(path=idp.jwks_path, hang=True)
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    with pytest.raises(FetchError, match="no complete response within"):
        fetch()
    assert counts(idp) == (1, 2, 0)
    assert kids(fetch) == {"new"}
    assert counts(idp) == (2, 2, 1)
    idp.release()


@pytest.mark.parametrize("members", [[], ["x"], [{}], [{"kty": "oct", "k": "AA"}]])
def test_a_key_set_without_usable_keys_is_fetched_from_the_current_jwks_uri(
    idp: IdentityProvider, members: list[Any]
) -> None:
    """An issuer that moved its keys may leave an empty set at the old URL."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.jwks = {"keys": members}
    move(idp, {"keys": [TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"new"}


@pytest.mark.parametrize("status", [403, 500])
def test_no_request_is_refused_when_a_failing_key_set_has_moved(
    idp: IdentityProvider, clock: Any, status: int
) -> None:
    """A new key is accepted at once, and the removed one refused."""
    old = idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
    keys.warm_up()
    idp.behave(path=idp.jwks_path, status=status)
    new = TokenIssuer(idp.issuer_url, kid="new")
    move(idp, new.jwks)

    assert verify(new.token(), keys).subject == "alice"
    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert keys.status()["failures"] == 0


# --- Unknown key IDs


def test_an_unknown_kid_is_searched_at_the_current_jwks_uri(
    idp: IdentityProvider,
) -> None:
    """The old URL may keep the old set while the new key is at the new URL."""
    old = idp.add_key()
    fetch = discovered(idp)
    fetch()
    move(idp, {"keys": [old.jwk, TokenIssuer(idp.issuer_url, kid="new").jwk]})

    assert kids(fetch) == {"key-1"}
    assert counts(idp) == (1, 2, 0)
    assert kids(fetch, kid="new") == {"key-1", "new"}
    assert counts(idp) == (2, 3, 1)


@pytest.mark.parametrize("how", [{}, *NO_METADATA])
def test_an_unknown_kid_costs_one_request_for_metadata_and_key_set(
    idp: IdentityProvider, how: Any
) -> None:
    """Whether or not the metadata can be read, the fetch returns the key set."""
    idp.add_key()
    fetch = discovered(idp)
    fetch()
    idp.behave(path=idp.openid_path, **how)
    idp.forget()

    assert kids(fetch, kid="unknown") == {"key-1"}
    assert (idp.count(idp.openid_path), idp.count(idp.jwks_path)) == (1, 1)
    assert idp.count(idp.oauth_path) <= 1


def test_metadata_that_were_just_read_are_not_read_again(idp: IdentityProvider, clock: Any) -> None:
    """Neither the first fetch, nor one that begins with outdated metadata, reads them twice."""
    idp.add_key()
    fetch = discovered(idp, clock=clock)
    fetch(kid="unknown")
    assert counts(idp) == (1, 1, 0)
    clock.move(HOUR)
    fetch(kid="unknown")
    assert counts(idp) == (2, 2, 0)
    clock.move(HOUR)
    idp.behave(path=idp.jwks_path, status=500)
    with pytest.raises(FetchError):
        fetch()
    assert counts(idp) == (3, 3, 0)


def test_searches_for_unknown_kids_are_limited(idp: IdentityProvider, clock: Any) -> None:
    """50 unknown kids cause two requests each for metadata and keys; later a new key is found."""
    idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
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


def test_a_failing_new_jwks_uri_is_an_error(idp: IdentityProvider, clock: Any) -> None:
    """The document at the old URL is no longer the issuer's key set."""
    signer = idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
    keys.warm_up()
    move(idp, signer.jwks)
    idp.behave(path=MOVED, status=500)

    with pytest.raises(VerificationUnavailable):
        verify(TokenIssuer(idp.issuer_url, kid="new").token(), keys)
    assert verify(signer.token(), keys).subject == "alice"


def test_an_outage_does_not_multiply_requests(idp: IdentityProvider, clock: Any) -> None:
    """When metadata and key set fail, an attempt requests each URL once."""
    idp.add_key()
    fetch = discovered(idp, clock=clock)
    fetch()
    idp.behave(status=500)
    for _ in range(5):
        idp.forget()
        with pytest.raises(FetchError):
            fetch()
        assert counts(idp) == (2, 1, 0)


def test_the_metadata_are_read_once_an_hour(idp: IdentityProvider, clock: Any) -> None:
    """Twelve refreshes in an hour request the metadata once."""
    idp.add_key()
    keys = oidc_provider_of(idp, clock=clock)
    keys.warm_up()
    for _ in range(12):
        clock.move(300)
        keys.keys_for(KNOWN)
        deadline = time.monotonic() + PATIENCE
        while keys.status()["fetching"] and time.monotonic() < deadline:
            time.sleep(0.001)
    assert counts(idp) == (2, 13, 0)


# --- metadata_url


@pytest.mark.parametrize("issuer", [None, "", 7, b"https://issuer.example", ["a"]])
def test_with_a_metadata_url_the_issuer_may_be_any_string(
    idp: IdentityProvider, issuer: Any
) -> None:
    """The issuer need not be a URL, but must be a non-empty string."""
    with pytest.raises(ConfigurationError, match="the issuer must be a non-empty string"):
        OIDCKeyProvider(issuer, metadata_url=idp.url, allow_http_on_loopback=True)


@pytest.mark.parametrize(
    "issuer", ["accounts", "https://a.example?p=1", "http://adfs.example/adfs"]
)
def test_metadata_at_another_url_must_name_the_issuer(idp: IdentityProvider, issuer: str) -> None:
    """With ``metadata_url`` only that URL is requested, and the metadata's issuer must match."""
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
def test_with_a_metadata_url_no_other_path_is_tried(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """If the URL fails, the well-known paths are not requested."""
    idp.add_key()
    idp.behave(path="/elsewhere", **how)
    keys = OIDCKeyProvider(
        idp.issuer_url, metadata_url=f"{idp.url}/elsewhere", allow_http_on_loopback=True
    )
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert (idp.count("/elsewhere"), counts(idp)) == (1, (0, 0, 0))


def test_a_late_timeout_does_not_affect_a_newer_jwks_uri(idp: IdentityProvider) -> None:
    """A fetch that ran out of time after a later one found a new URL leaves that URL alone."""
    idp.add_key()
    fetch: Any = discovered(idp)
    fetch()
    location = fetch._memory.location
    fetch._memory.location = replaced = attrs.evolve(location)
    assert fetch._moved(location, time.monotonic() - 1) is None
    assert fetch._memory.location is replaced
