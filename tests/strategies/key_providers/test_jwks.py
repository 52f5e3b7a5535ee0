"""Keys that an issuer publishes as a JWK set at a URL."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    InvalidTokenError,
    KeyProvider,
    VerificationUnavailable,
)
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    MalformedTokenError,
    UnknownKeyError,
)
from flask_jwtlib.key_providers import Refresh
from flask_jwtlib.log_text import error_text
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers._remote_key_set import RemoteKeySet
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from tests.kit import PATIENCE

from .kit import jwks_provider_of, verify


@pytest.fixture
def remote(idp: IdentityProvider) -> RemoteKeySet:
    """The identity provider's JWK set."""
    return RemoteKeySet(
        idp.jwks_url,
        client=HTTPClient(allow_http_on_loopback=True),
        refresh=Refresh(fetch_timeout=PATIENCE),
    )


class TestJWKSKeyProvider(KeyProviderContract):
    """JWKSKeyProvider meets the contract of key providers."""

    idp: IdentityProvider

    @pytest.fixture(autouse=True)
    def _served(self, idp: IdentityProvider) -> None:
        self.idp = idp

    def make_key_provider(self, issuer: TokenIssuer) -> KeyProvider:
        self.idp.jwks = issuer.jwks
        return jwks_provider_of(self.idp)


def test_keys_are_fetched_with_the_first_token(idp: IdentityProvider) -> None:
    """Making a provider sends no request; the first token causes one, the second none."""
    issuer = idp.add_key()
    auth = Authenticator(keys=jwks_provider_of(idp))
    assert idp.connections == 0

    for subject in ("alice", "bob"):
        request = make_request(headers=bearer(issuer.token(subject)))
        assert auth.authenticate(request).subject == subject
    assert idp.count() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks",
        "issuer.example",
        "https://",
        "https://u:p@issuer.example",
        None,
    ],
)
def test_an_invalid_url_is_refused(url: Any) -> None:
    """A URL that isn't an https URL raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        JWKSKeyProvider(url)


def test_plain_http_on_loopback_must_be_allowed(idp: IdentityProvider) -> None:
    """Plain HTTP is refused for this machine, too, unless the option allows it."""
    with pytest.raises(ConfigurationError, match="allow_http_on_loopback=True"):
        JWKSKeyProvider(idp.jwks_url)


def test_fetch_timeout_ends_the_fetch(idp: IdentityProvider) -> None:
    """A fetch ends at ``fetch_timeout`` and leaves no thread behind."""
    fetch: Any = jwks_provider_of(idp, fetch_timeout=0.5).fetch
    idp.behave(hang=True)
    with pytest.raises(FetchError, match=r"within 0\.5 s"):
        fetch()


@pytest.mark.parametrize(
    "options",
    [{"session": "session"}, {"fetch_timeout": -1}, {"max_stale": None}, {"max_wait": "2"}],
    ids=lambda options: next(iter(options)),
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """An option of a wrong type, or out of range, raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        JWKSKeyProvider("https://issuer.example/jwks", **options)


def test_the_query_of_the_url_is_never_shown(
    idp: IdentityProvider, caplog: pytest.LogCaptureFixture, calls_made: Callable[[], None]
) -> None:
    """Representation, status, events, errors and log show no query, whatever goes wrong."""
    shown: list[Any] = []

    def listen(sender: object, **details: Any) -> None:
        shown.append(details)

    caplog.set_level(logging.DEBUG, "flask_jwtlib")
    idp.behave(reset=True, times=1)
    idp.behave(status=500, times=1)
    idp.behave(body="hunter2", times=1)
    idp.behave(redirect_to="/hunter2", times=1)
    idp.behave(status=503, headers={"Retry-After": "5"}, times=1)
    for _ in range(6):
        keys = JWKSKeyProvider(f"{idp.jwks_url}?key=hunter2", allow_http_on_loopback=True)
        key_event.connect(listen, keys)
        with pytest.raises(VerificationUnavailable) as outage:
            keys.warm_up()
        shown += [repr(keys), json.dumps(keys.status())]
        shown += [error_text(outage.value), repr(outage.value.__cause__)]
    calls_made()

    assert {request.query for request in idp.requests} == {"key=hunter2"}
    assert "GET http://127.0.0.1" in caplog.text
    assert "FetchError" in str(shown)
    assert "hunter2" not in caplog.text
    assert "hunter2" not in str(shown)


