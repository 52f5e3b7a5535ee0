"""Draws the table as an SVG: a row for each contender, a column for each scenario, a bar in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from jinja2 import Environment, StrictUndefined

from .contenders import BARE, FLOOR, OWN, Contender
from .measuring import Measurements, Spread
from .scenarios import Scenario

__all__ = ["draw"]

_TEMPLATE = Path(__file__).with_name("table.svg.jinja")
_TITLE = "What a request costs"
_SUBTITLE = (
    "Time per request, in times of a bare Flask route. The floor checks the same by hand, and does "
    "nothing else. Medians of {} rounds."
)
_DESC = (
    "A table of bars. Each row is a way to guard a Flask route, each column a kind of request. The "
    "figures stand in the text of the documentation, too."
)
_LEGEND = (
    ("figure", "times the bare route"),
    ("small", "times the floor"),
    ("mark", "where the floor ends"),
    ("spread", "the middle half of the rounds"),
    ("none", "does not do what is asked"),
)
# Pixels.
_EDGE, _LABELS, _COLUMN, _BAR = 24, 200, 86, 72
_HEAD, _ROW, _GAP, _FOOT = 138, 38, 14, 48
_LEGEND_COLUMN = 228


@frozen
class _Cell:
    """What stands in a cell.

    Args:
        x: Where the cell begins.
        figure: The ratio to the bare route; its time, in the bare route's own cells.
        of_floor: The ratio to the floor, empty where it says nothing.
        tip: The ratios with their spreads.
        bar: How long the bar is, 0 if nothing was measured.
        low: Where the quartiles of the ratio begin.
        high: Where they end.
        mark: Where the floor's bar ends, 0 if there is no mark.
    """

    x: int
    figure: str = ""
    of_floor: str = ""
    tip: str = ""
    bar: float = 0
    low: float = 0
    high: float = 0
    mark: float = 0


@frozen
class _Row:
    """A contender and its cells; its kind is ``bare``, ``floor``, ``ours`` or ``peer``."""

    name: str
    kind: str
    y: int
    cells: Sequence[_Cell]


@frozen
class _Legend:
    """What a sign means."""

    kind: str
    text: str
    x: int


@frozen
class _Group:
    """Columns that have something in common."""

    name: str
    x: int
    end: int


def draw(
    measured: Measurements, contenders: Sequence[Contender], scenarios: Sequence[Scenario]
) -> str:
    """Draw the ratios to the bare route, on one scale for all cells."""
    ratios = [measured.ratio(each, BARE, scenario) for each in contenders for scenario in scenarios]
    scale = _BAR / max((ratio.upper for ratio in ratios if ratio is not None), default=1)
    rows: list[_Row] = []
    y = _HEAD
    for contender in contenders:
        kind = _kind(contender)
        if rows and kind != rows[-1].kind and contender is not FLOOR:
            y += _GAP
        cells = [
            _cell(_x(place), measured, contender, scenario, scale)
            for place, scenario in enumerate(scenarios)
        ]
        rows.append(_Row(contender.name, kind, y, cells))
        y += _ROW
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=_TITLE,
        subtitle=_SUBTITLE.format(measured.rounds),
        desc=_DESC,
        groups=_groups(scenarios),
        columns=_columns(scenarios),
        rows=rows,
        legend=[
            _Legend(kind, text, place * _LEGEND_COLUMN)
            for place, (kind, text) in enumerate(_LEGEND)
        ],
        width=_x(len(scenarios)) - (_COLUMN - _BAR) + _EDGE,
        height=y + _FOOT,
        head=_HEAD,
        end=y,
        edge=_EDGE,
        row_height=_ROW,
        bar_width=_BAR,
    )


def _cell(
    x: int, measured: Measurements, contender: Contender, scenario: Scenario, scale: float
) -> _Cell:
    to_bare = measured.ratio(contender, BARE, scenario)
    time = measured.time(contender, scenario)
    if to_bare is None or time is None:
        return _Cell(x)
    microseconds = f"{time.median * 1e6:.0f} µs"
    to_floor = measured.ratio(contender, FLOOR, scenario)
    floor = measured.ratio(FLOOR, BARE, scenario)
    bar, low, high = (
        round(each * scale, 1) for each in (to_bare.median, to_bare.lower, to_bare.upper)
    )
    if contender is BARE:
        return _Cell(x, microseconds, tip=microseconds, bar=bar, low=bar, high=bar)
    tip = f"{microseconds}, {_told(to_bare)} times the bare route"
    figure = f"{to_bare.median:.2f}"
    if contender is FLOOR or to_floor is None or floor is None:
        return _Cell(x, figure, tip=tip, bar=bar, low=low, high=high)
    return _Cell(
        x,
        figure,
        of_floor=f"{to_floor.median:.2f}",
        tip=f"{tip}, {_told(to_floor)} times the floor",
        bar=bar,
        low=low,
        high=high,
        mark=round(floor.median * scale, 1),
    )


def _told(spread: Spread) -> str:
    return f"{spread.median:.2f} ± {spread.half_width:.2f}"


def _kind(contender: Contender) -> str:
    if contender in (BARE, FLOOR):
        return "bare" if contender is BARE else "floor"
    return "ours" if contender in OWN else "peer"


def _x(column: int) -> int:
    return _EDGE + _LABELS + column * _COLUMN


def _columns(scenarios: Sequence[Scenario]) -> list[tuple[int, str, str]]:
    # The last word of each name stands in the second line.
    words = [scenario.name.rpartition(" ") for scenario in scenarios]
    return [(_x(column), first, last) for column, (first, _, last) in enumerate(words)]


def _groups(scenarios: Sequence[Scenario]) -> list[_Group]:
    groups: list[_Group] = []
    for name, accepted in (("Let in: a token signed by", True), ("Refused", False)):
        places = [at for at, scenario in enumerate(scenarios) if scenario.accepted is accepted]
        if places:
            groups.append(_Group(name, _x(places[0]), _x(places[-1]) + _BAR))
    return groups
