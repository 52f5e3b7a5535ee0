"""What the identities whose objects are found without ``await`` have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar, cast

from flask_jwtlib import AuthenticationError, Claims, Policy, Principal, current_principal
from flask_jwtlib.policies import principal_of

from ._outcomes import Known, Memory, Outcome, found_or_refused

__all__ = ["Identity", "claims_of", "current_caller"]

_Found = TypeVar("_Found")


class Identity(Generic[_Found]):
    """An application's own object for a caller, found once for each principal."""

    __slots__ = ()

    def current(self) -> _Found:
        """Return the object for the current request's caller.

        Raises:
            RuntimeError: The request has no authenticated caller: the view isn't protected, or it is an
                optional route, where ``current_or_none`` is the right method.
            AuthenticationError: The application doesn't know the caller. The response is the failure
                handler's, unless the view catches the error.
            VerificationUnavailable: The caller can't be looked up at the moment.
        """
        return self.of(current_caller())

    def current_or_none(self) -> _Found | None:
        """Return the object for the current request's caller; None for a guest of an optional route.

        An authenticated caller whom the application doesn't know is refused here, too.

        Raises:
            AuthenticationError: The application doesn't know the caller.
            VerificationUnavailable: The caller can't be looked up at the moment.
        """
        return self.current() if current_principal else None

    def of(self, caller: Principal | Claims) -> _Found:
        """Return the object for a caller.

        Args:
            caller: The principal, such as that of ``auth.verify(text)``; or the claims, within a policy. It
                is remembered for the principal. For claims that belong to no caller, such as those of a
                test, nothing is remembered.

        Raises:
            AuthenticationError: The application doesn't know the caller.
            VerificationUnavailable: The caller can't be looked up at the moment.
        """
        claims = claims_of(caller)
        outcome = self.outcome_of(claims) if claims is caller else self._remembered(caller)
        return found_or_refused(outcome, claims, self.unknown)

    @property
    def required(self) -> Policy:
        """A policy: only callers whom the application knows. Use it for routes that don't ask who it is."""
        return Known(self, self.name)

    def outcome_of(self, claims: Claims) -> Outcome[_Found]:
        """Used by the policy."""
        principal = principal_of(claims)
        return self.find(claims) if principal is None else self._remembered(principal)

    def _remembered(self, principal: Any) -> Outcome[_Found]:
        remembered = principal.memory
        memory: Memory[_Found] = remembered.get(self) or remembered.setdefault(self, Memory())
        if memory.outcome is None:
            with memory.lock:
                # Another thread may have found it meanwhile.
                if memory.outcome is None:
                    outcome = self.find(principal.claims)
                    memory.outcome = outcome.to_remember()
                    return outcome
        return memory.outcome

    @property
    @abstractmethod
    def name(self) -> str:
        """A name for the log and the audit."""

    @abstractmethod
    def find(self, claims: Claims) -> Outcome[_Found]:
        """Find the application's object, anew."""

    @abstractmethod
    def unknown(self, claims: Claims) -> AuthenticationError:
        """Return the refusal of a caller whom the application doesn't know."""


def current_caller() -> Principal:
    """Return the current caller, without the proxy around it."""
    return cast("Any", current_principal)._get_current_object()  # type: ignore[no-any-return]


def claims_of(caller: Principal | Claims) -> Claims:
    """Return a caller's claims."""
    return caller if isinstance(caller, Claims) else caller.claims
