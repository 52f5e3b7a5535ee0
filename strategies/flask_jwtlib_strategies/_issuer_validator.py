"""Makes the validator of one issuer's access tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_jwtlib import Audience, ClaimRule, ConfigurationError, Issuer, JWTValidator
from flask_jwtlib.judgement import as_rules

__all__ = ["issuer_validator", "with_public_keys"]


def issuer_validator(
    issuer: str, audience: Any = None, *, rules: Iterable[ClaimRule] = (), **options: Any
) -> JWTValidator:
    """Make it.

    Args:
        issuer: The ``iss`` of the tokens.
        audience: What they call us in ``aud``, one name or several.
        rules: Claim rules after those for ``iss`` and ``aud``.
        options: Others of ``JWTValidator``.

    Raises:
        ConfigurationError: There is no audience, or an option is of a wrong kind.
    """
    given: object = audience
    several = isinstance(given, Iterable) and not isinstance(given, str)
    names = tuple(audience) if several else (audience,)
    if names in {(), (None,)}:
        raise ConfigurationError(
            "there is no audience: want what the tokens call this API in aud. Without one, a token "
            "that the issuer made for anybody's API would be accepted (RFC 8725 §3.9). For tokens "
            "that have none, give a JWTValidator whose rules say whom they are for"
        )
    return JWTValidator(rules=(Issuer(issuer), Audience(*names), *as_rules(rules)), **options)


def with_public_keys(validator: JWTValidator) -> JWTValidator:
    """Answer a validator that is for keys which an issuer publishes.

    Raises:
        ConfigurationError: It accepts an algorithm that takes a secret.
    """
    secret = [name for name in validator.algorithms if name.startswith("HS")]
    if secret:
        raise ConfigurationError(
            f"{' and '.join(secret)} would take a secret that we share with the issuer, and keys "
            "that it publishes are none: want the algorithm that it signs with, such as RS256"
        )
    return validator
