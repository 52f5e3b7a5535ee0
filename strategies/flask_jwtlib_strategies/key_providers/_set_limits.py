"""What a fetched key set may be: which keys, and how many."""

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
    # A generator would be used up by the first set.
    several = hasattr(value, "__iter__") and not hasattr(value, "encode")
    uses: tuple[str, ...] = tuple(value) if several else (value,)
    # Only what reads sets can say which values are right.
    KeySet.from_jwks({"keys": []}, uses=uses)
    return uses


@frozen(kw_only=True)
class SetLimits:
    """Bounds of a fetched key set.

    Args:
        uses: The values of ``use`` that mark a key for signatures, one or several.
        max_keys: The most members, 1 to 1,000.

    Raises:
        ConfigurationError: An argument is of a wrong type or out of range.
    """

    uses: tuple[str, ...] = field(default=("sig",), converter=_as_uses)
    max_keys: int = field(default=100, validator=check_max_keys)
