"""The tests that every failure handler must pass."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from flask import Request, Response, g

from ...authenticator import Authenticator
from ...challenges import refusal_headers
from ...errors import (
    AlgorithmError,
    AuthenticationError,
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    UnknownKeyError,
    VerificationUnavailable,
)
from ...interfaces import FailureHandler
from ..issuer import bearer
from ..request import make_request
from ._checking import in_threads, in_throwaway_app, require, unchecked
from ._stand_ins import NoKeys

__all__ = ["FailureHandlerContract"]

_LOG_TEXT = "text only for the log"
_SENT = "eyJhbGciOiJSUzI1NiJ9.sent-by-the-client.c2lnbmF0dXJl"
_INJECTION = 'a "b \\ \x7f \xe9 \U0001f511\r\nX-Injected: yes'


class _OwnError(InvalidTokenError):
    """An error class that an application defined itself."""

    error_code = "insufficient_user_authentication"


class FailureHandlerContract(ABC):
    """Tests a ``FailureHandler``. Implement how to make it."""

    @abstractmethod
    def make_handler(self) -> FailureHandler:
        """Make the handler."""

    def test_it_composes(self) -> None:
        """An ``Authenticator`` accepts the handler."""
        Authenticator(keys=NoKeys(), failure_handler=self.make_handler())

    def test_it_responds_with_the_errors_status(self) -> None:
        """The response has the error's status: 401, 400 or 403, or 503 if verification is unavailable."""
        for error in _errors():
            status = self._deny(error).status_code
            require(
                status == error.status, f"{_name(error)}: expected {error.status}, not {status}"
            )

    def test_it_challenges(self) -> None:
        """A refusal has ``WWW-Authenticate``, with the error's code and the needed scope (RFC 6750 §3).

        The ``Authenticator`` adds one if the handler sets none.
        """
        for error in _refusals():
            challenge = self._deny(error).headers.get("WWW-Authenticate", "")
            require(challenge, f"the challenge of {_name(error)} is empty")
            if error.error_code is None:
                require("error" not in challenge, f"{_name(error)} has no code: {challenge!r}")
            else:
                require(
                    f'error="{error.error_code}"' in challenge,
                    f"no {error.error_code} in {challenge!r}",
                )
            if isinstance(error, InsufficientScopeError):
                require(f'scope="{error.scope}"' in challenge, f"no scope in {challenge!r}")

    def test_it_says_when_to_retry(self) -> None:
        """If verification is unavailable, the response has ``Retry-After`` and no challenge."""
        headers = self._deny(_unavailable()).headers
        retry_after = headers.get("Retry-After")
        require(retry_after == "17", f"expected Retry-After: 17, not {retry_after!r}")
        require(
            "WWW-Authenticate" not in headers,
            "it sends a challenge, but another token wouldn't help",
        )

    def test_it_sends_no_log_text(self) -> None:
        """The text for the log is not sent, neither the error's nor its cause's."""
        for error in _errors():
            response = self._deny(error)
            sent = f"{response.headers}\n{response.get_data(as_text=True)}"
            require(_LOG_TEXT not in sent, f"it sent {_name(error)}'s text for the log: {sent!r}")

    def test_it_sends_no_token(self) -> None:
        """The response repeats no credentials of the request."""
        request = make_request(
            headers={**bearer(_SENT), "Cookie": f"session={_SENT}"},
            query_string={"access_token": _SENT},
        )
        for error in _errors():
            response = self._deny(error, request)
            sent = f"{response.headers}\n{response.get_data(as_text=True)}"
            require(_SENT not in sent, f"the response to {_name(error)} has the token: {sent!r}")

    def test_its_challenge_is_well_formed(self) -> None:
        """The challenge is well-formed with any description that an application sets (RFC 6750 §3)."""
        for error in (
            InvalidTokenError(description=_INJECTION),
            InsufficientScopeError(_INJECTION),
        ):
            response = self._deny(error)
            require("X-Injected" not in response.headers, "the description added a header")
            for challenge in response.headers.getlist("WWW-Authenticate"):
                require(
                    re.fullmatch(r"[\x20-\x7E]+", challenge) and challenge.count('"') % 2 == 0,
                    f"the challenge {challenge!r} is not well-formed (RFC 6750 §3)",
                )

    def test_it_makes_a_new_response_each_time(self) -> None:
        """Two requests don't share a response, so a header can be added to one of them."""
        handler = self.make_handler()
        for error in (MissingTokenError(), _unavailable()):
            with in_throwaway_app() as app:
                app.make_response(handler.deny(error)).headers["X-Of-One-Request"] = "yes"
                second = app.make_response(handler.deny(error))
            require("X-Of-One-Request" not in second.headers, "two requests share a response")

    def test_it_allows_anonymous_requests(self) -> None:
        """``anonymous`` returns None, raises nothing and doesn't write to ``flask.g``."""
        handler = self.make_handler()
        for error in _refusals():
            if error.allows_anonymous:
                with in_throwaway_app():
                    returned = _call(handler.anonymous, error)
                    written = list(g)
                require(returned is None, f"anonymous must return None, not {returned!r}")
                require(not written, f"it wrote to flask.g: {', '.join(written)}")

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share a handler each get the response to their own error."""
        handler = self.make_handler()

        def job(scope: str) -> Callable[[], str]:
            def deny() -> str:
                error = InsufficientScopeError(scope, description=f"It needs {scope}")
                with in_throwaway_app() as app:
                    response = app.make_response(handler.deny(error))
                return f"{response.headers}\n{response.get_data(as_text=True)}"

            return deny

        scopes = [f"scope-{number}" for number in range(8)]
        found = in_threads([job(scope) for scope in scopes])
        for scope, responses in zip(scopes, found, strict=True):
            others = [other for other in scopes if other != scope]
            for sent in responses:
                require(
                    not any(other in sent for other in others),
                    f"a request that lacks {scope} got another one's response: {sent!r}",
                )

    def _deny(
        self, error: AuthenticationError | VerificationUnavailable, request: Request | None = None
    ) -> Response:
        """Return a new handler's response to an error."""
        with in_throwaway_app(request) as app:
            returned = self.make_handler().deny(error)
            require(unchecked(returned) is not None, f"deny returned None for {_name(error)}")
            response = app.make_response(returned)
            require(not list(g), f"it wrote to flask.g: {', '.join(g)}")
        # As the Authenticator does. So a handler need not.
        for name, value in refusal_headers(error):
            response.headers.setdefault(name, value)
        return response


