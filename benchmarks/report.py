"""Writes what was found as text: the table, and a few lines for everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .contenders import BARE, FLOOR, Contender
from .counting import Counts
from .entries import Entry
from .importing import ImportCost
from .instructions import MEASURED, Instructions
from .measuring import Measurements, Spread
from .scenarios import Scenario
from .serving import Served

__all__ = [
    "counts_table",
    "curves_table",
    "deviations",
    "import_line",
    "instructions_table",
    "ratio_table",
    "serving_line",
]


def ratio_table(
    measured: Measurements, contenders: Sequence[Contender], scenarios: Sequence[Scenario]
) -> str:
    """One row for each contender against the bare route, and one against the floor."""
    rows: list[list[str] | str] = [*_heads(scenarios), "microseconds per request"]
    rows.append([BARE.name, *(_microseconds(measured.time(BARE, each)) for each in scenarios)])
    for title, reference in (("times the bare route", BARE), ("times the floor", FLOOR)):
        rows.append(title)
        rows += [
            [
                contender.name,
                *(_ratio(measured.ratio(contender, reference, each)) for each in scenarios),
            ]
            for contender in contenders
            if contender not in (BARE, reference)
        ]
    return _aligned(rows)


def deviations(entries: Sequence[Entry]) -> str:
    """What each contender does otherwise than it is asked, a line each."""
    lines: list[str] = []
    for contender in dict.fromkeys(entry.contender for entry in entries):
        wrong = [entry for entry in entries if entry.contender is contender and not entry.is_right]
        if wrong:
            faults = ", ".join(f"{entry.scenario.name} ({entry.status})" for entry in wrong)
            lines.append(f"{contender.name}: {faults}")
    return "\n".join(lines)


def counts_table(counts: Mapping[str, Counts]) -> str:
    """What an accepted RS256 request does behind each contender."""
    rows: list[list[str] | str] = [
        ["", "Python", "key", "signature", "base64", "JSON", "form, query"],
        ["", "calls", "parses", "checks", "decodes", "decodes", "parses"],
    ]
    for name, each in counts.items():
        above = each.calls - counts[BARE.name].calls
        parts = (
            each.key_parses,
            each.signature_checks,
            each.base64_decodes,
            each.json_decodes,
            each.form_and_query_parses,
        )
        rows.append([name, f"{above:+d}" if above else str(each.calls), *map(str, parts)])
    return _aligned(rows)


def instructions_table(counted: Instructions, scenarios: Sequence[Scenario]) -> str:
    """The processor's instructions, as ratios to the bare route and to the floor."""
    bare = [counted.counts[BARE.name, each.name] / 1e3 for each in scenarios]
    rows: list[list[str] | str] = [*_heads(scenarios), "thousands of instructions per request"]
    rows.append([BARE.name, *(f"{each:.0f}" for each in bare)])
    for title, reference in (("times the bare route", BARE), ("times the floor", FLOOR)):
        rows.append(title)
        for contender in MEASURED:
            if contender not in (BARE, reference):
                ratios = [counted.ratio(contender, reference, each) for each in scenarios]
                rows.append(
                    [contender.name, *("-" if each is None else f"{each:.3f}" for each in ratios)]
                )
    return _aligned(rows)


def curves_table(curves: Mapping[str, Mapping[int, Spread]]) -> str:
    """For each curve a line of points, as ratios to its first one."""
    width = max(map(len, curves))
    lines: list[str] = []
    for name, points in curves.items():
        ratios = (f"{point:,}: {_ratio(ratio, digits=3)}" for point, ratio in points.items())
        lines.append(f"{name.ljust(width)}  {'   '.join(ratios)}")
    return "\n".join(lines)


def import_line(cost: ImportCost) -> str:
    """What the import costs."""
    total, packages, flask = (
        f"{seconds * 1e3:.0f} ms" for seconds in (cost.seconds, cost.of_packages, cost.of_flask)
    )
    return (
        f"{total}, {packages} of them for attrs and python-jose, and {cost.size / 1e6:.1f} MB above "
        f"Flask's own {flask}"
    )


def serving_line(served: Served) -> str:
    """The requests per second of both routes."""
    bare, guarded = (
        f"{each.median:.0f}±{each.half_width:.0f}" for each in (served.bare, served.guarded)
    )
    return f"bare {bare}, guarded {guarded} requests per second; ratio {_ratio(served.ratio, digits=3)}"


def _heads(scenarios: Sequence[Scenario]) -> list[list[str]]:
    # The last word of each name stands in the second line.
    words = [scenario.name.rpartition(" ") for scenario in scenarios]
    return [
        ["", *(first for first, _, _ in words)],
        ["", *(last for _, _, last in words)],
    ]


def _microseconds(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median * 1e6:.0f}±{spread.half_width * 1e6:.0f}"


def _ratio(spread: Spread | None, digits: int = 2) -> str:
    if spread is None:
        return "-"
    return f"{spread.median:.{digits}f}±{spread.half_width:.{digits}f}".replace("±0", "±")


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
