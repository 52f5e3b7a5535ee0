"""Settings of a session apply as in ``requests``, and what it sends goes only to the configured host."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider, ReceivedRequest
from flask_jwtlib_strategies._http.client import DocumentError, HTTPClient
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE


def get(session: requests.Session | None, url: str, **options: Any) -> Any:
    """Return the content of a document that is fetched with a session."""
    client = HTTPClient(session, allow_http_on_loopback=True)
    return client.get(url, timeout=PATIENCE, **options).content


def sent(request: ReceivedRequest) -> str:
    """Return everything that a request sent to the server."""
    return f"{request.path}?{request.query} {request.headers.items()}"


# --- Hooks


@pytest.mark.parametrize(
    "hooks_of",
    [
        pytest.param(lambda hook: {"response": hook}, id="function"),
        pytest.param(lambda hook: {"response": [hook]}, id="list"),
        pytest.param(lambda hook: {"response": (hook,)}, id="tuple"),
        pytest.param(lambda hook: {"response": [None, hook, 7]}, id="among other things"),
    ],
)
@pytest.mark.parametrize("credentials", [True, False])
def test_a_sessions_hooks_run(
    session: requests.Session, url: str, hooks_of: Callable[[Any], Any], *, credentials: bool
) -> None:
    """Response hooks are called for each response, whether there is one or several."""
    seen: list[int] = []

    def hook(response: requests.Response, **_: Any) -> None:
        seen.append(response.status_code)

    session.hooks = hooks_of(hook)
    assert get(session, url, credentials=credentials) == {}
    assert seen == [200]


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda response: response.text, id="text"),
        pytest.param(lambda response: response.json(), id="json"),
        pytest.param(lambda response: response.content, id="content"),
    ],
)
@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize("credentials", [True, False])
def test_a_hook_may_read_the_body(
    session: requests.Session,
    idp: IdentityProvider,
    url: str,
    read: Callable[[requests.Response], Any],
    encoding: str | None,
    *,
    credentials: bool,
) -> None:
    """A session that logs its responses still fetches."""
    idp.documents["/document"] = {"a": 1}
    idp.behave(encoding=encoding)
    seen: list[Any] = []
    session.hooks["response"].append(lambda response, **_: seen.append(read(response)))

    assert get(session, url, credentials=credentials) == {"a": 1}
    assert len(seen) == 1


def test_a_body_that_a_hook_has_read_is_still_limited(
    session: requests.Session, idp: IdentityProvider, url: str
) -> None:
    """A hook may read a body of any size, but the client doesn't parse a larger one."""
    idp.behave(grow=2)
    seen: list[int] = []
    session.hooks["response"].append(lambda response, **_: seen.append(len(response.content)))

    with pytest.raises(DocumentError, match="the body has more than 1048576 bytes"):
        get(session, url)


@pytest.mark.parametrize("hooks", [None, {}, {"response": None}, {"response": []}])
def test_a_session_without_hooks_fetches(session: requests.Session, url: str, hooks: Any) -> None:
    """Hooks may be missing, None or empty."""
    session.hooks = hooks
    assert get(session, url) == {}


# --- User-Agent


@pytest.mark.parametrize("credentials", [True, False])
@pytest.mark.parametrize("handed_in", [True, False])
def test_requests_have_our_user_agent(
    idp: IdentityProvider,
    session: requests.Session,
    url: str,
    *,
    handed_in: bool,
    credentials: bool,
) -> None:
    """Firewalls refuse the libraries' own, and issuers see which software fetches their keys."""
    get(session if handed_in else None, url, credentials=credentials)
    assert idp.requests[0].headers["User-Agent"].startswith("flask_jwtlib/")


@pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
@pytest.mark.parametrize("credentials", [True, False])
def test_a_sessions_user_agent_is_sent_to_all_hosts(
    idp: IdentityProvider, session: requests.Session, url: str, name: str, *, credentials: bool
) -> None:
    """A firewall in front of the keys may expect it, too."""
    session.headers = {name: "Reports/1.0"}  # requests takes any mapping
    get(session, url, credentials=credentials)
    assert idp.requests[0].headers["User-Agent"] == "Reports/1.0"


