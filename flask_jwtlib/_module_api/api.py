"""Makes an ``Authenticator`` from the documented module API.

Every callback and setting is looked up on the module at each call, so that an assignment takes effect with
the next request.
"""

from __future__ import annotations

from typing import Any, NoReturn

from attrs import Factory, define, field, frozen
from flask import after_this_request, has_request_context

from .._authenticator.composition import check_actor, check_confirmed
from .._authenticator.outcomes import Outcome, Refused
from .._authenticator.pipeline import Pipeline
from .._flask.cache_headers import cache_headers_of
from .._flask.given_request import given_request
from .._flask.proxies import current_request
from .._flask.state import current_state, published_now
from ..authenticator import Authenticator
from ..errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    InvalidTokenError,
    MissingTokenError,
    VerificationUnavailable,
)
from ..extractors import BearerTokenExtractor
from ..interfaces import KeyProvider
from ..jws import CompactJWS
from ..key_providers import CheckedKeyProvider
from ..validators import JWTValidator
from ..values import BearerToken, Claims, Principal
from .callbacks import (
    CallbackFailureHandler,
    CallbackKeyProvider,
    Callbacks,
    CallbackTokenExtractor,
    CallbackTokenValidator,
    as_documented,
    is_default,
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


def _is_deciding() -> bool:
    """Whether this is called by a callback, rule or policy that takes part in a decision."""
    given, state = given_request(), current_state()
    return (
        notes_of_request().deciding
        or (given is not None and given.applies())
        or (state is not None and state.deciding)
    )


def _with_source(token: str, found: BearerToken | None) -> BearerToken:
    """Return a token with its place in the request, if that is known."""
    return (
        found
        if found is not None and found.value == token
        else BearerToken(token, source="callback")
    )


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
        keys = CallbackKeyProvider(own.key_set, own.status, own.warm_up, own.kids, own.current_keys)
        self._checked_keys = CheckedKeyProvider(keys)
        self.authenticator = Authenticator(
            keys=keys,
            extractor=CallbackTokenExtractor(self.callbacks),
            validator=CallbackTokenValidator(self.callbacks, self.verified, self.validator),
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
        notes_of_request().found = token = self._find()
        return None if token is None else token.value

    def _find(self) -> BearerToken | None:
        given = given_request()
        request = current_request() if given is None or not given.applies() else given.request
        if request is None:
            # `verify` decides about a token that no request has.
            return None
        if self._extractor.max_size != self.callbacks.JWT_MAX_SIZE:
            self._extractor = BearerTokenExtractor(max_size=self._max_size())
        try:
            return self._extractor.extract(request)
        except InvalidRequestError as error:
            raise as_documented(error) from None

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
            claims = self.verified(token)
            self.validator().check_claims(claims)
            # For the token that is decided about, the Authenticator checks this, and knows what is confirmed.
            if "cnf" in claims and not self._is_of_this_request(token):
                check_confirmed(claims, ())
            if "act" in claims:
                check_actor(claims)
        except AuthenticationError as error:
            notes_of_request().refusal = error.with_traceback(None)
            return False
        return True

    def json_token(self, *, verify: bool) -> dict[str, Any]:
        """Return the claims of the current request's token."""
        token: BearerToken | None = None
        try:
            token = self._token()
            claims = self._claims(token, verify=verify)
        except (AuthenticationError, VerificationUnavailable) as error:
            if not has_request_context() or _is_deciding():
                # A decision reports what its callbacks, rules and policies raise.
                raise
            if isinstance(error, AuthenticationError):
                error = as_documented(error)
            refused = Refused(error.with_traceback(None), token)
            pipeline = self._running_pipeline() or self._pipeline
            if notes_of_request().denying:
                # The refusal that the callback is called for has been reported.
                raise pipeline.in_context(refused) from error.__cause__
            pipeline.raise_refused(refused)
        return claims

    def _token(self) -> BearerToken:
        notes = notes_of_request()
        decided = None if notes.deciding else self._decided()
        if decided is not None and decided.token is not None:
            return decided.token
        found = notes.found
        if notes.extracted:
            text = notes.token
        elif is_default(self.callbacks, "get_token"):
            found = self._find()
            text = None if found is None else found.value
        else:
            text = self.callbacks.get_token()
        if not text:
            raise MissingTokenError
        return _with_source(text, found)

    def _claims(self, token: BearerToken, *, verify: bool) -> Claims | dict[str, Any]:
        text = token.value
        notes = notes_of_request()
        decided = None if notes.deciding else self._decided()
        if verify and isinstance(decided, Principal):
            return decided.claims
        if has_request_context() and given_request() is None:
            # The view may have no decorator that does.
            after_this_request(cache_headers_of(self.authenticator.extractor).mark_for(token))
        if not verify:
            return CompactJWS(text, self._max_size()).claims()
        claims = self.verified(text)
        if not notes.accepted:
            self.validator().check_claims(claims)
        if "cnf" in claims:
            check_confirmed(claims, ())
        if "act" in claims:
            check_actor(claims)
        return claims

    def _is_of_this_request(self, token: str) -> bool:
        """Whether a token is being decided about, or is that of the caller of the view that runs now."""
        notes = notes_of_request()
        if notes.deciding:
            return token == notes.token
        decided = self._decided()
        return isinstance(decided, Principal) and decided.token.value == token

    def _decided(self) -> Outcome | None:
        """Return what this module's authenticator, or a variant of it, decided for the view that runs now."""
        state, pipeline = current_state(), self._running_pipeline()
        return None if state is None or pipeline is None else state.outcomes.get(pipeline)

    def _running_pipeline(self) -> Pipeline | None:
        """Return what decided for the view that runs now: this authenticator, or a variant of it; or None."""
        published = published_now()
        if published is None or published.pipeline is None:
            return None
        pipeline: Pipeline = published.pipeline
        # A variant's validator may be another one, which calls this module's.
        is_ours = pipeline.validator is self.authenticator.validator or any(
            keys is pipeline.keys for keys in notes_of_request().all_keys
        )
        return pipeline if is_ours else None

    def refuse(self) -> NoReturn:
        """Raise the refusal of the current request."""
        notes = notes_of_request()
        refusal = notes.refusal or MissingTokenError()
        if has_request_context() and not notes.denying:
            # The view itself calls the default callback, so the failure handler isn't asked.
            token = _with_source(notes.token, notes.found) if notes.token else None
            known = refusal.context
            pipeline = self._running_pipeline() or self._pipeline
            pipeline.raise_refused(
                Refused(refusal, token, known.principal, known.scopes), handled=True
            )
        raise refusal.with_traceback(None)

    @property
    def _pipeline(self) -> Pipeline:
        return self.authenticator.pipeline_source().current()

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
