"""Options of IssuerRouter and TrustedIssuer, and which ones are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import (
    Audience,
    BearerToken,
    Claims,
    ConfigurationError,
    Issuer,
    JWTValidator,
    KeyProvider,
    StaticKeyProvider,
    TokenValidator,
)
from flask_jwtlib.errors import (
    MalformedTokenError,
)
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import raises

from .issuers_kit import A_URL, B_URL, A, B, FixedClaims, router_of, token_of, trusted, verify


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(IssuerRouter, "needs at least one TrustedIssuer", id="no issuer"),
        pytest.param(lambda: IssuerRouter(A_URL), "objects, not 'https://a", id="text"),
        pytest.param(lambda: IssuerRouter([trusted(A)]), "objects, not \\[", id="list"),
        pytest.param(lambda: IssuerRouter(TrustedIssuer), "objects, not <class", id="class"),
        pytest.param(
            lambda: IssuerRouter(trusted(A), trusted(B), trusted(A)),
            "'https://a.example' is given twice.*CompositeKeyProvider",
            id="twice",
        ),
        pytest.param(
            lambda: trusted(A, audience=None), "there is no audience.*RFC 8725", id="no aud"
        ),
        pytest.param(lambda: trusted(A, audience=[]), "there is no audience", id="empty audience"),
        pytest.param(lambda: trusted(A, audience=""), "non-empty strings, not ''", id="blank aud"),
        pytest.param(lambda: trusted(A, audience=["api", 5]), "not 5", id="number among aud"),
        pytest.param(lambda: trusted(A, audience=5), "not 5", id="number as audience"),
        pytest.param(lambda: trusted(A, audience=b"api"), "non-empty strings", id="bytes as aud"),
        pytest.param(lambda: TrustedIssuer("", keys=A.jwk), "'': .*non-empty", id="blank issuer"),
        pytest.param(lambda: TrustedIssuer(None, keys=A.jwk), "None: Issuer takes", id="None"),
        pytest.param(
            lambda: TrustedIssuer([A_URL], keys=A.jwk), "takes non-empty", id="list of iss"
        ),
        pytest.param(
            lambda: TrustedIssuer(5, validator=FixedClaims({})),
            "takes non-empty",
            id="number as issuer",
        ),
        pytest.param(
            lambda: trusted(A, keys=None), "JWTValidator needs keys: pass keys=", id="no keys"
        ),
        pytest.param(
            lambda: trusted(A, keys="secret"), "'https://a.example': this text", id="secret"
        ),
        pytest.param(lambda: trusted(A, keys=[]), "there are none", id="empty keys"),
        pytest.param(lambda: trusted(A, keys=StaticKeyProvider), "is the class", id="keys class"),
        pytest.param(lambda: trusted(A, algorithms="ES256"), "keys verify RS256", id="algorithm"),
        pytest.param(lambda: trusted(A, algorithms="none"), "none", id="alg none"),
        pytest.param(lambda: trusted(A, algorithms=[]), "algorithm", id="no algorithm"),
        pytest.param(lambda: trusted(A, rules=5), "rules must be a list", id="rules"),
        pytest.param(lambda: trusted(A, rules=["exp"]), "a claim rule must be", id="no rule"),
        pytest.param(lambda: trusted(A, leeway=-1), "leeway is", id="leeway"),
        pytest.param(lambda: trusted(A, max_size=0), "1 or more", id="max_size"),
        pytest.param(
            lambda: TrustedIssuer(A_URL, keys=A.jwk, validator=JWTValidator),
            "is the class",
            id="class",
        ),
        pytest.param(
            lambda: TrustedIssuer(A_URL, keys=A.jwk, validator=object()),
            "no method validate",
            id="no validator",
        ),
        pytest.param(
            lambda: TrustedIssuer(A_URL, validator=JWTValidator(), audience="api", leeway=0),
            "audience, leeway can't be used together with validator=",
            id="options and validator",
        ),
    ],
)
def test_an_invalid_composition_is_refused(make: Callable[[], object], message: str) -> None:
    """Missing, duplicate or contradictory settings raise when the router is made, with the issuer's name."""
    with pytest.raises(ConfigurationError, match=re.compile(message, re.DOTALL)):
        make()


@pytest.mark.parametrize(
    "option",
    [
        {"audience": "api"},
        {"algorithms": "RS256"},
        {"rules": []},
        {"leeway": 0},
        {"max_size": 8192},
    ],
    ids=lambda option: next(iter(option)),
)
def test_options_beside_a_validator_are_refused(option: dict[str, Any]) -> None:
    """Options that a custom validator would ignore are refused."""
    validator = JWTValidator(rules=[Issuer(A_URL), Audience("api")])

    with pytest.raises(ConfigurationError, match=next(iter(option))):
        TrustedIssuer(A_URL, keys=A.jwk, validator=validator, **option)


def test_the_routers_max_size_can_be_set() -> None:
    """It limits tokens also for validators without a limit; an issuer's own limit still applies."""

    class Unlimited(TokenValidator):
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            return JWTValidator(rules=[Audience("api")], max_size=20_000).validate(token, keys)

    large = token_of(A, pad="x" * 9000)
    unlimited = TrustedIssuer(A_URL, keys=A.jwk, validator=Unlimited())
    assert verify(IssuerRouter(unlimited, max_size=20_000), large)
    for router in (
        IssuerRouter(unlimited),
        IssuerRouter(trusted(A, max_size=20_000), max_size=8192),
        IssuerRouter(trusted(A), max_size=20_000),
    ):
        with raises(MalformedTokenError, match="too large"):
            verify(router, large)


@pytest.mark.parametrize("size", [0, -1, True, "8192", 8192.0], ids=repr)
def test_the_routers_max_size_must_be_a_positive_integer(size: Any) -> None:
    """Anything else raises when the router is made."""
    with pytest.raises(ConfigurationError, match="max_size must be a whole number"):
        IssuerRouter(trusted(A), max_size=size)


def test_a_router_is_immutable() -> None:
    """The issuers of a router are fixed when it is made."""
    router = router_of(A)

    with pytest.raises(TypeError):
        router.issuers[B_URL] = trusted(B)
    for change in (lambda: setattr(router, "issuers", {}), lambda: setattr(trusted(A), "keys", B)):
        with pytest.raises(AttributeError):
            change()
    assert repr(router) == "IssuerRouter(issuers=<1 issuers>, max_size=8192)"
    assert A_URL in repr(trusted(A))
