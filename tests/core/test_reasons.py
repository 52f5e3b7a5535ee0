"""``Refusal.reason``: the names of reasons for programs."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException

from flask_jwtlib import errors
from flask_jwtlib.errors import (
    AuthenticationError,
    ClaimError,
    ExpiredTokenError,
    ForbiddenError,
    InvalidTokenError,
    Refusal,
    RefusalContext,
    VerificationUnavailable,
)

REASONS = {
    "AlgorithmError": "unaccepted-algorithm",
    "AuthenticationError": "refused",
    "BadSignatureError": "bad-signature",
    "ClaimError": "unaccepted-claim",
    "CrossSiteError": "cross-site-request",
    "ExpiredTokenError": "expired-token",
    "ForbiddenError": "forbidden",
    "InsufficientScopeError": "insufficient-scope",
    "InvalidRequestError": "malformed-credentials",
    "InvalidTokenError": "invalid-token",
    "MalformedCredentialsError": "malformed-credentials",
    "MalformedTokenError": "malformed-token",
    "MissingClaimError": "missing-claim",
    "MissingTokenError": "missing-token",
    "NotYetValidError": "token-not-yet-valid",
    "Refusal": "refused",
    "TokenKindError": "wrong-token-kind",
    "UnacceptedAudienceError": "wrong-audience",
    "UnknownKeyError": "unknown-key",
    "VerificationUnavailable": "verification-unavailable",
    "WrongAudienceError": "wrong-audience",
    "WrongIssuerError": "wrong-issuer",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items(), ids=REASONS)
def test_each_error_has_its_reason(name: str, reason: str) -> None:
    """The names are public: clients compare them, so they never change."""
    assert getattr(errors, name).reason == reason


def test_no_refusal_is_left_out() -> None:
    """Each refusal among the public errors is tested above."""
    public: list[Any] = [getattr(errors, name) for name in errors.__all__]

    assert {kind.__name__ for kind in public if issubclass(kind, Refusal)} >= set(REASONS)


def test_an_error_of_ones_own_has_its_bases_reason() -> None:
    """A subclass without a reason has that of its nearest base which has one."""

    class Suspended(ForbiddenError):
        pass

    class Stale(ExpiredTokenError):
        pass

    assert (Suspended().reason, Stale("auth_time").reason) == ("forbidden", "expired-token")


def test_an_error_of_ones_own_has_a_reason_of_its_own() -> None:
    """A subclass sets its reason as an attribute, and its subclasses inherit it."""

    class Suspended(ForbiddenError):
        reason = "account-suspended"

    class SuspendedForFraud(Suspended):
        pass

    assert Suspended().reason == SuspendedForFraud().reason == "account-suspended"


@pytest.mark.parametrize(
    "reason",
    ["", "Account-Suspended", "account suspended", "a/b", "../a", "a-", "a#b", "a\n", "é", None, 5],
    ids=repr,
)
def test_a_reason_that_no_url_can_end_with_is_refused(reason: Any) -> None:
    """A reason is lower-case words that are joined by hyphens; anything else raises at once."""
    with pytest.raises(TypeError, match="expected lower-case words that are joined by '-'"):
        type("Own", (InvalidTokenError,), {"reason": reason})


def test_a_property_is_no_reason() -> None:
    """The reason belongs to the class: it can't depend on what a client sent."""
    with pytest.raises(TypeError, match="reason is <property"):

        class Own(ClaimError):
            @property
            def reason(self) -> str:  # type: ignore[override]
                return "x"


def test_an_abstract_base_is_checked_too() -> None:
    """A base without a status can set the reason of its subclasses, and is checked."""

    class Base(AuthenticationError, abstract=True):
        reason = "own-reason"

    class Teapot(HTTPException):
        code = 418

    class Own(Base, Teapot):
        pass

    assert Own().reason == "own-reason"
    with pytest.raises(TypeError, match="reason"):

        class Bad(AuthenticationError, abstract=True):
            reason = "Own reason"


def test_a_copy_has_the_same_reason() -> None:
    """The copy for a route, and one from another process, have the reason of the original."""
    error = VerificationUnavailable()

    assert error.in_context(RefusalContext()).reason == error.reason
    assert pickle.loads(pickle.dumps(error)).reason == error.reason
