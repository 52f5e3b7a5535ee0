"""Writes what was measured as one table, and what it says about our bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from .contenders import BARE, COMPOSED, FLOOR, Contender
from .entries import Entry
from .measuring import Measurements, Spread
from .scenarios import Scenario

__all__ = ["BOUNDS", "Bound", "bounds_table", "deviations", "ratio_table"]


@frozen
class Bound:
    """What a contender may cost at most, as a multiple of a reference."""

    scenario: str
    reference: Contender
    limit: float
    contender: Contender = COMPOSED


BOUNDS = (
    Bound("RS256", FLOOR, 1.15),
    Bound("no token", BARE, 1.10),
    Bound("malformed", BARE, 1.10),
)


def ratio_table(
    measured: Measurements,
    contenders: Sequence[Contender],
    scenarios: Sequence[Scenario],
    calls: Mapping[Contender, int],
) -> str:
    """One row for each contender against the bare route, and one against the floor."""
    # The last word of each name stands in the second line.
    words = [scenario.name.rpartition(" ") for scenario in scenarios]
    rows: list[list[str] | str] = [
        ["", *(first for first, _, _ in words), ""],
        ["", *(last for _, _, last in words), "calls"],
        "microseconds per request",
    ]
    rows.append([BARE.name, *(_microseconds(measured.time(BARE, each)) for each in scenarios), ""])
    for title, reference in (("times the bare route", BARE), ("times the floor", FLOOR)):
        rows.append(title)
        for contender in contenders:
            if contender in (BARE, reference):
                continue
            ratios = [_ratio(measured.ratio(contender, reference, each)) for each in scenarios]
            above = f"{calls[contender] - calls[reference]:+d}" if contender in calls else ""
            rows.append([contender.name, *ratios, above])
    return _aligned(rows)


def bounds_table(measured: Measurements, scenarios: Sequence[Scenario]) -> str:
    """Each bound of ours, what was measured, and whether it holds."""
    lines: list[str] = []
    for bound in BOUNDS:
        scenario = next(each for each in scenarios if each.name == bound.scenario)
        ratio = measured.ratio(bound.contender, bound.reference, scenario)
        if ratio is not None:
            verdict = "held" if ratio.median <= bound.limit else "EXCEEDED"
            what = f"{bound.contender.name}, {bound.scenario}, to {bound.reference.name}"
            lines.append(f"{what}: {ratio.median:.3f} of at most {bound.limit:.2f}: {verdict}")
    return "\n".join(lines)


def deviations(entries: Sequence[Entry]) -> str:
    """What each contender does otherwise than it is asked, a line each."""
    lines: list[str] = []
    for contender in dict.fromkeys(entry.contender for entry in entries):
        wrong = [entry for entry in entries if entry.contender is contender and not entry.is_right]
        if wrong:
            faults = ", ".join(f"{entry.scenario.name} ({entry.status})" for entry in wrong)
            lines.append(f"{contender.name}: {faults}")
    return "\n".join(lines)


def _microseconds(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median * 1e6:.0f}±{_half_width(spread) * 1e6:.0f}"


def _ratio(spread: Spread | None) -> str:
    return (
        "-"
        if spread is None
        else f"{spread.median:.2f}±{_half_width(spread):.2f}".replace("±0", "±")
    )


def _half_width(spread: Spread) -> float:
    return (spread.upper - spread.lower) / 2


def _aligned(rows: Sequence[list[str] | str]) -> str:
    """Lay cells out in columns; a string is a line of its own."""
    cells = [row for row in rows if not isinstance(row, str)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines: list[str] = []
    for row in rows:
        if isinstance(row, str):
            lines += ["", row]
        else:
            first, *others = (
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)
