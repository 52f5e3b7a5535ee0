"""Each check of ``FailureHandlerContract`` fails for a failure handler that breaks it."""

# ruff: noqa: D103 - each function is named after what it breaks

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Response, g, request

from flask_jwtlib import AuthenticationError, UnauthorizedHandler, VerificationUnavailable
from flask_jwtlib.errors import InsufficientScopeError, MissingTokenError
from flask_jwtlib.testing.contracts import FailureHandlerContract

Failures = Callable[[object], dict[str, Exception]]


class Handling(UnauthorizedHandler):
    """A handler made of one function or two."""

    def __init__(
        self, deny: Callable[..., Any], anonymous: Callable[..., Any] | None = None
    ) -> None:
        object.__setattr__(self, "deny", deny)
        if anonymous is not None:
            object.__setattr__(self, "anonymous", anonymous)


class HandlerContract(FailureHandlerContract):
    """The contract on a handler."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def make_handler(self) -> Any:
        return self.handler


REFUSE = UnauthorizedHandler().deny


def changed(change: Callable[[Response, Any], object]) -> Callable[[Any], Response]:
    """Make a ``deny`` that changes the core's response."""

    def deny(error: AuthenticationError | VerificationUnavailable) -> Response:
        response = REFUSE(error)
        change(response, error)
        return response

    return deny


def set_header(name: str, value: Callable[[Any], str | None]) -> Callable[[Response, Any], None]:
    """Make a change of one header, if there is another value for it."""

    def change(response: Response, error: Any) -> None:
        other = value(error)
        if other is not None:
            response.headers[name] = other

    return change


def always_401(response: Response, error: Any) -> None:
    response.status_code = 401


def challenge_of(error: Any, code: str | None) -> str | None:
    return f'Bearer error="{code}"' if isinstance(error, AuthenticationError) else None


def unquoted_challenge(error: Any) -> str | None:
    if not isinstance(error, AuthenticationError) or error.error_code is None:
        return None
    scope = f', scope="{error.scope}"' if isinstance(error, InsufficientScopeError) else ""
    return f'Bearer error="{error.error_code}", error_description="{error.description}"{scope}'.replace(
        "\r\n", " "
    )


def with_cause(response: Response, error: Any) -> None:
    response.set_data(repr(error.__cause__))


def echoed(response: Response, error: Any) -> None:
    response.set_data(f"{error}: {request.headers.get('Authorization')}")


def full_path(error: Any) -> str:
    return f"/login?next={request.full_path}"


def log_text(error: Any) -> str:
    return str(error.log_message)


def split_header(response: Response, error: Any) -> None:
    for line in (error.description or "").split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        response.headers[name] = value


SHARED = REFUSE(MissingTokenError())


def shared(error: Any) -> Response:
    response = REFUSE(error)
    return SHARED if isinstance(error, MissingTokenError) else response


def noted_on_g(error: Any) -> None:
    g.anonymous = True


def writing_to_g(error: Any) -> Response:
    g.refused = True
    return REFUSE(error)


def raising(error: Any) -> Any:
    raise error


class ForgetfulHandler:
    """Keeps the current error where other threads overwrite it."""

    def deny(self, error: Any) -> Response:
        self.error = error
        time.sleep(0.0001)
        return REFUSE(self.error)

    def anonymous(self, error: Any) -> None:
        """Do nothing."""


