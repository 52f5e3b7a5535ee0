"""An issuer whose tokens are accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    Issuer,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import ClaimRule
from flask_jwtlib.errors import WrongIssuerError
from flask_jwtlib.key_providers import CheckedKeyProvider
from flask_jwtlib.sharing import Shared

from .access_tokens import access_token_validator

__all__ = ["TrustedIssuer"]


@frozen(init=False, eq=False)
class TrustedIssuer(Shared):
    """Describes one issuer of an ``IssuerRouter``: its keys, and the rules for its tokens.

    Tokens without ``exp`` and tokens that aren't access tokens are refused, unless ``rules`` has an
    ``Expiry`` or an ``AccessToken``.

    Args:
        issuer: The ``iss`` of its tokens. The spelling counts: ``https://a`` and ``https://a/`` are
            different issuers.
        keys: Its keys, in any form that ``Authenticator`` accepts.
        audience: This API's name in its tokens' ``aud``, or several. Omit it only if its tokens have no
            ``aud``, and add a ``Client`` to ``rules``, which says whose tokens to accept.
        algorithms: The accepted JWS algorithms, one or several. RS256 by default.
        rules: Claim rules for its tokens, applied after those for ``iss`` and ``aud``.
        leeway: Accepted difference between its clock and this server's, in seconds.
        max_size: Longest accepted token, in characters. 8192 by default.
        validator: A validator for its tokens, in place of the five options above. ``iss`` is compared in
            any case. The validator's own ``max_size``, if it has one, applies.

    Attributes:
        keys: The provider of its keys.
        checked_keys: The same, with its errors as ``VerificationUnavailable``.
        validator: The validator of its tokens.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, or an option is wrong or
            contradicts another.
    """

    issuer: str
    keys: KeyProvider
    validator: TokenValidator
    checked_keys: KeyProvider = field(
        init=False,
        repr=False,
        default=Factory(lambda self: CheckedKeyProvider(self.keys), takes_self=True),
    )

    def __init__(
        self,
        issuer: str,
        *,
        keys: Any = None,
        audience: str | Iterable[str] | None = None,
        algorithms: str | Iterable[str] | None = None,
        rules: Iterable[ClaimRule] | None = None,
        leeway: float | None = None,
        max_size: int | None = None,
        validator: TokenValidator | None = None,
    ) -> None:
        options = {
            "audience": audience,
            "algorithms": algorithms,
            "rules": rules,
            "leeway": leeway,
            "max_size": max_size,
        }
        given = {name: value for name, value in options.items() if value is not None}
        try:
            composed = _compose(issuer, keys, validator, given)
        except ConfigurationError as error:
            raise ConfigurationError(f"the trusted issuer {issuer!r}: {error}") from error
        cast("Any", self).__attrs_init__(issuer, composed.keys, composed.validator)

    def verify(self, token: BearerToken) -> Claims:
        """Return the claims of a token of this issuer.

        Raises:
            InvalidTokenError: The token is refused; the class of the error says why.
            VerificationUnavailable: The token can't be verified at the moment.
        """
        claims = self.validator.validate(token, self.checked_keys)
        returned: object = claims
        if type(returned) is not Claims and not isinstance(returned, Mapping):
            raise VerificationUnavailable(
                f"the validator returned {type(returned).__name__}, not claims"
            )
        issuer: object = claims.get("iss")
        if issuer != self.issuer:
            raise WrongIssuerError(
                "iss",
                f"iss of the verified token is {issuer!a:.120}, expected {self.issuer!r}",
            )
        return claims


def _compose(issuer: str, keys: Any, validator: Any, options: dict[str, Any]) -> Authenticator:
    """Check an issuer's options by composing an ``Authenticator`` of them."""
    # Checks that the issuer is a non-empty string, also where a validator is given.
    Issuer(issuer)
    if validator is None:
        validator = access_token_validator(issuer, **options)
    elif options:
        raise ConfigurationError(
            f"{', '.join(options)} can't be used together with validator=, which replaces them: "
            "set them on the validator"
        )
    return Authenticator(keys=keys, validator=validator)
