"""The figures with their bounds, and the trials that measure them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, ge, le, lt

from attrs import field, frozen

from .clients import Contender
from .crowds import fetches_by_a_crowd, fetches_for_unknown_kids, refusals_during_a_rotation
from .delays import delays_by_the_issuer, lookup_time
from .outages import outage, withdrawal_of_a_key
from .responses import end_of_a_drip, memory_of_a_large_response
from .staging import Reading, Size


def number(value: float) -> str:
    """Write a number of things."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Write how long something takes."""
    return f"{value:,.1f} s"


def rise(value: float) -> str:
    """Write by how much a time rises."""
    return f"{value * 1e3:+,.{3 if abs(value) < 0.01 else 0}f} ms"


def hours(value: float) -> str:
    """Write a long time."""
    whole, minutes = divmod(round(value / 60), 60)
    return f"{whole} h {minutes} m" if whole else f"{minutes} m"


@frozen
class Figure:
    """A figure and its bound.

    Args:
        name: What the table calls it.
        bound: The bound as text.
        limit: The bound in seconds, bytes, or as a number.
        write: Writes a value.
        within: Compares a value with the limit.
    """

    name: str
    bound: str
    limit: float
    write: Callable[[float], str] = field(default=number, repr=False)
    within: Callable[[float, float], bool] = field(default=le, repr=False)

    def holds(self, reading: Reading) -> bool:
        """Whether a reading keeps the bound."""
        return self.within(reading.value, self.limit) and not reading.fault

    def text(self, reading: Reading) -> str:
        """Write a reading."""
        return ("> " if reading.is_more else "") + self.write(reading.value)


Trial = Callable[[Contender, Size], Sequence[Reading]]

TRIALS: dict[Trial, tuple[Figure, ...]] = {
    fetches_by_a_crowd: (
        Figure("fetches by 200 threads, cold", "1", 1, within=eq),
        Figure("fetches by 200 threads, at expiry", "1", 1, within=eq),
    ),
    delays_by_the_issuer: (
        Figure("p99 of known kids, issuer slow", "< +1 ms", 1e-3, rise, lt),
        Figure("p99 of known kids, issuer hung", "< +1 ms", 1e-3, rise, lt),
    ),
    fetches_for_unknown_kids: (Figure("fetches for 10,000 unknown kids", "≤ 2", 2),),
    refusals_during_a_rotation: (Figure("refusals during a rotation", "0", 0),),
    outage: (
        Figure("attempts in an hour of outage", "≤ 160", 160),
        Figure("outage survived, warm", "≥ 4 h 5 m", 14_700, hours, ge),
    ),
    withdrawal_of_a_key: (Figure("withdrawn key accepted for", "≤ 305 s", 305, seconds),),
    end_of_a_drip: (Figure("drip of 20 B/s ends after", "5 s + 0.5", 5.5, seconds, lt),),
    memory_of_a_large_response: (
        Figure(
            "memory of a 200 MB response", "< 5 MB", 5e6, lambda size: f"{size / 1e6:,.1f} MB", lt
        ),
    ),
    lookup_time: (
        Figure("lookup of a known kid", "< 2 µs", 2e-6, lambda time: f"{time * 1e6:.2f} µs", lt),
    ),
}
"""Each trial returns a reading for each of its figures."""
