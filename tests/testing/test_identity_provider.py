"""The identity provider for tests: its documents, its request log, and its misbehaviour on command."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flask_jwtlib import BearerToken, JWTValidator, StaticKeyProvider
from flask_jwtlib.testing.identity_provider import Behaviour, IdentityProvider
from tests.kit import PATIENCE


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    """An identity provider with one key."""
    with IdentityProvider() as idp:
        idp.add_key()
        yield idp


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """A client that takes nothing from the environment."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def read_all(port: int, path: str) -> bytes:
    """Read everything that the server sends in response to one request."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: idp\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def port_of(idp: IdentityProvider) -> int:
    """Return the provider's port."""
    return int(idp.url.rpartition(":")[2])


def test_it_serves_keys_and_metadata(idp: IdentityProvider, session: requests.Session) -> None:
    """The JWK set has the added keys; both kinds of metadata name it and the issuer."""
    assert session.get(idp.jwks_url).json() == idp.jwks
    for path in (idp.openid_path, idp.oauth_path):
        metadata = session.get(idp.url + path).json()
        assert metadata["issuer"] == idp.issuer_url
        assert metadata["jwks_uri"] == idp.jwks_url
    assert session.get(f"{idp.url}/elsewhere").status_code == 404


def test_its_issuer_may_have_a_path(session: requests.Session) -> None:
    """An issuer's path precedes OpenID's well-known path, and follows OAuth's."""
    with IdentityProvider(path="/tenant") as idp:
        assert idp.issuer_url == f"{idp.url}/tenant"
        for path in (
            "/tenant/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/tenant",
        ):
            assert session.get(idp.url + path).json()["issuer"] == idp.issuer_url


def test_its_keys_verify_the_tokens_of_their_issuers(
    idp: IdentityProvider, session: requests.Session
) -> None:
    """An issuer's signature verifies with the served keys until its key is removed."""
    issuer = idp.add_key(kid="b", algorithm="ES256")
    validator = JWTValidator(algorithms="ES256")
    keys = StaticKeyProvider(session.get(idp.jwks_url).json())

    assert validator.validate(BearerToken(issuer.token()), keys).issuer == idp.issuer_url
    idp.remove_key("b")
    assert [jwk["kid"] for jwk in session.get(idp.jwks_url).json()["keys"]] == ["key-1"]
    assert idp.rotate(kid="c").kid == "c"
    assert [jwk["kid"] for jwk in session.get(idp.jwks_url).json()["keys"]] == ["c"]


