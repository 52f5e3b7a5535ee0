"""Checks options where a strategy is made, so that a mistake does not wait for the first request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from attrs import Attribute

from .errors import ConfigurationError

__all__ = [
    "as_clock",
    "as_count",
    "as_strings",
    "check_flag",
    "check_leeway",
    "check_seconds",
    "is_seconds",
]


def as_strings(owner: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Answer strings that are not empty.

    Raises:
        ConfigurationError: One is something else; ``owner`` is who wanted them.
    """
    for value in values:
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{owner} takes non-empty strings, not {value!r}")
    return values


def is_seconds(value: object) -> bool:
    """Whether a value is a number of seconds, 0 or more. Infinity is one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        # A whole number that is too large for a float can't be compared with the clock.
        return float(value) >= 0
    except OverflowError:
        return False


def check_seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that is a number of seconds, which may be infinite.

    Raises:
        ConfigurationError: It is anything else.
    """
    if not is_seconds(value):
        raise ConfigurationError(
            f"{attribute.name} is a number of seconds, 0 or more, not {value!r}"
        )


def check_leeway(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that widens what is accepted: a finite number of seconds.

    Raises:
        ConfigurationError: It is anything else.
    """
    check_seconds(_, attribute, value)
    if value == math.inf:
        raise ConfigurationError(f"{attribute.name} is infinite: it would accept everything")


def check_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that is on or off.

    Raises:
        ConfigurationError: It is neither True nor False.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{attribute.name} is {value!r}, expected True or False")


def as_clock(value: Any) -> Callable[[], float]:
    """Answer a function that tells the time.

    Raises:
        ConfigurationError: It can't be called.
    """
    if not callable(value):
        raise ConfigurationError(f"a clock is a function that answers the time, not {value!r}")
    return cast("Callable[[], float]", value)


def as_count(value: Any) -> int:
    """Answer a whole number that is 1 or more.

    Raises:
        ConfigurationError: It is anything else.
    """
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"expected a whole number, 1 or more, not {value!r}")
    return value
