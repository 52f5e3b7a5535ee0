"""Which URLs may be asked for keys, and how they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies._documents import DocumentClient
from flask_jwtlib_strategies._urls import check_url, without_secrets


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://issuer.example/jwks", id="plain"),
        pytest.param("HTTPS://issuer.example:8443/jwks?v=1#f", id="all parts"),
        pytest.param("https://127.0.0.1", id="loopback"),
    ],
)
def test_point_21_https_may_be_asked(url: str) -> None:
    """An https URL with a host is what is wanted."""
    assert check_url(url) == url


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
        pytest.param("https://issuer.example:port/", id="port that is none"),
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
def test_point_21_other_urls_may_not_be_asked(url: Any, client: DocumentClient) -> None:
    """What is no https URL, or holds credentials, is refused before anybody is asked."""
    with pytest.raises(ConfigurationError) as error:
        client.get(url, timeout=30)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10:80", "[::1]:80", "localhost"])
def test_point_21_http_is_for_loopback_on_request(host: str) -> None:
    """Plain HTTP is accepted of this very machine, and only if that is said."""
    url = f"http://{host}/jwks"

    assert check_url(url, allow_http_on_loopback=True) == url
    with pytest.raises(ConfigurationError, match="allow_http_on_loopback=True"):
        check_url(url)


def test_urls_are_shown_without_their_secrets() -> None:
    """Scheme, host, port and path are shown; what is no URL is not."""
    secret = "https://user:hunter2@issuer.example:8443/a/b?key=hunter2#hunter2"
    assert without_secrets(secret) == "https://issuer.example:8443/a/b"
    assert without_secrets("hunter2") == "(no URL)"
