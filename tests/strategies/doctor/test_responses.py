"""Responses that aren't the expected document: each is told apart, with what to change."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

from .conftest import Serve
from .kit import Expected, bad, check, findings_about, oidc, with_keys

REFUSAL = b"HTTP/1.1 407 Log in\r\nContent-Length: 0\r\n\r\n"
HTML = "\n<!DOCTYPE html><title>Log in</title>"

RESPONSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "not found": (
        {"status": 404},
        "HTTP status 404: there is nothing at this URL",
        "Correct the argument issuer.",
    ),
    "unauthorised": (
        {"status": 401},
        "HTTP status 401: this server isn't allowed to read it",
        "or pass a session= with credentials",
    ),
    "forbidden": (
        {"status": 403},
        "HTTP status 403: this server isn't allowed to read it",
        "Have the provider or its firewall allow it",
    ),
    "busy": (
        {"status": 503, "headers": {"Retry-After": "7"}},
        "HTTP status 503: the provider is busy, and asks to retry after 7 s",
        "Wait and run this again",
    ),
    "rate limit": (
        {"status": 429, "headers": {"Retry-After": "9"}},
        "HTTP status 429: the provider is busy",
        "rate limit",
    ),
    "broken": (
        {"status": 500},
        "HTTP status 500: the provider fails",
        "Look at the provider's log or status page.",
    ),
    "bad request": (
        {"status": 400},
        "HTTP status 400; servers that expect TLS do this",
        "use https:// in the argument issuer.",
    ),
    "another status": ({"status": 418}, "HTTP status 418", "Correct the argument issuer."),
    "not modified": ({"status": 304}, "HTTP status 304", "Correct the argument issuer."),
    "moved": (
        {"redirect_to": "https://new.example/realms/x?token=SECRET"},
        "HTTP status 302: a redirect to https://new.example/realms/x, and redirects aren't followed",
        "If the provider has moved there, correct the argument issuer; if that is a log-in page",
    ),
    "moved to https": (
        {"redirect_to": "https://127.0.0.1/x", "status": 301},
        "HTTP status 301: a redirect to https://127.0.0.1/x",
        "Use https:// in the argument issuer.",
    ),
    "moved to a path": (
        {"redirect_to": "/login"},
        "a redirect to http://127.0.0.1",
        "exempt this URL from the log-in",
    ),
    "a log-in page": (
        {"body": HTML},
        "the response is an HTML page, such as a log-in page, not JSON",
        "if something in front of the provider demands a log-in, exempt this URL from it",
    ),
    "a log-in page with a byte order mark": (
        {"body": HTML.encode("utf-8-sig")},
        "the response is an HTML page",
        "Correct the argument issuer",
    ),
    "text": (
        {"body": "well"},
        "the response isn't usable: the body is not",
        "Correct the argument issuer.",
    ),
    "a list": ({"body": []}, "the response isn't usable", "Correct the argument issuer."),
    "huge": (
        {"grow": 2},
        "the response can't be read: the body has more than",
        "Look at the log of the provider",
    ),
    "cut off": (
        {"cut": 10},
        "the response can't be read: failed (",
        "Look at the log of the provider",
    ),
    "another document": (
        {"body": {"hello": "world"}},
        "the document has no issuer, so it isn't an issuer's metadata",
        "Correct the argument issuer.",
    ),
}


@pytest.fixture(scope="module")
def provider() -> Any:
    """An identity provider with a key, which each test makes misbehave."""
    with IdentityProvider() as idp:
        idp.add_key(kid="a")
        yield idp


@pytest.mark.parametrize(("how", "text", "cure"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_that_is_not_the_metadata(
    how: dict[str, Any], text: str, cure: str, provider: IdentityProvider
) -> None:
    """Both URLs of the metadata are asked. The cure is that of the usual one. No other check follows."""
    provider.behave(**how)
    provider.forget()
    findings = findings_about(oidc(provider.issuer_url))

    found = check(findings, Expected("metadata", "FAIL", text, cure))
    assert bad(findings) == [("FAIL", "metadata")]
    assert found.text.startswith(f"GET {provider.issuer_url}/.well-known/openid-configuration: ")
    assert f"; GET {provider.issuer_url}/.well-known/oauth-authorization-server: " in found.text
    assert "SECRET" not in str(findings)
    assert provider.count() == 2


def test_the_second_url_of_the_metadata(provider: IdentityProvider) -> None:
    """If only RFC 8414's URL has the metadata, all is well."""
    provider.behave()
    provider.behave(path=provider.openid_path, status=404)
    findings = findings_about(oidc(provider.issuer_url))

    text = f"GET {provider.issuer_url}/.well-known/oauth-authorization-server"
    check(findings, Expected("metadata", "OK", text))
    assert not bad(findings)


