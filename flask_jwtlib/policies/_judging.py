"""Judges policies. ``judge`` is called for every policy and every part of a combination."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import AuthenticationError, InsufficientScopeError
from ._policy import NO_CALL, Call, CallNeeded, Judgement, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["Combination", "judge", "refusal_by"]

_SATISFIED = Judgement(Verdict.SATISFIED)


class Combination(Policy):
    """A policy that is made of others.

    Attributes:
        parts: The policies that it is made of.
    """

    __slots__ = ()
    parts: tuple[Policy, ...]

    @abstractmethod
    def combined(self, judgements: list[Judgement], claims: Claims) -> Judgement:
        """Return its judgement, given those of its parts."""


def judge(policy: Policy, claims: Claims, call: Call = NO_CALL) -> Judgement:
    """Return what a policy says about a caller.

    Args:
        policy: The policy.
        claims: The caller's verified claims.
        call: The view that is called, if one is.
    """
    if isinstance(policy, Combination):
        return policy.combined([judge(part, claims, call) for part in policy.parts], claims)
    try:
        answer: object = policy.verdict(claims, call)
    except AuthenticationError as error:
        # It says why the caller is refused, but not that the opposite is true, so `~` must not accept.
        return Judgement(Verdict.UNKNOWN, (error.with_traceback(None),))
    except (LookupError, CallNeeded):
        answer = Verdict.UNKNOWN
    if answer is True or answer is Verdict.SATISFIED:
        return _SATISFIED
    verdict = Verdict.REFUSED if answer is False or answer is Verdict.REFUSED else Verdict.UNKNOWN
    return Judgement(verdict, (policy.refusal(claims),))


def refusal_by(
    policies: Iterable[Policy], claims: Claims, call: Call = NO_CALL
) -> AuthenticationError | None:
    """Return why some of these policies refuse a caller, with all that is missing; None if none does."""
    refusals: list[AuthenticationError] = []
    for each in policies:
        judgement = judge(each, claims, call)
        if judgement.verdict is not Verdict.SATISFIED:
            refusals.extend(judgement.refusals)
    return joined(refusals) if refusals else None


def joined(refusals: Iterable[AuthenticationError]) -> AuthenticationError:
    """Return one error for several that apply together.

    A 403 that no scope would cure outranks a missing scope, which outranks a 401 that asks for another way
    to log in: the client shouldn't try in vain what can't help.
    """
    ordered = sorted(refusals, key=rank)
    first = ordered[0]
    if len(ordered) == 1:
        return first
    merged = first.in_context(first.context)
    merged.log_message = "; ".join(dict.fromkeys(error.log_message for error in ordered))
    if isinstance(merged, InsufficientScopeError):
        named = (str(error.scope) for error in ordered if isinstance(error, InsufficientScopeError))
        merged.scope = " ".join(dict.fromkeys(word for scope in named for word in scope.split()))
    return merged


def rank(error: AuthenticationError) -> int:
    """Return the rank of an error among several: the lowest is told to the client."""
    if isinstance(error, InsufficientScopeError):
        return 1
    return 0 if error.status == 403 else 2
