"""Keys of an issuer that are found through its OpenID Connect metadata, and ``oidc_authenticator``."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask import Flask

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    KeyProvider,
    Refresh,
    Scope,
    UnverifiedHeader,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import Document, DocumentError, HTTPClient
from flask_jwtlib_strategies._http.urls import PlainHTTP
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE

from .kit import HOUR, KNOWN, counts_of, discovered, fault_of, oidc_provider_of, verify

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


# --- Where the metadata are


@pytest.mark.parametrize(
    ("path", "openid", "oauth"),
    [
        pytest.param(
            "",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            id="host",
        ),
        pytest.param(
            "/",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            id="host and slash",
        ),
        pytest.param(
            "/realms/a",
            "/realms/a/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/realms/a",
            id="path",
        ),
        pytest.param(
            "/realms/a/",
            "/realms/a/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/realms/a",
            id="path and slash",
        ),
    ],
)
@pytest.mark.parametrize("only_oauth", [False, True], ids=["OpenID", "RFC 8414"])
def test_metadata_are_fetched_from_the_openid_or_else_the_rfc_8414_path(
    idp: IdentityProvider, path: str, openid: str, oauth: str, *, only_oauth: bool
) -> None:
    """The OpenID path follows the issuer; after a 404, RFC 8414's is inserted before the issuer's path."""
    issuer = idp.url + path
    signer = TokenIssuer(issuer)
    idp.documents = {
        oauth if only_oauth else openid: {"issuer": issuer, "jwks_uri": f"{idp.url}/keys"},
        "/keys": signer.jwks,
    }

    assert verify(signer.token(), oidc_provider_of(idp, issuer))["iss"] == issuer
    expected = [openid, oauth, "/keys"] if only_oauth else [openid, "/keys"]
    assert [request.path for request in idp.requests] == expected


NO_METADATA = [
    *[
        pytest.param({"status": status}, id=str(status))
        for status in (204, 206, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503)
    ],
    pytest.param({"status": 503, "headers": {"Retry-After": "7"}}, id="503, busy"),
    pytest.param({"redirect_to": "/elsewhere"}, id="redirect"),
    pytest.param({"body": "<html>"}, id="HTML"),
    pytest.param({"body": b""}, id="empty"),
    pytest.param({"body": []}, id="array"),
    pytest.param({"body": {}}, id="empty object"),
    pytest.param({"body": {"error": "not_found"}}, id="error as JSON"),
    pytest.param({"body": {"issuer": None}}, id="issuer null"),
    pytest.param({"body": {"issuer": ["https://a"]}}, id="issuer array"),
    pytest.param({"body": {"issuer": 7}}, id="issuer number"),
    pytest.param({"body": b'{"issuer": "\xff"}'}, id="not UTF-8"),
    pytest.param({"body": b'{"issuer": "a", "issuer": "b"}'}, id="duplicate member"),
    pytest.param({"body": b'{"a":' + b"[" * 100_000}, id="deep"),
    pytest.param({"grow": 2}, id="2 MiB"),
    pytest.param({"grow": 20, "encoding": "gzip"}, id="bomb"),
    pytest.param({"cut": 20}, id="cut"),
    pytest.param({"reset": True}, id="reset"),
    pytest.param({"status": 304}, id="304"),
]


@pytest.mark.parametrize("how", NO_METADATA)
def test_the_rfc_8414_path_is_tried_whatever_the_openid_path_returns(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """Issuers that publish only RFC 8414 metadata return all kinds of responses at the OpenID path."""
    signer = idp.add_key()
    idp.behave(path=idp.openid_path, **how)

    assert verify(signer.token(), oidc_provider_of(idp)).subject == "alice"
    assert counts_of(idp) == (1, 1, 1)


@pytest.mark.parametrize("how", NO_METADATA)
def test_errors_of_both_metadata_paths_are_named(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """The error says what both paths returned, and the keys are not requested."""
    idp.add_key()
    idp.behave(path=idp.openid_path, **how)
    idp.behave(path=idp.oauth_path, status=418)

    with pytest.raises((DocumentError, VerificationUnavailable)) as error:
        discovered(idp)()
    first, _, second = str(error.value).partition("; ")
    assert first.startswith(f"GET {idp.url}{idp.openid_path}: ")
    assert second == f"GET {idp.url}{idp.oauth_path}: the response's status is 418"
    assert len(str(error.value)) < 500
    assert counts_of(idp) == (1, 1, 0)


@pytest.mark.parametrize("how", NO_METADATA)
def test_an_error_and_another_issuers_metadata_are_both_named(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """If the second path has another issuer's metadata, the error also says what the first one returned."""
    idp.add_key()
    idp.behave(path=idp.openid_path, **how)
    idp.documents[idp.oauth_path] = {**idp.metadata, "issuer": "https://other.example"}

    with pytest.raises(DocumentError) as error:
        discovered(idp)()
    first, _, second = str(error.value).partition("; ")
    assert first.startswith(f"GET {idp.url}{idp.openid_path}: ")
    assert "these are the metadata of 'https://other.example', not of our issuer" in second
    assert counts_of(idp) == (1, 1, 0)


