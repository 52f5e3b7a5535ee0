"""To which hosts a session's credentials, cookies and certificates are sent."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE

from .kit import get, sent


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
