"""Proxies that refuse, can't be reached, or intercept TLS are told from the provider."""

from __future__ import annotations

import socket

import pytest
import requests

from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

from .conftest import Serve
from .kit import Expected, check, findings_about, oidc, with_keys

# Nothing listens on the port "discard".
NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("status", "text", "cure"),
    [
        pytest.param(
            b"407 Authentication Required",
            "requires credentials (407)",
            "Put a user name",
            id="407",
        ),
        pytest.param(
            b"403 Forbidden",
            "doesn't allow connections to issuer.example:443 (403)",
            "Have the proxy allow issuer.example:443, or list the host in NO_PROXY",
            id="403",
        ),
        pytest.param(
            b"502 Bad Gateway",
            "can't connect to issuer.example:443 (502)",
            "Check whether the proxy can reach issuer.example:443",
            id="502",
        ),
    ],
)
def test_a_proxy_that_refuses(
    status: bytes, text: str, cure: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's refusal is told from the provider's, and its credentials aren't shown."""
    place = serve(b"HTTP/1.1 " + status + b"\r\n\r\n")
    monkeypatch.setenv("https_proxy", f"http://user:SECRET@{place}/")
    findings = findings_about(oidc("https://issuer.example"))

    check(findings, Expected("connection", "FAIL", f"the proxy http://{place} {text}", cure))
    assert "SECRET" not in str(findings)


@pytest.mark.parametrize(
    ("proxy", "text", "cure"),
    [
        pytest.param(
            f"http://{NOBODY}", "refuses connections", "list the provider's host", id="refused"
        ),
        pytest.param(
            "http://proxy.invalid:3128", "can't be resolved by DNS", "Correct HTTPS_PROXY", id="DNS"
        ),
        pytest.param(
            "socks5://127.0.0.1:9",
            "can't be used: ",
            "For SOCKS, install requests[socks].",
            id="SOCKS",
        ),
    ],
)
def test_a_proxy_that_cannot_be_reached(
    proxy: str, text: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is named, not the provider."""
    monkeypatch.setenv("https_proxy", proxy)
    findings = findings_about(oidc("https://issuer.example"))
    check(findings, Expected("connection", "FAIL", f"the proxy {proxy} {text}", cure))


def test_a_socks_proxy_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """``requests`` needs another package for SOCKS."""

    def missing(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing)
    monkeypatch.setenv("https_proxy", "socks5://proxy.example")
    text = "the proxy socks5://proxy.example can't be used: failed (InvalidSchema)"
    check(
        findings_about(oidc("https://issuer.example")),
        Expected("connection", "FAIL", text, "For SOCKS, install requests[socks]."),
    )


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_wildcard_in_no_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``requests`` doesn't know the wildcards that other programs accept there."""
    monkeypatch.setenv("https_proxy", f"http://{NOBODY}")
    monkeypatch.setenv(variable, "localhost,*.example")
    findings = findings_about(oidc("https://issuer.example"))
    cure = "NO_PROXY has '*.', which matches no host: write '.example' in place of '*.example'."
    check(findings, Expected("connection", "FAIL", "the proxy", cure))

    monkeypatch.setenv(variable, ".example")
    findings = findings_about(oidc("https://issuer.example"))
    assert "the proxy" not in check(findings, Expected("connection", "FAIL", "issuer.example")).text


def test_a_proxy_that_hangs(idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout through a proxy names the proxy; a proxy without a scheme is one of plain HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("https_proxy", place)
        keys = JWKSKeyProvider("https://issuer.example/jwks", fetch_timeout=0.2)
        findings = findings_about(with_keys(keys))

    text = f"no response through the proxy http://{place} within 0.2 s"
    check(findings, Expected("connection", "FAIL", text, "Check whether the proxy can be reached"))


def test_a_proxy_that_intercepts_tls(
    serve: Serve, tls_idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown CA behind a proxy may be the proxy's."""
    place = serve(b"HTTP/1.1 200 Connection established\r\n\r\n", tls_idp.tls)
    monkeypatch.setenv("https_proxy", f"http://{place}")
    findings = findings_about(oidc("https://issuer.example"))

    expected = Expected(
        "connection",
        "FAIL",
        f"and requests go through the proxy http://{place}, which may intercept TLS",
        "If the proxy does, set REQUESTS_CA_BUNDLE",
    )
    check(findings, expected)


def test_a_proxy_url_with_https_for_a_proxy_without(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``HTTPS_PROXY=https://…`` is a common mistake: the proxy itself speaks plain HTTP."""
    place = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    monkeypatch.setenv("https_proxy", f"https://{place}")
    findings = findings_about(oidc("https://issuer.example"))

    expected = Expected(
        "connection",
        "FAIL",
        f"the proxy https://{place} doesn't speak TLS",
        "Use http:// in HTTPS_PROXY",
    )
    check(findings, expected)