def test_the_path_that_has_the_metadata_is_requested_first_the_next_time(
    idp: IdentityProvider, clock: Any
) -> None:
    """The provider remembers at which path the issuer publishes its metadata."""
    idp.add_key()
    del idp.documents[idp.openid_path]
    fetch = discovered(idp, clock=clock)
    fetch()
    clock.move(HOUR)
    fetch()
    assert counts_of(idp) == (1, 2, 2)

    idp.documents[idp.openid_path] = idp.documents.pop(idp.oauth_path)
    clock.move(HOUR)
    fetch()
    assert counts_of(idp) == (2, 3, 3)


def test_a_metadata_path_that_hangs_is_tried_last_the_next_time(idp: IdentityProvider) -> None:
    """A path that used up a fetch's time doesn't keep the next fetch from trying the other."""
    signer = idp.add_key()
    idp.behave(path=idp.openid_path, hang=True)
    fetch = discovered(idp, fetch_timeout=0.5)
    assert "not answered within" in fault_of(fetch)

    assert fetch().keys.kids == {signer.kid}
    idp.release()


@pytest.mark.parametrize("path", ["openid_path", "oauth_path", "jwks_path"])
def test_redirects_are_not_followed(idp: IdentityProvider, path: str) -> None:
    """Neither metadata nor keys are fetched from the target of a redirect."""
    idp.add_key()
    for place in {idp.openid_path, idp.oauth_path} - {getattr(idp, path)}:
        if path != "jwks_path":
            del idp.documents[place]
    at = getattr(idp, path)
    idp.documents["/elsewhere"] = idp.documents[at]
    idp.behave(path=at, redirect_to=f"{idp.url}/elsewhere")

    assert f"GET {idp.url}{at}: it redirects" in fault_of(discovered(idp))
    assert idp.count("/elsewhere") == 0


# --- Contents of the metadata


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        pytest.param(lambda ours: f"{ours}/", "{ours}/'", id="slash added"),
        pytest.param(lambda ours: ours.replace("http:", "HTTP:"), "'HTTP://", id="case"),
        pytest.param(lambda ours: ours.replace("http:", "https:"), "'https://", id="scheme"),
        pytest.param(lambda ours: f"{ours} ", "{ours} '", id="white space"),
        pytest.param(lambda ours: f"{ours}:80", "{ours}:80'", id="port"),
        pytest.param(lambda ours: f"{ours}/a", "{ours}/a'", id="path"),
        pytest.param(lambda ours: f"{ours}/%61", "{ours}/%61'", id="escape"),
        pytest.param(lambda ours: "", "''", id="empty"),
        pytest.param(
            lambda ours: "https://login.example/{tenantid}/v2.0", "/{{tenantid}}/", id="template"
        ),
        pytest.param(lambda ours: f"{ours}?hunter2", "{ours}?***'", id="query"),
        pytest.param(lambda ours: f"{ours}#hunter2", "{ours}#***'", id="fragment"),
        pytest.param(
            lambda ours: "https://u:hunter2@a.example/", "'https://***@a.example/'", id="user"
        ),
        pytest.param(lambda ours: "a\r\nb\u2028ü", r"'a\r\nb\u2028\xfc'", id="lines"),
        pytest.param(lambda ours: "x" * 100_000, "xxx...,", id="long"),
    ],
)
def test_the_issuer_in_the_metadata_must_match_exactly(
    idp: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
    change: Any,
    shown: str,
    all_told: Callable[[], None],
) -> None:
    """Another issuer's metadata is a failed refresh; the log names both, and no keys are requested."""
    ours = idp.issuer_url
    idp.add_key()
    idp.documents[idp.openid_path] = {**idp.metadata, "issuer": change(ours)}
    keys = oidc_provider_of(idp)

    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert keys.status()["last_error"] == "DocumentError"
    assert counts_of(idp) == (1, 0, 0)
    all_told()
    (record,) = caplog.records
    assert record.exc_info is not None
    text = str(record.exc_info[1])
    assert shown.format(ours=ours) in text
    assert f"not of our issuer {ours!r}" in text
    assert len(text) < 500
    assert text.isprintable()
    assert "hunter2" not in caplog.text


