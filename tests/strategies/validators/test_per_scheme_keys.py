"""The keys behind a ``PerSchemeValidator``, as key health sees them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    JWTValidator,
    KeyProvider,
    TokenValidator,
    TTLKeyProvider,
    VerificationUnavailable,
)
from flask_jwtlib.key_health import key_statuses, keys_ready, warm_up_keys
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.validators.api_keys import APIKeyValidator
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator
from tests.kit import raises


def router(issuer: TokenIssuer, keys: KeyProvider) -> IssuerRouter:
    """Return a validator with keys of its own."""
    return IssuerRouter(TrustedIssuer(issuer.issuer, keys=keys, audience="api"))


WRAPPED: dict[str, Callable[[IssuerRouter], TokenValidator]] = {
    "plain": lambda own: PerSchemeValidator(
        {"Bearer": own, "Cookie": own, "ApiKey": APIKeyValidator([])}
    ),
    "cached inside": lambda own: PerSchemeValidator({"Bearer": CachingValidator(own)}),
    "cached around": lambda own: CachingValidator(PerSchemeValidator({"Bearer": own})),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_key_health_sees_the_keys_of_its_validators(
    app: Flask, issuer: TokenIssuer, wrap: Callable[[IssuerRouter], TokenValidator]
) -> None:
    """The state of an app's keys includes those of a validator with its own, which are warmed up once."""
    fetches: list[int] = []
    provider = TTLKeyProvider(lambda: fetches.append(1) or issuer.public_pem)
    auth = Authenticator(validator=wrap(router(issuer, provider)))
    auth.protect(app)

    (status,) = key_statuses(app)
    assert (status["provider"], status["state"]) == (type(auth.validator).__name__, "cold")
    assert [list(member["issuers"]) for member in status["members"]] == [[issuer.issuer]]
    assert keys_ready(app)
    assert auth.verify(issuer.token(aud="api")).subject == "alice"
    assert len(fetches) == 1


def test_a_cache_of_jwts_has_no_keys_of_its_own(app: Flask, issuer: TokenIssuer) -> None:
    """A cache around a validator without its own keys isn't listed beside the keys that it uses."""
    Authenticator(keys=issuer.public_pem, validator=CachingValidator(JWTValidator())).protect(app)

    assert [each["provider"] for each in key_statuses(app)] == ["StaticKeyProvider"]
    warm_up_keys(app)
    assert keys_ready(app)


def test_keys_that_are_down_are_not_ready(app: Flask, issuer: TokenIssuer) -> None:
    """An issuer that is down makes the app unready, and ``warm_up`` says whose keys these are."""

    def down() -> str:
        raise ConnectionError("down")

    validator = PerSchemeValidator({"Bearer": router(issuer, TTLKeyProvider(down))})
    Authenticator(validator=validator).protect(app)

    assert not keys_ready(app)
    with raises(VerificationUnavailable, match="keys of 1 validators .* such as those of Bearer"):
        validator.warm_up()


def test_validators_without_keys_are_ready(app: Flask, issuer: TokenIssuer) -> None:
    """With the Authenticator's keys, or without any, there is nothing to fetch."""
    validator = PerSchemeValidator({"Bearer": JWTValidator(), "ApiKey": APIKeyValidator([])})
    Authenticator(keys=issuer.public_pem, validator=validator).protect(app)

    warm_up_keys(app)
    states = {each["provider"]: each["state"] for each in key_statuses(app)}
    assert states == {"StaticKeyProvider": "static", "PerSchemeValidator": "static"}
    assert keys_ready(app)
