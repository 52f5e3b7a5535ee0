"""Connections that fail: each cause is told apart, with what to change."""

from __future__ import annotations

import io
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

from .conftest import Serve, certificate
from .kit import Expected, bad, check, findings_about, oidc, with_keys

# Nothing listens on the port "discard".
NOBODY = "127.0.0.1:9"


def trusting(file: Path | str | bool) -> requests.Session:
    """Return a session that trusts the CA in a file."""
    session = requests.Session()
    session.verify = str(file) if isinstance(file, Path) else file
    return session


# --- Without TLS


@pytest.mark.parametrize(
    ("url", "text", "cure"),
    [
        pytest.param(
            f"http://{NOBODY}/realms/x",
            f"{NOBODY} refuses connections: nothing listens there",
            "correct the host and the port in the URL. In a container, this address is the container itself.",
            id="refused",
        ),
        pytest.param(
            "https://issuer.invalid",
            "the host name issuer.invalid can't be resolved by DNS",
            "Correct the name in the URL, or the DNS settings",
            id="unknown name",
        ),
    ],
)
def test_a_host_that_cannot_be_reached(url: str, text: str, cure: str) -> None:
    """A wrong port and a wrong name have different cures, and no other check follows from them."""
    findings = findings_about(oidc(url))

    found = check(findings, Expected("connection", "FAIL", text, cure))
    assert found.text.startswith(f"GET {url}/.well-known/openid-configuration: ")
    assert bad(findings) == [("FAIL", "connection")]


def test_a_remote_host_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice about containers is only for addresses of this machine; IPv6 addresses have brackets."""

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)

    findings = findings_about(oidc("https://[2001:db8::1]"))
    found = check(findings, Expected("connection", "FAIL", "[2001:db8::1]:443 refuses"))
    assert "container" not in found.cure


def test_an_unreachable_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other error of the system is shown in its words."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)

    findings = findings_about(oidc("https://issuer.example"))
    expected = Expected(
        "connection",
        "FAIL",
        "issuer.example:443 can't be reached: Network is unreachable",
        "Check the network",
    )
    check(findings, expected)


def test_a_connection_that_the_system_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own timeout may be shorter."""

    def fail(*_: object, **__: object) -> None:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    findings = findings_about(oidc("https://issuer.example"))
    found = check(
        findings, Expected("connection", "FAIL", "no response from", "Allow the connection")
    )
    assert found.text.endswith(": no response from issuer.example:443 in time")


def test_a_provider_that_does_not_respond(idp: IdentityProvider) -> None:
    """A timeout names its length, and both causes: a firewall, and a slow provider."""
    idp.behave(hang=True)
    keys = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, fetch_timeout=0.2)

    expected = Expected(
        "connection",
        "FAIL",
        f"no response from {idp.jwks_url[7:-5]} within 0.2 s",
        "set HTTPS_PROXY if this network needs a proxy; if the provider is that slow, raise fetch_timeout",
    )
    check(findings_about(with_keys(keys)), expected)


@pytest.mark.parametrize(
    ("response", "text"),
    [
        pytest.param(b"", "sent no HTTP response (connection closed)", id="closed"),
        pytest.param(
            b"\x15\x03\x01\x00\x02\x02\x46", "sent no HTTP response (failed (", id="TLS alert"
        ),
    ],
)
def test_plain_http_to_a_port_with_tls(serve: Serve, response: bytes, text: str) -> None:
    """A server that expects TLS sends nothing, or an alert."""
    findings = findings_about(oidc(f"http://{serve(response)}"))
    check(findings, Expected("connection", "FAIL", text, "use https:// in the URL"))


# --- TLS


def test_https_to_a_port_without_tls(idp: IdentityProvider) -> None:
    """Plain HTTP on a TLS port is recognised."""
    findings = findings_about(oidc(idp.url.replace("http:", "https:")))
    expected = Expected(
        "connection",
        "FAIL",
        f"{idp.url[7:]} doesn't speak TLS at this port",
        "Correct the port; if the server has only plain HTTP and you control the network to it, use http://",
    )
    check(findings, expected)


def test_a_closed_tls_connection(serve: Serve) -> None:
    """A server that closes the connection without a response: its log may say why."""
    findings = findings_about(oidc(f"https://{serve(b'')}"))
    found = check(findings, Expected("connection", "FAIL", "127.0.0.1:"))
    assert "TLS" in found.text or "sent no HTTP response" in found.text


@pytest.mark.parametrize(
    ("options", "text", "cure"),
    [
        pytest.param({"ends": -0.5}, "has expired", "Have the certificate renewed", id="expired"),
        pytest.param(
            {"begins": 1},
            "isn't valid yet",
            "Correct the clock of this machine",
            id="not valid yet",
        ),
        pytest.param(
            {"name": "login.example"},
            "the certificate is for another host name (",
            "have the server get a certificate for 127.0.0.1",
            id="another name",
        ),
    ],
)
def test_a_certificate_that_is_refused(
    options: dict[str, float], text: str, cure: str, tmp_path: Path
) -> None:
    """An expired certificate, one that isn't valid yet, and one for another host are told apart."""
    file = certificate(tmp_path / "server.pem", **options)  # type: ignore[arg-type]
    with IdentityProvider(tls=True) as idp:
        assert idp.tls is not None
        idp.tls.load_cert_chain(file)
        findings = findings_about(oidc(idp.issuer_url, session=trusting(file)))

    check(findings, Expected("connection", "FAIL", text, cure))


