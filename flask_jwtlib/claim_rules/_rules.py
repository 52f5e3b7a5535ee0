"""Applies claim rules.

A rule accepts by returning None or True. It refuses by returning False, or by raising ``ClaimError`` or
another ``AuthenticationError``. Any such callable is a rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from .._dry_run import current_dry_run
from ..errors import AbsentClaimError, ClaimError, ConfigurationError, MissingClaimError
from ..log_text import quoted
from ..values import Claims

__all__ = ["ClaimRule", "apply_rules", "as_rules"]

ClaimRule = Callable[[Claims], "bool | None"]
"""A rule: a callable that takes the claims, and accepts or refuses them."""


def apply_rules(claims: Claims, rules: Iterable[ClaimRule]) -> None:
    """Apply rules to claims, in order.

    Raises:
        AuthenticationError: A rule refuses them.
    """
    explained = current_dry_run()
    if explained is not None and explained.observer is not None:
        explained.observer.apply_rules(claims, rules)
        return
    for rule in rules:
        try:
            verdict = rule(claims)
        except KeyError as error:
            raise _missing(rule, error) from None
        if verdict is not None and verdict is not True:
            raise _verdict_error(rule, verdict)


def _missing(rule: ClaimRule, error: KeyError) -> ClaimError:
    """Return the refusal for a rule that read what is absent: a claim, or a member within one."""
    if isinstance(error, AbsentClaimError):
        return MissingClaimError(error.claim)
    name = _name_of(rule)
    key = error.args[0] if error.args else None
    return ClaimError(name, f"the rule {quoted(name)} found no {quoted(key)}")


def _verdict_error(rule: ClaimRule, verdict: object) -> ClaimError:
    name = _name_of(rule)
    # Only its type: another value may be a secret, such as the claims.
    returned = "False" if verdict is False else f"a value of type {type(verdict).__name__}"
    expected = "" if verdict is False else ", expected None or True to accept, False to refuse"
    return ClaimError(name, f"the rule {quoted(name)} returned {returned}{expected}")


def _name_of(rule: ClaimRule) -> str:
    """Return a function's name, or the class's name of another object."""
    try:
        name: object = getattr(rule, "__name__", None)
    except Exception:  # noqa: BLE001 - an application's broken attribute must not turn a refusal into a 500
        name = None
    return name if isinstance(name, str) and name else type(rule).__name__


def as_rules(rules: Iterable[ClaimRule]) -> tuple[ClaimRule, ...]:
    """Return rules as a tuple, after checking that each is callable.

    Raises:
        ConfigurationError: The rules aren't iterable, or one isn't callable or is a class (``Expiry`` in
            place of ``Expiry()``).
    """
    given: object = rules
    if not isinstance(given, Iterable):
        raise ConfigurationError(f"rules must be a list, rules=[…], not {given!r}")
    checked: tuple[Any, ...] = tuple(rules)
    for rule in checked:
        if isinstance(rule, type):
            raise ConfigurationError(
                f"a claim rule is the class {rule.__name__}, expected an instance: {rule.__name__}(…)"
            )
        if inspect.iscoroutinefunction(rule) or inspect.iscoroutinefunction(
            getattr(rule, "__call__", None)  # noqa: B004 - the method itself is looked at
        ):
            raise ConfigurationError(
                f"the claim rule {_name_of(rule)} is async, expected a plain function: let it compare "
                "claims, and ask other services in the view"
            )
        if not callable(rule):
            raise ConfigurationError(
                f"a claim rule must be a callable that takes the claims, not {rule!r}"
            )
    return checked