# --- What a session sends


class Signing(AuthBase):
    """Adds a signature to each request."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["X-Signature"] = "SECRET"
        return request


class OwnSession(requests.Session):
    """Adds a token to each request, as OAuth libraries' sessions do."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        options["headers"] = {**(options.get("headers") or {}), "X-Token": "SECRET"}
        return super().request(method, url, *args, **options)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = super().prepare_request(request)
        prepared.headers["X-Prepared"] = "SECRET"
        return prepared


class OwnAdapter(HTTPAdapter):
    """Adds a header to each request."""

    def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
        request.headers["X-Adapter"] = "SECRET"


def _with_headers(session: requests.Session) -> None:
    session.headers.update({"X-Api-Key": "SECRET", "Authorization": "SECRET", "Cookie": "a=SECRET"})


def _with_auth(session: requests.Session) -> None:
    session.auth = ("user", "SECRET")


def _with_own_auth(session: requests.Session) -> None:
    session.auth = Signing()


def _with_params(session: requests.Session) -> None:
    session.params = {"api_key": "SECRET"}


def _with_cookie(session: requests.Session) -> None:
    session.cookies.set("sso", "SECRET")


def _with_adapter(session: requests.Session) -> None:
    session.mount("http://", OwnAdapter())


SENDERS = [_with_headers, _with_auth, _with_own_auth, _with_params, _with_cookie, _with_adapter]


@pytest.mark.parametrize("set_up", SENDERS)
@pytest.mark.parametrize("kind", [requests.Session, OwnSession])
@pytest.mark.parametrize("other", ["host", "port"])
def test_credentials_are_not_sent_to_another_host(
    idp: IdentityProvider,
    set_up: Callable[[requests.Session], None],
    kind: type[requests.Session],
    other: str,
) -> None:
    """The request for the metadata has them, and the request to the host of the ``jwks_uri`` doesn't."""
    with IdentityProvider() as elsewhere, kind() as session:
        signer = elsewhere.add_key()
        host = idp if other == "host" else elsewhere
        host.documents["/elsewhere"] = signer.jwks
        url = host.url.replace("127.0.0.1", "localhost" if other == "host" else "127.0.0.1")
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": f"{url}/elsewhere"}
        set_up(session)
        keys = OIDCKeyProvider(
            idp.issuer_url, session=session, allow_http_on_loopback=True, fetch_timeout=PATIENCE
        )
        assert keys.key_set().kids == {"key-1"}

        metadata = idp.requests[0]
        assert "SECRET" in sent(metadata) or "Authorization" in metadata.headers
        fetched = host.requests[-1]
        assert fetched.path == "/elsewhere"
        assert "SECRET" not in sent(fetched)
        assert "Authorization" not in fetched.headers
        assert fetched.query == ""


@pytest.mark.parametrize("set_up", SENDERS)
def test_credentials_are_sent_to_the_issuers_host(
    idp: IdentityProvider, session: requests.Session, set_up: Callable[[requests.Session], None]
) -> None:
    """A key set on the issuer's host gets the same credentials as the metadata."""
    idp.add_key()
    set_up(session)
    keys = OIDCKeyProvider(
        idp.issuer_url, session=session, allow_http_on_loopback=True, fetch_timeout=PATIENCE
    )
    assert keys.key_set().kids == {"key-1"}
    for request in idp.requests:
        assert "SECRET" in sent(request) or "Authorization" in request.headers


