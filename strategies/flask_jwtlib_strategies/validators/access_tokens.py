"""The validator of one issuer's access tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_jwtlib import Audience, ConfigurationError, Issuer, JWTValidator
from flask_jwtlib.claim_rules import AccessToken, ClaimRule, Client, Expiry, as_rules

__all__ = ["access_token_validator", "require_public_key_algorithms"]


def access_token_validator(
    issuer: str,
    audience: Any = None,
    *,
    rules: Iterable[ClaimRule] = (),
    leeway: float = 0,
    **options: Any,
) -> JWTValidator:
    """Make a ``JWTValidator`` for the access tokens of one issuer.

    Use it to compose an ``Authenticator`` of your own with the rules that ``oidc_authenticator`` applies::

        Authenticator(keys=…, validator=access_token_validator("https://issuer.example", "api"))

    The validator refuses tokens that aren't access tokens, and tokens without ``exp``, unless ``rules`` has
    an ``AccessToken`` or an ``Expiry``.

    Args:
        issuer: The ``iss`` of the tokens.
        audience: This API's name in the tokens' ``aud``, or several. Omit it only if the tokens have no
            ``aud``, and add a ``Client`` to ``rules``.
        rules: Claim rules, applied after those for ``iss`` and ``aud``.
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
        options: Other options of ``JWTValidator``, such as ``algorithms``.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, or an option is wrong.
    """
    given = as_rules(rules)
    defaults: tuple[ClaimRule, ...] = (Expiry(leeway, required=True), AccessToken())
    kept = [rule for rule in defaults if not any(isinstance(each, type(rule)) for each in given)]
    return JWTValidator(
        rules=(*kept, *_audience_rules(audience, given), Issuer(issuer), *given),
        leeway=leeway,
        **options,
    )


def require_public_key_algorithms(validator: JWTValidator) -> JWTValidator:
    """Return a validator after checking that it accepts no algorithm with a shared secret.

    Use it where the issuer publishes its keys: a published key must never be used as an HMAC secret.

    Raises:
        ConfigurationError: The validator accepts HS256, HS384 or HS512.
    """
    secret = [name for name in validator.algorithms if name.startswith("HS")]
    if secret:
        raise ConfigurationError(
            f"{' and '.join(secret)} needs a secret that is shared with the issuer, and published keys "
            "aren't secret; expected the algorithm that the issuer signs with, such as RS256"
        )
    return validator


def _audience_rules(audience: Any, rules: Iterable[ClaimRule]) -> Iterable[ClaimRule]:
    """Return the rule about ``aud``; none if a ``Client`` says whose tokens to accept."""
    given: object = audience
    several = isinstance(given, Iterable) and not isinstance(given, str)
    names: tuple[Any, ...] = tuple(audience) if several else (audience,)
    if names not in {(), (None,)}:
        return (Audience(*names),)
    if any(isinstance(rule, Client) for rule in rules):
        return ()
    raise ConfigurationError(
        "there is no audience; expected this API's name in the tokens' aud. Without it, a token that the "
        "issuer made for any other API would be accepted (RFC 8725 §3.9). If the tokens have no aud, as "
        "Amazon Cognito's, name the clients instead: rules=[Client('…')]"
    )
