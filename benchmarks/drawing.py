"""Draws the table as an SVG: a row for each contender, a column for each scenario, a bar in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from .contenders import BARE, FLOOR, OWN, Contender
from .measuring import Measurements, Spread
from .scenarios import ACCEPTED, TIMED

_TEMPLATE = Path(__file__).with_name("table.svg.jinja")
# Pixels.
_EDGE, _LABELS, _COLUMN, _BAR = 24, 200, 86, 72
_HEAD, _ROW, _GAP, _FOOT = 138, 38, 14, 48


def draw(measured: Measurements, contenders: Sequence[Contender]) -> str:
    """Draw the ratios to the bare route, on one scale for all cells."""
    ratios = [measured.ratio(each, BARE, scenario) for each in contenders for scenario in TIMED]
    scale = _BAR / max((ratio.upper for ratio in ratios if ratio is not None), default=1)
    rows: list[dict[str, Any]] = []
    y = _HEAD
    for contender in contenders:
        kind = _kind(contender)
        if rows and kind != rows[-1]["kind"] and contender is not FLOOR:
            y += _GAP
        cells = [
            {"x": _x(place), **_cell(measured, contender, scenario, scale)}
            for place, scenario in enumerate(TIMED)
        ]
        rows.append({"name": contender.name, "kind": kind, "y": y, "cells": cells})
        y += _ROW
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        rounds=measured.rounds,
        groups=[
            ("Accepted: a token signed by", _x(0), _x(len(ACCEPTED) - 1) + _BAR),
            ("Refused", _x(len(ACCEPTED)), _x(len(TIMED) - 1) + _BAR),
        ],
        # The last word of each name is in the second line.
        columns=[(_x(column), *name.rpartition(" ")[::2]) for column, name in enumerate(TIMED)],
        rows=rows,
        width=_x(len(TIMED)) - (_COLUMN - _BAR) + _EDGE,
        height=y + _FOOT,
        head=_HEAD,
        end=y,
        edge=_EDGE,
        row_height=_ROW,
        bar_width=_BAR,
    )


def _cell(
    measured: Measurements, contender: Contender, scenario: str, scale: float
) -> dict[str, Any]:
    """What the template shows in a cell: nothing for a contender that wasn't measured there."""
    time, to_bare = measured.value(contender, scenario), measured.ratio(contender, BARE, scenario)
    if time is None or to_bare is None:
        return {}
    microseconds = f"{time.median * 1e6:.0f} µs"
    low, bar, high = (
        round(each * scale, 1) for each in (to_bare.lower, to_bare.median, to_bare.upper)
    )
    cell: dict[str, Any] = {"bar": bar, "low": low, "high": high}
    if contender is BARE:
        return {**cell, "figure": microseconds, "tip": microseconds}
    cell["figure"] = f"{to_bare.median:.2f}"
    cell["tip"] = f"{microseconds}, {_text(to_bare)} times the bare route"
    floor, to_floor = (
        measured.ratio(FLOOR, BARE, scenario),
        measured.ratio(contender, FLOOR, scenario),
    )
    if contender is not FLOOR and floor is not None and to_floor is not None:
        cell["mark"] = round(floor.median * scale, 1)
        cell["of_floor"] = f"{to_floor.median:.2f}"
        cell["tip"] += f", {_text(to_floor)} times the floor"
    return cell


def _text(spread: Spread) -> str:
    return f"{spread.median:.2f} ± {spread.half_width:.2f}"


def _kind(contender: Contender) -> str:
    if contender in (BARE, FLOOR):
        return "bare" if contender is BARE else "floor"
    return "ours" if contender in OWN else "peer"


def _x(column: int) -> int:
    return _EDGE + _LABELS + column * _COLUMN