def test_metadata_that_is_nowhere(provider: IdentityProvider) -> None:
    """The cure names the other arguments, and a well-known trap of the path."""
    provider.behave()
    findings = findings_about(oidc(f"{provider.url}/realms/x"))
    cure = (
        "Correct the argument issuer. Keycloak before version 17 has /auth before /realms. If the metadata "
        "is elsewhere, set the argument metadata_url; if there is none, use the URL of the keys, as "
        "JWKSKeyProvider(…) or JWTLIB_JWKS_URL."
    )
    assert check(findings, Expected("metadata", "FAIL", "404")).cure == cure


def test_a_configured_url_of_the_metadata(provider: IdentityProvider) -> None:
    """Only that URL is asked, and only that argument is to be corrected. Its query isn't shown."""
    provider.behave()
    provider.forget()
    auth = oidc(provider.issuer_url, metadata_url=f"{provider.url}/nowhere?appid=SECRET")
    findings = findings_about(auth)

    found = check(
        findings, Expected("metadata", "FAIL", "404", "Correct the argument metadata_url.")
    )
    assert (
        found.text == f"GET {provider.url}/nowhere: HTTP status 404: there is nothing at this URL"
    )
    assert found.cure == "Correct the argument metadata_url."
    assert "SECRET" not in str(findings)
    assert provider.count() == 1


def test_a_response_that_is_slow(provider: IdentityProvider) -> None:
    """A body that comes too slowly is told from a server that doesn't respond."""
    provider.behave(drip=10)
    keys = JWKSKeyProvider(provider.jwks_url, allow_http_on_loopback=True, fetch_timeout=0.3)
    text = "the response can't be read: no complete response within 0.3 s"
    check(findings_about(with_keys(keys)), Expected("keys", "FAIL", text, "raise fetch_timeout"))


def test_a_proxy_for_plain_http(serve: Serve) -> None:
    """A session's proxy for plain HTTP refuses by a status, too."""
    session = requests.Session()
    session.proxies["http"] = f"http://{serve(REFUSAL)}"
    findings = findings_about(
        oidc("http://keycloak:8080", session=session, allow_http=["keycloak"])
    )
    text = "HTTP status 407: the proxy requires credentials"
    check(findings, Expected("metadata", "FAIL", text, "Put a user name and a password into"))


@pytest.mark.parametrize("status", [404, 302], ids=["not found", "redirect"])
def test_a_jwks_uri_that_does_not_work(status: int, provider: IdentityProvider) -> None:
    """The provider has to correct what its metadata says."""
    provider.behave()
    provider.behave(path=provider.jwks_path, status=status, headers={"Location": "/x"})
    findings = findings_about(oidc(provider.issuer_url))

    expected = Expected(
        "jwks_uri",
        "FAIL",
        f"GET {provider.jwks_url}: HTTP status {status}",
        "Have the provider correct its jwks_uri.",
    )
    check(findings, expected)
    assert bad(findings) == [("FAIL", "jwks_uri")]


def test_keys_on_the_same_host_that_cannot_be_fetched(provider: IdentityProvider) -> None:
    """Another URL wouldn't help, since the metadata could be fetched from this host."""
    provider.behave()
    provider.behave(path=provider.jwks_path, reset=True)
    found = check(
        findings_about(oidc(provider.issuer_url)), Expected("jwks_uri", "FAIL", "sent no HTTP")
    )
    assert found.cure.startswith("If the server has TLS at this port")


def test_keys_at_a_url_that_does_not_work(provider: IdentityProvider) -> None:
    """Without metadata, the URL itself is to be corrected."""
    provider.behave()
    keys = JWKSKeyProvider(f"{provider.url}/nowhere", allow_http_on_loopback=True)
    findings = findings_about(with_keys(keys))
    text = f"GET {provider.url}/nowhere: HTTP status 404"
    check(findings, Expected("keys", "FAIL", text, "Correct the argument url."))
    assert bad(findings) == [("FAIL", "keys")]