@pytest.mark.parametrize(
    ("document", "body"),
    [
        pytest.param({"a": "ü"}, b'{"a": "\\u00fc"}', id="JSON"),
        pytest.param(None, b"null", id="null"),
        pytest.param("<html>ü", "<html>ü".encode(), id="text"),
        pytest.param(b"\xff", b"\xff", id="bytes"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
def test_it_serves_any_document(
    idp: IdentityProvider, session: requests.Session, document: Any, body: bytes
) -> None:
    """Bytes and text are served unchanged, anything else as JSON; a path can be removed."""
    idp.jwks = document
    assert session.get(idp.jwks_url).content == body
    del idp.documents[idp.jwks_path]
    assert session.get(idp.jwks_url).status_code == 404


def test_documents_may_be_set_before_it_starts(session: requests.Session) -> None:
    """Documents that were set before the start are served beside its own."""
    idp = IdentityProvider()
    with pytest.raises(RuntimeError, match="with"):
        _ = idp.url
    idp.documents["/jwks"] = {"keys": "mine"}
    with idp:
        assert session.get(idp.jwks_url).json() == {"keys": "mine"}
        assert session.get(idp.url + idp.openid_path).ok


def test_it_records_requests(idp: IdentityProvider, session: requests.Session) -> None:
    """Each request is recorded with its path, query, headers and port, until the log is cleared."""
    session.get(f"{idp.jwks_url}?a=b", headers={"X-Test": "1"})
    session.get(f"{idp.url}/other")
    first, second = idp.requests

    assert (first.path, first.query, first.headers["x-test"]) == ("/jwks", "a=b", "1")
    assert first.client_port == second.client_port
    assert (idp.count(), idp.count(idp.jwks_path), idp.count("/none")) == (2, 1, 0)
    assert (idp.connections, idp.peak) == (1, 1)
    with pytest.raises(TimeoutError, match="2 requests"):
        idp.wait_for(3, timeout=0)
    idp.forget()
    assert (idp.requests, idp.connections, idp.peak) == ((), 0, 0)


def test_a_connection_without_a_request_is_counted(idp: IdentityProvider) -> None:
    """A client that only connects is counted, too."""
    with socket.create_connection(("127.0.0.1", port_of(idp)), PATIENCE) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(65536)
    assert (idp.connections, idp.count()) == (1, 0)


def test_it_hangs_until_it_is_released(idp: IdentityProvider) -> None:
    """Requests hang until they are released, and then get the response of when they came."""
    before = idp.jwks
    idp.behave(hang=True)
    with ThreadPoolExecutor(3) as pool:
        hanging = [pool.submit(requests.get, idp.jwks_url) for _ in range(3)]
        try:
            idp.wait_for(3, idp.jwks_path, timeout=PATIENCE)
            assert idp.peak == 3
            idp.rotate(kid="new")
        finally:
            idp.release()
        assert [each.result(PATIENCE).json() for each in hanging] == [before] * 3


def test_it_responds_late(idp: IdentityProvider, session: requests.Session) -> None:
    """A response can be delayed."""
    idp.behave(delay=0.2)
    began = time.monotonic()
    assert session.get(idp.jwks_url).json() == idp.jwks
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"drip": 2000}, id="body"),
        pytest.param({"drip": 2000, "chunked": True}, id="chunked body"),
        pytest.param({"drip_headers": 600}, id="headers"),
    ],
)
def test_it_sends_slowly(
    idp: IdentityProvider, session: requests.Session, how: dict[str, Any]
) -> None:
    """Body or headers are sent at a rate of bytes per second, complete in the end."""
    idp.behave(**how)
    began = time.monotonic()
    assert session.get(idp.jwks_url).json() == idp.jwks
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "raw deflate"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_it_pads_and_compresses(
    idp: IdentityProvider, session: requests.Session, encoding: str | None, *, chunked: bool
) -> None:
    """A body can be compressed and padded with white space, and stays the same JSON."""
    idp.behave(grow=2, encoding=encoding, chunked=chunked)
    response = session.get(idp.jwks_url)

    assert response.json() == idp.jwks
    assert len(response.content) > 2 * 1024 * 1024
    assert response.headers.get("Content-Encoding") == (encoding and encoding[-7:].strip())
    assert ("Content-Length" in response.headers) is not chunked


def test_it_sends_any_response(idp: IdentityProvider, session: requests.Session) -> None:
    """Status, headers and body can be anything; a header can be replaced, in any case, or left out."""
    idp.behave(
        status=503,
        body="<html>",
        headers={"content-type": "text/html", "Date": None, "Retry-After": "7"},
    )
    response = session.get(idp.jwks_url)

    assert (response.status_code, response.text) == (503, "<html>")
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["Retry-After"] == "7"
    assert "Date" not in response.headers


def test_it_redirects(idp: IdentityProvider, session: requests.Session) -> None:
    """A redirect can have any status and be followed."""
    idp.behave(path="/old", redirect_to=idp.jwks_url)
    assert session.get(f"{idp.url}/old").json() == idp.jwks
    idp.behave(path="/old", redirect_to=idp.jwks_url, status=308)
    assert session.get(f"{idp.url}/old", allow_redirects=False).status_code == 308