def test_keys_and_key_urls_in_a_token_are_ignored(idp: IdentityProvider) -> None:
    """Keys in a token's header are not used, and URLs in it are not requested."""
    issuer = idp.add_key(kid="a")
    with IdentityProvider() as evil:
        forger = evil.add_key(kid="a")
        header = {
            "jku": evil.jwks_url,
            "x5u": f"{evil.url}/x5u",
            "jwk": forger.jwk,
            "x5c": ["MIIB"],
        }
        keys = jwks_provider_of(idp)
        with pytest.raises(BadSignatureError):
            verify(forger.token(header=header), keys)
        with pytest.raises(UnknownKeyError):
            verify(forger.token(header={**header, "kid": evil.jwks_url}), keys)
        assert verify(issuer.token(header=header), keys).subject == "alice"
        assert evil.connections == 0


def test_tokens_refused_before_the_lookup_cause_no_fetch(idp: IdentityProvider) -> None:
    """A disallowed algorithm, an oversized token and a malformed one send no request."""
    issuer = idp.add_key()
    keys = jwks_provider_of(idp)

    with pytest.raises(AlgorithmError):
        verify(issuer.token(), keys, "ES256")
    with pytest.raises(MalformedTokenError):
        verify(issuer.token(padding="x" * 10_000), keys)
    with pytest.raises(MalformedTokenError):
        verify("a.b.c", keys)
    assert idp.connections == 0


