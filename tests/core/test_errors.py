"""The errors: their bases, texts, statuses and codes, and subclassing them."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest
from werkzeug.exceptions import default_exceptions

import flask_jwtlib
from flask_jwtlib import BearerToken, Claims, Principal, errors
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import (
    AbsentClaimError,
    AlgorithmError,
    AuthenticationError,
    BadSignatureError,
    ClaimError,
    ConfigurationError,
    CrossSiteError,
    ExpiredTokenError,
    ForbiddenError,
    InsecureKeyWarning,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    JWTLibError,
    MalformedCredentialsError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    NotYetValidError,
    Refusal,
    RefusalContext,
    TokenKindError,
    UnacceptedAudienceError,
    UnknownKeyError,
    VerificationUnavailable,
    WrongAudienceError,
    WrongIssuerError,
)
from flask_jwtlib.log_text import error_text

ALL = [
    AlgorithmError(),
    BadSignatureError(),
    ClaimError("iss"),
    CrossSiteError(),
    ExpiredTokenError("exp"),
    ForbiddenError(),
    InsufficientScopeError("mail"),
    InvalidRequestError(),
    InvalidTokenError(),
    MalformedCredentialsError(),
    MalformedTokenError(),
    MissingClaimError("sub"),
    MissingTokenError(),
    NotYetValidError("nbf"),
    TokenKindError("typ"),
    UnacceptedAudienceError("aud"),
    UnknownKeyError(),
    WrongAudienceError("aud"),
    WrongIssuerError("iss"),
]
each_error = pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)


def test_every_error_has_one_base() -> None:
    """``except JWTLibError`` catches every error of the package; the warning isn't an error."""
    classes = {getattr(errors, name) for name in errors.__all__}

    assert {cls for cls in classes if not issubclass(cls, JWTLibError)} == {
        InsecureKeyWarning,
        RefusalContext,
    }
    assert issubclass(InsecureKeyWarning, UserWarning)


def test_every_error_is_documented_and_listed() -> None:
    """Each public class of the folder has a docstring and is in ``__all__``."""
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__.startswith(f"{errors.__name__}.")
    }

    assert found == set(errors.__all__)
    assert all("__doc__" in vars(getattr(errors, name)) for name in found)


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
        pytest.param(MalformedCredentialsError(), "invalid_request", 401, id="credentials"),
        pytest.param(InvalidTokenError(), "invalid_token", 401, id="token"),
        pytest.param(MalformedTokenError(), "invalid_token", 401, id="malformed"),
        pytest.param(AlgorithmError(), "invalid_token", 401, id="algorithm"),
        pytest.param(UnknownKeyError(), "invalid_token", 401, id="key"),
        pytest.param(BadSignatureError(), "invalid_token", 401, id="signature"),
        pytest.param(ClaimError("iss"), "invalid_token", 401, id="claim"),
        pytest.param(ExpiredTokenError("exp"), "invalid_token", 401, id="expired"),
        pytest.param(MissingClaimError("sub"), "invalid_token", 401, id="missing claim"),
        pytest.param(NotYetValidError("nbf"), "invalid_token", 401, id="not yet valid"),
        pytest.param(TokenKindError("typ"), "invalid_token", 401, id="kind"),
        pytest.param(UnacceptedAudienceError("aud"), "invalid_token", 401, id="no audience"),
        pytest.param(WrongAudienceError("aud"), "invalid_token", 401, id="audience"),
        pytest.param(WrongIssuerError("iss"), "invalid_token", 401, id="issuer"),
        pytest.param(InsufficientScopeError("mail"), "insufficient_scope", 403, id="scope"),
        pytest.param(ForbiddenError(), None, 403, id="permission"),
        pytest.param(CrossSiteError(), None, 403, id="cross-site"),
    ],
)
def test_codes_and_statuses(error: AuthenticationError, code: str | None, status: int) -> None:
    """RFC 6750 §3.1: no code without credentials; 400, 401 and 403 by code."""
    assert (error.error_code, error.status, error.code) == (code, status, status)
    assert isinstance(error, default_exceptions[status])


@each_error
def test_only_a_missing_permission_is_refused_on_optional_routes(
    error: AuthenticationError,
) -> None:
    """An optional route serves unknown callers, but refuses a known one without permission."""
    assert error.allows_anonymous is not isinstance(error, ForbiddenError)


@each_error
def test_refusals_are_logged_at_info(error: AuthenticationError) -> None:
    """Client errors are logged at INFO, except for a forgotten setting and an attack."""
    is_suspicious = isinstance(error, UnacceptedAudienceError | CrossSiteError)

    assert error.log_level == (logging.WARNING if is_suspicious else logging.INFO)


@each_error
def test_every_error_has_two_texts(error: AuthenticationError) -> None:
    """An error raised without a message still has a text for the log, and one for the client."""
    assert error_text(error) == error.log_message
    assert error.log_message
    assert str(error) == error.description


