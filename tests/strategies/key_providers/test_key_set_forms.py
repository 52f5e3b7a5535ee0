"""Published key sets: their forms, their size and their lifetime."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flask_jwtlib import (
    BearerToken,
    ConfigurationError,
    JWTValidator,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE


@pytest.fixture(params=["JWKSKeyProvider", "OIDCKeyProvider"])
def make(request: pytest.FixtureRequest, idp: IdentityProvider) -> Any:
    """Make a provider of either type for the identity provider's keys."""

    def make(**options: Any) -> JWKSKeyProvider | OIDCKeyProvider:
        options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
        if request.param == "JWKSKeyProvider":
            return JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, **options)
        return OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True, **options)

    return make


# --- use


@pytest.mark.parametrize(
    ("uses", "kids"),
    [
        pytest.param(("sig",), {"sig", "none"}, id="sig"),
        pytest.param("jwt-svid", {"svid", "none"}, id="one as text"),
        pytest.param(("sig", "jwt-svid"), {"sig", "svid", "none"}, id="several"),
        pytest.param(["jwt-svid"], {"svid", "none"}, id="list"),
    ],
)
def test_uses_selects_keys_by_their_use(
    idp: IdentityProvider, make: Any, clock: Any, uses: Any, kids: set[str]
) -> None:
    """A key without ``use`` is always used; SPIFFE's bundles say ``jwt-svid``."""
    jwk = TokenIssuer().jwk
    idp.jwks = {
        "keys": [
            {**jwk, "kid": "sig", "use": "sig"},
            {**jwk, "kid": "svid", "use": "jwt-svid"},
            {**jwk, "kid": "x509", "use": "x509-svid"},
            {**jwk, "kid": "enc", "use": "enc"},
            {**{name: value for name, value in jwk.items() if name != "use"}, "kid": "none"},
        ]
    }
    provider = make(uses=uses, clock=clock)
    assert provider.key_set().kids == kids
    idp.jwks = {"keys": idp.jwks["keys"][::-1]}
    clock.move(301)
    assert provider.key_set().kids == kids


@pytest.mark.parametrize("uses", [None, 7, ("sig", 7), ("sig", None), b"sig"])
def test_invalid_uses_are_refused(make: Any, uses: Any) -> None:
    """A value that isn't a string or strings raises when the provider is made."""
    with pytest.raises(ConfigurationError):
        make(uses=uses)


# --- Number of keys


@pytest.mark.parametrize(
    ("count", "max_keys", "read"),
    [(100, 100, True), (101, 100, False), (101, 101, True), (1000, 1000, True), (2, 1, False)],
)
@pytest.mark.parametrize("form", ["JWK set", "PEM map"])
def test_max_keys_limits_the_keys_of_a_set(
    idp: IdentityProvider, make: Any, form: str, count: int, max_keys: int, *, read: bool
) -> None:
    """The default is 100 and the maximum 1,000; the error says how many there are and what to do."""
    issuer = TokenIssuer(algorithm="ES256")
    kids = [f"k{number}" for number in range(count)]
    if form == "JWK set":
        idp.jwks = {"keys": [{**issuer.jwk, "kid": kid} for kid in kids]}
    else:
        idp.jwks = dict.fromkeys(kids, issuer.public_pem)
    provider = make() if max_keys == 100 else make(max_keys=max_keys)
    if read:
        assert len(provider.key_set().kids) == count
        return
    with pytest.raises(VerificationUnavailable) as error:
        provider.warm_up()
    assert f"has {count} keys, {max_keys} are allowed; max_keys={count}" in str(
        error.value.__cause__
    )


def test_a_set_of_more_than_1000_keys_is_an_error(idp: IdentityProvider, make: Any) -> None:
    """The error doesn't suggest a value that isn't allowed."""
    idp.jwks = {"keys": [{}] * 1001}
    provider = make(max_keys=1000)
    with pytest.raises(VerificationUnavailable) as error:
        provider.warm_up()
    assert "max_keys can be at most 1000" in str(error.value.__cause__)


@pytest.mark.parametrize("count", [0, -1, 1001, 1.0, True, "100", None, math.inf])
def test_invalid_max_keys_is_refused(make: Any, count: Any) -> None:
    """A number outside of 1 to 1000 raises when the provider is made."""
    with pytest.raises(ConfigurationError, match="max_keys must be a whole number from 1 to 1000"):
        make(max_keys=count)


# --- Lifetime


