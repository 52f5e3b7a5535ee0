"""Keys of a source with one URL for each key ID, and no list of keys."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.explain import explain
from flask_jwtlib.key_health import has_keys
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers._key_template import KeyTemplate
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider

from .per_kid_kit import ALB, UUID, accepted, provider_of, publish, requested


class TestPerKidKeyProvider(KeyProviderContract):
    """PerKidKeyProvider meets the contract of key providers."""

    idp: IdentityProvider

    @pytest.fixture(autouse=True)
    def _served(self, idp: IdentityProvider) -> None:
        self.idp = idp

    def make_key_provider(self, issuer: TokenIssuer) -> KeyProvider:
        self.idp.documents[f"/keys/{issuer.kid}"] = issuer.public_pem
        return provider_of(self.idp)


@pytest.mark.parametrize("jwk", [False, True], ids=["PEM", "JWK"])
def test_the_first_token_of_a_key_fetches_it(idp: IdentityProvider, *, jwk: bool) -> None:
    """Each key ID causes one request, and there is none before the first token."""
    a, b = (publish(idp, kid, jwk=jwk) for kid in ("a", "b"))
    auth = Authenticator(keys=provider_of(idp), validator=JWTValidator(algorithms="ES256"))
    assert idp.connections == 0
    for _ in range(3):
        for issuer in (a, b):
            assert auth.authenticate(make_request(headers=bearer(issuer.token()))).subject
    assert requested(idp) == ["a", "b"]


def test_a_key_verifies_only_tokens_that_name_it(idp: IdentityProvider) -> None:
    """Tokens with another kid or without one are refused, however few keys there are."""
    a = publish(idp, "a")
    publish(idp, "b")
    keys = provider_of(idp)
    assert accepted(a.token(), keys)
    forged = a.token(header={"kid": "b"})
    with pytest.raises(Exception, match="signature"):
        accepted(forged, keys)
    assert not accepted(a.token(header={"kid": None}), keys)
    assert keys.keys_for(UnverifiedHeader("ES256", None)) == ()
    assert keys.keys_at_hand(UnverifiedHeader("ES256", None)) == ()
    assert len(keys.keys_at_hand(UnverifiedHeader("ES256", "a"))) == 1


# --- Key IDs in the URL


@pytest.mark.parametrize(
    "kid",
    [
        "",
        ".",
        "..",
        "../admin",
        "a/b",
        "a\\b",
        "a%2f..",
        "a?b=c",
        "a#b",
        "a b",
        "a\nb",
        "a\n",
        "ü",
        "\u0661",
        "a\x00",
        "x" * 129,
        "http://evil.example/",
        "@evil.example",
    ],
)
def test_an_unsafe_kid_causes_no_request(idp: IdentityProvider, kid: str) -> None:
    """A token with an unsafe kid is refused at once, and takes nothing from the limited searches."""
    a = publish(idp, "a")
    keys = provider_of(idp)
    for _ in range(5):
        assert not accepted(a.token(header={"kid": kid}), keys)
        assert keys.keys_at_hand(UnverifiedHeader("ES256", kid)) == ()
    assert idp.connections == 0
    assert accepted(a.token(), keys)


def test_the_whole_kid_must_match_the_pattern(idp: IdentityProvider) -> None:
    """A kid that matches the pattern only in part is refused."""
    kid = "c0ffee00-1111-2222-3333-444455556666"
    issuer = publish(idp, kid)
    keys = provider_of(idp, kid_pattern=UUID)
    for other in (f"{kid}a", f"a{kid}", f"{kid}\n", kid.upper(), "a"):
        assert not accepted(issuer.token(header={"kid": other}), keys)
    assert accepted(issuer.token(), keys)
    assert requested(idp) == [kid]


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9._~:@=+/%?#-]{1,300}", fullmatch=True))
def test_a_kid_changes_no_other_part_of_the_url(kid: str) -> None:
    """Whatever the pattern accepts, host, path and query stay as configured."""
    for url in ("https://keys.example/a/{kid}/key?b=c", "https://keys.example/a?kid={kid}&b=c"):
        template = KeyTemplate(url, "(?s:.*)")
        if not template.accepts(kid):
            continue
        made, plain = urlsplit(template.url_of(kid)), urlsplit(template.url_of("KID"))
        prepared = urlsplit(requests.Request("GET", template.url_of(kid)).prepare().url or "")
        assert prepared == made
        assert (made.scheme, made.netloc, made.fragment) == ("https", "keys.example", "")
        assert unquote(made.path).split("/") == plain.path.replace("KID", kid).split("/")
        assert unquote(made.query) == plain.query.replace("KID", kid)
        assert re.fullmatch(r"[A-Za-z0-9._~%/?&=:-]+", template.url_of(kid))


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (None, "must have {kid} once"),
        ("https://keys.example/", "must have {kid} once"),
        ("https://keys.example/{kid}/{kid}", "must have {kid} once"),
        ("https://{kid}.example/", "path or query"),
        ("https://{kid}/", "path or query"),
        ("https://keys.example{kid}/", "path or query"),
        ("https://keys.example:{kid}/", "path or query"),
        ("https://{kid}@keys.example/", "path or query"),
        ("{kid}://keys.example/", "path or query"),
        ("https://keys.example/#{kid}", "path or query"),
        ("https://keys.example/{kid}/{other}", "expected a URL"),
        ("http://keys.example/{kid}", "expected an https URL"),
        ("http://127.0.0.1/{kid}", "allow_http_on_loopback=True"),
        ("https://u:hunter2@keys.example/{kid}", "has credentials"),
    ],
)
def test_an_invalid_url_is_refused(url: Any, fault: str) -> None:
    """The message says where in the URL a key ID may be."""
    with pytest.raises(ConfigurationError, match=re.escape(fault)) as error:
        PerKidKeyProvider(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("pattern", ["(", None, 7, b"a", re.compile(b"a")])
def test_an_invalid_pattern_is_refused(pattern: Any) -> None:
    """The pattern must be a regular expression for strings."""
    with pytest.raises(ConfigurationError, match="kid_pattern"):
        PerKidKeyProvider(ALB, kid_pattern=pattern)


@pytest.mark.parametrize(
    "options",
    [{"session": "s"}, {"max_keys": 0}, {"min_ttl": 0}, {"max_ttl": 1}, {"max_stale": -1}],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """An option of a wrong type, or out of range, raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        PerKidKeyProvider(ALB, **options)


