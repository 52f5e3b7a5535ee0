"""What a fetched key set may be: which keys, how many, and for how long."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from flask_jwtlib import ConfigurationError, KeySet
from flask_jwtlib.log_text import quoted

__all__ = ["MOST_KEYS", "SetLimits"]

MOST_KEYS = 1000
# Seconds that keys are fresh whose response doesn't say.
_DEFAULT_TTL = 300
_LONGEST_TTL = 86_400


def _check_count(_: object, attribute: Attribute[Any], value: Any) -> None:
    if type(value) is not int or not 1 <= value <= MOST_KEYS:
        raise ConfigurationError(
            f"{attribute.name} must be a whole number from 1 to {MOST_KEYS}, not {quoted(value)}"
        )


def _check_ttl(_: object, attribute: Attribute[Any], value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= _LONGEST_TTL:
        raise ConfigurationError(
            f"{attribute.name} must be a number of seconds from 1 to {_LONGEST_TTL}, not {quoted(value)}"
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
        min_ttl: The fewest seconds that keys are fresh, whatever the response's headers say.
        max_ttl: The most.

    Raises:
        ConfigurationError: An argument is of a wrong type or out of range, or ``min_ttl`` is larger than
            ``max_ttl``.
    """

    uses: tuple[str, ...] = field(default=("sig",), converter=_as_uses)
    max_keys: int = field(default=100, validator=_check_count)
    min_ttl: float = field(default=60, validator=_check_ttl)
    max_ttl: float = field(default=3600, validator=_check_ttl)

    def __attrs_post_init__(self) -> None:
        if self.min_ttl > self.max_ttl:
            raise ConfigurationError(
                f"min_ttl is {self.min_ttl:g} s and max_ttl {self.max_ttl:g} s; min_ttl can't be larger"
            )

    def ttl(self, lifetime: float | None) -> float:
        """Return how many seconds keys are fresh, by the lifetime that their response's headers say."""
        seconds = _DEFAULT_TTL if lifetime is None else lifetime
        return min(max(seconds, self.min_ttl), self.max_ttl)
