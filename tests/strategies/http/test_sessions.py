"""The connections, proxies, credentials and certificates of fetched documents."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from flask_jwtlib import ConfigurationError
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from tests.kit import PATIENCE

from .kit import SHORT, fault_of


def test_a_session_of_another_type_is_refused() -> None:
    """The client accepts only sessions of ``requests``."""
    with pytest.raises(ConfigurationError, match="not Session"):
        HTTPClient(type("Session", (), {})())


def test_headers_and_credentials_of_a_session_are_sent(
    idp: IdentityProvider, url: str, session: requests.Session
) -> None:
    """A session's headers and credentials are part of the request."""
    session.headers["X-Tenant"] = "acme"
    session.auth = ("user", "password")
    HTTPClient(session, allow_http_on_loopback=True).get(url, timeout=PATIENCE)

    assert idp.requests[0].headers["X-Tenant"] == "acme"
    assert idp.requests[0].headers["Authorization"].startswith("Basic ")


def test_credentials_are_not_read_from_netrc(
    idp: IdentityProvider,
    url: str,
    either_client: HTTPClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unlike ``requests``, the client ignores a .netrc file that names the host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    requests.get(url, timeout=PATIENCE)
    either_client.get(url, timeout=PATIENCE)

    assert "Authorization" in idp.requests[0].headers
    assert "Authorization" not in idp.requests[1].headers


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_plain_http_on_loopback_ignores_the_environments_proxy(
    idp: IdentityProvider,
    url: str,
    either_client: HTTPClient,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Plain HTTP to this machine never goes through a proxy."""
    with IdentityProvider() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert either_client.get(url, timeout=PATIENCE).content == {}
        assert (idp.count(), proxy.connections) == (1, 0)


def test_plain_http_on_loopback_ignores_the_sessions_proxy(
    url: str, session: requests.Session
) -> None:
    """A proxy of the session isn't used either."""
    with IdentityProvider() as proxy:
        session.proxies = {"http": proxy.url, "all": proxy.url, "http://127.0.0.1": proxy.url}
        client = HTTPClient(session, allow_http_on_loopback=True)
        assert client.get(url, timeout=PATIENCE).content == {}
        assert proxy.connections == 0


def test_https_uses_the_environments_proxy(
    client: HTTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request over HTTPS goes through the proxy that the environment names."""
    with IdentityProvider() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert "failed" in fault_of(client, "https://issuer.example/jwks")
        assert proxy.connections == 1


def test_an_untrusted_certificate_is_an_error(client: HTTPClient) -> None:
    """Without the CA no document is fetched, and the error says why."""
    with IdentityProvider(tls=True) as idp:
        with pytest.raises(FetchError, match="SSLCertVerificationError") as error:
            client.get(idp.jwks_url, timeout=PATIENCE)
        assert isinstance(error.value.__cause__, ssl.SSLCertVerificationError)
        assert idp.count() == 0


def test_a_private_ca_and_mutual_tls_work(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session brings its CA and its client certificate; a CA may also come from the environment."""
    with IdentityProvider(tls=True) as idp:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(idp.certificate))
        assert HTTPClient().get(idp.jwks_url, timeout=PATIENCE).content == {"keys": []}
        idp.behave(drip=20)
        assert "within 0.5 s" in fault_of(HTTPClient(), idp.jwks_url, timeout=SHORT)
        idp.behave()

        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        session.verify = str(idp.certificate)
        assert idp.tls is not None
        idp.tls.verify_mode = ssl.CERT_REQUIRED
        idp.tls.load_verify_locations(idp.certificate)
        assert "failed" in fault_of(HTTPClient(session), idp.jwks_url)
        session.cert = str(idp.certificate)
        assert HTTPClient(session).get(idp.jwks_url, timeout=PATIENCE).content == {"keys": []}


class LingeringServer:
    """Never closes a connection before its client does, nor says that it will."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def serve(self, connections: int) -> None:
        for number in range(connections):
            connection, _ = self.listener.accept()
            with connection:
                while connection.recv(65536):
                    self.requests.append(number)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_a_connection_is_not_reused(
    session: requests.Session,
) -> None:
    """RFC 9112 §9.6: a connection marked "close" carries no further request."""
    server = LingeringServer()
    client = HTTPClient(session, allow_http_on_loopback=True)
    thread = threading.Thread(target=server.serve, args=(3,), daemon=True)
    with server.listener:
        thread.start()
        for _ in range(3):
            assert client.get(server.url, timeout=PATIENCE).content == {}
        thread.join(PATIENCE)

    assert server.requests == [0, 1, 2]
    assert not thread.is_alive()


class AdapterWithoutPools(BaseAdapter):
    """An adapter without connection pools."""

    def close(self) -> None:
        pass


class TLSInPoolManager(HTTPAdapter):
    """Sets its TLS context in ``init_poolmanager``."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)


class TLSAfterConstruction(HTTPAdapter):
    """Sets its TLS context by a second call of ``init_poolmanager``."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.init_poolmanager(1, 1, ssl_context=context)


@pytest.mark.parametrize("adapter", [TLSInPoolManager, TLSAfterConstruction])
def test_a_forked_process_makes_its_own_connections(
    session: requests.Session,
    adapter: Callable[[ssl.SSLContext], HTTPAdapter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a child a session has new connection pools, and its adapters keep their settings."""
    with IdentityProvider(tls=True) as idp:
        session.mount("https://", adapter(ssl.create_default_context(cafile=idp.certificate)))
        session.mount("other://", AdapterWithoutPools())
        session.cookies.set("tenant", "acme")
        client = HTTPClient(session)
        session.get(idp.jwks_url)
        client.get(idp.jwks_url, timeout=PATIENCE)
        session.get(idp.jwks_url)
        parent = os.getpid()

        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        client.get(idp.jwks_url, timeout=PATIENCE)
        session.get(idp.jwks_url)
        client.get(idp.jwks_url, timeout=PATIENCE)

        first, again, parents, childs, later, last = (each.client_port for each in idp.requests)
        assert first == again
        assert childs != parents
        # The pools are replaced only once.
        assert later == last
        assert "tenant=acme" in idp.requests[-1].headers["Cookie"]


FORKING = """
import os, sys, threading
import requests
from flask_jwtlib_strategies._http.client import HTTPClient

url = sys.argv[1]
session = requests.Session()
client = HTTPClient(session, allow_http_on_loopback=True)
session.get(url)

# A thread holds all of a session's locks.
pools = session.get_adapter(url).poolmanager.pools
locks = [pools.lock, session.cookies._cookies_lock]
locks += [pools.get(key).pool.mutex for key in pools.keys()]
held, done = threading.Event(), threading.Event()
def hold():
    with locks[0], locks[1], locks[2]:
        held.set()
        done.wait(60)
threading.Thread(target=hold, daemon=True).start()
del pools
held.wait(60)
child = os.fork()
if not child:
    client.get(url, timeout=30)
    os._exit(0)
_, status = os.waitpid(child, 0)
done.set()
session.get(url)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_child_uses_no_lock_or_socket_of_its_parent(idp: IdentityProvider, url: str) -> None:
    """A child that is forked while a thread holds a session's locks can fetch, and so can the parent."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING, url], check=True, timeout=60)

    before, child, after = (request.client_port for request in idp.requests)
    assert before == after != child