@each_error
def test_descriptions_can_be_sent_as_they_are(error: AuthenticationError) -> None:
    """RFC 6750 §3: error_description has printable ASCII without quotes and backslashes."""
    text = error.description or ""

    assert text.isascii()
    assert text.isprintable() or not text
    assert not set(text) & {'"', "\\"}


def test_message_and_description_are_separate() -> None:
    """The message is for the log, the description for the client: ``str`` is what a client may see."""
    error = InvalidTokenError("the log", description="the wire")

    assert error.log_message == "the log"
    assert repr(error) == "InvalidTokenError('the log')"
    assert error.description == str(error) == "the wire"


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
    assert InvalidTokenError(description="too old").log_message == "too old"


def test_without_any_text_the_classes_name_is_the_text() -> None:
    """An error class without a description has a text for the log."""

    class Undescribed(AuthenticationError, default_exceptions[401]):  # type: ignore[misc]
        pass

    assert str(Undescribed()) == Undescribed().log_message == "Undescribed"


def test_configuration_errors_are_value_errors() -> None:
    """A wrong argument is a ValueError, as is usual in Python."""
    error = ConfigurationError("no key")

    assert isinstance(error, ValueError)
    assert str(error) == "no key"


def test_an_outage_is_a_503() -> None:
    """VerificationUnavailable is 503, an ERROR in the log, and has a Retry-After."""
    error = VerificationUnavailable()

    assert (error.status, error.log_level, error.retry_after) == (503, logging.ERROR, 5)
    assert error.log_message == "the verification keys are unavailable"
    assert str(error) == "The token can't be verified at the moment"
    assert VerificationUnavailable("down", retry_after=60).retry_after == 60


def test_claim_errors_name_their_claim() -> None:
    """The claim is an attribute, for handlers and listeners, and part of the text."""
    error = ClaimError("tenant")

    assert error.claim == "tenant"
    assert error.log_message == "the claim 'tenant' is not accepted"
    assert ClaimError("tenant", "why").log_message == "why"
    assert ClaimError("tenant", description="wire").description == "wire"


def test_a_missing_claim_is_named() -> None:
    """The claim is an attribute, and in the text for the log only."""
    error = MissingClaimError("sub")

    assert error.claim == "sub"
    assert error.log_message == "the claim 'sub' is missing"
    assert MissingClaimError("sub", "own text").log_message == "own text"
    assert MissingClaimError("sub", description="wire").description == "wire"


def test_an_absent_claim_is_a_key_error_and_no_refusal() -> None:
    """Reading an absent claim is a KeyError, as with any mapping, and its text has no quotes."""
    error = AbsentClaimError("sub")

    assert isinstance(error, KeyError)
    assert not isinstance(error, Refusal)
    assert error.claim == "sub"
    assert str(error) == "the claim 'sub' is missing"


@pytest.mark.parametrize("error", [*ALL, VerificationUnavailable()], ids=lambda e: type(e).__name__)
def test_no_refusal_is_one_of_pythons_errors(error: Refusal) -> None:
    """``except KeyError`` or ``except ValueError`` of an application catches no refusal by accident."""
    assert not isinstance(error, LookupError | ValueError | TypeError | OSError | RuntimeError)


def test_a_missing_scope_names_the_required_scope() -> None:
    """The required scope is in the challenge."""
    error = InsufficientScopeError("a b")

    assert error.scope == "a b"
    assert error.log_message == "the scope 'a b' is required"
    assert InsufficientScopeError("a", "own text").log_message == "own text"
    assert InsufficientScopeError("a", description="wire").description == "wire"


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
    """A pickled or copied error keeps its message and attributes."""
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is type(error)
        assert (str(copied), error_text(copied)) == (str(error), error_text(error))
        assert {**vars(copied), "context": None} == {**vars(error), "context": None}


def test_a_pickled_refusal_has_no_token() -> None:
    """What a queue or an error report stores has the route's challenge, but neither caller nor token."""
    caller = Principal(BearerToken("SECRET"), Claims({"sub": "alice"}, checked_at=0))
    context = RefusalContext((Challenge("A"),), scopes=("a",), principal=caller, respond=print)
    pickled = pickle.dumps(ForbiddenError("no").in_context(context))

    assert b"SECRET" not in pickled
    assert b"alice" not in pickled
    assert pickle.loads(pickled).context == RefusalContext((Challenge("A"),), scopes=("a",))


def test_a_refusal_in_context_is_a_copy() -> None:
    """Requests that share a refusal don't see each other's route; text, attributes and cause are copied."""
    error = ClaimError("iss", "why", description="wire")
    error.__cause__ = LookupError()
    copied = error.in_context(RefusalContext(scheme="DPoP"))

    assert (copied.claim, copied.log_message, copied.args) == ("iss", "why", ("why",))
    assert copied.__cause__ is error.__cause__
    assert copied.context.scheme == "DPoP"
    assert error.context == RefusalContext()