def broken_handlers() -> Iterator[tuple[str, tuple[object, str]]]:
    def broken(
        name: str,
        test: str,
        deny: Callable[..., Any] = REFUSE,
        anonymous: Callable[..., Any] | None = None,
    ) -> tuple[str, tuple[object, str]]:
        return name, (HandlerContract(Handling(deny, anonymous)), test)

    def with_header(name: str, value: Callable[[Any], str | None]) -> Callable[[Any], Response]:
        return changed(set_header(name, value))

    takes_no_error = Handling(REFUSE, lambda: None)
    yield "takes no error", (HandlerContract(takes_no_error), "test_it_composes")
    status = "test_it_responds_with_the_errors_status"
    yield broken("always 401", status, changed(always_401))
    yield broken("returns None to refusals", status, lambda error: None)
    yield broken("raises", status, raising)
    yield broken("writes denials to flask.g", status, writing_to_g)
    challenge = "test_it_challenges"
    yield broken("does not challenge", challenge, with_header("WWW-Authenticate", lambda error: ""))
    codes = {
        "has no code": lambda error: challenge_of(error, None) and "Bearer",
        "has always a code": lambda error: (
            challenge_of(error, error.error_code or "invalid_token")
            if isinstance(error, AuthenticationError)
            else None
        ),
        "has one code": lambda error: challenge_of(error, "invalid_token"),
        "has no scope": lambda error: (
            challenge_of(error, error.error_code)
            if isinstance(error, InsufficientScopeError)
            else None
        ),
    }
    for name, value in codes.items():
        yield broken(name, challenge, with_header("WWW-Authenticate", value))
    retry = "test_it_says_when_to_retry"
    yield broken("has another Retry-After", retry, with_header("Retry-After", lambda error: "5"))
    yield broken(
        "challenges for an outage", retry, with_header("WWW-Authenticate", lambda error: "Bearer")
    )
    secret = "test_it_sends_no_log_text"
    text = changed(lambda response, error: response.set_data(error.log_message))
    yield broken("sends the log's text", secret, text)
    yield broken("sends the cause", secret, changed(with_cause))
    yield broken("sends it in a header", secret, with_header("X-Error", log_text))
    token = "test_it_sends_no_token"
    yield broken("echoes the request", token, changed(echoed))
    yield broken("redirects to the same URL", token, with_header("Location", full_path))
    yield broken("responds with 200", status, str)
    yield broken("responds with a tuple", status, lambda error: ({"error": error.reason}, 200))
    characters = "test_its_challenge_is_well_formed"
    yield broken("quotes nothing", characters, with_header("WWW-Authenticate", unquoted_challenge))
    yield broken("splits headers", characters, changed(split_header))
    yield broken("shares a response", "test_it_makes_a_new_response_each_time", shared)
    anonymous = "test_it_allows_anonymous_requests"
    yield broken("returns anonymously", anonymous, anonymous=REFUSE)
    yield broken("raises anonymously", anonymous, anonymous=raising)
    yield broken("writes to g anonymously", anonymous, anonymous=noted_on_g)
    forgetful = HandlerContract(ForgetfulHandler())
    yield "mixes threads' errors", (forgetful, "test_it_keeps_requests_apart")


BROKEN = dict(broken_handlers())


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_a_broken_failure_handler_fails(contract: object, check: str) -> None:
    """A failure handler that breaks the contract fails the matching check, whose message says so."""
    with pytest.raises(Exception) as error:
        getattr(contract, check)()
    assert str(error.value)


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_check_finds_it(contract: object, check: str, found_by_check: Failures) -> None:
    """``check`` finds the broken failure handler, too, and names the promise."""
    assert check in found_by_check(contract)


def test_every_check_can_fail() -> None:
    """For each check of the contract, some broken failure handler fails it."""
    checks = {name for name in dir(FailureHandlerContract) if name.startswith("test_")}

    assert checks == {check for _, check in BROKEN.values()}


def test_the_base_of_the_broken_handlers_passes(failures: Failures) -> None:
    """A correct failure handler passes, so the broken ones fail only by what they break."""
    assert failures(HandlerContract(UnauthorizedHandler())) == {}


def test_a_handler_that_sets_no_headers_passes(failures: Failures) -> None:
    """The ``Authenticator`` adds the headers of a refusal, so a handler may choose only the body."""

    def plain(error: Any) -> tuple[str, int]:
        return error.description, error.status

    assert failures(HandlerContract(Handling(plain))) == {}


def test_an_incomplete_contract_is_an_error() -> None:
    """A subclass without a failure handler can't be instantiated, so it can't pass by checking nothing."""
    contract: Any = FailureHandlerContract

    with pytest.raises(TypeError, match="abstract"):
        contract()