@pytest.mark.parametrize("ca", ["default", "another file"])
def test_a_certificate_of_an_unknown_ca(
    ca: str, tls_idp: IdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text says which CAs are trusted, and the cure where to add one. OpenSSL's variable isn't read."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_idp.certificate))
    file = certificate(tmp_path / "other.pem")
    session = trusting(file) if ca == "another file" else None

    expected = Expected(
        "connection",
        "FAIL",
        f"isn't signed by {'a default CA' if session is None else f'a CA in {file}'} (self-signed",
        "For a private CA, set REQUESTS_CA_BUNDLE, or verify of the session, to a file",
    )
    found = check(findings_about(oidc(tls_idp.issuer_url, session=session)), expected)
    assert ("SSL_CERT_FILE isn't read." in found.cure) is (session is None)


def test_a_certificate_that_is_refused_for_another_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's reason is shown, such as that of an old company CA."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 89, "Basic Constraints of CA cert not marked critical"

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    expected = Expected(
        "connection",
        "FAIL",
        "issuer.example:443 is refused (Basic Constraints of CA cert not marked critical)",
        "comply with RFC 5280",
    )
    check(findings_about(oidc("https://issuer.example")), expected)


def test_a_required_client_certificate(tls_idp: IdentityProvider) -> None:
    """A TLS alert is shown in OpenSSL's words."""
    assert tls_idp.tls is not None
    tls_idp.tls.verify_mode = ssl.CERT_REQUIRED
    try:
        findings = findings_about(oidc(tls_idp.issuer_url, session=trusting(tls_idp.certificate)))
    finally:
        tls_idp.tls.verify_mode = ssl.CERT_NONE

    check(
        findings,
        Expected("connection", "FAIL", "TLS: the connection to", "set cert of the session"),
    )


def test_tls_that_is_not_checked(tls_idp: IdentityProvider) -> None:
    """``session.verify = False`` makes TLS useless."""
    with pytest.warns(Warning, match="Unverified HTTPS request"):
        findings = findings_about(oidc(tls_idp.issuer_url, session=trusting(False)))

    expected = Expected(
        "connection",
        "FAIL",
        "but verify of the session is False",
        "Set verify of the session to a file",
    )
    assert check(findings, expected).text.startswith("TLSv1.")


@pytest.mark.parametrize(
    ("days", "level"),
    [(90, "OK"), (200, "OK"), (5, "WARN")],
    ids=["new", "long", "about to expire"],
)
def test_the_end_of_a_certificate(days: float, level: str, tmp_path: Path) -> None:
    """The end is shown, with a warning when most of the lifetime is over."""
    file = certificate(tmp_path / "server.pem", begins=-70, ends=days)
    with IdentityProvider(tls=True) as idp:
        assert idp.tls is not None
        idp.tls.load_cert_chain(file)
        idp.add_key(kid="a")
        findings = findings_about(oidc(idp.issuer_url, session=trusting(file)))

    cure = "" if level == "OK" else "Have the server's certificate renewed."
    found = check(
        findings, Expected("connection", level, "the certificate is valid until 20", cure)
    )
    assert found.text.startswith("TLSv1.")
    assert bad(findings) == ([] if level == "OK" else [("WARN", "connection")])


@pytest.mark.parametrize(
    ("variable", "text", "cure"),
    [
        pytest.param(
            "verify",
            "TLS: the file with the trusted CAs doesn't exist: /nowhere/ca.pem",
            "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE",
            id="of CAs",
        ),
        pytest.param(
            "cert", "with the client's certificate or key", "Correct cert of", id="of the client"
        ),
    ],
)
def test_a_file_that_does_not_exist(
    variable: str, text: str, cure: str, tls_idp: IdentityProvider
) -> None:
    """A missing file isn't taken for a fault of the server."""
    session = trusting(tls_idp.certificate)
    setattr(session, variable, "/nowhere/ca.pem")
    check(
        findings_about(oidc(tls_idp.issuer_url, session=session)),
        Expected("connection", "FAIL", text, cure),
    )


def test_a_connection_of_the_apps_own(tls_idp: IdentityProvider) -> None:
    """An adapter of the app's own may have no connection that could be looked at."""

    class OwnAdapter(HTTPAdapter):
        def send(self, *arguments: Any, **options: Any) -> requests.Response:
            response = super().send(*arguments, **options)
            response.raw = io.BytesIO(response.content)
            return response

    session = trusting(tls_idp.certificate)
    session.mount("https://", OwnAdapter())
    findings = findings_about(oidc(tls_idp.issuer_url, session=session))
    check(findings, Expected("connection", "OK", "TLS"))
    assert not bad(findings)