@pytest.mark.parametrize(
    ("headers", "options", "seconds"),
    [
        pytest.param({}, {}, 300, id="defaults"),
        pytest.param({}, {"max_ttl": 120}, 120, id="no header, at most"),
        pytest.param({}, {"min_ttl": 600}, 600, id="no header, at least"),
        pytest.param({"Cache-Control": "no-store"}, {"min_ttl": 5}, 5, id="no-store"),
        pytest.param({"Cache-Control": "no-store"}, {"min_ttl": 900}, 900, id="no-store, longer"),
        pytest.param({"Cache-Control": "max-age=20431"}, {"max_ttl": 21600}, 20431, id="Google"),
        pytest.param({"Cache-Control": "max-age=20431"}, {"max_ttl": 600}, 600, id="at most"),
        pytest.param(
            {"Cache-Control": "max-age=20431"}, {"min_ttl": 90, "max_ttl": 90}, 90, id="exactly"
        ),
    ],
)
def test_min_ttl_and_max_ttl_limit_the_lifetime(
    idp: IdentityProvider,
    make: Any,
    clock: Any,
    headers: dict[str, str],
    options: dict[str, float],
    seconds: float,
) -> None:
    """Whatever the response says, keys are fresh for ``min_ttl`` to ``max_ttl`` seconds."""
    idp.add_key()
    idp.behave(path=idp.jwks_path, headers=headers)
    provider = make(clock=clock, **options)
    provider.warm_up()
    clock.move(seconds - 0.001)
    assert provider.status()["state"] == "fresh"
    clock.move(0.002)
    assert provider.status()["state"] == "stale"


@pytest.mark.parametrize(
    "options",
    [
        {"min_ttl": 0},
        {"min_ttl": 0.5},
        {"min_ttl": -1},
        {"min_ttl": "60"},
        {"min_ttl": True},
        {"min_ttl": None},
        {"max_ttl": math.nan},
        {"max_ttl": math.inf},
        {"max_ttl": 86_401},
        {"max_ttl": 10**400},
        {"max_ttl": 59},
        {"min_ttl": 3601},
        {"min_ttl": 300, "max_ttl": 299},
    ],
    ids=str,
)
def test_invalid_lifetime_limits_are_refused(make: Any, options: dict[str, Any]) -> None:
    """A value that isn't a number in range raises when the provider is made, and names the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        make(**options)


# --- Maps of key IDs to PEM


def test_a_map_of_key_ids_to_pem_is_accepted(idp: IdentityProvider, make: Any, clock: Any) -> None:
    """Google publishes this form for Firebase and IAP; removed keys are refused and new ones accepted."""
    first, second = (TokenIssuer(kid=kid, algorithm="ES256") for kid in ("a", "b"))
    idp.jwks = {"a": first.public_pem}
    provider = make(clock=clock)
    validator = JWTValidator(algorithms="ES256")
    assert validator.validate(BearerToken(first.token()), provider).subject == "alice"
    generation = provider.generation
    clock.move(301)
    provider.warm_up()
    assert provider.generation == generation

    idp.jwks = {"b": second.public_pem}
    assert validator.validate(BearerToken(second.token()), provider).subject == "alice"
    assert provider.key_set().kids == {"b"}
    # The map gives each key its kid, so no key is used for any kid.
    assert provider.keys_for(UnverifiedHeader("ES256", "a")) == ()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({}, id="empty object"),
        pytest.param({"error": "not_found"}, id="error"),
        pytest.param({"a": 7}, id="number"),
        pytest.param({"keys": "-----BEGIN"}, id="keys as text"),
        pytest.param({"a": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}, id="bad"),
        pytest.param(TokenIssuer().jwk, id="JWK"),
    ],
)
def test_another_object_is_a_failed_fetch(idp: IdentityProvider, make: Any, content: Any) -> None:
    """The error names both accepted forms, and doesn't quote the document."""
    idp.jwks = content
    with pytest.raises(VerificationUnavailable) as error:
        make().warm_up()
    text = str(error.value.__cause__)
    assert 'neither a JWK set, with an array as "keys", nor a map of key IDs to PEM' in text
    assert "not_found" not in text
    assert "AAAA" not in text


def test_a_private_key_in_a_map_is_not_used(idp: IdentityProvider, make: Any) -> None:
    """A private key is skipped, as it is in a JWK set."""
    issuer = TokenIssuer(kid="a", algorithm="ES256")
    private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    idp.jwks = {"a": issuer.public_pem, "b": private}
    assert make().key_set().kids == {"a"}
