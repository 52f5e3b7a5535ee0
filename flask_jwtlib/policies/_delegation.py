"""Policies about the party that acts for the caller (RFC 8693 §4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from .._options import as_strings
from ._policy import Call, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["ActedBy", "NoDelegation"]


@frozen
class ActedBy(Policy):
    """Requires that this party acts for the caller: the outermost ``act``, never one before it.

    Without ``act`` the verdict is unknown, so ``~ActedBy("batch")`` refuses a token of the caller's own, too.
    Write ``NoDelegation() | ActedBy("batch")`` for a route that callers may use themselves or through a
    service, and ``NoDelegation() | ~ActedBy("batch")`` for any but that service.

    Args:
        subject: The actor's ``sub``, compared exactly.
        issuer: The actor's issuer. By default it is the issuer of the token: an actor of another issuer with
            the same ``sub`` is another party.
    """

    subject: str = field()
    issuer: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        as_strings(
            "ActedBy", (self.subject,) if self.issuer is None else (self.subject, self.issuer)
        )

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Compare the actor."""
        actor = claims.actor
        issuer = claims.issuer if self.issuer is None else self.issuer
        if actor is None or (actor.issuer is None) is not (issuer is None):
            return Verdict.UNKNOWN
        is_same = (actor.subject, actor.issuer) == (self.subject, issuer)
        return Verdict.SATISFIED if is_same else Verdict.REFUSED

    def __str__(self) -> str:
        return f"actor {self.subject}" + ("" if self.issuer is None else f" of {self.issuer}")


@frozen
class NoDelegation(Policy):
    """Requires that nobody acts for the caller: the token has no ``act``.

    It is a policy about absence: only such a policy is satisfied by a claim that isn't there.
    """

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Look for an actor."""
        return Verdict.SATISFIED if claims.actor is None else Verdict.REFUSED

    def __str__(self) -> str:
        return "no delegation"
