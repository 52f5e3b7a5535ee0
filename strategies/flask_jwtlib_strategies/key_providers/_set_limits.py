"""The limits of a fetched key set."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from flask_jwtlib import ConfigurationError, KeySet
from flask_jwtlib.log_text import quoted

__all__ = ["MOST_KEYS", "SetLimits", "check_max_keys"]

MOST_KEYS = 1000


def check_max_keys(_: object, attribute: Attribute[Any], value: Any) -> None:
    if type(value) is not int or not 1 <= value <= MOST_KEYS:
        raise ConfigurationError(
            f"{attribute.name} must be a whole number from 1 to {MOST_KEYS}, not {quoted(value)}"
        )


def _as_uses(value: Any) -> tuple[str, ...]:
    # A generator could be iterated only once.
    several = hasattr(value, "__iter__") and not hasattr(value, "encode")
    uses: tuple[str, ...] = tuple(value) if several else (value,)
    # Raises ConfigurationError for wrong values.
    KeySet.from_jwks({"keys": []}, uses=uses)
    return uses


@frozen(kw_only=True)
class SetLimits:
    """The limits of a fetched key set.

    Args:
        uses: The values of ``use`` that mark a key for signatures, one or several.
        max_keys: Maximum number of members of the set, 1 to 1,000.

    Raises:
        ConfigurationError: An argument has a wrong type or is out of range.
    """

    uses: tuple[str, ...] = field(default=("sig",), converter=_as_uses)
    max_keys: int = field(default=100, validator=check_max_keys)
