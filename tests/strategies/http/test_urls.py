"""URLs from which keys may be fetched, and how messages show them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.urls import PlainHTTP, origin_of, without_secrets


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://issuer.example/jwks", id="plain"),
        pytest.param("HTTPS://issuer.example:8443/jwks?v=1#f", id="all parts"),
        pytest.param("https://127.0.0.1", id="loopback"),
    ],
)
def test_an_https_url_is_accepted(url: str) -> None:
    """An https URL with a host is accepted unchanged."""
    assert PlainHTTP().check(url) == url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(None, id="None"),
        pytest.param(b"https://issuer.example", id="bytes"),
        pytest.param("", id="empty"),
        pytest.param("issuer.example/jwks", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https:///jwks", id="no host, path"),
        pytest.param("https://:443/jwks", id="port alone"),
        pytest.param("https://issuer.example:port/", id="invalid port"),
        pytest.param("https://issuer.example:0/", id="port zero"),
        pytest.param("https://[::1/", id="half a bracket"),
        pytest.param("https://issuer.example/\r\nHost: x", id="line break"),
        pytest.param("https://issuer.example\\@evil.example/", id="backslash"),
        pytest.param(" https://issuer.example/", id="white space"),
        pytest.param("https://bücher.example/", id="not ASCII"),
        pytest.param("http://issuer.example/jwks", id="http"),
        pytest.param("http://127.0.0.1.evil.example/", id="http, like loopback"),
        pytest.param("http://192.168.0.1/", id="http, near"),
        pytest.param("http://[::2]/", id="http, IPv6"),
        pytest.param("http://0.0.0.0/", id="http, any address"),
        pytest.param("http://2130706433/", id="http, loopback as a number"),
        pytest.param("http://localhost.evil.example/", id="http, like localhost"),
        pytest.param("ftp://127.0.0.1/", id="ftp"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("https://user:hunter2@issuer.example/", id="credentials"),
        pytest.param("https://@issuer.example/", id="empty credentials"),
        pytest.param("http://user:hunter2@127.0.0.1/?key=hunter2", id="http, credentials"),
    ],
)
def test_other_urls_are_refused(url: Any, client: HTTPClient) -> None:
    """A URL that isn't https, or has credentials, raises before any request."""
    with pytest.raises(ConfigurationError) as error:
        client.get(url, timeout=30)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10:80", "[::1]:80", "localhost"])
def test_plain_http_on_loopback_must_be_allowed(host: str) -> None:
    """Plain HTTP to this machine is accepted only with the option."""
    url = f"http://{host}/jwks"

    assert PlainHTTP(on_loopback=True).check(url) == url
    with pytest.raises(ConfigurationError, match="allow_http_on_loopback=True"):
        PlainHTTP().check(url)


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        pytest.param("keycloak:8080", "http://keycloak:8080/realms/x", id="host and port"),
        pytest.param("keycloak", "http://keycloak:8080/", id="host, any port"),
        pytest.param("keycloak", "http://keycloak/", id="host, no port"),
        pytest.param("keycloak:80", "http://keycloak/", id="port 80, by default"),
        pytest.param("KeyCloak", "http://kEYcLOAK/", id="case"),
        pytest.param("10.0.0.7:8080", "http://10.0.0.7:8080/", id="address"),
        pytest.param("[fd00::7]", "http://[FD00::7]:8080/", id="IPv6"),
        pytest.param("[::1]:8080", "http://[::1]:8080/", id="IPv6 and port"),
        pytest.param("key_cloak.svc.cluster.local", "http://key_cloak.svc.cluster.local/", id="_"),
    ],
)
def test_plain_http_to_a_listed_host_is_accepted(listed: str, url: str) -> None:
    """A listed host is accepted with plain HTTP, alone or among others."""
    assert PlainHTTP(hosts=(listed,)).check(url) == url
    assert PlainHTTP(hosts=["other", listed]).check(url) == url
    assert PlainHTTP(hosts=listed).check(url) == url
    with pytest.raises(ConfigurationError, match="expected an https URL"):
        PlainHTTP(hosts=("other",)).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://keycloak:8081/",
        "http://keycloak/",
        "http://keycloak.evil.example:8080/",
        "http://evil.example:8080/keycloak:8080",
        "http://xkeycloak:8080/",
        "http://keycloak.:8080/",
        "http://user@keycloak:8080/",
        "http://evil.example#keycloak:8080",
        "http://evil.example?keycloak:8080",
        "http://keycloak:8080@evil.example/",
        "ftp://keycloak:8080/",
        "http://127.0.0.1/",
        "http://localhost/",
    ],
)
def test_plain_http_to_a_host_that_is_not_listed_is_refused(url: str) -> None:
    """Another port of a listed host, or a host with a similar name, is refused."""
    with pytest.raises(ConfigurationError):
        PlainHTTP(hosts=("keycloak:8080",)).check(url)


