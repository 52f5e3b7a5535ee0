"""Origins that the application trusts, as browsers write them in ``Origin`` (RFC 6454 §7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import quoted

__all__ = ["as_origins", "as_texts", "shown"]

# In lower case, and without a path.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
_DEFAULT_PORT = re.compile(r"(?:http|ws)://.*:80|(?:https|wss)://.*:443")


def as_texts(name: str, given: Any, example: str) -> frozenset[str]:
    """Return the strings of an option.

    Raises:
        ConfigurationError: It isn't an iterable of strings, or is a string itself.
    """
    several = isinstance(given, Iterable) and not isinstance(given, str)
    members = tuple(cast("Iterable[Any]", given)) if several else ()
    if not several or not all(isinstance(member, str) for member in members):
        raise ConfigurationError(
            f"{name} is {given!r}, expected a tuple of strings, such as {example}"
        )
    return frozenset(members)


def as_origins(given: Any) -> frozenset[str]:
    """Return the origins that an option lists.

    Raises:
        ConfigurationError: One isn't written as browsers send it.
    """
    origins = as_texts("origins", given, "('https://app.example',)")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
            raise ConfigurationError(
                f"the origin {origin!r} is not written as browsers send it, such as 'https://app.example' or "
                "'http://localhost:8080': in lower case, without a path, a slash at the end or a default "
                "port. Patterns and 'null' are not accepted"
            )
    return origins


def shown(value: str | None) -> str:
    """Return a header's value for a log line."""
    return "absent" if value is None else quoted(value)