def test_the_representation_shows_the_url_without_its_query() -> None:
    """The representation has the place of the key ID; an API key is not shown."""
    shown = repr(PerKidKeyProvider(f"{ALB}?key=hunter2", kid_pattern=re.compile(UUID)))
    assert ALB in shown
    assert "hunter2" not in shown


# --- Responses of the server


@pytest.mark.parametrize("status", [403, 404, 410])
def test_403_404_and_410_mean_an_unknown_kid(idp: IdentityProvider, status: int) -> None:
    """Unknown kids get 401, not 503, even before any key was fetched; valid tokens are accepted."""
    a = publish(idp, "a")
    idp.behave(path="/keys/made-up", status=status)
    keys = provider_of(idp)
    stranger = TokenIssuer(kid="made-up", algorithm="ES256")

    assert not accepted(stranger.token(), keys)
    assert not accepted(stranger.token(), keys)
    assert keys.status()["failures"] == 0
    assert not has_keys({"state": "unknown", **keys.status()})
    assert accepted(a.token(), keys)
    assert requested(idp) == ["made-up", "a"]


@pytest.mark.parametrize(
    "how",
    [
        {"status": 500},
        {"status": 204},
        {"status": 401},
        {"status": 503, "headers": {"Retry-After": "7"}},
        {"redirect_to": "/keys/b"},
        {"body": b""},
        {"body": "<html>"},
        {"body": "{}"},
        {"body": {"keys": []}},
        {"body": b'{"kty": "EC", "kty": "EC"}'},
        {"body": {"kty": "oct", "k": "c2VjcmV0" * 6}},
        pytest.param(
            {"body": {**TokenIssuer(algorithm="ES256").jwk, "kid": "b"}}, id="another kid"
        ),
        pytest.param(
            {"body": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}, id="bad PEM"
        ),
        {"reset": True},
        {"grow": 2},
    ],
    ids=str,
)
def test_any_other_response_is_a_failed_fetch(idp: IdentityProvider, how: dict[str, Any]) -> None:
    """The token gets 503, since its key may exist, and the error doesn't quote the body."""
    a = publish(idp, "a")
    publish(idp, "b")
    idp.behave(path="/keys/a", **how)
    keys = provider_of(idp)
    with pytest.raises(VerificationUnavailable) as error:
        accepted(a.token(), keys)
    text = str(error.value.__cause__)
    assert "c2VjcmV0" not in text
    assert "AAAA" not in text
    assert keys.status()["failures"] == 1
    assert idp.count("/keys/b") == 0


def test_a_jwk_may_have_its_kid_or_none(idp: IdentityProvider) -> None:
    """A JWK's ``kid`` is the requested one, or missing."""
    issuer = publish(idp, "a", jwk=True)
    assert accepted(issuer.token(), provider_of(idp))
    idp.documents["/keys/a"] = {k: v for k, v in issuer.jwk.items() if k != "kid"}
    assert accepted(issuer.token(), provider_of(idp))


def test_made_up_kids_cause_two_requests(idp: IdentityProvider, clock: Any) -> None:
    """A thousand of them cause two requests, later one per 30 seconds; known keys are not affected."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    assert accepted(a.token(), keys)
    idp.forget()
    stranger = TokenIssuer(algorithm="ES256")
    for number in range(1000):
        assert not accepted(stranger.token(header={"kid": f"made-up-{number}"}), keys)
    assert idp.count() == 2
    assert accepted(a.token(), keys)
    clock.move(31)
    assert accepted(b.token(), keys)


def test_explaining_a_token_looks_up_no_key(idp: IdentityProvider) -> None:
    """A key that is kept verifies the token; another one isn't fetched."""
    a, b = publish(idp, "a"), publish(idp, "b")
    provider = provider_of(idp)
    auth = Authenticator(keys=provider, validator=JWTValidator(algorithms="ES256"))
    auth.verify(a.token())

    known, unknown = explain(auth, a.token()), explain(auth, b.token())

    assert known
    assert unknown.error is not None
    assert unknown.error.status == 503
    assert requested(idp) == ["a"]
    assert [key.kid for key in provider.current_keys()] == ["a"]
