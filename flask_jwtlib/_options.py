"""Checks of options when a strategy is made, so that a mistake doesn't wait for the first request."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from attrs import Attribute

from .errors import ConfigurationError

__all__ = [
    "as_clock",
    "as_count",
    "as_strings",
    "check_flag",
    "check_leeway",
    "check_realm",
    "check_seconds",
    "is_seconds",
    "overridable",
]

# RFC 6750 §3 allows no other characters in the parameters of a challenge.
_NOT_QUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


def as_strings(owner: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Return strings that are not empty.

    Args:
        owner: The class or option that they belong to, for the error message.
        values: The strings.

    Raises:
        ConfigurationError: One is empty or not a string.
    """
    for value in values:
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{owner} takes non-empty strings, not {value!r}")
    return values


def is_seconds(value: object) -> bool:
    """Whether a value is a number of seconds, 0 or more. Infinity is accepted."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        # An int that is too large for a float can't be compared with the clock.
        return float(value) >= 0
    except OverflowError:
        return False


def check_seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that must be a number of seconds. It may be infinite.

    Raises:
        ConfigurationError: It is anything else.
    """
    if not is_seconds(value):
        raise ConfigurationError(
            f"{attribute.name} is {value!r}, expected a number of seconds, 0 or more"
        )


def check_leeway(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that must be a finite number of seconds.

    Raises:
        ConfigurationError: It is anything else.
    """
    check_seconds(_, attribute, value)
    if value == math.inf:
        raise ConfigurationError(
            f"{attribute.name} is infinite, which accepts any time: expected a finite number"
        )


def check_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    """Check an attribute that must be True or False.

    Raises:
        ConfigurationError: It is anything else.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{attribute.name} is {value!r}, expected True or False")


def as_clock(value: Any) -> Callable[[], float]:
    """Return a clock.

    Raises:
        ConfigurationError: It isn't callable.
    """
    if not callable(value):
        raise ConfigurationError(
            f"clock is {value!r}, expected a function that returns the time, such as time.time"
        )
    return cast("Callable[[], float]", value)


def as_count(value: Any) -> int:
    """Return a whole number that is 1 or more.

    Raises:
        ConfigurationError: It is anything else.
    """
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"expected a whole number, 1 or more, not {value!r}")
    return value


def check_realm(realm: Any) -> str | None:
    """Return a realm, if a challenge can show it unchanged.

    Raises:
        ConfigurationError: It has characters that a challenge doesn't allow.
    """
    if realm is not None and (not isinstance(realm, str) or _NOT_QUOTABLE.search(realm)):
        raise ConfigurationError(
            f"realm is {realm!r}, expected printable ASCII without quotes and backslashes"
        )
    return realm


if TYPE_CHECKING:
    overridable = property
else:

    class overridable:  # noqa: N801 - used as property is
        """An attribute that depends on an object's options only, and that a subclass may state as a constant.

        It differs from ``property`` in what it says: the value never changes.
        """

        def __init__(self, compute: Callable[[Any], Any]) -> None:
            self._compute = compute
            self.__doc__ = compute.__doc__

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            return self if instance is None else self._compute(instance)
