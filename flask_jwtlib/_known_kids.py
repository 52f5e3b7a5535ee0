"""The key IDs that a key provider knows, for the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from .log_text import quoted

__all__ = ["known_kids", "list_of_kids"]

_MOST_LISTED = 10
_LONGEST_KID = 64


def known_kids(provider: Any) -> frozenset[str] | None:
    """Return the key IDs that a provider says it knows, by its attribute ``kids``.

    Returns:
        The key IDs, or None if the provider doesn't list them: it has no such attribute, the attribute
        raises, or it isn't a collection of key IDs.
    """
    try:
        kids: object = provider.kids
        if type(kids) is frozenset:
            return cast("frozenset[str]", kids)
        if isinstance(kids, Collection) and not isinstance(kids, str | bytes):
            return frozenset(cast("Iterable[str]", kids))
    except Exception:  # noqa: BLE001 - another's attribute may raise anything, and the text is only for the log
        return None
    return None


# Cached: the text changes only with the keys, while clients can cause any number of refusals.
@lru_cache(maxsize=16)
def list_of_kids(kids: frozenset[str]) -> str:
    """List key IDs for the log: ten at most, and the number of further ones."""
    if not kids:
        return "none"
    listed = ", ".join(sorted(quoted(kid, _LONGEST_KID) for kid in islice(kids, _MOST_LISTED)))
    more = len(kids) - _MOST_LISTED
    return f"{listed} and {more} more" if more > 0 else listed