def test_a_trailing_slash_of_the_configured_issuer_must_match(idp: IdentityProvider) -> None:
    """An issuer configured with a slash doesn't match metadata without one."""
    keys = DiscoveredKeySet(
        f"{idp.issuer_url}/",
        client=HTTPClient(allow_http_on_loopback=True),
        refresh=Refresh(fetch_timeout=PATIENCE),
    )
    assert f"of {idp.issuer_url!r}, not of our issuer '{idp.issuer_url}/'" in fault_of(keys)


@pytest.mark.parametrize(
    "jwks_uri",
    [
        pytest.param(None, id="null"),
        pytest.param(..., id="missing"),
        pytest.param(7, id="number"),
        pytest.param(["https://issuer.example/jwks"], id="array"),
        pytest.param({"keys": []}, id="the set itself"),
        pytest.param("", id="empty"),
        pytest.param("/jwks", id="relative"),
        pytest.param("http://issuer.example/jwks", id="http"),
        pytest.param("http://169.254.169.254/latest/meta-data", id="http, near"),
        pytest.param("ftp://127.0.0.1/jwks", id="ftp"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("https://u:hunter2@issuer.example/jwks", id="credentials"),
        pytest.param("https://issuer.example/\r\nX: y", id="line break"),
        pytest.param(f"http://issuer.example/{'x' * 100_000}", id="long"),
    ],
)
def test_an_invalid_jwks_uri_is_an_error(idp: IdentityProvider, jwks_uri: Any) -> None:
    """A ``jwks_uri`` that isn't an https URL is an error that shows no credentials."""
    metadata = {**idp.metadata, "jwks_uri": jwks_uri}
    if jwks_uri is ...:
        del metadata["jwks_uri"]
    idp.documents[idp.openid_path] = metadata

    fault = fault_of(discovered(idp))

    assert fault.startswith(f"GET {idp.url}{idp.openid_path}: the jwks_uri can't be used: ")
    assert "hunter2" not in fault
    assert len(fault) < 500
    assert idp.connections == 1


def test_a_jwks_uri_on_loopback_must_be_allowed() -> None:
    """Plain HTTP in an https issuer's ``jwks_uri`` is refused, unless loopback is allowed."""
    with (
        IdentityProvider(tls=True) as idp,
        IdentityProvider() as other,
        requests.Session() as session,
    ):
        session.verify = str(idp.certificate)
        signer = other.add_key()
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": other.jwks_url}
        options: dict[str, Any] = {"session": session, "fetch_timeout": PATIENCE}

        with pytest.raises(VerificationUnavailable):
            OIDCKeyProvider(idp.issuer_url, **options).warm_up()
        assert other.connections == 0
        keys = OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True, **options)
        assert verify(signer.token(), keys).subject == "alice"


def test_the_jwks_uri_is_used_unchanged(idp: IdentityProvider) -> None:
    """It may be on another host and have a query, which is never shown."""
    with IdentityProvider() as other:
        signer = other.add_key()
        url = f"{other.url}/jwks?policy=hunter2&a=%2F%20"
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": url}
        keys = oidc_provider_of(idp)

        assert verify(signer.token(), keys).subject == "alice"
        (request,) = other.requests
        assert (request.path, request.query) == ("/jwks", "policy=hunter2&a=%2F%20")
        other.behave(status=500)
        fault = fault_of(keys.fetch)
        assert f"GET {other.url}/jwks: the response's status is 500" in fault
        assert "hunter2" not in fault + repr(keys) + json.dumps(keys.status())


@pytest.mark.parametrize(
    "document", [{}, {"keys": None}, "<html>"], ids=["no keys", "null", "HTML"]
)
def test_a_document_that_is_not_a_jwk_set_is_an_error(idp: IdentityProvider, document: Any) -> None:
    """The metadata may be valid when the document of keys isn't."""
    idp.jwks = document
    assert fault_of(discovered(idp)).startswith(f"GET {idp.jwks_url}: ")