def test_credentials_are_sent_to_the_host_of_the_metadata_url(idp: IdentityProvider) -> None:
    """With ``metadata_url``, its host is the one that the application configured."""
    idp.add_key()
    issuer = idp.url.replace("127.0.0.1", "localhost")
    with requests.Session() as session:
        session.headers["X-Api-Key"] = "SECRET"
        idp.documents["/metadata"] = {"issuer": issuer, "jwks_uri": idp.jwks_url}
        options: dict[str, Any] = {"session": session, "allow_http_on_loopback": True}
        keys = OIDCKeyProvider(issuer, metadata_url=f"{idp.url}/metadata", **options)
        keys.warm_up()
        assert ["SECRET" in sent(request) for request in idp.requests] == [True, True]

        idp.forget()
        idp.documents["/metadata"] = {"issuer": issuer, "jwks_uri": f"{issuer}{idp.jwks_path}"}
        keys = OIDCKeyProvider(issuer, metadata_url=f"{idp.url}/metadata", **options)
        keys.warm_up()
        assert ["SECRET" in sent(request) for request in idp.requests] == [True, False]


def test_cookies_of_another_host_are_not_kept(idp: IdentityProvider, url: str) -> None:
    """A response without credentials can't set cookies of the session."""
    idp.behave(headers={"Set-Cookie": "sso=evil"})
    with requests.Session() as session:
        get(session, url, credentials=False)
        assert not session.cookies
        get(session, url)
        assert session.cookies["sso"] == "evil"


class WithCertificate(HTTPAdapter):
    """An adapter with a client certificate in its TLS settings."""

    def __init__(self, certificate: Path) -> None:
        self.context = ssl.create_default_context(cafile=certificate)
        self.context.load_cert_chain(certificate)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **options)


@pytest.fixture
def two_hosts() -> Iterator[tuple[IdentityProvider, IdentityProvider]]:
    """An issuer and the other host of its keys, which requires a client certificate, both with HTTPS."""
    with IdentityProvider(tls=True) as idp, IdentityProvider(tls=True) as other:
        other.add_key()
        idp.documents[idp.openid_path] = {**idp.metadata, "jwks_uri": other.jwks_url}
        assert other.tls is not None
        other.tls.verify_mode = ssl.CERT_REQUIRED
        other.tls.load_verify_locations(idp.certificate)
        yield idp, other


def bundle_of(folder: Path, *hosts: IdentityProvider) -> str:
    """Return a file with the certificates of servers."""
    file = folder / "bundle.pem"
    texts = [host.certificate.read_text() for host in hosts]
    file.write_text("".join(text[text.index("-----BEGIN CERTIFICATE") :] for text in texts))
    return str(file)


@pytest.mark.parametrize("by_adapter", [False, True], ids=["session.cert", "adapter"])
def test_a_client_certificate_is_not_sent_to_another_host(
    two_hosts: tuple[IdentityProvider, IdentityProvider],
    session: requests.Session,
    tmp_path: Path,
    *,
    by_adapter: bool,
) -> None:
    """Neither the session's own certificate nor an adapter's is sent to the host of the keys."""
    idp, other = two_hosts
    session.verify = bundle_of(tmp_path, idp, other)
    if by_adapter:
        session.mount("https://", WithCertificate(idp.certificate))
    else:
        session.cert = str(idp.certificate)
    keys = OIDCKeyProvider(idp.issuer_url, session=session, fetch_timeout=PATIENCE)

    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert (idp.count(), other.count()) == (2 if idp.count(idp.oauth_path) else 1, 0)


def test_an_adapter_for_the_other_host_is_used_there(
    two_hosts: tuple[IdentityProvider, IdentityProvider], session: requests.Session, tmp_path: Path
) -> None:
    """An adapter that is mounted for that host is used, and not closed after the fetch."""
    idp, other = two_hosts
    session.verify = bundle_of(tmp_path, idp, other)
    adapter = WithCertificate(idp.certificate)
    adapter.context.load_verify_locations(other.certificate)
    closed: list[bool] = []
    adapter.close = lambda: closed.append(True)
    session.mount(other.url, adapter)
    keys = OIDCKeyProvider(idp.issuer_url, session=session, fetch_timeout=PATIENCE)

    keys.warm_up()
    assert keys.key_set().kids == {"key-1"}
    assert closed == []
    assert other.count() == 1


# --- Precedence over the environment


