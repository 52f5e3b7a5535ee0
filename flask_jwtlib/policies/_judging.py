"""Judges policies: every one of a route, and every part of a combination."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._dry_run import current_dry_run
from .._flask.state import judged_principal, published_now
from ..errors import AuthenticationError, InsufficientScopeError
from ._policy import NO_CALL, Call, CallNeeded, Judgement, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims, Principal

__all__ = ["Combination", "Unmet", "judge", "principal_of", "refusal_by"]

_SATISFIED = Judgement(Verdict.SATISFIED)


def principal_of(claims: Claims) -> Principal | None:
    """Return the caller that claims belong to, for a policy that looks the caller up elsewhere.

    ``principal.memory`` keeps what was found, so that no later policy or view looks it up again.

    Args:
        claims: The claims, the same object that the policy was given.

    Returns:
        The caller whom policies are being applied to, or ``current_principal``. None if the claims are
        neither's, such as those of a test.
    """
    judged = judged_principal.get()
    if judged is not None and judged.claims is claims:
        return judged
    published = published_now()
    current = None if published is None else published.principal
    return current if current is not None and current.claims is claims else None


class Combination(Policy):
    """A policy that is made of others.

    Attributes:
        parts: The policies that it is made of.
    """

    __slots__ = ()
    parts: tuple[Policy, ...]

    @abstractmethod
    def combined(self, judgements: list[Judgement | Unmet], claims: Claims) -> Judgement:
        """Return its judgement, given those of its parts."""


class Unmet:
    """The judgement about a caller who doesn't satisfy a policy that isn't made of others.

    Its error is made when it is asked for, since another alternative may let the caller in.

    Attributes:
        verdict: The verdict.
    """

    __slots__ = ("_claims", "_policy", "verdict")

    def __init__(self, verdict: Verdict, policy: Policy, claims: Claims) -> None:
        self.verdict = verdict
        self._policy = policy
        self._claims = claims

    @property
    def refusals(self) -> tuple[AuthenticationError, ...]:
        """The error that would refuse the request."""
        return (self._policy.refusal(self._claims),)


def judge(policy: Policy, claims: Claims, call: Call = NO_CALL) -> Judgement:
    """Return what a policy says about a caller.

    Args:
        policy: The policy.
        claims: The caller's verified claims.
        call: The view that is called, if one is.
    """
    judged = _judged(policy, claims, call)
    return judged if isinstance(judged, Judgement) else Judgement(judged.verdict, judged.refusals)


def _judged(policy: Policy, claims: Claims, call: Call) -> Judgement | Unmet:
    if isinstance(policy, Combination):
        return policy.combined([_judged(part, claims, call) for part in policy.parts], claims)
    try:
        answer: object = policy.verdict(claims, call)
    except AuthenticationError as error:
        # It says why the caller is refused, but not that the opposite is true, so `~` must not accept.
        return Judgement(Verdict.UNKNOWN, (error.with_traceback(None),))
    except (LookupError, CallNeeded):
        answer = Verdict.UNKNOWN
    if answer is True or answer is Verdict.SATISFIED:
        return _SATISFIED
    is_refused = answer is False or answer is Verdict.REFUSED
    return Unmet(Verdict.REFUSED if is_refused else Verdict.UNKNOWN, policy, claims)


def refusal_by(
    policies: Iterable[Policy], claims: Claims, call: Call = NO_CALL
) -> AuthenticationError | None:
    """Return why some of these policies refuse a caller, with all that is missing; None if none does."""
    refusals: list[AuthenticationError] = []
    explained = current_dry_run()
    observer = None if explained is None else explained.observer
    for each in policies:
        judged = (
            _judged(each, claims, call)
            if observer is None
            else observer.judge(judge, each, claims, call)
        )
        if judged.verdict is not Verdict.SATISFIED:
            refusals.extend(judged.refusals)
    return joined(refusals) if refusals else None


def joined(refusals: Iterable[AuthenticationError]) -> AuthenticationError:
    """Return one error for several that apply together.

    A 403 that no scope would cure outranks a missing scope, which outranks a 401 that asks for another way
    to log in: the client shouldn't try what can't succeed.
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