# --- Time limits and outages


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
    late = re.search(rf"GET {url}: not answered within ([\d.]+) s$", fault)
    assert late is not None, fault
    assert float(late[1]) <= 1.5


def test_fetch_timeout_ends_the_fetch(idp: IdentityProvider) -> None:
    """A fetch ends at ``fetch_timeout`` and leaves no thread behind."""
    idp.behave(hang=True)
    with pytest.raises(DocumentError, match=r"not answered within 0\.[45]\d* s"):
        oidc_provider_of(idp, fetch_timeout=0.5).fetch()
    idp.release()


def test_a_fetch_without_time_left_sends_no_request(idp: IdentityProvider) -> None:
    """With a timeout of 0 no request is sent."""
    assert "not answered within 0 s" in fault_of(discovered(idp, fetch_timeout=0))
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


def test_status_and_events(idp: IdentityProvider, all_told: Callable[[], None]) -> None:
    """The status is JSON, and events have the provider as their sender."""
    idp.add_key()
    keys = oidc_provider_of(idp)
    events: list[str] = []

    def listen(sender: object, *, event: str, **details: Any) -> None:
        events.append(event)

    with key_event.connected_to(listen, keys):
        keys.warm_up()
        all_told()
    assert events == ["refreshed"]
    assert json.loads(json.dumps(keys.status()))["kids"] == ["key-1"]


# --- oidc_authenticator


def make_app(auth: Authenticator) -> Flask:
    """Return an app whose every route needs authentication."""
    app = Flask("resource_server")
    auth.init_app(app)

    @app.get("/")
    def index() -> dict[str, Any]:
        return {"subject": current_principal.subject}

    return app


def test_oidc_authenticator_protects_an_app(idp: IdentityProvider) -> None:
    """From the issuer's URL and the audience alone, valid tokens are accepted and others refused."""
    signer = idp.add_key()
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    client = make_app(auth).test_client()
    assert idp.connections == 0
    assert client.get("/").status_code == 401
    assert idp.connections == 0

    accepted = client.get("/", headers=bearer(signer.token(aud=AUDIENCE)))
    assert (accepted.status_code, accepted.json) == (200, {"subject": "alice"})
    forger = TokenIssuer(idp.issuer_url)
    confused = TokenIssuer(
        idp.issuer_url, algorithm="HS256", private_key=signer.public_pem.encode()
    )
    for refused in (
        signer.token(),
        signer.token(aud="https://other.example"),
        signer.token(aud=AUDIENCE, iss=f"{idp.issuer_url}/"),
        signer.token(aud=AUDIENCE, iss=None),
        signer.token(aud=AUDIENCE, exp=1),
        forger.token(aud=AUDIENCE),
        confused.token(aud=AUDIENCE),
    ):
        assert client.get("/", headers=bearer(refused)).status_code == 401
    assert counts_of(idp) == (1, 0, 1)


def test_an_outage_is_503(idp: IdentityProvider) -> None:
    """If the issuer can't be reached, the client gets 503 with Retry-After."""
    idp.stop()
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    token = TokenIssuer(idp.issuer_url).token(aud=AUDIENCE)
    response = make_app(auth).test_client().get("/", headers=bearer(token))
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    idp.start()


def subject_of(auth: Authenticator, token: str) -> str | None:
    """Return the subject of a token's caller."""
    return auth.authenticate(make_request(headers=bearer(token))).subject


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
def test_algorithms_can_be_given(idp: IdentityProvider, algorithm: str) -> None:
    """Only the given algorithms are accepted; the default is RS256."""
    signer = idp.add_key(algorithm=algorithm)
    rs256 = idp.add_key(kid="rs256")
    auth = oidc_authenticator(
        idp.issuer_url, AUDIENCE, algorithms=algorithm, allow_http_on_loopback=True
    )
    assert subject_of(auth, signer.token(aud=AUDIENCE)) == "alice"
    with pytest.raises(AuthenticationError):
        subject_of(auth, rs256.token(aud=AUDIENCE))
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    assert subject_of(auth, rs256.token(aud=AUDIENCE)) == "alice"


