from __future__ import annotations

import logging
import pickle

import pytest

import flask_jwtlib
from flask_jwtlib import errors
from flask_jwtlib.errors import (
    AlgorithmError,
    AuthenticationError,
    BadSignatureError,
    ClaimError,
    ConfigurationError,
    ExpiredTokenError,
    InsecureKeyWarning,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    JWTLibError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    UnacceptedAudienceError,
    UnknownKeyError,
    VerificationUnavailable,
)

ALL = [
    AlgorithmError(),
    AuthenticationError(),
    BadSignatureError(),
    ClaimError("iss"),
    ExpiredTokenError("exp"),
    InsufficientScopeError("mail"),
    InvalidRequestError(),
    InvalidTokenError(),
    MalformedTokenError(),
    MissingClaimError("sub"),
    MissingTokenError(),
    UnacceptedAudienceError("aud"),
    UnknownKeyError(),
]
each_error = pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)


def test_every_error_has_one_base() -> None:
    """``except JWTLibError`` catches every error of the package; the warning isn't an error."""
    classes = [getattr(errors, name) for name in errors.__all__]

    assert all(issubclass(cls, JWTLibError) for cls in classes if cls is not InsecureKeyWarning)
    assert issubclass(InsecureKeyWarning, UserWarning)


def test_every_error_is_documented_and_listed() -> None:
    """Each public class of the module has a docstring and is in ``__all__``."""
    for name, value in vars(errors).items():
        if isinstance(value, type) and value.__module__ == errors.__name__:
            assert name in errors.__all__
            assert value.__doc__


@each_error
def test_a_clients_fault_is_an_authentication_error(error: AuthenticationError) -> None:
    """All client errors share one class, separate from server faults."""
    assert isinstance(error, AuthenticationError)
    assert not isinstance(error, VerificationUnavailable | ConfigurationError)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        pytest.param(MissingTokenError(), None, 401, id="missing"),
        pytest.param(InvalidRequestError(), "invalid_request", 400, id="request"),
        pytest.param(InvalidTokenError(), "invalid_token", 401, id="token"),
        pytest.param(MalformedTokenError(), "invalid_token", 401, id="malformed"),
        pytest.param(AlgorithmError(), "invalid_token", 401, id="algorithm"),
        pytest.param(UnknownKeyError(), "invalid_token", 401, id="key"),
        pytest.param(BadSignatureError(), "invalid_token", 401, id="signature"),
        pytest.param(ClaimError("iss"), "invalid_token", 401, id="claim"),
        pytest.param(ExpiredTokenError("exp"), "invalid_token", 401, id="expired"),
        pytest.param(MissingClaimError("sub"), "invalid_token", 401, id="missing claim"),
        pytest.param(UnacceptedAudienceError("aud"), "invalid_token", 401, id="audience"),
        pytest.param(InsufficientScopeError("mail"), "insufficient_scope", 403, id="scope"),
        pytest.param(AuthenticationError(), "invalid_token", 401, id="base"),
    ],
)
def test_codes_and_statuses(error: AuthenticationError, code: str | None, status: int) -> None:
    """RFC 6750 §3.1: no code without credentials; 400, 401 and 403 by code."""
    assert (error.code, error.status) == (code, status)


@each_error
def test_only_a_missing_scope_is_refused_on_optional_routes(error: AuthenticationError) -> None:
    """An optional route serves unknown callers, but refuses a known one without permission."""
    assert error.allows_anonymous is not isinstance(error, InsufficientScopeError)


@each_error
def test_refusals_are_logged_at_info(error: AuthenticationError) -> None:
    """Client errors are logged at INFO, except one that suggests a forgotten setting."""
    expected = logging.WARNING if isinstance(error, UnacceptedAudienceError) else logging.INFO

    assert error.log_level == expected


@each_error
def test_every_error_has_a_text_for_the_log(error: AuthenticationError) -> None:
    """An error raised without a message still has a text."""
    assert str(error)


@each_error
def test_descriptions_can_be_sent_as_they_are(error: AuthenticationError) -> None:
    """RFC 6750 §3: error_description has printable ASCII without quotes and backslashes."""
    text = error.description or ""

    assert text.isascii()
    assert text.isprintable() or not text
    assert not set(text) & {'"', "\\"}