def test_a_refusal_of_plain_http_names_the_host_to_list() -> None:
    """The message shows the option's value."""
    with pytest.raises(ConfigurationError, match=r"allow_http=\('keycloak:8080',\)"):
        PlainHTTP(on_loopback=True).check("http://keycloak:8080/realms/x?key=hunter2")


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(True, id="switch"),
        pytest.param(1, id="number"),
        pytest.param(None, id="None"),
        pytest.param(b"keycloak", id="bytes"),
        pytest.param("", id="empty"),
        pytest.param("*", id="all"),
        pytest.param(("*.example",), id="wildcard"),
        pytest.param((".example",), id="suffix"),
        pytest.param(("10.0.0.0/8",), id="network"),
        pytest.param(("http://keycloak:8080",), id="URL"),
        pytest.param(("keycloak:8080/realms",), id="path"),
        pytest.param(("keycloak:0",), id="port zero"),
        pytest.param(("keycloak:65536",), id="large port"),
        pytest.param(("keycloak:",), id="no port"),
        pytest.param(("keycloak:*",), id="any port"),
        pytest.param(("user@keycloak",), id="user"),
        pytest.param(("keycloak, other",), id="list as text"),
        pytest.param(("keycloak\n",), id="line"),
        pytest.param((7,), id="member that is a number"),
        pytest.param((None,), id="member that is None"),
    ],
)
def test_invalid_listed_hosts_are_refused(hosts: Any) -> None:
    """There is no switch, wildcard or network: each host is listed by name."""
    with pytest.raises(ConfigurationError, match="allow_http"):
        PlainHTTP(hosts=hosts)


@given(st.text(st.sampled_from("abk.:8/@?#[]*-1"), max_size=12))
def test_no_listed_text_allows_another_host(listed: str) -> None:
    """Whatever is listed, an accepted URL has that host and port."""
    try:
        plain_http = PlainHTTP(hosts=(listed,))
    except ConfigurationError:
        return
    for url in (f"http://{listed}/", f"http://x{listed}/", f"http://evil/{listed}", "http://ab/"):
        try:
            parts = urlsplit(plain_http.check(url))
        except ConfigurationError:
            continue
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        assert listed in {host, f"{host}:{parts.port or 80}"}


@pytest.mark.parametrize(
    "url",
    ["https://login.example/keys", "https://LOGIN.example:443/", "https://login.example?a#b"],
)
def test_equal_origins_compare_equal(url: str) -> None:
    """RFC 6454 §4: case and the scheme's default port make no difference."""
    assert origin_of(url) == ("https", "login.example", 443)
    assert origin_of(url) != origin_of("http://login.example/keys")


def test_urls_are_shown_without_their_secrets() -> None:
    """Scheme, host, port and path are shown; a text that isn't a URL isn't."""
    secret = "https://user:hunter2@issuer.example:8443/a/b?key=hunter2#hunter2"
    assert without_secrets(secret) == "https://issuer.example:8443/a/b"
    assert without_secrets("hunter2") == "(not a URL)"
