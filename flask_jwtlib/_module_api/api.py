"""Makes an ``Authenticator`` from the documented module API.

Every callback and setting is looked up on the module at each call, so that an assignment takes effect with
the next request.
"""

from __future__ import annotations

from typing import Any, NoReturn

from attrs import Factory, define, field, frozen

from .._flask.state import current_request, given_request
from ..authenticator import Authenticator
from ..errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    MissingTokenError,
    VerificationUnavailable,
)
from ..extractors import BearerTokenExtractor
from ..interfaces import KeyProvider
from ..jws import CompactJWS
from ..key_providers import CheckedKeyProvider
from ..validators import JWTValidator
from ..values import BearerToken, Claims
from .callbacks import (
    CallbackFailureHandler,
    CallbackKeyProvider,
    Callbacks,
    CallbackTokenExtractor,
    CallbackTokenValidator,
    raise_refusal,
)
from .module_keys import ModuleKeys
from .notes import Verified, notes_of_request
from .settings import Settings, max_size_of

__all__ = ["ModuleAPI"]


@frozen
class _MadeValidator:
    """A validator, with the settings that it was made from."""

    settings: Settings
    validator: JWTValidator


def _wrong_setting(error: ConfigurationError) -> VerificationUnavailable:
    return VerificationUnavailable(f"a setting of flask_jwtlib is wrong: {error}")


@define(eq=False)
class ModuleAPI:
    """Implements the documented functions.

    Args:
        callbacks: The module that has the callbacks and settings.

    Attributes:
        authenticator: The composition that the documented decorators use.
        keys: Its keys.
    """

    callbacks: Callbacks = field(repr=False)
    keys: ModuleKeys = field(
        init=False, default=Factory(lambda self: ModuleKeys(self.callbacks), takes_self=True)
    )
    authenticator: Authenticator = field(init=False)
    _checked_keys: KeyProvider = field(init=False)
    _made: _MadeValidator | None = field(init=False, default=None, repr=False)
    _extractor: BearerTokenExtractor = field(init=False, factory=BearerTokenExtractor)

    def __attrs_post_init__(self) -> None:
        own = self.keys
        keys = CallbackKeyProvider(own.key_set, own.status, own.warm_up, own.kids)
        self._checked_keys = CheckedKeyProvider(keys)
        self.authenticator = Authenticator(
            keys=keys,
            extractor=CallbackTokenExtractor(self.callbacks),
            validator=CallbackTokenValidator(self.callbacks, self.verified),
            failure_handler=CallbackFailureHandler(self.callbacks),
        )

    def validator(self) -> JWTValidator:
        """Return the validator for the current settings."""
        try:
            return self._validator()
        except ConfigurationError as error:
            raise _wrong_setting(error) from error

    def find_token(self) -> str | None:
        """Return the request's token, from RFC 6750's three places."""
        given = given_request()
        if self._extractor.max_size != self.callbacks.JWT_MAX_SIZE:
            self._extractor = BearerTokenExtractor(max_size=self._max_size())
        if given is None or not given.applies():
            token = self._extractor.extract(current_request())
        else:
            token = self._extractor.extract(given.request)
        notes_of_request().found = token
        return None if token is None else token.value

    def verified(self, token: str) -> Claims:
        """Return a token's claims after verifying only its signature, once per request.

        The keys are those of the authenticator that called ``check_token``, which may be a variant of the
        module's.
        """
        notes = notes_of_request()
        keys = notes.keys or self._checked_keys
        verified = notes.verified
        if verified is None or verified.token != token or verified.keys is not keys:
            if not isinstance(token, str):
                raise InvalidTokenError(f"the token must be a str, not {type(token).__name__}")
            claims = self.validator().verify_signature(BearerToken(token), keys)
            notes.verified = verified = Verified(token, keys, claims)
        return verified.claims

    def is_valid(self, token: str) -> bool:
        """Return whether a token's signature and claims are valid."""
        try:
            self.validator().check_claims(self.verified(token))
        except AuthenticationError as error:
            notes_of_request().refusal = error.with_traceback(None)
            return False
        return True

    def json_token(self, *, verify: bool) -> dict[str, Any]:
        """Return the claims of the current request's token."""
        notes = notes_of_request()
        token = notes.token if notes.extracted else self.callbacks.get_token()
        if not token:
            raise MissingTokenError
        if not verify:
            return CompactJWS(token, self._max_size()).claims()
        claims = self.verified(token)
        if not notes.accepted:
            self.validator().check_claims(claims)
        return claims

    def refuse(self) -> NoReturn:
        """Raise the refusal of the current request."""
        raise_refusal(notes_of_request().refusal or MissingTokenError())

    def _max_size(self) -> int:
        try:
            return max_size_of(self.callbacks)
        except ConfigurationError as error:
            raise _wrong_setting(error) from error

    def _validator(self) -> JWTValidator:
        settings = Settings.of(self.callbacks)
        made = self._made
        if made is None or made.settings != settings:
            self._made = made = _MadeValidator(settings, settings.validator())
        return made.validator