@pytest.mark.parametrize("credentials", [True, False])
def test_a_sessions_ca_takes_precedence_over_the_environment(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch, *, credentials: bool
) -> None:
    """``requests`` would let ``REQUESTS_CA_BUNDLE`` replace ``session.verify``."""
    with IdentityProvider(tls=True) as idp, IdentityProvider(tls=True) as corporate:
        url = idp.jwks_url
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(corporate.certificate))
        session.verify = str(idp.certificate)
        assert get(session, url, credentials=credentials) == {"keys": []}

        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(idp.certificate))
        session.verify = str(corporate.certificate)
        with pytest.raises(DocumentError, match="SSLCertVerificationError"):
            get(session, url, credentials=credentials)
        # Without a CA of the session the environment's is used.
        for nothing in (True, None):
            session.verify = nothing
            assert get(session, url, credentials=credentials) == {"keys": []}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_session_can_disable_certificate_verification(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``session.verify = False`` takes precedence over the environment."""
    with IdentityProvider(tls=True) as idp, IdentityProvider(tls=True) as corporate:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(corporate.certificate))
        session.verify = False
        assert get(session, idp.jwks_url) == {"keys": []}


HTTPS = "https://issuer.example/jwks"
LISTED = "http://keycloak:8080/jwks"


@pytest.mark.parametrize("credentials", [True, False])
@pytest.mark.parametrize(
    ("url", "name"),
    [
        (HTTPS, "https"),
        (HTTPS, "all"),
        (HTTPS, "https://issuer.example"),
        (HTTPS, "all://issuer.example"),
        (LISTED, "http"),
        (LISTED, "all"),
        (LISTED, "http://keycloak"),
    ],
)
def test_a_sessions_proxy_takes_precedence_over_the_environment(
    session: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    name: str,
    *,
    credentials: bool,
) -> None:
    """``requests`` would let ``HTTPS_PROXY`` replace ``session.proxies``."""
    client = HTTPClient(session, allow_http="keycloak:8080")
    with IdentityProvider() as own, IdentityProvider() as corporate:
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, corporate.url)
        session.proxies = {name: own.url}
        # The server can't act as a proxy.
        with suppress(DocumentError):
            client.get(url, timeout=PATIENCE, credentials=credentials)
        assert (own.connections, corporate.connections) == (1, 0)


@pytest.mark.parametrize("name", ["https", "https://127.0.0.1", "all"])
@pytest.mark.parametrize("nothing", ["", None])
def test_a_session_can_disable_the_environments_proxy(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch, name: str, nothing: Any
) -> None:
    """An empty proxy in ``session.proxies`` means a direct connection."""
    with IdentityProvider(tls=True) as idp, IdentityProvider() as corporate:
        monkeypatch.setenv("https_proxy", corporate.url)
        session.verify = str(idp.certificate)
        session.proxies = {name: nothing}
        assert get(session, idp.jwks_url) == {"keys": []}
        assert corporate.connections == 0


@pytest.mark.parametrize("proxies", [None, {}, {"http": "http://127.0.0.1:1"}])
def test_the_environments_proxy_is_used_if_the_session_has_none(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch, proxies: Any
) -> None:
    """A session without a proxy for https uses the environment's."""
    session.proxies = proxies
    with IdentityProvider() as corporate:
        monkeypatch.setenv("https_proxy", corporate.url)
        with pytest.raises(DocumentError):
            get(session, HTTPS)
        assert corporate.connections == 1


def test_plain_http_is_not_sent_to_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, idp: IdentityProvider
) -> None:
    """It goes directly to the allowed host, since a proxy could change the keys."""
    idp.add_key()
    resolve = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "keycloak" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    port = idp.url.rpartition(":")[2]
    with IdentityProvider() as corporate:
        monkeypatch.setenv("http_proxy", corporate.url)
        keys = JWKSKeyProvider(f"http://keycloak:{port}/jwks", allow_http=[f"keycloak:{port}"])
        keys.warm_up()
        assert (idp.count(), corporate.connections) == (1, 0)


# --- Logs of the HTTP libraries

