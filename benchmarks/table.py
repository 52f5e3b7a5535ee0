"""The table: the time of each contender in each scenario, in times of the references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .contenders import BARE, CACHED, COMPOSED, FLOOR, Contender, make_entries
from .drawing import draw
from .measuring import Measurements, measure_in_processes, take_turns
from .peers import AUTHLIB, FLASK_JWT_EXTENDED, JOSERFC, NAIVE_PORT, PEERS, installed
from .report import aligned, check, written
from .scenarios import BASIC, TIMED, make_scenarios, make_services

BOUNDS = (
    (BASIC, COMPOSED, FLOOR, "at most", 1.08),
    ("HS256", COMPOSED, FLOOR, "at most", 1.10),
    ("ES256", COMPOSED, FLOOR, "at most", 1.06),
    ("EdDSA", COMPOSED, FLOOR, "at most", 1.06),
    (BASIC, FLASK_JWT_EXTENDED, COMPOSED, "at least", 3.0),
    (BASIC, NAIVE_PORT, COMPOSED, "at least", 2.4),
    (BASIC, AUTHLIB, COMPOSED, "at least", 1.6),
    (BASIC, JOSERFC, COMPOSED, "at least", 1.2),
    ("no token", COMPOSED, BARE, "at most", 1.0),
    ("malformed", COMPOSED, BARE, "at most", 1.05),
    ("wrong alg", COMPOSED, BARE, "at most", 1.10),
    ("unknown kid", COMPOSED, BARE, "at most", 1.10),
    ("bad signature", COMPOSED, FLOOR, "at most", 1.05),
    ("expired", COMPOSED, FLOOR, "at most", 1.08),
    ("wrong audience", COMPOSED, FLOOR, "at most", 1.08),
    (BASIC, CACHED, BARE, "at most", 1.15),
)
"""Scenario, contender, the reference that its time is divided by, and the bound of that ratio."""

_LEGEND = """
Medians of {} rounds in {} processes; contenders that take turns have {}, except under {}. ±: half the
distance of the quartiles. -: not measured, because the status of the response is wrong. Wrong statuses:"""


def table_section(scale: float, svg: Path | None) -> tuple[str, list[str]]:
    """Measure the table, write it, and draw it into a file."""
    contenders = installed()
    processes = max(1, round(5 * min(1, scale)))
    measured = measure_in_processes(150 * scale, processes)
    if svg is not None:
        svg.write_text(draw(measured, contenders), encoding="utf-8")
    turns = measured.rounds // len(take_turns(contenders))
    lines = [
        *(f"{each.name}: {each.missing} not installed\n" for each in PEERS if each.missing),
        ratio_table(measured, contenders, "microseconds per request", 1e-6, 2),
        _LEGEND.format(measured.rounds, processes, turns, BASIC),
        *deviations(contenders),
    ]
    return "\n".join(lines), verdicts(measured)


def verdicts(measured: Measurements) -> list[str]:
    """Check the ratios that were measured."""
    return [
        check(f"{scenario}, {contender.name} / {reference.name}", ratio.median, kind, limit)
        for scenario, contender, reference, kind, limit in BOUNDS
        if (ratio := measured.ratio(contender, reference, scenario)) is not None
    ]


def ratio_table(
    measured: Measurements,
    contenders: Sequence[Contender],
    unit: str,
    size: float,
    digits: int,
    *,
    scenarios: Sequence[str] = TIMED,
    exact: bool = False,
) -> str:
    """Write the bare route's values in a unit, and all ratios to the bare route and to the floor."""
    # The last word of each name is in the second line.
    words = [scenario.rpartition(" ") for scenario in scenarios]
    values = [measured.value(BARE, scenario) for scenario in scenarios]
    rows: list[list[str] | str] = [
        ["", *(first for first, _, _ in words)],
        ["", *(last for _, _, last in words)],
        unit,
        [BARE.name, *(written(each, 0, size, exact=exact) for each in values)],
    ]
    for title, reference in (("times the bare route", BARE), ("times the floor", FLOOR)):
        rows.append(title)
        for contender in contenders:
            if contender not in (BARE, reference):
                ratios = [measured.ratio(contender, reference, each) for each in scenarios]
                rows.append(
                    [contender.name, *(written(each, digits, exact=exact) for each in ratios)]
                )
    return aligned(rows)


def deviations(contenders: Sequence[Contender]) -> list[str]:
    """List the statuses of each contender that are not what the scenarios expect."""
    services = make_services()
    wrong: dict[str, list[str]] = {}
    for entry in make_entries(contenders, make_scenarios(services), services):
        if not entry.is_right():
            found = f"{entry.scenario.name} ({entry.status()})"
            wrong.setdefault(entry.contender.name, []).append(found)
    return [f"{name}: {', '.join(found)}" for name, found in wrong.items()]
