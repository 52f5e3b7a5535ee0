"""The documented callbacks as strategies: each is looked up on the module at the time of the call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any, NoReturn, Protocol

from attrs import define, frozen
from flask import Request, Response, abort, after_this_request, has_request_context
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import default_exceptions

from .._flask.state import current_state, given_request, is_current
from ..challenges import refusal_headers, refusal_text
from ..errors import AuthenticationError, InvalidTokenError, VerificationUnavailable
from ..failure_handlers import UnauthorizedHandler
from ..interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..values import BearerToken, Claims, UnverifiedHeader

__all__ = [
    "CallbackFailureHandler",
    "CallbackKeyProvider",
    "CallbackTokenExtractor",
    "CallbackTokenValidator",
    "Callbacks",
    "Notes",
    "Verified",
    "check_callback",
    "notes_of_request",
    "throw",
]


class Callbacks(Protocol):
    """The documented attributes and callbacks, as they are on the module."""

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


@frozen(eq=False)
class Verified:
    """A token whose signature verified by some keys, and its claims."""

    token: str
    keys: KeyProvider
    claims: Claims


@define
class Notes:
    """What was learnt of the current request's token.

    Attributes:
        found: What the default ``get_token`` found, which knows the place.
        asked: Whether ``get_token`` was asked for this request.
        obtained: What it answered.
        keys: The keys of the authenticator that decides.
        verified: A token whose signature verified.
        accepted: Whether ``check_token`` accepted the token.
        refusal: Why the request is refused.
    """

    found: BearerToken | None = None
    asked: bool = False
    obtained: str | None = None
    keys: KeyProvider | None = None
    verified: Verified | None = None
    accepted: bool = False
    refusal: AuthenticationError | None = None


def notes_of_request() -> Notes:
    """Return the notes of the request that is decided about; outside of a decorated view, new ones."""
    given = given_request()
    state = current_state() if given is None or not given.applies() else given
    if state is None:
        return Notes()
    if state.notes is None:
        state.notes = Notes()
    notes: Notes = state.notes
    return notes


def check_callback(callbacks: Callbacks, name: str) -> None:
    """Check that a callback can be asked about the request that is decided about.

    Raises:
        RuntimeError: An application's own callback would look at ``flask.request``, and the request
            that was given to ``authenticate`` is another one.
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
        f"flask_jwtlib.{name} is a callback of your own, which may look at flask.request, and that isn't the "
        "request that was given to authenticate(). Make it the current one: "
        "with app.request_context(request.environ): flask_jwtlib.default_authenticator.authenticate()"
    )


@frozen
class CallbackTokenExtractor(Shared, TokenExtractor):
    """Asks ``get_token``."""

    callbacks: Callbacks

    def extract(self, request: Request) -> BearerToken | None:
        """Ask, once for all views that the request passes."""
        given = given_request()
        if given is not None:
            check_callback(self.callbacks, "get_token")
            if given.applies() and given.request is not request:
                raise RuntimeError(
                    "authenticate() was asked about the current request while authenticate(request) decides "
                    "about another one: ask about the current request before or afterwards"
                )
        notes = notes_of_request()
        value: object = self.callbacks.get_token()
        if value is not None and not isinstance(value, str):
            raise VerificationUnavailable(
                f"get_token answered a {type(value).__name__}: it must answer a str or None"
            )
        notes.asked, notes.obtained = True, value or None
        if not value:
            return None
        if notes.found is not None and notes.found.value == value:
            return notes.found
        return BearerToken(value, source="callback")


@frozen
class CallbackKeyProvider(Shared, KeyProvider):
    """Asks ``verification_key``.

    Args:
        key_set: Asks it, and makes keys of the answer, for a token of some header.
        status: Tells how they are, as ``TTLKeyProvider.status`` does.
        warm_up: Has them fetched if that is due.
        known: Returns the IDs of those that were read last, for the log.
    """

    key_set: Callable[[UnverifiedHeader], KeySet]
    status: Callable[[], dict[str, Any]]
    warm_up: Callable[[], None]
    known: Callable[[], frozenset[str]]

    @property
    def kids(self) -> frozenset[str]:
        """The key IDs, which the log lists when a token names another one."""
        return self.known()

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``."""
        return self.key_set(header).select(header)


@frozen
class CallbackTokenValidator(Shared, TokenValidator):
    """Asks ``check_token``, and lets nothing pass whose signature does not verify, whatever that says.

    Args:
        callbacks: The module.
        verified: Answers the claims under a token's good signature, without judging them.
    """

    callbacks: Callbacks
    verified: Callable[[str], Claims]

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Ask, and hand on the claims that were verified on the way."""
        if given_request() is not None:
            check_callback(self.callbacks, "check_token")
        notes = notes_of_request()
        notes.asked, notes.obtained, notes.keys = True, token.value, keys
        notes.accepted = False
        verdict: object = self.callbacks.check_token(token.value)
        if isawaitable(verdict):
            if iscoroutine(verdict):
                verdict.close()
            raise VerificationUnavailable("check_token is async: it must answer True or False")
        if not verdict:
            raise notes.refusal or InvalidTokenError("check_token refused the token")
        claims = self.verified(token.value)
        notes.accepted = True
        return claims


@frozen
class CallbackFailureHandler(Shared, FailureHandler):
    """Asks the two failure callbacks. A fault of ours is no failure of the caller's, and asks neither."""

    callbacks: Callbacks

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Ask ``requires_authentication_failure_callback``."""
        if isinstance(error, VerificationUnavailable):
            throw(error)
        notes_of_request().refusal = error
        return self.callbacks.requires_authentication_failure_callback()

    def anonymous(self, error: AuthenticationError) -> None:
        """Ask ``optional_authentication_failure_callback``."""
        notes_of_request().refusal = error
        self.callbacks.optional_authentication_failure_callback()


def throw(error: AuthenticationError | VerificationUnavailable) -> NoReturn:
    """Throw a refusal that ``@app.errorhandler`` sees, and keep its headers on whatever that answers.

    Raises:
        HTTPException: 401, or 403 or 503 where that is the error's status.
    """
    response = UnauthorizedHandler().deny(error)
    # RFC 6750 recommends 400 for a malformed request; the documented API promises 401.
    if response.status_code == 400:
        response.status_code = 401

    def keep_headers(answer: Response) -> Response:
        for name, value in refusal_headers(error):
            if answer.status_code == response.status_code and name not in answer.headers:
                answer.headers[name] = value
        return answer

    if has_request_context():
        after_this_request(keep_headers)
    exception = default_exceptions.get(response.status_code)
    if exception is None:
        abort(response)
    raise exception(refusal_text(error) or None, response=response)