@pytest.mark.parametrize(
    ("token", "error"),
    [
        pytest.param({"kid": None}, BadSignatureError, id="no kid, other signature"),
        pytest.param({"algorithm": "ES256"}, UnknownKeyError, id="other algorithm"),
        pytest.param({}, BadSignatureError, id="other signature"),
    ],
)
def test_only_an_unknown_kid_causes_a_fetch(
    idp: IdentityProvider, token: dict[str, Any], error: type[InvalidTokenError]
) -> None:
    """While there are keys, a wrong signature or algorithm sends no request."""
    idp.add_key(kid="a")
    keys = jwks_provider_of(idp)
    keys.warm_up()
    forger = TokenIssuer(idp.issuer_url, **{"kid": "a", **token})

    with pytest.raises(error):
        verify(forger.token(), keys)
    assert idp.count() == 1


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no keys"),
        pytest.param({"keys": None}, id="null"),
        pytest.param({"keys": {"kid": {}}}, id="object"),
        pytest.param({"keys": "RSA"}, id="string"),
        pytest.param({"error": "busy"}, id="error"),
        pytest.param([], id="array"),
        pytest.param("<html>", id="HTML"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_document_that_is_not_a_jwk_set_is_an_error(
    idp: IdentityProvider, remote: RemoteKeySet, document: Any
) -> None:
    """The error names the URL and says what is wrong."""
    idp.jwks = document
    with pytest.raises(FetchError, match=r"GET http://127\.0\.0\.1:\d+/jwks: "):
        remote()


def test_a_set_of_more_than_100_keys_is_an_error(
    idp: IdentityProvider, remote: RemoteKeySet
) -> None:
    """A larger set is an error, even if most of its keys are unusable."""
    jwk = idp.add_key().jwk
    idp.jwks = {"keys": [{**jwk, "kid": str(number)} for number in range(100)]}
    assert len(remote().keys.kids) == 100
    idp.jwks = {"keys": [jwk, *[None] * 100]}
    with pytest.raises(FetchError, match="101 keys, 100 are allowed"):
        remote()


def test_max_age_of_the_response_is_the_ttl(idp: IdentityProvider, clock: Any) -> None:
    """Keys are fresh for the ``max-age`` of the response, less its ``Age``."""
    idp.add_key()
    idp.behave(headers={"Cache-Control": "max-age=600", "Age": "100"})
    keys = jwks_provider_of(idp, clock=clock, max_stale=0)
    keys.warm_up()
    assert keys.status()["stale_seconds_left"] == 0
    idp.stop()

    clock.move(499)
    assert keys.status()["state"] == "fresh"
    clock.move(1)
    assert keys.status()["state"] == "dead"
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()


@pytest.mark.parametrize("etag", [True, False], ids=["ETag", "no ETag"])
def test_an_unchanged_set_keeps_its_generation(
    idp: IdentityProvider, clock: Any, *, etag: bool
) -> None:
    """A set that is unchanged, by its ETag or its content, keeps its generation and gets the new lifetime."""
    idp.add_key()
    idp.behave(etag=etag, headers={"Cache-Control": "max-age=600"})
    keys = jwks_provider_of(idp, clock=clock)
    first = keys.key_set()
    clock.move(600)
    idp.behave(etag=etag, headers={"Cache-Control": "max-age=120"})

    assert keys.key_set() is first
    assert keys.generation == 1
    assert ("If-None-Match" in idp.requests[1].headers) is etag
    clock.move(119)
    assert keys.status()["state"] == "fresh"
    clock.move(1)
    idp.add_key(kid="new")
    assert keys.key_set() is not first
    assert (keys.generation, keys.status()["kids"]) == (2, ["key-1", "new"])


def test_changes_outside_the_keys_keep_the_set(idp: IdentityProvider, remote: RemoteKeySet) -> None:
    """Other members or white space don't make a new set; the new ETag is sent next time."""
    idp.add_key()
    keys = idp.jwks["keys"]
    first = remote()
    idp.jwks = json.dumps({"at": 1, "keys": keys}, indent=1)
    idp.behave(headers={"ETag": '"2"'})
    assert remote().keys is first.keys
    remote()
    assert idp.requests[-1].headers["If-None-Match"] == '"2"'


def test_a_removed_key_is_refused_after_the_next_fetch(idp: IdentityProvider, clock: Any) -> None:
    """A token of a key that is no longer in the set is refused."""
    old = idp.add_key(kid="a")
    keys = jwks_provider_of(idp, clock=clock)
    assert verify(old.token(), keys).subject == "alice"
    new = idp.rotate(kid="b")
    clock.move(300)

    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert verify(new.token(), keys).subject == "alice"


def test_a_new_key_is_fetched_for_its_first_token(idp: IdentityProvider, clock: Any) -> None:
    """The first token of a new key causes the fetch that verifies it."""
    old = idp.add_key(kid="a")
    keys = jwks_provider_of(idp, clock=clock)
    assert verify(old.token(), keys).subject == "alice"
    new = idp.add_key(kid="b", algorithm="ES256")

    assert verify(new.token(), keys).subject == "alice"
    assert verify(old.token(), keys).subject == "alice"
    assert idp.count() == 2


def test_retry_after_of_the_server_is_honoured(idp: IdentityProvider, clock: Any) -> None:
    """Retry-After is passed on to the caller, and no request is sent before."""
    issuer = idp.add_key()
    idp.behave(status=503, headers={"Retry-After": "90"})
    keys = jwks_provider_of(idp, clock=clock)
    with pytest.raises(VerificationUnavailable) as outage:
        keys.warm_up()
    assert outage.value.retry_after == 90
    idp.behave()

    clock.move(89)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert idp.count() == 1
    clock.move(1)
    assert verify(issuer.token(), keys).subject == "alice"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"hang": True}, id="hangs"),
        pytest.param({"drip": 20}, id="drips"),
        pytest.param({"drip_headers": 20}, id="drips headers"),
        pytest.param({"grow": 200}, id="200 MiB"),
        pytest.param({"reset": True}, id="resets"),
        pytest.param({"status": 500}, id="500"),
        pytest.param({"body": "<html>"}, id="HTML"),
    ],
)
def test_known_keys_verify_while_the_issuer_misbehaves(
    idp: IdentityProvider, clock: Any, how: dict[str, Any]
) -> None:
    """Known keys verify while fetches fail, and are refreshed when the issuer recovers."""
    issuer = idp.add_key()
    keys = jwks_provider_of(idp, clock=clock, fetch_timeout=0.5, max_wait=1)
    keys.warm_up()
    idp.behave(**how)
    clock.move(300)
    began = time.monotonic()

    assert verify(issuer.token(), keys).subject == "alice"
    assert time.monotonic() - began < PATIENCE
    assert keys.status()["state"] == "stale"
    idp.stop()
    idp.behave()
    idp.start()
    clock.move(30 * 1.2)
    deadline = time.monotonic() + PATIENCE
    while keys.status()["state"] != "fresh" and time.monotonic() < deadline:
        assert verify(issuer.token(), keys).subject == "alice"
        time.sleep(0.01)
    assert keys.status()["state"] == "fresh"


def test_a_session_can_be_passed(session: requests.Session) -> None:
    """The session's CA and headers are used."""
    with IdentityProvider(tls=True) as idp:
        issuer = idp.add_key()
        session.verify = str(idp.certificate)
        session.headers["X-Tenant"] = "acme"
        keys = JWKSKeyProvider(idp.jwks_url, session=session, fetch_timeout=PATIENCE)

        assert verify(issuer.token(), keys).subject == "alice"
        assert idp.requests[0].headers["X-Tenant"] == "acme"
