"""Combinations of policies by ``&``, ``|`` and ``~``, and policies from functions."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .._flask.raising import raise_in_request
from ..claim_rules import ClaimRule, apply_rules, as_rules
from ..errors import AuthenticationError, ConfigurationError, Refusal, VerificationUnavailable
from ._judging import Combination, Unmet, joined, rank, refusal_by
from ._policy import NO_CALL, Call, Judgement, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["all_of", "any_of", "check", "negated", "policy", "split_rules"]

_SATISFIED = Judgement(Verdict.SATISFIED)
# More are of no use to a reader, and their number grows exponentially.
_MOST_ALTERNATIVES = 32


def _distinct(alternatives: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return each set of scopes once, in the order in which it was first written."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for scopes in alternatives:
        found.setdefault(frozenset(scopes), scopes)
    return tuple(found.values())


def _joined(scopes: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scope for each in scopes for scope in each))


@frozen(repr=False)
class _All(Combination):
    parts: tuple[Policy, ...]

    def combined(self, judgements: list[Judgement | Unmet], claims: Claims) -> Judgement:
        unmet = [each for each in judgements if each.verdict is not Verdict.SATISFIED]
        if not unmet:
            return _SATISFIED
        refused = any(each.verdict is Verdict.REFUSED for each in unmet)
        refusals = tuple(refusal for each in unmet for refusal in each.refusals)
        return Judgement(Verdict.REFUSED if refused else Verdict.UNKNOWN, refusals)

    @property
    def scopes(self) -> tuple[str, ...]:
        return _joined(part.scopes for part in self.parts)

    @property
    def scope_alternatives(self) -> tuple[tuple[str, ...], ...]:
        combined: tuple[tuple[str, ...], ...] = ((),)
        for part in self.parts:
            pairs = product(combined, part.scope_alternatives)
            combined = _distinct(map(_joined, pairs))
            if len(combined) > _MOST_ALTERNATIVES:
                return (self.scopes,)
        return combined

    @property
    def negatable(self) -> bool:
        return all(part.negatable for part in self.parts)

    def __repr__(self) -> str:
        return f"({' and '.join(map(str, self.parts))})"


@frozen(repr=False)
class _Any(Combination):
    parts: tuple[Policy, ...]

    def combined(self, judgements: list[Judgement | Unmet], claims: Claims) -> Judgement:
        for each in judgements:
            if each.verdict is Verdict.SATISFIED:
                return _SATISFIED
        unknown = any(each.verdict is Verdict.UNKNOWN for each in judgements)
        # The alternative that the client can do something about, or else the first.
        alternatives = [joined(each.refusals) for each in judgements]
        cure = min(alternatives, key=_hopelessness)
        return Judgement(Verdict.UNKNOWN if unknown else Verdict.REFUSED, (cure,))

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.parts[0].scopes

    @property
    def scope_alternatives(self) -> tuple[tuple[str, ...], ...]:
        return _distinct(each for part in self.parts for each in part.scope_alternatives)

    @property
    def negatable(self) -> bool:
        return all(part.negatable for part in self.parts)

    def __repr__(self) -> str:
        return f"({' or '.join(map(str, self.parts))})"


def _hopelessness(error: AuthenticationError) -> int:
    # A missing scope can be cured by asking for it. A 403 outranks a 401, as in `&`.
    return (1, 0, 2)[rank(error)]


@frozen(repr=False)
class _Not(Combination):
    parts: tuple[Policy]

    def combined(self, judgements: list[Judgement | Unmet], claims: Claims) -> Judgement:
        verdict = judgements[0].verdict
        if verdict is Verdict.REFUSED:
            return _SATISFIED
        inverted = Verdict.REFUSED if verdict is Verdict.SATISFIED else Verdict.UNKNOWN
        return Judgement(inverted, (self.refusal(claims),))

    def __invert__(self) -> Policy:
        return self.parts[0]

    def __repr__(self) -> str:
        return f"not {self.parts[0]}"


def _named(module: str, name: str) -> Any:
    """Return what has a name in a module, or None."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


