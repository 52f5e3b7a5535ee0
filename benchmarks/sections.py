"""The sections of the report: each is measured, written down, and held against its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from . import importing, instructions, serving
from .bounds import (
    judge_counts,
    judge_curves,
    judge_forms,
    judge_import,
    judge_instructions,
    judge_ratios,
    judge_serving,
)
from .contenders import REGULARS
from .counting import counts_of_contenders
from .curves import measure_curves
from .drawing import draw
from .entries import make_entries
from .forms import measure_forms
from .peers import PEERS, installed
from .pooling import BASIC, guests_of, measure_in_processes
from .report import (
    counts_table,
    curves_table,
    deviations,
    import_line,
    instructions_table,
    ratio_table,
    serving_line,
)
from .scenarios import make_scenarios, make_services

__all__ = ["FULL", "QUICK", "SECTIONS", "Plan"]

_LEGEND = """
Medians of {} rounds in {} processes; of {} for all but the first {} contenders, save under {}. ±: half
the distance of the quartiles. A dash stands where a contender does not do what is asked, and is not
measured. The status that it answers there:"""


@frozen
class Plan:
    """How much is measured.

    Args:
        seconds: How long the table is timed.
        tables: How many processes share that time, one after another.
        curves: For how many seconds the curves are.
        forms: For how many seconds the forms are.
        requests: How many each entry serves under callgrind, 0 to leave it out.
        processes: How many import the package.
        turns: How often each server is asked.
        turn: For how many seconds each time.
        svg: The file to draw the table into, None for none.
    """

    seconds: float
    tables: int
    curves: float
    forms: float
    requests: int
    processes: int
    turns: int
    turn: float
    svg: Path | None = None

    def with_options(self, seconds: float | None, svg: Path | None) -> Plan:
        """This plan with what a caller wants otherwise."""
        return evolve(self, seconds=self.seconds if seconds is None else seconds, svg=svg)


FULL = Plan(
    seconds=150, tables=5, curves=24, forms=8, requests=30, processes=15, turns=12, turn=0.8
)
QUICK = Plan(seconds=20, tables=1, curves=4, forms=2, requests=0, processes=3, turns=2, turn=0.4)


def _table(plan: Plan) -> str:
    present = installed()
    services = make_services()
    scenarios = make_scenarios(services)
    measured = measure_in_processes(present, scenarios, plan.seconds, plan.tables)
    timed = [scenario for scenario in scenarios if scenario.timed]
    if plan.svg is not None:
        plan.svg.write_text(draw(measured, present, timed), encoding="utf-8")
    missing = "".join(
        f"left out: {each.name}, for want of {' and '.join(each.missing)}\n"
        for each in PEERS
        if each.missing
    )
    parts = (
        missing + ratio_table(measured, present, timed),
        _LEGEND.format(
            measured.rounds,
            plan.tables,
            measured.rounds // len(guests_of(present)),
            len(REGULARS),
            BASIC,
        ),
        deviations(make_entries(present, scenarios, services)),
        "",
        *judge_ratios(measured, timed),
    )
    return "\n".join(parts)


def _counts(_plan: Plan) -> str:
    counts = counts_of_contenders()
    return _with_bounds(
        f"An accepted RS256 request; Python calls are told as those beyond the bare route's.\n\n"
        f"{counts_table(counts)}",
        judge_counts(counts),
    )


def _instructions(plan: Plan) -> str:
    if not plan.requests:
        return "left out: a quick run has no minute for callgrind"
    if not instructions.is_possible():
        return "left out, for want of valgrind"
    scenarios = [each for each in make_scenarios(make_services()) if each.timed]
    counted = instructions.count_instructions(plan.requests)
    return _with_bounds(
        instructions_table(counted, scenarios), judge_instructions(counted, scenarios)
    )


def _curves(plan: Plan) -> str:
    curves = measure_curves(plan.curves)
    return _with_bounds(
        f"An accepted RS256 request, in times of each line's first point.\n\n{curves_table(curves)}",
        judge_curves(curves),
    )


def _forms(plan: Plan) -> str:
    ratios = measure_forms(plan.forms)
    return _with_bounds(
        "A refused form without a token, in times of a request without a body.\n\n"
        f"{curves_table({'bytes of a form': ratios})}",
        judge_forms(ratios),
    )


def _import(plan: Plan) -> str:
    if not importing.is_possible():
        return "left out, for want of /proc"
    cost = importing.measure_import(plan.processes)
    return _with_bounds(import_line(cost), judge_import(cost))


def _gunicorn(plan: Plan) -> str:
    if not serving.is_possible():
        return "left out, for want of gunicorn"
    served = serving.measure_serving(plan.turns, plan.turn)
    return _with_bounds(
        f"One worker, four threads, on loopback: {serving_line(served)}", judge_serving(served)
    )


def _with_bounds(text: str, lines: Sequence[str]) -> str:
    return "\n".join((text, "", *lines))


SECTIONS: Mapping[str, Callable[[Plan], str]] = {
    "table": _table,
    "counts": _counts,
    "instructions": _instructions,
    "curves": _curves,
    "forms": _forms,
    "import": _import,
    "gunicorn": _gunicorn,
}
"""By its name what measures a section and writes it down."""
