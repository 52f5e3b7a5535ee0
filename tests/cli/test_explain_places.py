"""``flask jwtlib explain`` for tokens that aren't bearer tokens, and for keys that must be fetched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    JWTValidator,
    VerificationUnavailable,
)
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .explain_kit import API, authenticator, document, rows_of, run

KEY = generate_api_key("shop")
RECORD = APIKeyRecord("ada", digest=api_key_digest(KEY), scopes="read")


@pytest.fixture
def shop(app: Flask, issuer: TokenIssuer) -> Flask:
    """An app that accepts JWTs in the header and in a cookie, and API keys."""
    auth = authenticator(
        issuer,
        extractor=CompositeTokenExtractor(
            BearerTokenExtractor(), APIKeyExtractor(), CookieTokenExtractor("token")
        ),
        validator=PerSchemeValidator(
            {
                "Bearer": JWTValidator(rules=[Audience(API)]),
                "Cookie": JWTValidator(rules=[Audience(API)]),
                "ApiKey": APIKeyValidator({RECORD.digest: RECORD}.get, prefix="shop"),
            }
        ),
    )
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    return app


@pytest.mark.parametrize("line", ["X-API-Key: {}", "x-api-key:{}"], ids=["usual", "small"])
def test_an_api_key_is_given_with_its_header(shop: Flask, line: str) -> None:
    """The key is sent in the header that the text names."""
    result = run(shop, line.format(KEY), "--endpoint", "it")

    assert result.exit_code == 0, result.output
    assert "'ada'" in result.stdout
    assert KEY not in result.stdout


def test_a_bare_api_key_says_how_to_give_it(shop: Flask) -> None:
    """It would be a bearer token, and the cure names the header."""
    (explanation,) = document(shop, KEY)["explanations"]

    assert explanation["cause"]["name"] == "api-key-sent"
    assert "pass the whole header: X-API-Key: KEY" in explanation["cause"]["cure"]


def test_a_cookie_is_given_with_its_header(shop: Flask, issuer: TokenIssuer) -> None:
    """A whole Cookie header can be pasted from a browser."""
    token = issuer.token(aud=API)

    result = run(shop, f"Cookie: theme=dark; token={token}", "--endpoint", "it")

    assert result.exit_code == 0, result.output
    assert token not in result.stdout


def test_other_headers_are_no_places_for_a_token(shop: Flask, issuer: TokenIssuer) -> None:
    """Only headers that the extractor reads count. Any other text is taken for the token."""
    result = run(shop, f"X-Other: {issuer.token(aud=API)}")

    assert result.exit_code == 1


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """A provider that serves metadata and keys."""
    with IdentityProvider() as provider:
        yield provider


@pytest.fixture
def served(app: Flask, provider: IdentityProvider) -> tuple[Flask, Authenticator]:
    """An app that fetches the keys of the provider, and hasn't done so yet."""
    auth = oidc_authenticator(provider.issuer_url, API, allow_http_on_loopback=True)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    return app, auth


def test_only_the_command_fetches_keys(
    served: tuple[Flask, Authenticator], provider: IdentityProvider
) -> None:
    """``explain`` in code doesn't, so it can't verify the signature before a request has."""
    app, auth = served
    token = provider.add_key(kid="fetched").token(aud=API)
    before = len(provider.requests)

    in_code = explain(auth, token, app=app)

    assert isinstance(in_code.error, VerificationUnavailable)
    assert len(provider.requests) == before
    assert run(app, token).exit_code == 0
    assert len(provider.requests) > before


def test_keys_are_shown_with_why_they_are_not_used(
    served: tuple[Flask, Authenticator], provider: IdentityProvider
) -> None:
    """A token with an unknown key lists the keys that the provider has."""
    app, _ = served
    provider.rotate(kid="new")

    output = run(app, TokenIssuer(provider.issuer_url, kid="unknown").token(aud=API)).stdout

    keys = rows_of(output, "keys")
    assert [row[0] for row in keys] == ["✗", "\N{EN DASH}"]
    assert "the token's kid is 'unknown'" in keys[1][-1]


def test_an_unreachable_provider_is_a_503_without_a_traceback(
    app: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The response and the cause say so, and the command exits with 1."""
    auth = oidc_authenticator("http://127.0.0.1:9", API, allow_http_on_loopback=True)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))

    result = run(app, issuer.token(aud=API))

    assert result.exit_code == 1
    assert "HTTP 503 Service Unavailable" in result.stdout
    assert "\nCause: " in result.stdout
    assert "Traceback" not in result.output + result.stderr
