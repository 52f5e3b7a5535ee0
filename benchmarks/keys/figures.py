"""What a figure is, and how it is written."""

from __future__ import annotations

import operator
from collections.abc import Callable

from attrs import field, frozen

__all__ = [
    "Figure",
    "Reading",
    "in_seconds",
    "megabytes",
    "microseconds",
    "number",
    "refusals",
    "rise",
    "span",
]


@frozen
class Reading:
    """What was found.

    Args:
        value: The figure, in the basic unit: seconds, bytes or a number.
        faults: What went wrong besides, for which no figure makes up.
        note: What else to know of it.
        is_more: It is more than that: nobody waited for the end.
    """

    value: float
    faults: tuple[str, ...] = field(default=(), kw_only=True)
    note: str = field(default="", kw_only=True)
    is_more: bool = field(default=False, kw_only=True)


def refusals(count: int) -> tuple[str, ...]:
    """The faults of a reading during which so many were refused who have a known key."""
    return (f"{count:,} refused",) if count else ()


def number(value: float) -> str:
    """Write a number of things."""
    return f"{value:,.0f}"


def rise(seconds: float) -> str:
    """Write by how much more or less time something takes."""
    return f"{seconds * 1e3:+,.{3 if abs(seconds) < 0.01 else 0}f} ms"


def span(seconds: float) -> str:
    """Write how long something goes on."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m"


def in_seconds(seconds: float) -> str:
    """Write how long something takes."""
    return f"{seconds:,.1f} s"


def megabytes(size: float) -> str:
    """Write how much memory something takes."""
    return f"{size / 1e6:,.1f} MB"


def microseconds(seconds: float) -> str:
    """Write how long something short takes."""
    return f"{seconds * 1e6:.2f} µs"


@frozen
class Figure:
    """A figure, and what it has to be.

    Args:
        name: What the table calls it.
        bound: Its bound, in words.
        limit: Its bound, in the basic unit.
        unit: Writes a value.
        within: Compares a value with the limit.
    """

    name: str
    bound: str
    limit: float
    unit: Callable[[float], str] = field(default=number, repr=False)
    within: Callable[[float, float], bool] = field(default=operator.le, repr=False)

    def holds(self, reading: Reading) -> bool:
        """Whether a reading keeps to the bound."""
        return self.within(reading.value, self.limit) and not reading.faults

    def text(self, reading: Reading) -> str:
        """Write a reading."""
        return f"> {self.unit(reading.value)}" if reading.is_more else self.unit(reading.value)
