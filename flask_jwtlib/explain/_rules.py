"""How a rule about claims describes itself."""

from __future__ import annotations

import functools
import inspect
from typing import Any, cast

from ..claim_rules import (
    AccessToken,
    Audience,
    ClaimRule,
    ClaimTypes,
    Client,
    Expiry,
    IssuedAt,
    Issuer,
    MaxLifetime,
    NotBefore,
    RequiredClaims,
    Subject,
    TokenType,
    TokenUse,
)
from ..log_text import one_line
from ..policies import (
    ActedBy,
    AnyScope,
    ClaimAbsent,
    ClaimEquals,
    NoDelegation,
    Policy,
    Role,
    Scope,
)

__all__ = ["described", "is_pure"]

# They only compare claims. No other rules see the claims of a token whose signature isn't valid, and no other
# policies those of a token that is refused.
_PURE = frozenset(
    {
        AccessToken,
        ActedBy,
        AnyScope,
        Audience,
        ClaimAbsent,
        ClaimEquals,
        ClaimTypes,
        Client,
        Expiry,
        IssuedAt,
        Issuer,
        MaxLifetime,
        NoDelegation,
        NotBefore,
        RequiredClaims,
        Role,
        Scope,
        Subject,
        TokenType,
        TokenUse,
    }
)
# The classes of combined policies, which are private. A subclass may do anything.
_COMBINATIONS = frozenset(
    type(combined) for combined in (Scope("a") & Scope("b"), Scope("a") | Scope("b"), ~Scope("a"))
)
_LONGEST = 200


def is_pure(part: ClaimRule | Policy) -> bool:
    """Whether a rule or a policy is one of this package, which only compares claims."""
    if type(part) in _COMBINATIONS:
        return all(map(is_pure, cast("Any", part).parts))
    return type(part) in _PURE


def described(part: Any) -> str:
    """Return the name of a rule, a policy or a strategy.

    It is what its class's own ``__str__`` returns, or else the name of the class. A ``repr`` may show
    secrets, so it is used only for policies, and for rules of this package. A function's name is followed by
    the first line of its docstring.
    """
    if isinstance(part, functools.partial):
        return described(part.func)
    if inspect.isroutine(part):
        name = str(getattr(part, "__qualname__", type(part).__name__))
        return one_line(f"{name}{_summary(part)}", _LONGEST)
    try:
        if is_pure(part) and not isinstance(part, Policy):
            return one_line(_with_accepted(part), _LONGEST)
        own: Any = type(part).__str__
        if isinstance(part, Policy):
            # Those of @policy have a function.
            return one_line(f"{part}{_summary(getattr(part, 'function', None))}", _LONGEST)
        if own is not object.__str__:
            return one_line(str(part), _LONGEST)
    except Exception:  # noqa: BLE001 - an application's __str__ may raise anything
        return type(part).__name__
    return type(part).__name__


def _summary(function: object) -> str:
    """Return the first line of a function's docstring, after a colon; empty if there is none."""
    doc = (inspect.getdoc(function) or "") if inspect.isroutine(function) else ""
    return f": {doc}".partition("\n")[0] if doc else ""


def _with_accepted(rule: Any) -> str:
    """Return a rule as it is written in code."""
    accepted: Any = getattr(rule, "accepted", None)
    if not isinstance(accepted, tuple):
        return repr(rule)
    return f"{type(rule).__name__}({', '.join(map(repr, cast('tuple[object, ...]', accepted)))})"
