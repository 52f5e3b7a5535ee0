"""Accepts development tokens of local requests in debug mode, and leaves all others to another validator."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from attrs import Attribute, field, frozen
from flask import current_app

from flask_jwtlib import (
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    StaticKeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.dry_run import is_dry_run
from flask_jwtlib.jws import CompactJWS
from flask_jwtlib.log_text import library_logger, quoted

from ..validators._wrapping import WrapsValidator, check_wrapped
from ._key import DevelopmentKey, is_development_issuer, is_development_token
from ._key_file import KeyFileError, read_key
from ._request_origin import RequestOrigin, in_debug_mode

__all__ = ["DevelopmentTokenError", "DevelopmentTokenValidator"]

_logger = library_logger("flask_jwtlib_strategies")
_LONGEST_SUBJECT = 80


class DevelopmentTokenError(InvalidTokenError):
    """A development token is refused. The client gets the text for any invalid token."""

    log_level: ClassVar[int] = logging.WARNING

    def __init__(self, why: str) -> None:
        super().__init__(f"a development token is refused: {why}")


def _check_validator(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_wrapped(instance, attribute, value)
    if isinstance(value, DevelopmentTokenValidator):
        raise ConfigurationError("the validator has DevelopmentTokens already")


@frozen
class DevelopmentTokenValidator(WrapsValidator):
    """Accepts development tokens of local requests in debug mode.

    Args:
        validator: The validator of all other tokens.
        rules: The validator of development tokens, by the key of the app.
    """

    validator: TokenValidator = field(validator=_check_validator)
    rules: JWTValidator

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token.

        Raises:
            AuthenticationError: The token is refused.
            VerificationUnavailable: The file of the development key can't be used, or the validator of other
                tokens can't decide.
        """
        if not is_development_token(token):
            return self._of_other_issuers(token, keys)
        claims = self.verify(token, _key_for(token))
        if not is_dry_run():
            _logger.warning(
                "A DEVELOPMENT TOKEN was accepted, of the subject %s: your issuer has not signed it",
                quoted(claims.get("sub"), _LONGEST_SUBJECT),
            )
        return claims.confirming(RequestOrigin)

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider]:
        """Used by ``explain``: return the validator and the keys of a token.

        Raises:
            AuthenticationError: A development token is refused.
            VerificationUnavailable: The file of the development key can't be used.
        """
        if not is_development_token(token):
            return self.validator, keys
        return self.rules, StaticKeyProvider(_key_for(token).verification_key)

    def _of_other_issuers(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.validator.validate(token, keys)
        returned: Any = claims
        # A validator may read tokens of other forms, or longer ones.
        if isinstance(returned, Mapping) and is_development_issuer(
            cast("Mapping[str, Any]", returned).get("iss")
        ):
            raise DevelopmentTokenError("another key than that of its iss has signed it")
        return claims

    def verify(self, token: BearerToken, key: DevelopmentKey) -> Claims:
        """Return the claims of a token that a key signed and the rules accept. Used by the command, too.

        Raises:
            AuthenticationError: The token is refused.
        """
        if CompactJWS.of(token, self.rules.max_size).unverified("iss") != key.issuer:
            raise DevelopmentTokenError(
                "it was made with another key, of another app or developer, or with one that was deleted"
            )
        claims = self.rules.validate(token, StaticKeyProvider(key.verification_key))
        if "cnf" in claims:
            raise DevelopmentTokenError("it has cnf, and nothing confirms that")
        return claims


def _key_for(token: BearerToken) -> DevelopmentKey:
    """Return the key of the current app, for a token of a local request in debug mode."""
    faults = _faults(token)
    if faults:
        raise DevelopmentTokenError("; ".join(faults))
    try:
        key = read_key(cast("Any", current_app))
    except KeyFileError as error:
        raise VerificationUnavailable(str(error)) from None
    if key is None:
        raise DevelopmentTokenError("this app has no key for them, which flask jwtlib token makes")
    return key


def _faults(token: BearerToken) -> list[str]:
    """Return why a request with a development token isn't a local one in debug mode."""
    if not in_debug_mode():
        return ["app.debug is off"]
    origin = token.evidence.get(RequestOrigin)
    if origin is None:
        why = "no extractor says where it came from, as outside of requests. Compose both parts: "
        return [f"{why}DevelopmentTokens().added_to(auth)"]
    faults = origin.faults
    if token.ambient or token.source != "header" or token.scheme.lower() != "bearer":
        faults.append(
            f"it was sent by {quoted(token.scheme)} in the {quoted(token.source)}, expected Authorization: "
            "Bearer"
        )
    return faults