QUERY = "api_key=SECRET&b='SECRET'&c=%22SECRET"
BODY = b'{"keys": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n" % len(BODY)
BAD_HEADER = b"SECRET\x1b[31mis no header /jwks?api_key=SECRET" + b"x" * 5000 + b"\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a server that sends one response per connection, and closes the connection for None."""
    started: list[tuple[threading.Thread, socket.socket]] = []

    def start(*responses: bytes | None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)

        def run() -> None:
            for response in responses:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    if response is not None:
                        connection.sendall(response)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        started.append((thread, listener))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/jwks?{QUERY}"

    yield start
    for thread, listener in started:
        thread.join(PATIENCE)
        listener.close()


def retrying() -> requests.Session:
    """Return a session that retries."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=2))
    return session


@pytest.mark.parametrize(
    ("responses", "make_session"),
    [
        pytest.param((HEAD + BAD_HEADER + b"X-A: b\r\n\r\n" + BODY,), None, id="header"),
        pytest.param(
            (HEAD + BAD_HEADER + b"X-A: b\r\n\r\n" + BODY,), requests.Session, id="header, session"
        ),
        pytest.param((None, HEAD + b"\r\n" + BODY), retrying, id="closed once"),
        pytest.param((None, None, None), retrying, id="closed"),
        pytest.param((HEAD + b"\r\n" + BODY,), None, id="nothing wrong"),
        pytest.param((b"HTTP/1.1 200 " + b"SECRET" * 99 + b"\r\n\r\n",), None, id="reason"),
    ],
)
def test_no_log_line_shows_the_query_of_a_fetch(
    serve: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    responses: tuple[bytes | None, ...],
    make_session: Callable[[], requests.Session] | None,
) -> None:
    """Neither this package nor urllib3 logs it, at any level, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    session = make_session and make_session()
    keys = JWKSKeyProvider(serve(*responses), session=session, allow_http_on_loopback=True)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()

    assert caplog.records
    formatter = logging.Formatter()
    for record in caplog.records:
        line = formatter.format(record)
        assert "api_key=SECRET" not in line
        assert "b='SECRET" not in line
        assert "%22SECRET" not in line
        if record.name.startswith("urllib3"):
            assert line.isprintable()
            assert len(line) < 2100


def test_log_lines_of_other_requests_are_unchanged(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Only requests for keys are filtered from the libraries' logs."""
    caplog.set_level(logging.DEBUG)
    get(None, f"{url}?first=SECRET")
    with requests.Session() as session:
        session.get(f"{url}?second=SHOWN", timeout=PATIENCE)
    assert "first=SECRET" not in caplog.text
    assert "second=SHOWN" in caplog.text


def test_a_proxys_reason_is_shown_escaped_and_shortened(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error quotes the proxy's reason on one short line."""
    refusal = b"HTTP/1.1 407 Log in\x1b[31m\x85" + b"x" * 5000 + b"\r\n\r\n"
    monkeypatch.setenv("https_proxy", serve(refusal).partition("/jwks")[0])
    with pytest.raises(DocumentError, match=r"failed \(OSError\)") as error:
        get(None, HTTPS)
    cause = str(error.value.__cause__)
    assert cause.startswith(r"Tunnel connection failed: 407 Log in\x1b[31m")
    assert cause.isprintable()
    assert len(cause) <= 300


def test_a_long_path_is_shortened_in_errors(idp: IdentityProvider) -> None:
    """The beginning of the URL is enough to recognise it."""
    with pytest.raises(DocumentError, match="status is 404") as error:
        get(None, f"{idp.url}/{'x' * 20_000}")
    assert len(str(error.value)) < 400


def test_a_subclass_of_session_works(
    idp: IdentityProvider,
) -> None:
    """For the configured host, methods of the subclass are called."""
    signer = TokenIssuer(idp.issuer_url)
    idp.jwks = signer.jwks
    with OwnSession() as session:
        keys = JWKSKeyProvider(idp.jwks_url, session=session, allow_http_on_loopback=True)
        assert keys.key_set().kids == {"key-1"}
    assert idp.requests[0].headers["X-Token"] == "SECRET"