def test_rules_leeway_and_several_audiences_are_applied(idp: IdentityProvider) -> None:
    """Additional rules apply, the leeway extends the expiry, and any of the audiences is accepted."""
    signer = idp.add_key()
    auth = oidc_authenticator(
        idp.issuer_url,
        ["https://a.example", "https://b.example"],
        rules=[Scope("read")],
        leeway=60,
        allow_http_on_loopback=True,
    )
    just_expired = {"exp": int(time.time()) - 10, "scope": "read"}
    assert subject_of(auth, signer.token(aud="https://b.example", **just_expired)) == "alice"
    with pytest.raises(AuthenticationError, match="scope"):
        subject_of(auth, signer.token(aud="https://a.example"))
    with pytest.raises(ClaimError, match="aud is"):
        subject_of(auth, signer.token(aud="https://c.example", **just_expired))


def test_a_session_can_be_passed() -> None:
    """The session's CA and headers are used for the metadata and for the keys."""
    with IdentityProvider(tls=True) as idp, requests.Session() as session:
        signer = idp.add_key()
        session.verify = str(idp.certificate)
        session.headers["X-Tenant"] = "acme"
        auth = oidc_authenticator(idp.issuer_url, AUDIENCE, session=session)
        assert subject_of(auth, signer.token(aud=AUDIENCE)) == "alice"
        assert [request.headers["X-Tenant"] for request in idp.requests] == ["acme", "acme"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"audience": None}, "there is no audience", id="None"),
        pytest.param({"audience": ()}, "there is no audience", id="no audience"),
        pytest.param({"audience": ""}, "non-empty strings", id="empty audience"),
        pytest.param({"audience": ["a", ""]}, "non-empty strings", id="one empty audience"),
        pytest.param({"audience": 7}, "non-empty strings", id="audience of digits"),
        pytest.param({"issuer": "issuer"}, "expected a URL", id="issuer"),
        pytest.param({"algorithms": "HS256"}, "HS256 needs a secret", id="HS256"),
        pytest.param(
            {"algorithms": ["RS256", "HS384", "HS512"]}, "HS384 and HS512", id="HS among others"
        ),
        pytest.param({"algorithms": "none"}, "no algorithm that can be accepted", id="none"),
        pytest.param({"algorithms": ()}, "at least one algorithm", id="no algorithm"),
        pytest.param({"leeway": -1}, "leeway", id="negative leeway"),
        pytest.param({"leeway": math.inf}, "leeway", id="infinite leeway"),
        pytest.param({"rules": ["aud"]}, "rule", id="rule"),
    ],
)
def test_an_invalid_composition_is_refused(options: dict[str, Any], message: str) -> None:
    """Settings that can't work raise at once, with a message that says how to fix them."""
    given = {"issuer": "https://issuer.example", "audience": AUDIENCE, **options}
    issuer, audience = given.pop("issuer"), given.pop("audience")
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        oidc_authenticator(issuer, audience, **given)


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
    ) -> Document:
        self.urls.append(url)
        if not url.endswith("openid-configuration"):
            return Document(self._jwks)
        where = "/new"
        if self._first:
            self._first, where = False, "/old"
            self.began.set()
            assert self.go_on.wait(PATIENCE)
        return Document({"issuer": ISSUER, "jwks_uri": f"{ISSUER}{where}"})


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


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same host", "another host"])
def test_credentials_are_sent_only_to_the_issuers_host(
    idp: IdentityProvider, elsewhere: bool
) -> None:
    """A session's credentials aren't sent to another host that the metadata name."""
    idp.add_key()
    if elsewhere:
        other = idp.jwks_url.replace("127.0.0.1", "localhost")
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": other}
    session = requests.Session()
    session.auth = ("user", "password")
    session.headers["X-API-Key"] = "secret"
    with session:
        oidc_provider_of(idp, session=session).warm_up()

    metadata, keys = idp.requests
    assert metadata.headers["Authorization"].startswith("Basic ")
    assert metadata.headers["X-API-Key"] == "secret"
    assert ("Authorization" in keys.headers) != elsewhere
    assert ("X-API-Key" in keys.headers) != elsewhere


class PlainKeys(SlowMetadata):
    """A client with https metadata that name a key set over plain HTTP."""

    def get(
        self, url: str, *, timeout: float, etag: str | None = None, credentials: bool = True
    ) -> Document:
        return Document({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"})


def test_a_remote_issuers_keys_are_never_on_loopback(issuer: TokenIssuer) -> None:
    """An https issuer elsewhere can't name keys on this machine, even if loopback is allowed."""
    client: Any = PlainKeys(issuer)

    assert "plain HTTP" in fault_of(DiscoveredKeySet(ISSUER, client=client))
