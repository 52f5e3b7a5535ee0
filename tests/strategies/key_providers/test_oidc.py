"""OIDCKeyProvider: keys of an issuer that its OpenID Connect metadata name."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import (
    ConfigurationError,
    KeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import FetchedDocument
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies._http.urls import PlainHTTP
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE

from .kit import KNOWN, discovered, fault_of, oidc_provider_of, verify

AUDIENCE = "https://api.example"


class TestOIDCKeyProvider(KeyProviderContract):
    """OIDCKeyProvider meets the contract of key providers."""

    @pytest.fixture(autouse=True)
    def _served(self, idp: IdentityProvider) -> None:
        idp.add_key()
        self.idp = idp

    def make_provider(self) -> KeyProvider:
        return oidc_provider_of(self.idp)

    def known_header(self) -> UnverifiedHeader:
        return KNOWN

    def make_unavailable_provider(self) -> KeyProvider:
        return oidc_provider_of(self.idp, f"{self.idp.url}/nobody")


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        pytest.param(None, "a URL must be a string", id="None"),
        pytest.param("", "expected a URL", id="empty"),
        pytest.param("issuer.example", "expected a URL", id="no scheme"),
        pytest.param(
            "https://login.example/{tenantid}/v2.0", "characters of RFC 3986", id="template"
        ),
        pytest.param("http://issuer.example", "expected an https URL", id="http"),
        pytest.param("http://127.0.0.1", "allow_http_on_loopback=True", id="http on loopback"),
        pytest.param("https://u:hunter2@issuer.example", "pass it as session=", id="credentials"),
        pytest.param("https://issuer.example?p=hunter2", "'https://issuer.example'", id="query"),
        pytest.param("https://issuer.example/#hunter2", "neither query nor", id="fragment"),
        pytest.param("https://issuer.example/?", "neither query nor", id="empty query"),
        pytest.param(
            "https://issuer.example/.well-known/openid-configuration",
            "expected the issuer",
            id="below",
        ),
    ],
)
def test_an_invalid_issuer_is_refused(issuer: Any, message: str) -> None:
    """A value that isn't an issuer's https URL raises when the provider is made."""
    with pytest.raises(ConfigurationError, match=re.escape(message)) as error:
        OIDCKeyProvider(issuer)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [{"session": "session"}, {"fetch_timeout": -1}, {"max_stale": None}, {"max_wait": "2"}],
    ids=lambda options: next(iter(options)),
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """An option of a wrong type, or out of range, raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        OIDCKeyProvider("https://issuer.example", **options)


def test_the_representation_shows_the_issuer(idp: IdentityProvider) -> None:
    """The issuer is an attribute, and part of the representation."""
    keys = oidc_provider_of(idp)
    assert keys.issuer == idp.issuer_url
    assert repr(idp.issuer_url) in repr(keys)


def test_the_issuer_may_be_down_at_start_up(clock: Any) -> None:
    """Making the authenticator sends no request; requests get 503 until the issuer is up."""
    with IdentityProvider() as idp:
        signer = idp.add_key()
        idp.stop()
        auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
        auth = auth.evolve(keys=oidc_provider_of(idp, clock=clock))
        request = make_request(headers=bearer(signer.token(aud=AUDIENCE)))
        for _ in range(2):
            with pytest.raises(VerificationUnavailable):
                auth.authenticate(request)
        assert idp.connections == 0

        idp.start()
        clock.move(2)
        assert auth.authenticate(request).subject == "alice"


@pytest.mark.parametrize(
    "up",
    [pytest.param({"status": 500}, id="metadata"), pytest.param({"status": 404}, id="no metadata")],
)
def test_an_issuer_without_metadata_at_start_up_is_requested_again(
    idp: IdentityProvider, clock: Any, up: dict[str, Any]
) -> None:
    """A first attempt that found no metadata doesn't affect later ones."""
    signer = idp.add_key()
    idp.behave(**up)
    keys = oidc_provider_of(idp, clock=clock)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()

    idp.behave()
    clock.move(2)
    assert verify(signer.token(), keys).subject == "alice"


@pytest.mark.parametrize("last", ["oauth_path", "jwks_path"])
def test_metadata_and_keys_share_one_timeout(idp: IdentityProvider, last: str) -> None:
    """A request has only the time that earlier requests of the fetch have left."""
    idp.add_key()
    idp.behave(path=idp.openid_path, delay=0.5, status=404 if last == "oauth_path" else 200)
    idp.behave(path=getattr(idp, last), hang=True)
    fault = fault_of(discovered(idp, fetch_timeout=2))
    idp.release()

    url = re.escape(idp.url + getattr(idp, last))
    late = re.search(rf"GET {url}: no complete response within ([\d.]+) s$", fault)
    assert late is not None, fault
    assert float(late[1]) <= 1.5


