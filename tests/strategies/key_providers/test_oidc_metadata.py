"""Where OIDCKeyProvider finds an issuer's metadata, and what they must contain."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.key_providers import Refresh
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE

from .kit import HOUR, counts_of, discovered, fault_of, oidc_provider_of, verify


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

    with pytest.raises((FetchError, VerificationUnavailable)) as error:
        discovered(idp)()
    first, _, second = error_text(error.value).partition("; GET ")
    assert first.startswith(f"GET {idp.url}{idp.openid_path}: ")
    assert second == f"{idp.url}{idp.oauth_path}: the response's status is 418"
    assert len(error_text(error.value)) < 500
    assert counts_of(idp) == (1, 1, 0)


@pytest.mark.parametrize("how", NO_METADATA)
def test_an_error_and_another_issuers_metadata_are_both_named(
    idp: IdentityProvider, how: dict[str, Any]
) -> None:
    """If the second path has another issuer's metadata, the error also says what the first one returned."""
    idp.add_key()
    idp.behave(path=idp.openid_path, **how)
    idp.documents[idp.oauth_path] = {**idp.metadata, "issuer": "https://other.example"}

    with pytest.raises(FetchError) as error:
        discovered(idp)()
    first, _, second = error_text(error.value).partition("; GET ")
    assert first.startswith(f"GET {idp.url}{idp.openid_path}: ")
    assert "these are the metadata of 'https://other.example', not of" in second
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
    assert "no complete response within" in fault_of(fetch)

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

    assert f"GET {idp.url}{at}: the server redirects" in fault_of(discovered(idp))
    assert idp.count("/elsewhere") == 0


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
        pytest.param(lambda ours: "x" * 100_000, "xxx..., not of our issuer", id="long"),
    ],
)
def test_the_issuer_in_the_metadata_must_match_exactly(
    idp: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
    change: Any,
    shown: str,
    calls_made: Callable[[], None],
) -> None:
    """Another issuer's metadata is a failed refresh; the log names both, and no keys are requested."""
    ours = idp.issuer_url
    idp.add_key()
    idp.documents[idp.openid_path] = {**idp.metadata, "issuer": change(ours)}
    keys = oidc_provider_of(idp)

    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert keys.status()["last_error"] == "FetchError"
    assert counts_of(idp) == (1, 0, 0)
    calls_made()
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
