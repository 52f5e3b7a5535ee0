"""A hierarchy of scopes, in which one scope implies others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from .._options import as_strings
from ..errors import ConfigurationError

__all__ = ["closed_hierarchy"]


def closed_hierarchy(hierarchy: Any) -> Mapping[str, frozenset[str]]:
    """Return for each scope all scopes that it implies, directly or by others.

    Args:
        hierarchy: For each scope, one or several scopes that it implies:
            ``{"admin": ["write"], "write": ["read"]}``. A scope is compared as a whole, without wildcards.

    Raises:
        ConfigurationError: It isn't such a mapping, a scope isn't one word, or a scope implies itself.
    """
    if not isinstance(hierarchy, Mapping):
        raise ConfigurationError(
            f"scope_hierarchy is {hierarchy!r}, expected a mapping such as {{'admin': ['read', 'write']}}"
        )
    direct: dict[str, tuple[str, ...]] = {}
    for scope, implied in cast("Any", hierarchy).items():
        words = (implied,) if isinstance(implied, str) else _listed(scope, implied)
        for word in as_strings("scope_hierarchy", (scope, *words)):
            if word.split() != [word] or "*" in word:
                raise ConfigurationError(
                    f"scope_hierarchy has {word!r}, expected one scope without spaces and wildcards"
                )
        direct[scope] = words
    return MappingProxyType({scope: frozenset(_implied(scope, direct)) for scope in direct})


def _listed(scope: object, implied: Any) -> tuple[Any, ...]:
    if not isinstance(implied, Iterable):
        raise ConfigurationError(
            f"scope_hierarchy[{scope!r}] is {implied!r}, expected a list of scopes"
        )
    return tuple(cast("Any", implied))


def _implied(scope: str, direct: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(direct[scope])
    while waiting:
        word = waiting.pop()
        if word == scope:
            raise ConfigurationError(
                f"scope_hierarchy has a cycle: {scope!r} implies itself. Give scopes that mean the same "
                "one name"
            )
        if word not in found:
            found.add(word)
            waiting.extend(direct.get(word, ()))
    return found