def _call(function: Callable[[AuthenticationError], object], error: AuthenticationError) -> object:
    """Call a function that should return None, and return what it returned."""
    return function(error)


def _name(error: Exception) -> str:
    return type(error).__name__


def _refusals() -> Iterator[AuthenticationError]:
    """Yield a refusal of every kind, each with a text for the log."""
    yield MissingTokenError(_LOG_TEXT)
    yield InvalidRequestError(_LOG_TEXT)
    yield InvalidTokenError(_LOG_TEXT)
    yield InvalidTokenError(_LOG_TEXT, description="An application's own description")
    yield MalformedTokenError(_LOG_TEXT)
    yield AlgorithmError(_LOG_TEXT)
    yield UnknownKeyError(_LOG_TEXT)
    yield BadSignatureError(_LOG_TEXT)
    yield ClaimError("iss", _LOG_TEXT)
    yield ExpiredTokenError("exp", _LOG_TEXT)
    yield MissingClaimError("aud", _LOG_TEXT)
    yield InsufficientScopeError("reports:read reports:write", _LOG_TEXT)
    yield _OwnError(_LOG_TEXT)
    error = BadSignatureError(_LOG_TEXT)
    error.__cause__ = RuntimeError(_LOG_TEXT)
    yield error


def _errors() -> Iterator[AuthenticationError | VerificationUnavailable]:
    """Yield an error of every kind."""
    yield from _refusals()
    yield _unavailable()


def _unavailable() -> VerificationUnavailable:
    error = VerificationUnavailable(_LOG_TEXT, retry_after=17)
    error.__cause__ = ConnectionError(_LOG_TEXT)
    return error
