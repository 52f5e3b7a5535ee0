"""Makes the validator of one issuer's access tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_jwtlib import AccessToken, Audience, Client, ConfigurationError, Issuer, JWTValidator
from flask_jwtlib.claim_rules import ClaimRule, Expiry, as_rules

__all__ = ["issuer_validator", "with_public_keys"]


def issuer_validator(
    issuer: str,
    audience: Any = None,
    *,
    rules: Iterable[ClaimRule] = (),
    leeway: float = 0,
    **options: Any,
) -> JWTValidator:
    """Make the validator.

    It refuses tokens that aren't access tokens, and tokens without ``exp``, unless ``rules`` has an
    ``AccessToken`` or an ``Expiry`` of its own.

    Args:
        issuer: The ``iss`` of the tokens.
        audience: Our name in their ``aud``, or several. None only if ``rules`` has a ``Client``.
        rules: Claim rules after those for ``iss`` and ``aud``.
        leeway: Seconds by which the issuer's clock and ours may differ.
        options: Other options of ``JWTValidator``.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, or an option is of a wrong
            type.
    """
    given = as_rules(rules)
    defaults: tuple[ClaimRule, ...] = (Expiry(leeway, required=True), AccessToken())
    kept = [rule for rule in defaults if not any(isinstance(each, type(rule)) for each in given)]
    return JWTValidator(
        rules=(*kept, *_recipient(audience, given), Issuer(issuer), *given),
        leeway=leeway,
        **options,
    )


def _recipient(audience: Any, rules: Iterable[ClaimRule]) -> Iterable[ClaimRule]:
    """Return the rule that says who the tokens are for, unless a given one does."""
    given: object = audience
    several = isinstance(given, Iterable) and not isinstance(given, str)
    names: tuple[Any, ...] = tuple(audience) if several else (audience,)
    if names not in {(), (None,)}:
        return (Audience(*names),)
    if any(isinstance(rule, Client) for rule in rules):
        return ()
    raise ConfigurationError(
        "there is no audience: expected what the tokens call this API in aud. Without it, a token that "
        "the issuer made for any other API would be accepted (RFC 8725 §3.9). If its tokens have no "
        "aud, as Amazon Cognito's, name the clients instead: rules=[Client('…')]"
    )


def with_public_keys(validator: JWTValidator) -> JWTValidator:
    """Return a validator after checking that it suits keys which an issuer publishes.

    Raises:
        ConfigurationError: It accepts an algorithm that needs a shared secret.
    """
    secret = [name for name in validator.algorithms if name.startswith("HS")]
    if secret:
        raise ConfigurationError(
            f"{' and '.join(secret)} needs a secret that is shared with the issuer, and published keys "
            "aren't secret: expected the algorithm that the issuer signs with, such as RS256"
        )
    return validator