@frozen(repr=False)
class _FunctionPolicy(Policy):
    """A policy that a function decides about.

    Attributes:
        function: Takes the claims and the call, and returns the verdict.
    """

    function: Callable[[Any, Any], Verdict | bool]

    def verdict(self, claims: Claims, call: Call) -> Verdict | bool:
        return self.function(claims, call)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle finds a function by its name, which is the policy's since it was decorated.
        module = getattr(self.function, "__module__", None)
        name = getattr(self.function, "__qualname__", "")
        if module in sys.modules and _named(module, name) is self:
            return _named, (module, name)
        return type(self), (self.function,)

    def __repr__(self) -> str:
        return str(getattr(self.function, "__name__", self.function))


@frozen(repr=False)
class _RulePolicy(Policy):
    """A claim rule as a part of a combination. It accepts or raises, so it has no verdict to negate."""

    rule: ClaimRule = field()

    def verdict(self, claims: Claims, call: Call) -> Verdict | bool:
        apply_rules(claims, (self.rule,))
        return Verdict.SATISFIED

    @property
    def negatable(self) -> bool:
        return False

    def __repr__(self) -> str:
        return str(getattr(self.rule, "__name__", self.rule))


def policy(function: Callable[[Any, Any], Verdict | bool]) -> Policy:
    """Make a policy from a function that takes the claims and the call.

    ::

        @policy
        def owner(claims, call):
            return claims["sub"] == call.view_args["user_id"]

    Args:
        function: Returns True or ``Verdict.SATISFIED`` to let the caller in. See ``Policy.verdict``.

    Raises:
        ConfigurationError: It is async, doesn't take two arguments, or is a policy already.
    """
    given: object = function
    if not callable(given) or isinstance(given, type | Policy):
        raise ConfigurationError(
            f"policy takes a function of the claims and the call, not {function!r}"
        )
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is looked at
    ):
        raise ConfigurationError(
            f"the policy {function!r} is async, expected a plain function that returns True or False"
        )
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise ConfigurationError(
            f"the policy {function!r} must take two arguments: the claims and the call"
        ) from None
    return _FunctionPolicy(function)


def split_rules(
    rules: Iterable[ClaimRule | Policy],
) -> tuple[tuple[ClaimRule, ...], tuple[Policy, ...]]:
    """Return the claim rules and the policies of a list that has both.

    Raises:
        ConfigurationError: One is neither, or the list isn't iterable.
    """
    checked = as_rules(rules)
    policies = tuple(each for each in checked if isinstance(each, Policy))
    return tuple(each for each in checked if not isinstance(each, Policy)), policies


def _as_part(given: Any) -> Policy:
    if isinstance(given, Policy):
        return given
    (rule,) = as_rules((given,))
    return _RulePolicy(rule)


def _parts(kind: type[_All | _Any], *given: Any) -> tuple[Policy, ...]:
    parts: list[Policy] = []
    for each in map(_as_part, given):
        parts.extend(each.parts if type(each) is kind else (each,))
    return tuple(parts)


def all_of(*given: Any) -> Policy:
    """Return a policy that requires all of these policies and claim rules."""
    return _All(_parts(_All, *given))


def any_of(*given: Any) -> Policy:
    """Return a policy that requires one of these policies and claim rules."""
    return _Any(_parts(_Any, *given))


def negated(part: Policy) -> Policy:
    """Return a policy that requires that another one refuses.

    Raises:
        ConfigurationError: A claim rule is a part of it.
    """
    if not part.negatable:
        raise ConfigurationError(
            f"{part} can't be negated: a claim rule that raises says only why it refuses, not that a claim "
            "is unknown. Write it as a policy that returns True or False"
        )
    return _Not((part,))


def check(checked: Policy, claims: Claims, call: Call | None) -> None:
    """Raise the refusal of a caller who doesn't satisfy a policy.

    Raises:
        AuthenticationError: The caller doesn't.
        VerificationUnavailable: The policy can't tell at the moment.
    """
    refusal: Refusal | None
    try:
        refusal = refusal_by((checked,), claims, NO_CALL if call is None else call)
    except VerificationUnavailable as unavailable:
        refusal = unavailable.with_traceback(None)
    if refusal is not None:
        raise_in_request(refusal, claims, checked.scopes)
