"""Validators around another one: key health sees the keys of the inner one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Audience, Authenticator, JWTValidator, TokenValidator, TTLKeyProvider
from flask_jwtlib.key_health import key_statuses, warm_up_keys
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

WRAPPERS: dict[str, Callable[[TokenValidator], TokenValidator]] = {
    "cache": CachingValidator,
    "double submit": DoubleSubmit().validator,
    "development tokens": DevelopmentTokens(rules=[Audience("api")]).validator,
    "all": lambda inner: DoubleSubmit().validator(
        CachingValidator(DevelopmentTokens(rules=[Audience("api")]).validator(inner))
    ),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_key_health_sees_the_keys_within(issuer: TokenIssuer, wrap: Any) -> None:
    """They are listed, and fetched before the first request. The longest token is the inner one's, too."""
    keys = TTLKeyProvider(lambda: issuer.jwks)
    router = IssuerRouter(TrustedIssuer(issuer.issuer, keys=keys, audience="api"), max_size=9000)
    validator = wrap(router)
    app = Flask("app")
    Authenticator(validator=validator).protect(app)

    (before,) = key_statuses(app)
    warm_up_keys(app)
    (after,) = key_statuses(app)

    assert (before["state"], after["state"]) == ("cold", "fresh")
    assert validator.max_size == 9000


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_validator_without_keys_has_no_status(issuer: TokenIssuer, wrap: Any) -> None:
    """Only the ``Authenticator``'s own keys are listed."""
    app = Flask("app")
    Authenticator(keys=issuer.verification_key, validator=wrap(JWTValidator())).protect(app)
    assert [status["state"] for status in key_statuses(app)] == ["static"]
