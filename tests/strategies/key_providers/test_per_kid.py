"""Keys of a source that has one URL for each key ID, and no list."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.key_health import has_keys
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers._key_template import KeyTemplate
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider

PATIENCE = 30
HOUR = 3600
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ALB = "https://public-keys.auth.elb.eu-central-1.amazonaws.com/{kid}"


def provider_of(idp: IdentityProvider, **options: Any) -> PerKidKeyProvider:
    """A provider of the keys below ``/keys/``, that waits for slow machines."""
    options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
    return PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True, **options)


def publish(idp: IdentityProvider, kid: str, *, jwk: bool = False) -> TokenIssuer:
    """Publish a key as PEM or a JWK, and return who signs with it."""
    issuer = TokenIssuer(kid=kid, algorithm="ES256")
    idp.documents[f"/keys/{kid}"] = issuer.jwk if jwk else issuer.public_pem
    return issuer


def accepted(token: str, keys: KeyProvider) -> bool:
    """Whether a token is accepted; if not, its key is unknown."""
    try:
        JWTValidator(algorithms="ES256").validate(BearerToken(token), keys)
    except UnknownKeyError:
        return False
    return True


def asked(idp: IdentityProvider) -> list[str]:
    """The key IDs that were asked for."""
    return [request.path.removeprefix("/keys/") for request in idp.requests]


def refreshed(provider: PerKidKeyProvider) -> dict[str, Any]:
    """The status when no fetch is under way."""
    deadline = time.monotonic() + PATIENCE
    while provider.status()["fetching"] and time.monotonic() < deadline:
        time.sleep(0.001)
    return provider.status()


class TestPerKidKeyProvider(KeyProviderContract):
    """It is a key provider as any other."""

    idp: IdentityProvider

    @pytest.fixture(autouse=True)
    def _served(self, idp: IdentityProvider) -> None:
        self.idp = idp

    def make_key_provider(self, issuer: TokenIssuer) -> KeyProvider:
        self.idp.documents[f"/keys/{issuer.kid}"] = issuer.public_pem
        return provider_of(self.idp)


@pytest.mark.parametrize("jwk", [False, True], ids=["PEM", "JWK"])
def test_the_first_token_gets_its_key(idp: IdentityProvider, *, jwk: bool) -> None:
    """One fetch for each key ID, and none before the first token."""
    a, b = (publish(idp, kid, jwk=jwk) for kid in ("a", "b"))
    auth = Authenticator(keys=provider_of(idp), validator=JWTValidator(algorithms="ES256"))
    assert idp.connections == 0
    for _ in range(3):
        for issuer in (a, b):
            assert auth.authenticate(make_request(headers=bearer(issuer.token()))).subject
    assert asked(idp) == ["a", "b"]


def test_a_key_verifies_the_tokens_of_its_kid_only(idp: IdentityProvider) -> None:
    """Neither another kid's nor those without one, however few keys there are."""
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


# --- Which key IDs enter the URL


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
def test_another_kid_causes_no_request(idp: IdentityProvider, kid: str) -> None:
    """Tokens that name it are refused at once, and cost none of the bounded searches."""
    a = publish(idp, "a")
    keys = provider_of(idp)
    for _ in range(5):
        assert not accepted(a.token(header={"kid": kid}), keys)
        assert keys.keys_at_hand(UnverifiedHeader("ES256", kid)) == ()
    assert idp.connections == 0
    assert accepted(a.token(), keys)


