"""What a provider controls: it can't forge lines, hang the command, see credentials, or move requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.doctor import Finding
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

from .kit import Expected, bad, check, findings_about, oidc, with_keys

FORGED = "x\n\x1b[2J\r0 problems, 0 warnings\u202e\x9b31m"
LONGEST = 1000


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """A provider that each test makes lie."""
    with IdentityProvider() as idp:
        yield idp


def nested(depth: int) -> str:
    """Return JSON that is nested deeply."""
    return '{"keys":' + "[" * depth + "]" * depth + "}"


METADATA: dict[str, Any] = {
    "control characters in the issuer": {"issuer": FORGED},
    "a huge issuer": {"issuer": "https://" + "x" * 500_000},
    "control characters in jwks_uri": {"jwks_uri": f"https://{FORGED}"},
    "a huge jwks_uri": {"jwks_uri": "https://" + "x" * 500_000},
    "credentials in jwks_uri": {"jwks_uri": "https://user:SECRET@a/?k=SECRET"},
    "a jwks_uri of another scheme": {"jwks_uri": "gopher://127.0.0.1/"},
    "a jwks_uri with a wrong port": {"jwks_uri": "https://a:99999999/"},
    "an issuer with a wrong port": {"issuer": "https://127.0.0.1:99999999/"},
    "an issuer in wrong brackets": {"issuer": "https://[::1/"},
    "algorithms with control characters": {"id_token_signing_alg_values_supported": [FORGED]},
    "algorithms of other types": {"id_token_signing_alg_values_supported": {"a": [7]}},
    "many algorithms": {"id_token_signing_alg_values_supported": ["x" * 99] * 5000},
    "an issuer of access tokens of another type": {
        "issuer": "https://x",
        "access_token_issuer": [{}],
    },
}

KEYS: dict[str, Any] = {
    "control characters in a kid": {"kid": FORGED},
    "a huge kid": {"kid": "k" * 500_000},
    "a kid of another type": {"kid": {"a": 1}},
    "control characters in alg": {"alg": FORGED},
    "a list as alg": {"alg": ["RS256"]},
    "control characters in use": {"use": FORGED},
    "control characters in kty": {"kty": FORGED},
    "a list as kty": {"kty": ["oct"]},
    "a huge modulus": {"n": "A" * 500_000},
}

HEADERS: dict[str, dict[str, Any]] = {
    "control characters": {"Cache-Control": "max-age=9\x1b[2J\x9b", "Date": "\x1b[2J"},
    "a huge age": {"Cache-Control": "max-age=" + "9" * 9000, "Age": "9" * 9000},
    "a huge header": {"Cache-Control": "x" * 30_000},
    "a far future": {"Date": "Fri, 31 Dec 9999 23:59:59 GMT", "Age": "9" * 30},
    "an impossible date": {"Date": "Fri, 99 Foo 99999 99:99:99 +9999"},
    "a redirect to nowhere": {"Location": "https://[::1"},
    "a redirect that forges": {"Location": "https://a/\x1b[2J%0a"},
    "a retry that forges": {"Retry-After": "9" * 30_000},
}


def check_safe(findings: list[Finding]) -> None:
    """Check that findings have ordinary lines, and nothing that a provider must not put there."""
    assert findings
    for each in findings:
        for text in (each.subject, each.check, each.text, each.cure):
            assert text.isprintable(), each
            assert len(text) <= LONGEST, each
            assert "SECRET" not in text, each
    assert ("FAIL", "examination") not in bad(findings), findings


@pytest.mark.parametrize("members", METADATA.values(), ids=METADATA)
def test_metadata_that_lies(members: dict[str, Any], provider: IdentityProvider) -> None:
    """Whatever it says is shown on one line of limited length, or not at all."""
    provider.behave()
    provider.add_key(kid="a")
    provider.documents[provider.openid_path] = {**provider.metadata, **members}
    check_safe(findings_about(oidc(provider.issuer_url)))


@pytest.mark.parametrize("members", KEYS.values(), ids=KEYS)
def test_keys_that_lie(members: dict[str, Any], provider: IdentityProvider) -> None:
    """The members of a key are shown on one line of limited length, or not at all."""
    provider.behave()
    provider.jwks = {"keys": []}
    key = provider.add_key(kid="a").jwk
    provider.jwks = {"keys": [key, {**key, **members}]}
    keys = JWKSKeyProvider(provider.jwks_url, allow_http_on_loopback=True)
    check_safe(findings_about(with_keys(keys)))


@pytest.mark.parametrize(
    "body",
    [
        nested(100_000),
        nested(50),
        '{"keys":' + "9" * 100_000 + "}",
        '{"a":1,"a":2}',
        "\ud800".encode("utf-16", "surrogatepass"),
    ],
    ids=["deep", "nested", "a huge number", "twice", "no UTF-8"],
)
def test_documents_that_cannot_be_read(body: Any, provider: IdentityProvider) -> None:
    """A document that is too deep or isn't JSON is a problem, and no error of the command."""
    provider.behave(body=body)
    keys = JWKSKeyProvider(provider.jwks_url, allow_http_on_loopback=True)
    findings = findings_about(with_keys(keys))
    check_safe(findings)
    assert ("FAIL", "keys") in bad(findings)


