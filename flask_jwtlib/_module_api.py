"""Makes an ``Authenticator`` of the documented module API.

Every callback and setting is looked up on the module at each call, so that plain assignment takes
effect with the next request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NoReturn

from attrs import define, field, frozen

from ._callbacks import (
    CallbackFailureHandler,
    CallbackKeyProvider,
    Callbacks,
    CallbackTokenExtractor,
    CallbackTokenValidator,
    notes_of_request,
    throw,
)
from ._composition import CheckedKeyProvider
from ._jws import CompactJWS
from ._module_keys import check_material, read_keys
from ._state import current_request
from .authenticator import Authenticator
from .claim_rules import Audience, Issuer
from .errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    MissingTokenError,
    VerificationUnavailable,
)
from .extractors import BearerTokenExtractor
from .interfaces import KeyProvider
from .judgement import ClaimRule
from .key_providers import TTLKeyProvider
from .key_set import KeySet
from .validators import JWTValidator
from .values import BearerToken, Claims

__all__ = ["ModuleAPI"]


@frozen
class _GivenKeySet(KeySet):
    """The keys of a fetched text, and the text itself."""

    given: Any = field(kw_only=True, repr=False)


def _words(setting: str, value: Any) -> tuple[str, ...]:
    if value is None or isinstance(value, str):
        return () if value is None else (value,)
    try:
        return tuple(value)
    except TypeError:
        raise ConfigurationError(
            f"{setting} is {value!r}: want a string, or several in a list"
        ) from None


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
    _keys: KeyProvider = field(init=False)
    _permanent: Any = field(init=False, default=None, repr=False)
    _fetching: tuple[object, tuple[str, ...], TTLKeyProvider] | None = field(
        init=False, default=None, repr=False
    )
    _read: tuple[object, tuple[str, ...], KeySet] | None = field(
        init=False, default=None, repr=False
    )
    _made: tuple[object, JWTValidator] | None = field(init=False, default=None, repr=False)
    _lock: Any = field(init=False, factory=Lock, repr=False)
    _extractor: BearerTokenExtractor = field(init=False, factory=BearerTokenExtractor)

    def __attrs_post_init__(self) -> None:
        keys = CallbackKeyProvider(self.key_set)
        self._keys = CheckedKeyProvider(keys)
        self.authenticator = Authenticator(
            keys=keys,
            extractor=CallbackTokenExtractor(self.callbacks),
            validator=CallbackTokenValidator(self.callbacks, self.verified),
            failure_handler=CallbackFailureHandler(self.callbacks),
        )

    def set_permanent_key(self, material: Any) -> None:
        """Take a key for good, or forget it with None."""
        if material is not None:
            check_material(material, self._algorithms())
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
        algorithms, provider = self._provider()
        try:
            key_set = provider.key_set()
        except VerificationUnavailable:
            if algorithms == self._algorithms():
                raise
            # What failed for other algorithms may do for those that are configured now.
            self._fetching = None
            key_set = self._provider()[1].key_set()
        return key_set.given if isinstance(key_set, _GivenKeySet) else key_set

    def key_set(self) -> KeySet:
        """What ``verification_key()`` answers, read once as long as it and the algorithms stay the same."""
        material: Any = self.callbacks.verification_key()
        try:
            return self._key_set_of(material)
        except ConfigurationError:
            if self._fetching is None or self._permanent is not None:
                raise
            # The key was fetched for other algorithms than those that are configured now.
            self._fetching = None
            return self._key_set_of(self.callbacks.verification_key())

    def validator(self) -> JWTValidator:
        """The validator for the settings as they are now."""
        try:
            return self._validator()
        except ConfigurationError as error:
            raise VerificationUnavailable(f"a setting of flask_jwtlib is wrong: {error}") from error

    def find_token(self) -> str | None:
        """The current request's token, from RFC 6750's three places."""
        token = self._extractor.extract(current_request())
        notes_of_request().found = token
        return None if token is None else token.value

    def verified(self, token: str) -> Claims:
        """The claims under a token's signature, verified once a request and not judged."""
        notes = notes_of_request()
        if notes.verified is None or notes.verified[0] != token:
            if not isinstance(token, str):
                raise InvalidTokenError(f"a token is a str, not {type(token).__name__}")
            notes.verified = token, self.validator().verify(BearerToken(token), self._keys)
        return notes.verified[1]

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
            return CompactJWS(token).claims()
        claims = self.verified(token)
        if not notes.accepted:
            self.validator().judge(claims)
        return claims

    def refuse(self) -> NoReturn:
        """Throw the refusal of the current request."""
        throw(notes_of_request().refusal or MissingTokenError())

    def _algorithms(self) -> tuple[str, ...]:
        return _words("JWT_ALGO", self.callbacks.JWT_ALGO)

    def _validator(self) -> JWTValidator:
        callbacks = self.callbacks
        audience = _words("JWT_AUDIENCE", callbacks.JWT_AUDIENCE)
        issuer = _words("JWT_ISSUER", callbacks.JWT_ISSUER)
        settings = self._algorithms(), audience, issuer, callbacks.JWT_LEEWAY
        made = self._made
        if made is None or made[0] != settings:
            rules: list[ClaimRule] = [Audience(*audience)]
            if issuer:
                rules.append(Issuer(*issuer))
            validator = JWTValidator(algorithms=settings[0], rules=rules, leeway=settings[3])
            self._made = made = settings, validator
        return made[1]

    def _key_set_of(self, material: Any) -> KeySet:
        algorithms = self._algorithms()
        # What may be changed in place is told by its text.
        is_json = isinstance(material, dict | list)
        mark = json.dumps(material, default=id) if is_json else material
        read = self._read
        if read is None or read[0] != mark or read[1] != algorithms:
            self._read = read = mark, algorithms, read_keys(material, algorithms)
        return read[2]

    def _provider(self) -> tuple[tuple[str, ...], TTLKeyProvider]:
        """What fetches by the callback as it is now, and the algorithms that it began with."""
        fetch = self.callbacks.retrieve_verification_key
        with self._lock:
            if self._fetching is None or self._fetching[0] is not fetch:
                provider = TTLKeyProvider(self._fetch(fetch), ttl=self._ttl)
                self._fetching = fetch, self._algorithms(), provider
            return self._fetching[1:]

    def _fetch(self, fetch: Callable[[], Any]) -> Callable[[], KeySet]:
        def fetched() -> KeySet:
            material = fetch()
            return _GivenKeySet(read_keys(material, self._algorithms()).keys, given=material)

        return fetched

    def _ttl(self) -> float:
        return self.callbacks.VERIFICATION_KEY_CACHE_TIMEOUT