def test_the_whole_kid_must_match_the_pattern(idp: IdentityProvider) -> None:
    """Not its beginning or its end."""
    kid = "c0ffee00-1111-2222-3333-444455556666"
    issuer = publish(idp, kid)
    keys = provider_of(idp, kid_pattern=UUID)
    for other in (f"{kid}a", f"a{kid}", f"{kid}\n", kid.upper(), "a"):
        assert not accepted(issuer.token(header={"kid": other}), keys)
    assert accepted(issuer.token(), keys)
    assert asked(idp) == [kid]


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9._~:@=+/%?#-]{1,300}", fullmatch=True))
def test_no_kid_leaves_its_place(kid: str) -> None:
    """Whatever a pattern accepts, path, query and host of the URL are as configured."""
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
def test_a_bad_url_is_refused_when_it_is_made(url: Any, fault: str) -> None:
    """The message says where a key ID may be."""
    with pytest.raises(ConfigurationError, match=re.escape(fault)) as error:
        PerKidKeyProvider(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("pattern", ["(", None, 7, b"a", re.compile(b"a")])
def test_a_bad_pattern_is_refused_when_it_is_made(pattern: Any) -> None:
    """It is a regular expression for strings."""
    with pytest.raises(ConfigurationError, match="kid_pattern"):
        PerKidKeyProvider(ALB, kid_pattern=pattern)


@pytest.mark.parametrize(
    "options",
    [{"session": "s"}, {"max_keys": 0}, {"min_ttl": 0}, {"max_ttl": 1}, {"max_stale": -1}],
    ids=str,
)
def test_bad_options_are_refused_when_it_is_made(options: dict[str, Any]) -> None:
    """As with every provider."""
    with pytest.raises(ConfigurationError):
        PerKidKeyProvider(ALB, **options)


def test_it_shows_its_url_without_the_query() -> None:
    """The repr has the place for the key ID; an API key is not shown."""
    shown = repr(PerKidKeyProvider(f"{ALB}?key=hunter2", kid_pattern=re.compile(UUID)))
    assert ALB in shown
    assert "hunter2" not in shown


# --- What the server returns


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_kid_that_the_server_does_not_know_is_unknown(idp: IdentityProvider, status: int) -> None:
    """401, not 503, also where no key was fetched yet; genuine tokens are accepted all the same."""
    a = publish(idp, "a")
    idp.behave(path="/keys/made-up", status=status)
    keys = provider_of(idp)
    stranger = TokenIssuer(kid="made-up", algorithm="ES256")

    assert not accepted(stranger.token(), keys)
    assert not accepted(stranger.token(), keys)
    assert keys.status()["failures"] == 0
    assert not has_keys({"state": "unknown", **keys.status()})
    assert accepted(a.token(), keys)
    assert asked(idp) == ["made-up", "a"]


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
def test_anything_else_is_a_failed_fetch(idp: IdentityProvider, how: dict[str, Any]) -> None:
    """Nobody knows whether there is such a key: 503, and the log says why without the body."""
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


def test_a_jwk_may_name_its_kid(idp: IdentityProvider) -> None:
    """Its own, or none."""
    issuer = publish(idp, "a", jwk=True)
    assert accepted(issuer.token(), provider_of(idp))
    idp.documents["/keys/a"] = {k: v for k, v in issuer.jwk.items() if k != "kid"}
    assert accepted(issuer.token(), provider_of(idp))


def test_made_up_kids_cost_little(idp: IdentityProvider, clock: Any) -> None:
    """A thousand of them cost two requests and one each 30 seconds; known keys notice nothing."""
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


# --- How long a key is kept


@pytest.mark.parametrize("seconds", [60, 300, 3600])
def test_each_key_is_kept_for_its_time(idp: IdentityProvider, clock: Any, seconds: int) -> None:
    """However the other keys' times are, and whenever they were fetched."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    idp.behave(path="/keys/a", headers={"Cache-Control": f"max-age={seconds}"})
    idp.behave(path="/keys/b", headers={"Cache-Control": "max-age=1800"})
    keys = provider_of(idp, clock=clock)
    assert accepted(b.token(), keys)
    assert accepted(b.token(), keys)
    clock.move(40)
    assert accepted(a.token(), keys)
    del idp.documents["/keys/a"]
    for _ in range(20):
        clock.move(seconds / 20)
        accepted(a.token(), keys)
        refreshed(keys)
    clock.move(1)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_a_key_in_use_is_refreshed_and_another_is_not(idp: IdentityProvider, clock: Any) -> None:
    """Ahead of its end; one that no token names is dropped when its time is over."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    assert accepted(b.token(), keys)
    assert accepted(a.token(), keys)
    idp.forget()
    for _ in range(60):
        clock.move(15)
        assert accepted(a.token(), keys)
        refreshed(keys)
    assert set(asked(idp)) == {"a"}
    assert 3 <= idp.count() <= 6
    assert refreshed(keys)["kids"] == ["a"]


def test_an_idle_key_is_fetched_again_when_a_token_names_it(
    idp: IdentityProvider, clock: Any
) -> None:
    """After any time, and a withdrawn one is refused then."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    for pause in (0, HOUR, 100 * HOUR):
        clock.move(pause)
        assert accepted(a.token(), keys)
    assert asked(idp) == ["a", "a", "a"]
    del idp.documents["/keys/a"]
    clock.move(HOUR)
    assert not accepted(a.token(), keys)


@pytest.mark.parametrize("status", [404, 410])
def test_a_withdrawn_key_is_refused_with_its_next_refresh(
    idp: IdentityProvider, clock: Any, status: int
) -> None:
    """And the others stay."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=status)
    clock.move(299)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_a_key_that_is_forbidden_twice_is_refused(idp: IdentityProvider, clock: Any) -> None:
    """Once may be a firewall's mood; storage services return it for what does not exist."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=403)
    clock.move(301)
    assert accepted(a.token(), keys)
    assert accepted(b.token(), keys)
    refreshed(keys)
    clock.move(31)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)
    assert accepted(b.token(), keys)


def test_a_single_key_that_is_forbidden_twice_is_refused(idp: IdentityProvider, clock: Any) -> None:
    """Also where it is the only one, so that the whole refresh failed the first time."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    assert accepted(a.token(), keys)
    idp.behave(path="/keys/a", status=403)
    clock.move(301)
    assert accepted(a.token(), keys)
    assert keys.status()["failures"] == 1
    clock.move(31)
    accepted(a.token(), keys)
    refreshed(keys)
    assert not accepted(a.token(), keys)


def test_an_outage_is_survived_for_four_hours(idp: IdentityProvider, clock: Any) -> None:
    """Kept keys are used while none can be fetched again, and no longer."""
    a = publish(idp, "a")
    keys = provider_of(idp, clock=clock)
    assert accepted(a.token(), keys)
    idp.behave(status=500)
    for _ in range(47):
        clock.move(301)
        assert accepted(a.token(), keys)
        refreshed(keys)
    clock.move(HOUR)
    with pytest.raises(VerificationUnavailable):
        accepted(a.token(), keys)
    idp.behave()
    clock.move(60)
    assert accepted(a.token(), keys)


def test_one_key_that_cannot_be_refreshed_is_no_outage(idp: IdentityProvider, clock: Any) -> None:
    """The others are refreshed; it is used for four hours, is tried again, and is then unavailable."""
    a, b = (publish(idp, kid) for kid in ("a", "b"))
    keys = provider_of(idp, clock=clock)
    for issuer in (a, b, a, b):
        assert accepted(issuer.token(), keys)
    idp.behave(path="/keys/a", status=500)
    for _ in range(47):
        clock.move(301)
        assert accepted(a.token(), keys)
        assert accepted(b.token(), keys)
        refreshed(keys)
    for _ in range(12):
        clock.move(301)
        accepted(b.token(), keys)
        refreshed(keys)
    with pytest.raises(VerificationUnavailable):
        accepted(a.token(), keys)
    idp.behave(path="/keys/a")
    clock.move(31)
    assert accepted(a.token(), keys)


def test_a_refresh_ends_in_time(idp: IdentityProvider, clock: Any) -> None:
    """What there is no time for comes first the next time."""
    issuers = [publish(idp, kid) for kid in ("a", "b", "c")]
    keys: Any = provider_of(idp, clock=clock, fetch_timeout=1)
    for issuer in (*issuers, *issuers):
        assert accepted(issuer.token(), keys)
        clock.move(31)
    for kid in ("a", "b", "c"):
        keys.fetch.note_use(kid)
    clock.move(301)
    idp.forget()
    idp.behave(path="/keys/a", hang=True)
    began = time.monotonic()
    with pytest.raises(Exception, match="not answered within"):
        keys.fetch()
    assert time.monotonic() - began < PATIENCE
    assert asked(idp) == ["a"]
    idp.release()
    idp.behave()
    assert keys.fetch().keys.kids == {"a", "b", "c"}
    assert asked(idp) == ["a", "a", "b", "c"]


def test_so_many_keys_are_kept(idp: IdentityProvider, clock: Any) -> None:
    """The one that was fetched longest ago makes room, and is fetched again when it is named."""
    issuers = [publish(idp, f"k{number}") for number in range(5)]
    keys = provider_of(idp, clock=clock, max_keys=3)
    for issuer in issuers:
        clock.move(31)
        assert accepted(issuer.token(), keys)
        assert len(keys.status()["kids"]) <= 3
    assert keys.status()["kids"] == ["k2", "k3", "k4"]
    clock.move(31)
    assert accepted(issuers[0].token(), keys)


def test_a_warm_up_finds_nothing_and_harms_nothing(idp: IdentityProvider) -> None:
    """There is no list; the first token gets its key all the same, and then there are keys."""
    a = publish(idp, "a")
    keys = provider_of(idp)
    keys.warm_up()
    assert idp.connections == 0
    assert accepted(a.token(), keys)
    assert keys.key_set(UnverifiedHeader("ES256", "..")).kids == {"a"}
    assert keys.status()["state"] == "fresh"


def test_a_late_fetch_changes_nothing(idp: IdentityProvider) -> None:
    """What an abandoned fetch brings does not take the place of what came after it."""
    publish(idp, "a")
    publish(idp, "b")
    keys: Any = provider_of(idp)
    look_up = keys.fetch.client.get

    class Client:
        def get(self, url: str, **options: Any) -> Any:
            document = look_up(url, **options)
            if url.endswith("/a"):
                keys.fetch(kid="b")
            return document

    late = PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True)
    object.__setattr__(keys.fetch, "client", Client())
    keys.fetch(kid="a")
    object.__setattr__(keys.fetch, "client", late.fetch.client)  # type: ignore[attr-defined]
    assert keys.fetch().keys.kids == {"b"}
