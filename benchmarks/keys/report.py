"""Writes what was found as one table: as text, or as reStructuredText for the documents."""

from __future__ import annotations

from collections.abc import Sequence

from .clients import CONTENDERS, OURS, Contender
from .trials import Result

__all__ = ["missed", "remarks", "rst_table", "text_table"]


def missed(results: Sequence[Result]) -> list[Result]:
    """The figures of ours that don't keep to their bounds."""
    return [result for result in results if not result.figure.holds(result.readings[OURS])]


def remarks(results: Sequence[Result]) -> str:
    """What else was seen, and whether our bounds are kept, a line each."""
    lines: list[str] = []
    for result in results:
        for contender, reading in result.readings.items():
            seen = [*reading.faults, *([reading.note] if reading.note else [])]
            lines += [f"{contender.name}, {result.figure.name}: {each}" for each in seen]
    exceeded = [f"MISSED: {result.figure.name}" for result in missed(results)]
    return "\n".join([*lines, *(exceeded or ["every bound is kept"])])


def text_table(results: Sequence[Result]) -> str:
    """One line for each figure: its bound, and what each contender came to."""
    rows = _rows(results)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def rst_table(results: Sequence[Result]) -> str:
    """The same for a document."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 40 20 20 20"]
    for row in _rows(results):
        lines.append("")
        lines += [
            f"   {'  ' if place else '* '}- {cell}".rstrip() for place, cell in enumerate(row)
        ]
    return "\n".join(lines)


def _rows(results: Sequence[Result]) -> list[list[str]]:
    rows = [["", "bound", *(contender.name for contender in CONTENDERS)]]
    for result in results:
        cells = [_cell(result, contender) for contender in CONTENDERS]
        rows.append([result.figure.name, result.figure.bound, *cells])
    return rows


def _cell(result: Result, contender: Contender) -> str:
    reading = result.readings.get(contender)
    return "\N{EN DASH}" if reading is None else result.figure.text(reading)