@pytest.mark.parametrize("status", [200, 302, 503])
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_headers_that_lie(headers: dict[str, Any], status: int, provider: IdentityProvider) -> None:
    """Headers are shown on one line of limited length, or not at all."""
    provider.jwks = {"keys": []}
    provider.add_key(kid="a")
    provider.documents[provider.openid_path] = provider.metadata
    provider.behave(status=status, headers=headers)
    check_safe(findings_about(oidc(provider.issuer_url)))


def test_credentials_are_sent_only_to_the_configured_host(
    provider: IdentityProvider, idp: IdentityProvider
) -> None:
    """The keys' host doesn't get what the session sends to the issuer, and nothing of it is shown."""
    provider.behave()
    idp.add_key(kid="a")
    session = requests.Session()
    session.headers["X-Api-Key"] = "SECRET"
    session.params = {"key": "SECRET"}
    provider.documents[provider.openid_path] = {**provider.metadata, "jwks_uri": idp.jwks_url}
    provider.forget()
    findings = findings_about(oidc(provider.issuer_url, session=session))

    check_safe(findings)
    assert all(request.headers["X-Api-Key"] == "SECRET" for request in provider.requests)
    assert idp.requests
    assert not any(
        "SECRET" in json.dumps([request.headers.items(), request.query]) for request in idp.requests
    )


class Elsewhere(BaseAdapter):
    """Serves an issuer's metadata at any URL, as a host that isn't this machine."""

    def __init__(self, issuer: str, jwks_uri: str) -> None:
        super().__init__()
        self.document = json.dumps({"issuer": issuer, "jwks_uri": jwks_uri}).encode()

    def send(self, request: Any, **_: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.raw = HTTPResponse(BytesIO(self.document), preload_content=False)
        return response

    def close(self) -> None:
        """Do nothing: there is no connection."""


def test_another_machine_causes_no_requests_to_this_one(provider: IdentityProvider) -> None:
    """As in the app, metadata from elsewhere can't name keys on this machine over plain HTTP."""
    provider.behave()
    provider.forget()
    issuer = "https://issuer.example"
    session = requests.Session()
    session.mount(issuer, Elsewhere(issuer, provider.jwks_url))

    findings = findings_about(oidc(issuer, session=session))

    check(findings, Expected("jwks_uri", "FAIL", "it is plain HTTP", "https URL"))
    assert provider.count() == 0


def test_few_requests_are_made(provider: IdentityProvider) -> None:
    """A provider is asked for each document twice: by the command, and by the key provider itself."""
    provider.behave()
    provider.jwks = {"keys": []}
    provider.add_key(kid="a")
    provider.documents[provider.openid_path] = provider.metadata
    provider.forget()
    findings_about(oidc(provider.issuer_url))
    assert provider.count() == 4
