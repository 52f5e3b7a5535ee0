"""The documented callbacks as strategies. Each callback is looked up on the module when it is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any, NoReturn, Protocol

from attrs import frozen
from flask import Request, Response, abort, after_this_request, has_request_context
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import default_exceptions

from .._flask.state import given_request, is_current
from ..challenges import refusal_headers, refusal_text
from ..errors import AuthenticationError, InvalidTokenError, VerificationUnavailable
from ..failure_handlers import UnauthorizedHandler
from ..interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..values import BearerToken, Claims, UnverifiedHeader
from .notes import notes_of_request

__all__ = [
    "CallbackFailureHandler",
    "CallbackKeyProvider",
    "CallbackTokenExtractor",
    "CallbackTokenValidator",
    "Callbacks",
    "check_callback",
    "raise_refusal",
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


def check_callback(callbacks: Callbacks, name: str) -> None:
    """Check that a callback may be called for the request that is authenticated.

    Raises:
        RuntimeError: An application's own callback may read ``flask.request``, but another request was
            passed to ``authenticate``.
    """
    given = given_request()
    default = getattr(callbacks, f"_DEFAULT_{name.upper()}")
    if (
        given is None
        or not given.applies()
        or getattr(callbacks, name) is default
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

    callbacks: Callbacks

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
        value: object = self.callbacks.get_token()
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
    """

    key_set: Callable[[UnverifiedHeader], KeySet]
    status: Callable[[], dict[str, Any]]
    warm_up: Callable[[], None]
    known: Callable[[], frozenset[str]]

    @property
    def kids(self) -> frozenset[str]:
        """The key IDs. The log lists them if a token has another ``kid``."""
        return self.known()

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for the header's ``kid`` and ``alg``."""
        return self.key_set(header).select(header)


@frozen
class CallbackTokenValidator(Shared, TokenValidator):
    """Accepts a token if ``check_token`` does, and if its signature is valid.

    Args:
        callbacks: The module.
        verified: Returns a token's claims after verifying only its signature.
    """

    callbacks: Callbacks
    verified: Callable[[str], Claims]

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Call ``check_token``, and return the claims if it accepts the token."""
        if given_request() is not None:
            check_callback(self.callbacks, "check_token")
        notes = notes_of_request()
        notes.extracted, notes.token, notes.keys = True, token.value, keys
        notes.accepted = False
        verdict: object = self.callbacks.check_token(token.value)
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
            raise_refusal(error)
        notes_of_request().refusal = error
        return self.callbacks.requires_authentication_failure_callback()

    def anonymous(self, error: AuthenticationError) -> None:
        """Call ``optional_authentication_failure_callback``."""
        notes_of_request().refusal = error
        self.callbacks.optional_authentication_failure_callback()


def raise_refusal(error: AuthenticationError | VerificationUnavailable) -> NoReturn:
    """Raise a refusal as an HTTP exception, which ``@app.errorhandler`` handles.

    The refusal's headers are added to the error handler's response.

    Raises:
        HTTPException: 403 or 503 if that is the error's status, otherwise 401.
    """
    response = UnauthorizedHandler().deny(error)
    # RFC 6750 recommends 400 for a malformed request, but the documented API promises 401.
    if response.status_code == 400:
        response.status_code = 401

    def keep_headers(sent: Response) -> Response:
        for name, value in refusal_headers(error):
            if sent.status_code == response.status_code and name not in sent.headers:
                sent.headers[name] = value
        return sent

    if has_request_context():
        after_this_request(keep_headers)
    exception = default_exceptions.get(response.status_code)
    if exception is None:
        abort(response)
    raise exception(refusal_text(error) or None, response=response)