def test_message_and_description_are_separate() -> None:
    """The message is for the log, the description for the client."""
    error = InvalidTokenError("the log", description="the wire")

    assert str(error) == "the log"
    assert error.description == "the wire"


def test_a_message_does_not_become_the_description() -> None:
    """The log message is never sent: the class's own description is."""
    assert InvalidTokenError("secret detail").description == "The access token is invalid"
    assert InvalidTokenError.description == "The access token is invalid"


def test_a_description_belongs_to_one_error() -> None:
    """A description given to one error changes no other."""
    InvalidTokenError(description="once")

    assert InvalidTokenError().description == "The access token is invalid"


def test_a_description_is_the_default_message() -> None:
    """If only the description is given, it is logged, too."""
    assert str(InvalidTokenError(description="too old")) == "too old"
    assert str(AuthenticationError()) == "AuthenticationError"


def test_invalid_request_is_a_value_error() -> None:
    """The documented get_token contract raises ValueError for a malformed request."""
    assert isinstance(InvalidRequestError(), ValueError)
    assert not isinstance(InvalidTokenError(), ValueError)


def test_configuration_errors_are_value_errors() -> None:
    """A wrong argument is a ValueError, as is usual in Python."""
    error = ConfigurationError("no key")

    assert isinstance(error, ValueError)
    assert str(error) == "no key"


def test_an_outage_is_a_503() -> None:
    """VerificationUnavailable is 503, an ERROR in the log, and has a Retry-After."""
    error = VerificationUnavailable()

    assert (error.status, error.log_level, error.retry_after) == (503, logging.ERROR, 5)
    assert str(error) == "the verification keys are unavailable"
    assert VerificationUnavailable("down", retry_after=60).retry_after == 60


def test_claim_errors_name_their_claim() -> None:
    """The claim is an attribute, for handlers and listeners, and part of the text."""
    error = ClaimError("tenant")

    assert error.claim == "tenant"
    assert str(error) == "the claim 'tenant' is not accepted"
    assert str(ClaimError("tenant", "why")) == "why"
    assert ClaimError("tenant", description="wire").description == "wire"


def test_a_missing_claim_is_a_key_error() -> None:
    """Reading an absent claim is a KeyError, as with any mapping, and its text has no quotes."""
    error = MissingClaimError("sub")

    assert isinstance(error, KeyError)
    assert error.claim == "sub"
    assert str(error) == "the claim 'sub' is missing"
    assert str(MissingClaimError("sub", "own text")) == "own text"
    assert MissingClaimError("sub", description="wire").description == "wire"


def test_a_missing_scope_names_the_required_scope() -> None:
    """The required scope is in the challenge."""
    error = InsufficientScopeError("a b")

    assert error.scope == "a b"
    assert str(error) == "the scope 'a b' is required"
    assert str(InsufficientScopeError("a", "own text")) == "own text"
    assert InsufficientScopeError("a", description="wire").description == "wire"


def test_errors_can_be_subclassed_with_a_description() -> None:
    """An organisation's own refusal is a class with a description."""

    class Revoked(InvalidTokenError):
        """The token was revoked."""

        description = "The access token was revoked"

    assert Revoked().description == str(Revoked()) == "The access token was revoked"


def test_the_package_exports_the_errors_that_an_application_needs() -> None:
    """``flask_jwtlib`` has the base of each kind of failure; the rest is in ``flask_jwtlib.errors``."""
    exported = {name for name in errors.__all__ if name in flask_jwtlib.__all__}
    assert exported == {
        "AuthenticationError",
        "ConfigurationError",
        "InvalidTokenError",
        "VerificationUnavailable",
    }


@pytest.mark.parametrize(
    "error",
    [
        ClaimError("iss", "another issuer", description="Not from here"),
        ExpiredTokenError("exp", "expired"),
        MissingClaimError("sub"),
        InsufficientScopeError("read write"),
        MissingTokenError(),
        VerificationUnavailable("no keys", retry_after=7),
        ConfigurationError("wrong"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: JWTLibError) -> None:
    """A pickled error keeps its message and attributes."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_a_custom_403_is_refused_on_every_route() -> None:
    """Optional routes go by the status: 403 means a known caller who is refused."""

    class Forbidden(AuthenticationError):
        """Known, and not allowed."""

        status = 403

    assert not Forbidden("no").allows_anonymous
    assert AuthenticationError("who?").allows_anonymous