def test_fetch_timeout_ends_the_fetch(idp: IdentityProvider) -> None:
    """A fetch ends at ``fetch_timeout`` and leaves no thread behind."""
    idp.behave(hang=True)
    with pytest.raises(FetchError, match=r"no complete response within 0\.[45]\d* s"):
        oidc_provider_of(idp, fetch_timeout=0.5).fetch()
    idp.release()


def test_a_fetch_without_time_left_sends_no_request(idp: IdentityProvider) -> None:
    """With a timeout of 0 no request is sent."""
    assert "no complete response within 0 s" in fault_of(discovered(idp, fetch_timeout=0))
    assert idp.count() == 0


def test_the_longest_retry_after_of_both_metadata_paths_is_honoured(
    idp: IdentityProvider, clock: Any
) -> None:
    """Retry-After of the metadata's responses is passed on, and no request is sent before."""
    signer = idp.add_key()
    for path, seconds in ((idp.openid_path, "90"), (idp.oauth_path, "17")):
        idp.behave(path=path, status=429, headers={"Retry-After": seconds}, times=1)
    keys = oidc_provider_of(idp, clock=clock)
    with pytest.raises(VerificationUnavailable) as outage:
        keys.warm_up()
    assert outage.value.retry_after == 90

    clock.move(89)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert idp.count() == 2
    clock.move(1)
    assert verify(signer.token(), keys).subject == "alice"


def test_status_and_events(idp: IdentityProvider, calls_made: Callable[[], None]) -> None:
    """The status is JSON, and events have the provider as their sender."""
    idp.add_key()
    keys = oidc_provider_of(idp)
    events: list[str] = []

    def listen(sender: object, *, event: str, **details: Any) -> None:
        events.append(event)

    with key_event.connected_to(listen, keys):
        keys.warm_up()
        calls_made()
    assert events == ["refreshed"]
    assert json.loads(json.dumps(keys.status()))["kids"] == ["key-1"]


def test_a_successful_fetch_logs_no_warning(
    idp: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """A successful fetch is logged at the level INFO or below."""
    idp.add_key()
    oidc_provider_of(idp).warm_up()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


class SlowMetadata:
    """A client whose first request for metadata returns late, with outdated metadata."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._jwks = issuer.jwks
        self._first = True
        self.urls: list[str] = []
        self.began, self.go_on = threading.Event(), threading.Event()

    @property
    def plain_http(self) -> PlainHTTP:
        return PlainHTTP(on_loopback=True)

    def check(self, url: str) -> str:
        return url

    def get(
        self, url: str, *, timeout: float, etag: str | None = None, credentials: bool = True
    ) -> FetchedDocument:
        self.urls.append(url)
        if not url.endswith("openid-configuration"):
            return FetchedDocument(self._jwks)
        where = "/new"
        if self._first:
            self._first, where = False, "/old"
            self.began.set()
            assert self.go_on.wait(PATIENCE)
        return FetchedDocument({"issuer": ISSUER, "jwks_uri": f"{ISSUER}{where}"})


ISSUER = "https://issuer.example"


def test_late_metadata_change_nothing(issuer: TokenIssuer) -> None:
    """Metadata of a fetch that timed out don't replace newer ones."""
    client: Any = SlowMetadata(issuer)
    fetch = DiscoveredKeySet(ISSUER, client=client)
    late = threading.Thread(target=fetch)
    late.start()
    assert client.began.wait(PATIENCE)
    fetch()
    client.go_on.set()
    late.join(PATIENCE)

    fetch()
    assert client.urls[-1] == f"{ISSUER}/new"


class PlainKeys(SlowMetadata):
    """A client with https metadata that name a key set over plain HTTP."""

    def get(
        self, url: str, *, timeout: float, etag: str | None = None, credentials: bool = True
    ) -> FetchedDocument:
        return FetchedDocument({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"})


def test_a_remote_issuers_keys_are_never_on_loopback(issuer: TokenIssuer) -> None:
    """An https issuer elsewhere can't name keys on this machine, even if loopback is allowed."""
    client: Any = PlainKeys(issuer)

    assert "plain HTTP" in fault_of(DiscoveredKeySet(ISSUER, client=client))
