"""Makes an ``Authenticator`` of the documented module API.

Every callback and setting is looked up on the module at each call, so that plain assignment takes
effect with the next request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, NoReturn, cast

from attrs import define, field, frozen

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
from ..key_providers import CheckedKeyProvider, StaticKeyProvider, TTLKeyProvider
from ..keys import KeySet
from ..validators import JWTValidator
from ..values import BearerToken, Claims, UnverifiedHeader
from .callbacks import (
    CallbackFailureHandler,
    CallbackKeyProvider,
    Callbacks,
    CallbackTokenExtractor,
    CallbackTokenValidator,
    Verified,
    check_callback,
    notes_of_request,
    throw,
)
from .keys import check_material, read_keys
from .settings import Settings, max_size_of, words_of

__all__ = ["ModuleAPI"]


@frozen
class _GivenKeySet(KeySet):
    """The keys of a fetched text, and the text itself."""

    given: Any = field(kw_only=True, repr=False)


@frozen
class _Made:
    """A validator, and the settings that it was made by."""

    settings: Settings
    validator: JWTValidator


@frozen
class _Read:
    """Keys, and what they were read from, for which algorithms."""

    material: object
    algorithms: tuple[str, ...]
    key_set: _GivenKeySet


@frozen(eq=False)
class _Fetching:
    """What fetches keys by a callback, and the algorithms that were configured when it began."""

    callback: Callable[[], Any]
    algorithms: tuple[str, ...]
    provider: TTLKeyProvider


def _kept(material: Any) -> object:
    """A copy of key material by which a change in place is noticed."""
    if isinstance(material, dict):
        # Not the text alone, which may be given as material too.
        return dict, json.dumps(material, default=repr, sort_keys=True)
    if isinstance(material, list | tuple):
        return [_kept(member) for member in cast("Sequence[Any]", material)]
    return material


def _wrong_setting(error: ConfigurationError) -> VerificationUnavailable:
    return VerificationUnavailable(f"a setting of flask_jwtlib is wrong: {error}")


@define(eq=False)
class ModuleAPI:
    """The machinery behind the documented functions.

    Args:
        callbacks: The module that has them.

    Attributes:
        authenticator: The composition that the documented decorators use.
    """

    callbacks: Callbacks = field(repr=False)
    authenticator: Authenticator = field(init=False)
    _checked_keys: KeyProvider = field(init=False)
    _permanent: Any = field(init=False, default=None, repr=False)
    _fetching: _Fetching | None = field(init=False, default=None, repr=False)
    _read: _Read | None = field(init=False, default=None, repr=False)
    _made: _Made | None = field(init=False, default=None, repr=False)
    _lock: Any = field(init=False, factory=Lock, repr=False)
    _extractor: BearerTokenExtractor = field(init=False, factory=BearerTokenExtractor)

    def __attrs_post_init__(self) -> None:
        keys = CallbackKeyProvider(self.key_set, self.status, self.warm_up, self.kids)
        self._checked_keys = CheckedKeyProvider(keys)
        self.authenticator = Authenticator(
            keys=keys,
            extractor=CallbackTokenExtractor(self.callbacks),
            validator=CallbackTokenValidator(self.callbacks, self.verified),
            failure_handler=CallbackFailureHandler(self.callbacks),
        )

    def set_permanent_key(self, material: Any) -> None:
        """Take a key for good, or forget it with None."""
        if material is not None:
            key_set = check_material(material, self._algorithms())
            if key_set is not None and not key_set.keys:
                why = "; ".join(key_set.skipped) or "there is none"
                raise ConfigurationError(f"no key of these can verify signatures: {why}")
        self._permanent = material

    @contextmanager
    def keys_restored(self) -> Generator[None, None, None]:
        """Forget fetched keys, and leave with none and with the permanent key of before."""
        permanent, self._fetching = self._permanent, None
        try:
            yield
        finally:
            self._permanent, self._fetching = permanent, None

    def verification_key(self) -> Any:
        """The permanent key, or the fetched one, as it was given."""
        if self._permanent is not None:
            return self._permanent
        fetching = self._current_fetching()
        try:
            key_set = fetching.provider.key_set()
        except VerificationUnavailable:
            if fetching.algorithms == self._algorithms():
                raise
            # What failed for other algorithms may do for those that are configured now.
            self._drop(fetching)
            key_set = self._current_fetching().provider.key_set()
        return key_set.given if isinstance(key_set, _GivenKeySet) else key_set

    def key_set(self, header: UnverifiedHeader) -> KeySet:
        """What ``verification_key()`` answers, read once as long as it and the algorithms stay the same.

        Fetched keys are fetched anew for a token of an unknown ``kid``.
        """
        if given_request() is not None:
            check_callback(self.callbacks, "verification_key")
        material: Any = self.callbacks.verification_key()
        fetching = self._fetching
        try:
            key_set = self._key_set_of(material)
        except ConfigurationError:
            if fetching is None or self._permanent is not None:
                raise
            # The key was fetched for other algorithms than those that are configured now.
            self._drop(fetching)
            return self._key_set_of(self.callbacks.verification_key())
        if not key_set.lacks(header.kid) or fetching is None or self._permanent is not None:
            return key_set
        fetching.provider.key_set(header)
        return self._key_set_of(self.callbacks.verification_key())

    def status(self) -> dict[str, Any]:
        """How the permanent or fetched key is, as ``TTLKeyProvider.status`` tells it."""
        permanent = self._permanent
        if permanent is None:
            return self._current_fetching().provider.status()
        try:
            return StaticKeyProvider(self._key_set_of(permanent)).status()
        except ConfigurationError as error:
            return {"state": "dead", "last_error": type(error).__name__}

    def kids(self) -> frozenset[str]:
        """The IDs of the keys that were read last."""
        read = self._read
        return frozenset() if read is None else read.key_set.kids

    def warm_up(self) -> None:
        """Have the key fetched if that is due."""
        self._key_set_of(self.callbacks.verification_key())

    def validator(self) -> JWTValidator:
        """The validator for the settings as they are now."""
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
        """The claims under a token's signature, verified once a request and not judged.

        The keys are those of the authenticator that asks ``check_token``, which may be a variant of
        the module's.
        """
        notes = notes_of_request()
        keys = notes.keys or self._checked_keys
        verified = notes.verified
        if verified is None or verified.token != token or verified.keys is not keys:
            if not isinstance(token, str):
                raise InvalidTokenError(f"a token is a str, not {type(token).__name__}")
            claims = self.validator().verify(BearerToken(token), keys)
            notes.verified = verified = Verified(token, keys, claims)
        return verified.claims

    def is_valid(self, token: str) -> bool:
        """Whether a token's signature and claims are good."""
        try:
            self.validator().judge(self.verified(token))
        except AuthenticationError as error:
            notes_of_request().refusal = error.with_traceback(None)
            return False
        return True

    def json_token(self, *, verify: bool) -> dict[str, Any]:
        """The claims of the current request's token."""
        notes = notes_of_request()
        token = notes.obtained if notes.asked else self.callbacks.get_token()
        if not token:
            raise MissingTokenError
        if not verify:
            return CompactJWS(token, self._max_size()).claims()
        claims = self.verified(token)
        if not notes.accepted:
            self.validator().judge(claims)
        return claims

    def refuse(self) -> NoReturn:
        """Throw the refusal of the current request."""
        throw(notes_of_request().refusal or MissingTokenError())

    def _max_size(self) -> int:
        try:
            return max_size_of(self.callbacks)
        except ConfigurationError as error:
            raise _wrong_setting(error) from error

    def _algorithms(self) -> tuple[str, ...]:
        return words_of("JWT_ALGO", self.callbacks.JWT_ALGO)

    def _validator(self) -> JWTValidator:
        settings = Settings.of(self.callbacks)
        made = self._made
        if made is None or made.settings != settings:
            self._made = made = _Made(settings, settings.validator())
        return made.validator

    def _key_set_of(self, material: Any) -> _GivenKeySet:
        algorithms = self._algorithms()
        kept = _kept(material)
        read = self._read
        if read is None or read.material != kept or read.algorithms != algorithms:
            keys = read_keys(material, algorithms)
            key_set = _GivenKeySet(
                keys.keys, skipped=keys.skipped, exact=keys.exact, given=material
            )
            self._read = read = _Read(kept, algorithms, key_set)
        return read.key_set

    def _current_fetching(self) -> _Fetching:
        """What fetches by the callback as it is now."""
        callback = self.callbacks.retrieve_verification_key
        with self._lock:
            fetching = self._fetching
            if fetching is None or fetching.callback is not callback:
                provider = TTLKeyProvider(self._fetch(callback), ttl=self._ttl)
                self._fetching = fetching = _Fetching(callback, self._algorithms(), provider)
            return fetching

    def _drop(self, fetching: _Fetching) -> None:
        """Begin anew with the next lookup, unless another thread has done so already."""
        with self._lock:
            if self._fetching is fetching:
                self._fetching = None

    def _fetch(self, fetch: Callable[[], Any]) -> Callable[[], KeySet]:
        def fetched() -> KeySet:
            return self._key_set_of(fetch())

        return fetched

    def _ttl(self) -> float:
        return self.callbacks.VERIFICATION_KEY_CACHE_TIMEOUT