def test_it_supports_etags(idp: IdentityProvider, session: requests.Session) -> None:
    """A request with the document's ETag gets a 304."""
    idp.behave(etag=True)
    etag = session.get(idp.jwks_url).headers["ETag"]
    response = session.get(idp.jwks_url, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")

    idp.add_key(kid="new")
    assert session.get(idp.jwks_url, headers={"If-None-Match": etag}).json() == idp.jwks


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_it_breaks_off(idp: IdentityProvider, *, chunked: bool) -> None:
    """The connection can end in the middle of the body."""
    idp.behave(cut=10, body=b"0123456789abcdef", chunked=chunked)
    head, _, body = read_all(port_of(idp), "/jwks").partition(b"\r\n\r\n")

    assert body == (b"a\r\n0123456789\r\n" if chunked else b"0123456789")
    assert chunked or b"Content-Length: 16" in head


def test_it_resets_the_connection(idp: IdentityProvider) -> None:
    """The connection can be reset instead of a response."""
    idp.behave(reset=True)
    with pytest.raises(ConnectionResetError):
        read_all(port_of(idp), "/jwks")


def test_behaviour_can_be_limited_to_a_path_or_some_requests(
    idp: IdentityProvider, session: requests.Session
) -> None:
    """A behaviour for a path, or for a number of requests, doesn't affect other requests."""

    def statuses(path: str, count: int) -> list[int]:
        return [session.get(idp.url + path).status_code for _ in range(count)]

    idp.behave(status=500)
    idp.behave(status=418, path="/jwks")
    idp.behave(status=429, times=1)
    idp.behave(status=503, path="/jwks", times=2)
    assert statuses("/jwks", 4) == [503, 503, 429, 418]
    assert statuses(idp.openid_path, 1) == [500]

    idp.behave(status=503, path="/jwks", times=2)
    idp.behave(path="/jwks")
    assert statuses("/jwks", 1) == [200]
    idp.behave(status=500, times=2)
    idp.behave()
    assert statuses("/jwks", 1) == statuses(idp.openid_path, 1) == [200]


def test_an_unknown_behaviour_is_refused(idp: IdentityProvider) -> None:
    """A misspelt behaviour raises."""
    with pytest.raises(TypeError, match="dealy"):
        idp.behave(dealy=1)
    assert Behaviour() == Behaviour()


def test_it_restarts_on_the_same_port(idp: IdentityProvider, session: requests.Session) -> None:
    """Stopped, it refuses connections; started again, it serves the same documents at the same address."""
    url = idp.jwks_url
    session.get(url)
    idp.stop()
    idp.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(url)

    idp.start()
    idp.start()
    assert session.get(url).json() == idp.jwks
    assert (idp.jwks_url, idp.count()) == (url, 2)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"hang": True}, id="hanging"),
        pytest.param({"delay": 3600}, id="late"),
        pytest.param({"drip": 1}, id="dripping"),
        pytest.param({"drip_headers": 1}, id="dripping headers"),
    ],
)
def test_it_stops_with_requests_in_progress(how: dict[str, Any]) -> None:
    """It stops at once, whatever it is doing, and leaves no thread."""
    before = threading.active_count()
    with ThreadPoolExecutor(1) as pool:
        with IdentityProvider() as idp:
            idp.behave(**how)
            asking = pool.submit(read_all, port_of(idp), "/jwks")
            idp.wait_for(1, timeout=PATIENCE)
        assert b"keys" not in asking.result(PATIENCE)
    assert threading.active_count() == before


def test_idle_connections_do_not_delay_its_stop(session: requests.Session) -> None:
    """A client's kept-alive connection is closed."""
    with IdentityProvider() as idp:
        session.get(idp.jwks_url)
        idle = socket.create_connection(("127.0.0.1", port_of(idp)), PATIENCE)
    with idle:
        assert idle.recv(1) == b""


def test_a_client_that_disconnects_causes_no_error(
    idp: IdentityProvider, session: requests.Session
) -> None:
    """It keeps serving when a client disconnects in the middle of a large body."""
    idp.behave(grow=50, times=1)
    with session.get(idp.jwks_url, stream=True) as response:
        assert response.raw.read(10)
    assert session.get(idp.jwks_url).json() == idp.jwks


def test_it_speaks_tls(session: requests.Session) -> None:
    """With a certificate it serves HTTPS, even beside clients that don't finish the handshake."""
    with IdentityProvider(tls=True) as idp:
        assert idp.url.startswith("https://")
        with pytest.raises(requests.exceptions.SSLError):
            session.get(idp.jwks_url)
        session.verify = str(idp.certificate)
        assert session.get(idp.jwks_url).json() == {"keys": []}
        silent = socket.create_connection(("127.0.0.1", port_of(idp)), PATIENCE)
    silent.close()
    assert not idp.certificate.exists()


def test_it_may_require_a_client_certificate(session: requests.Session) -> None:
    """Mutual TLS is a setting of its context."""
    with IdentityProvider(tls=True) as idp:
        assert idp.tls is not None
        idp.tls.verify_mode = ssl.CERT_REQUIRED
        idp.tls.load_verify_locations(idp.certificate)
        session.verify = str(idp.certificate)
        with pytest.raises(requests.ConnectionError):
            session.get(idp.jwks_url)
        session.cert = str(idp.certificate)
        assert session.get(idp.jwks_url).ok


def test_without_tls_it_has_no_certificate(idp: IdentityProvider) -> None:
    """Reading its certificate raises an error that says how to get one."""
    with pytest.raises(RuntimeError, match="tls=True"):
        _ = idp.certificate
