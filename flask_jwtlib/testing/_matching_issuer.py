"""A test issuer whose tokens an app's rules accept."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import attrs

import flask_jwtlib

from ..claim_rules import (
    Audience,
    ClaimRule,
    Client,
    Issuer,
    MaxLifetime,
    Subject,
    TokenType,
    TokenUse,
)
from ..errors import AuthenticationError, ConfigurationError
from ..jws import CompactJWS
from ..validators import JWTValidator
from ..values import Claims
from .issuer import TokenIssuer

__all__ = ["issuers_within", "kept_issuer", "matching_issuer"]

_ADVICE = (
    "pass an issuer with what its tokens need: "
    "lend_keys(auth, TokenIssuer('https://login.example', claims={'aud': 'api'}))"
)


def matching_issuer(validator: object, iss: str | None = None) -> TokenIssuer:
    """Make an issuer from the rules of a validator, or of the ``JWTValidator`` within it.

    Its key is made once in a process for each ``iss`` and algorithm.

    Args:
        validator: The validator.
        iss: The ``iss`` of the tokens. By default it is read from the rules.

    Raises:
        ConfigurationError: There is no ``JWTValidator``, or the rules need more than they tell.
    """
    if validator is flask_jwtlib.default_authenticator.validator:
        validator = flask_jwtlib._api.validator()  # noqa: SLF001 - it follows the settings
    found = _jwt_validator(validator)
    if found is None:
        raise ConfigurationError(
            f"lend_keys can't read which tokens {type(validator).__name__} accepts; {_ADVICE}"
        )
    claims: dict[str, Any] = {}
    typ, lifetime = "JWT", 3600.0
    for rule in found.rules:
        if isinstance(rule, Issuer):
            iss = iss or rule.accepted[0]
        elif isinstance(rule, Audience) and rule.accepted:
            claims["aud"] = rule.accepted[0]
        elif isinstance(rule, Client):
            claims["client_id"] = rule.accepted[0]
        elif isinstance(rule, TokenUse):
            claims["token_use"] = rule.accepted[0]
        elif isinstance(rule, TokenType):
            typ = rule.accepted[0]
        elif isinstance(rule, MaxLifetime):
            lifetime = min(lifetime, rule.seconds)
    issuer = attrs.evolve(
        kept_issuer(iss or "https://issuer.example", found.algorithms[0]),
        claims=claims,
        typ=typ,
        lifetime=lifetime,
    )
    _check(issuer, found.rules)
    return issuer


@lru_cache(maxsize=64)
def kept_issuer(iss: str, algorithm: str) -> TokenIssuer:
    """Return the issuer that has the key, since making an RSA key takes a tenth of a second."""
    return TokenIssuer(iss, algorithm=algorithm, kid="lent-key")


def _check(issuer: TokenIssuer, rules: Iterable[ClaimRule]) -> None:
    """Apply this package's rules to a token of the issuer. The test chooses the subject."""
    jws = CompactJWS(issuer.token())
    claims = Claims(jws.claims(), checked_at=issuer.clock(), header=jws.header.parameters)
    for rule in rules:
        if type(rule).__module__.startswith("flask_jwtlib.") and not isinstance(rule, Subject):
            try:
                rule(claims)
            except AuthenticationError as error:
                raise ConfigurationError(
                    f"lend_keys can't make tokens that all rules accept: {error.log_message}; {_ADVICE}"
                ) from error


def _jwt_validator(validator: Any) -> JWTValidator | None:
    """Return the validator itself, or the one that it wraps. Of several, that of bearer tokens."""
    for each in _within(validator):
        if isinstance(each, JWTValidator):
            return each
    return None


def issuers_within(validator: object) -> Mapping[str, Any]:
    """Return the issuers of the ``IssuerRouter`` that a validator is or wraps, by their ``iss``."""
    for each in _within(validator):
        issuers = _mapping(each, "issuers")
        if issuers:
            return issuers
    return {}


def _within(validator: Any) -> Iterable[Any]:
    """Yield a validator, and those that it wraps, one in another."""
    seen: set[int] = set()
    while validator is not None and id(validator) not in seen:
        seen.add(id(validator))
        yield validator
        by_scheme = _mapping(validator, "validators")
        bearer = [each for scheme, each in by_scheme.items() if scheme.lower() == "bearer"]
        validator = bearer[0] if bearer else getattr(validator, "validator", None)


def _mapping(owner: object, name: str) -> Mapping[str, Any]:
    value: object = getattr(owner, name, None)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
