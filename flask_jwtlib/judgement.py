"""How claims are held against rules.

A rule refuses by raising ``ClaimError`` or another ``AuthenticationError``, or by returning False;
it accepts by returning None or True. Any callable of that shape is a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .errors import ClaimError, ConfigurationError
from .log_text import quoted
from .values import Claims

__all__ = ["ClaimRule", "as_rules", "judge_claims"]

ClaimRule = Callable[[Claims], "bool | None"]
"""A rule: it is called with the claims, and accepts or refuses them."""


def judge_claims(claims: Claims, rules: Iterable[ClaimRule]) -> None:
    """Hold claims against rules, in order.

    Raises:
        AuthenticationError: A rule refuses them.
    """
    for rule in rules:
        verdict = rule(claims)
        if verdict is not None and verdict is not True:
            raise _verdict_error(rule, verdict)


def _verdict_error(rule: ClaimRule, verdict: object) -> ClaimError:
    name = getattr(rule, "__name__", type(rule).__name__)
    return ClaimError(name, f"the rule {rule!r} answered {quoted(verdict)}")


def as_rules(rules: Iterable[ClaimRule]) -> tuple[ClaimRule, ...]:
    """Answer the rules of an iterable, checked to be callable.

    Raises:
        ConfigurationError: One is not, or it is a class that was not called, ``Expiry`` for
            ``Expiry()``; or what was given is no iterable.
    """
    given: object = rules
    if not isinstance(given, Iterable):
        raise ConfigurationError(f"rules are given in a list, rules=[…], not {given!r}")
    checked: tuple[Any, ...] = tuple(rules)
    for rule in checked:
        if not callable(rule) or isinstance(rule, type):
            raise ConfigurationError(
                f"a claim rule is a callable that takes the claims, not {rule!r}"
            )
    return checked
