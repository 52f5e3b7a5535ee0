"""The documented callbacks as strategies. Each callback is looked up on the module when it is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any, ClassVar, Protocol

from attrs import frozen
from flask import Request
from flask.typing import ResponseReturnValue

from .._flask.given_request import given_request, is_current
from .._flask.proxies import current_request
from .._flask.state import state_of
from ..challenges import BEARER, Challenge
from ..errors import (
    AuthenticationError,
    InvalidTokenError,
    MalformedCredentialsError,
    VerificationUnavailable,
)
from ..extractors import HeaderTokenExtractor
from ..interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..validators import JWTValidator
from ..values import BearerToken, Claims, UnverifiedHeader
from .notes import notes_of_request

__all__ = [
    "CallbackFailureHandler",
    "CallbackKeyProvider",
    "CallbackTokenExtractor",
    "CallbackTokenValidator",
    "Callbacks",
    "as_documented",
    "check_callback",
    "is_default",
]


class Callbacks(Protocol):
    """The module's documented settings and callbacks."""

    JWT_ALGO: str | Collection[str]
    JWT_AUDIENCE: str | Collection[str] | None
    JWT_ISSUER: str | Collection[str] | None
    JWT_LEEWAY: float
    JWT_MAX_SIZE: int
    JWT_NUMERIC_SUBJECT: bool
    VERIFICATION_KEY_CACHE_TIMEOUT: float
    verification_key: Callable[[], Any]
    retrieve_verification_key: Callable[[], Any]
    check_token: Callable[[str], bool]
    get_token: Callable[[], str | None]
    requires_authentication_failure_callback: Callable[[], ResponseReturnValue]
    optional_authentication_failure_callback: Callable[[], None]


def as_documented(error: AuthenticationError) -> AuthenticationError:
    """Return a refusal with the 401 that the documented API promises instead of a 400."""
    if error.status != 400:
        return error
    malformed = MalformedCredentialsError()
    vars(malformed).update(vars(error), description=error.description, error_code=error.error_code)
    malformed.__cause__ = error.__cause__
    return malformed


def is_default(callbacks: Callbacks, name: str) -> bool:
    """Whether the application left a callback as it is."""
    default: object = getattr(callbacks, f"_DEFAULT_{name.upper()}")
    return getattr(callbacks, name) is default


def check_callback(callbacks: Callbacks, name: str) -> None:
    """Check that a callback may be called for the request that is authenticated.

    Raises:
        RuntimeError: An application's own callback may read ``flask.request``, but another request was
            passed to ``authenticate``.
    """
    given = given_request()
    if (
        given is None
        or not given.applies()
        or given.request is None
        or is_default(callbacks, name)
        or is_current(given.request)
    ):
        return
    raise RuntimeError(
        f"flask_jwtlib.{name} is your own callback and may read flask.request, which isn't the request that "
        "was passed to authenticate(). Make that request the current one: "
        "with app.request_context(request.environ): flask_jwtlib.default_authenticator.authenticate()"
    )


@frozen
class CallbackTokenExtractor(Shared, TokenExtractor):
    """Gets the token from ``get_token``."""

    challenges: ClassVar[tuple[Challenge, ...]] = BEARER

    callbacks: Callbacks

    @property
    def vary(self) -> tuple[str, ...] | None:
        """What the default ``get_token`` reads. An application's own one may read anything."""
        return ("Authorization",) if is_default(self.callbacks, "get_token") else None

    def request_with(self, token: str) -> dict[str, Any]:
        """Return what a request needs to have a token where the default ``get_token`` looks for it."""
        return HeaderTokenExtractor().request_with(token)

    def extract(self, request: Request) -> BearerToken | None:
        """Return the token that ``get_token`` returns."""
        given = given_request()
        if given is not None:
            check_callback(self.callbacks, "get_token")
            if given.applies() and given.request is not request:
                raise RuntimeError(
                    "authenticate() was called for the current request while authenticate(request) handles "
                    "another one: call it for the current request before or afterwards"
                )
        notes = notes_of_request()
        try:
            value: object = self.callbacks.get_token()
        except AuthenticationError as error:
            raise as_documented(error) from error.__cause__
        if value is not None and not isinstance(value, str):
            raise VerificationUnavailable(
                f"get_token returned a {type(value).__name__}, expected a str or None"
            )
        notes.extracted, notes.token = True, value or None
        if not value:
            return None
        if notes.found is not None and notes.found.value == value:
            return notes.found
        return BearerToken(value, source="callback")


@frozen
class CallbackKeyProvider(Shared, KeyProvider):
    """Gets the keys from ``verification_key``.

    Args:
        key_set: Calls it, and returns its keys for a token with this header.
        status: Describes the keys, as ``TTLKeyProvider.status`` does.
        warm_up: Fetches the keys if that is due.
        known: Returns the IDs of the keys that were read last, for the log.
        current: Returns the keys that were read last.
    """

    key_set: Callable[[UnverifiedHeader], KeySet]
    status: Callable[[], dict[str, Any]]
    warm_up: Callable[[], None]
    known: Callable[[], frozenset[str]]
    current: Callable[[], Sequence[VerificationKey]]

    @property
    def kids(self) -> frozenset[str]:
        """The key IDs. The log lists them if a token has another ``kid``."""
        return self.known()

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the keys that were read last. It doesn't fetch."""
        return self.current()

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for the header's ``kid`` and ``alg``."""
        return self.key_set(header).select(header)


@frozen
class CallbackTokenValidator(Shared, TokenValidator):
    """Accepts a token if ``check_token`` does, and if its signature is valid.

    Args:
        callbacks: The module.
        verified: Returns a token's claims after verifying only its signature.
        default: Returns the validator that the default ``check_token`` uses.
    """

    callbacks: Callbacks
    verified: Callable[[str], Claims]
    default: Callable[[], JWTValidator]

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider] | None:
        """Return the validator that the default ``check_token`` uses."""
        return (self.default(), keys) if is_default(self.callbacks, "check_token") else None

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Call ``check_token``, and return the claims if it accepts the token."""
        if given_request() is not None:
            check_callback(self.callbacks, "check_token")
        notes = notes_of_request()
        notes.extracted, notes.token, notes.keys = True, token.value, keys
        notes.all_keys.append(keys)
        notes.accepted = False
        notes.deciding = True
        try:
            verdict: object = self.callbacks.check_token(token.value)
        except AuthenticationError as error:
            raise as_documented(error) from error.__cause__
        finally:
            notes.deciding = False
        if isawaitable(verdict):
            if iscoroutine(verdict):
                verdict.close()
            raise VerificationUnavailable(
                "check_token is async, expected a plain function that returns True or False"
            )
        if not verdict:
            raise notes.refusal or InvalidTokenError("check_token refused the token")
        claims = self.verified(token.value)
        notes.accepted = True
        return claims


@frozen
class CallbackFailureHandler(Shared, FailureHandler):
    """Calls the two failure callbacks. It calls neither if verification is unavailable."""

    callbacks: Callbacks

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Call ``requires_authentication_failure_callback``."""
        if isinstance(error, VerificationUnavailable):
            raise error
        # So that there are notes in an undecorated view, too.
        state_of(current_request())
        notes = notes_of_request()
        notes.refusal = as_documented(error)
        notes.denying = True
        try:
            return self.callbacks.requires_authentication_failure_callback()
        finally:
            notes.denying = False

    def anonymous(self, error: AuthenticationError) -> None:
        """Call ``optional_authentication_failure_callback``."""
        notes_of_request().refusal = error
        self.callbacks.optional_authentication_failure_callback()
