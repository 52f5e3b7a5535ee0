"""What an application has for a caller, and how it is remembered for that caller."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar, cast

from attrs import field, frozen

from flask_jwtlib import AuthenticationError, Claims, Policy, VerificationUnavailable
from flask_jwtlib.policies import Call

__all__ = ["IdentitySource", "Known", "Memory", "Outcome", "found_or_refused"]

_Found = TypeVar("_Found")


@frozen(eq=False)
class Outcome(Generic[_Found]):
    """What was found for a caller.

    Attributes:
        found: The application's object. With neither this nor an error, the application doesn't know the
            caller.
        error: Why the caller is refused.
    """

    found: _Found | None = None
    error: AuthenticationError | VerificationUnavailable | None = None

    def is_found(self) -> bool:
        """Return whether there is an object.

        Raises:
            Refusal: There is an error. It is a copy, since the traceback would stay with the original.
        """
        if self.error is not None:
            raise self.error.in_context(self.error.context)
        return self.found is not None

    def to_remember(self) -> Outcome[_Found] | None:
        """Return what is remembered: None after an outage, since the next attempt may succeed.

        A remembered error has no cause, whose traceback would keep the request in memory.
        """
        if self.error is None:
            return self
        if isinstance(self.error, VerificationUnavailable):
            return None
        error = self.error.in_context(self.error.context)
        error.__cause__ = None
        return Outcome(error=error)


class Memory(Generic[_Found]):
    """What one principal's memory has of one identity.

    Attributes:
        lock: Is held while the caller is looked up, so that a second thread waits for the result.
        outcome: The result; None before it is known.
    """

    __slots__ = ("lock", "outcome")

    def __init__(self) -> None:
        # A look-up that asks for its own result fails with an error, and doesn't wait for itself.
        self.lock = RLock()
        self.outcome: Outcome[_Found] | None = None


class IdentitySource(Protocol):
    """Finds an application's object for a caller."""

    def outcome_of(self, claims: Claims) -> Outcome[Any]:
        """Return what was found, remembered for the caller whose claims these are."""
        ...

    def unknown(self, claims: Claims) -> AuthenticationError:
        """Return the refusal of a caller whom the application doesn't know."""
        ...


@frozen
class Known(Policy):
    """Requires that the application knows the caller.

    Args:
        source: Finds the caller.
        name: A name for the source, for the audit.
    """

    source: IdentitySource = field(repr=False)
    name: str

    def verdict(self, claims: Claims, call: Call) -> bool:
        """Look the caller up."""
        return self.source.outcome_of(claims).is_found()

    def refusal(self, claims: Claims) -> AuthenticationError:
        """Return the error that the application chose."""
        return self.source.unknown(claims)

    def __str__(self) -> str:
        return f"known to {self.name}"


@frozen(eq=False)
class _Settled(Policy):
    """Refuses as ``Known`` does, when the outcome is known."""

    outcome: Outcome[Any]
    unknown: Callable[[Claims], AuthenticationError]

    def verdict(self, claims: Claims, call: Call) -> bool:
        return self.outcome.is_found()

    def refusal(self, claims: Claims) -> AuthenticationError:
        return self.unknown(claims)


def found_or_refused(
    outcome: Outcome[_Found], claims: Claims, unknown: Callable[[Claims], AuthenticationError]
) -> _Found:
    """Return what was found for a caller.

    Args:
        outcome: The outcome.
        claims: The caller's claims.
        unknown: Makes the refusal of an unknown caller.

    Raises:
        Refusal: There is nothing. If it is the current request's caller, the failure handler makes the
            response, and the refusal is logged and signalled.
    """
    if outcome.found is None:
        # A policy that refuses within a view does all of that.
        _Settled(outcome, unknown)(claims)
    return cast("_Found", outcome.found)
