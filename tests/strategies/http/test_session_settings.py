"""Settings of a session apply as in ``requests``: hooks, User-Agent, CA and proxies."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests

from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from tests.kit import PATIENCE

from .kit import HTTPS, get

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

    with pytest.raises(FetchError, match="the body has more than 1048576 bytes"):
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
        with pytest.raises(FetchError, match="SSLCertVerificationError"):
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
        with suppress(FetchError):
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
        with pytest.raises(FetchError):
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
