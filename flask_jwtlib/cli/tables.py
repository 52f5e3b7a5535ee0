"""Tables and paragraphs for commands, which fit the terminal.

A command of your own can print one like the commands of this package do::

    from flask_jwtlib.cli.tables import Cell, echo, table

    rows = [["api.items", Cell("open", {"fg": "red"})]]
    echo(table("Endpoint", "Access", rows=rows))

If the output isn't a terminal, as in a pipe, a file or the log of a CI job, a row is one line of any length,
so that ``grep`` and ``diff`` work. Set the environment variable ``COLUMNS`` to wrap it there, too.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import click
from attrs import Factory, frozen

__all__ = ["Cell", "echo", "paragraph", "table"]

_GAP = "  "
# A longer word may be broken anywhere if it would make its column wider than this.
_WORD_WIDTH = 10
# Width of text that has too little space beside other text.
_NARROWEST = 8
# A word with the spaces before it.
_WORD = re.compile(r"( *)([^ ]+)")
# Where a word is broken: after these characters, and before the capital letters within it.
_BREAK = re.compile(r"(?<=.[./_:-])(?![./_:-])|(?<=[a-z])(?=[A-Z])")


@frozen
class Cell:
    """A cell with colours.

    Attributes:
        text: The text. Unprintable characters are shown escaped.
        style: Keywords of ``click.style``, such as ``{"fg": "red", "bold": True}``.
    """

    text: str
    style: Mapping[str, Any] = Factory(dict[str, Any])


def table(*head: str, rows: Iterable[Iterable[str | Cell]], width: int | None = None) -> str:
    """Return a table as text, for ``echo``.

    If the table is wider than ``width``, its cells are wrapped: at spaces, within long words after one of
    ``./_:-`` or before a capital letter, and otherwise anywhere. Nothing is cut off. If the columns would
    become too narrow, each row becomes a block of lines: the names of the columns on the left, without those
    whose cell is empty.

    East Asian wide characters count as two columns. Unprintable characters are escaped. Secrets in URLs are
    not: pass the text of clients and issuers through ``flask_jwtlib.log_text.one_line`` first.

    Args:
        head: The names of the columns.
        rows: The rows, each with one cell per column.
        width: Maximum width of a line, in columns of a terminal. By default it is the width of the terminal.
            If the output isn't a terminal, it is ``COLUMNS``, or unlimited if that isn't set.

    Raises:
        ValueError: If a row has more or fewer cells than ``head``.
    """
    lines = [[_cell(text) for text in head]]
    for row in rows:
        lines.append([_cell(each) for each in row])
        if len(lines[-1]) != len(head):
            raise ValueError(f"expected {len(head)} cells in each row, given {len(lines[-1])}")
    limit = _width_of_output() if width is None else width
    widths = _widths([[cell.text for cell in column] for column in zip(*lines, strict=True)], limit)
    if widths is not None:
        lines.insert(1, [Cell("-" * each) for each in widths])
        return "\n".join(line for row in lines for line in _row(row, widths))
    return "\n\n".join("\n".join(_block(lines[0], row, limit)) for row in lines[1:])


def echo(text: str, *, err: bool = False) -> None:
    """Print a text, with its colours if the output is a terminal.

    There are no colours if the environment variable ``NO_COLOR`` is set and not empty, or if ``TERM`` is
    ``dumb``. Characters that the output's encoding can't represent are escaped.

    Args:
        text: The text, with colours by ``click.style``.
        err: Whether to print to stderr.
    """
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(shown, err=err, color=False if plain else None)


def paragraph(text: str, *, indent: str = "", width: int | None = None) -> str:
    """Return a text, wrapped as the cells of a table are, for ``echo``.

    Args:
        text: The text. Unprintable characters are escaped, also line breaks.
        indent: Put before each line.
        width: Maximum width of a line, as for ``table``.
    """
    limit = _width_of_output() if width is None else width
    lines = _wrapped(_cell(text).text, max(limit - _width(indent), _NARROWEST))
    return "\n".join(indent + line for line in lines)


def _cell(given: str | Cell) -> Cell:
    cell = given if isinstance(given, Cell) else Cell(given)
    if cell.text.isprintable():
        return cell
    return Cell(
        "".join(each if each.isprintable() else ascii(each)[1:-1] for each in cell.text), cell.style
    )


def _width_of_output() -> int:
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    columns = os.environ.get("COLUMNS", "")
    return (int(columns) if columns.isdecimal() else 0) or sys.maxsize


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_width_of_character, text))


def _width_of_character(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        # A mark that is shown on the character before it.
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _widths(columns: Sequence[Sequence[str]], limit: int) -> list[int] | None:
    """Return the widths of the columns, or None if they would become too narrow."""
    wanted = [max(map(_width, column)) for column in columns]
    spare = limit - len(_GAP) * (len(columns) - 1)
    if sum(wanted) <= spare:
        return wanted
    parts = [max(_width(part) for text in column for part in _parts(text)) for column in columns]
    widths = [
        max(_width(column[0]), min(part, _WORD_WIDTH), min(want, 1))
        for column, part, want in zip(columns, parts, wanted, strict=True)
    ]
    spare -= sum(widths)
    if spare < 0:
        # With only the head, there is nothing to show in blocks.
        return widths if len(columns[0]) == 1 else None
    spare = _grow(widths, parts, spare)
    _fill(widths, wanted, spare)
    # Wrapped text may need less.
    return [
        max(_width(line) for text in column for line in _wrapped(text, width))
        for column, width in zip(columns, widths, strict=True)
    ]


def _grow(widths: list[int], targets: Sequence[int], spare: int) -> int:
    """Widen the narrowest columns up to their targets. Return how much is left."""
    while spare and (narrow := [at for at, target in enumerate(targets) if widths[at] < target]):
        widths[min(narrow, key=widths.__getitem__)] += 1
        spare -= 1
    return spare


def _fill(widths: list[int], wanted: Sequence[int], spare: int) -> None:
    """Widen the columns so that rows have few lines, and then as many as possible to what they want."""
    available = sum(widths) + spare
    # White space at the ends of lines isn't considered.
    lower = (
        [max(width, -(-want // height)) for width, want in zip(widths, wanted, strict=True)]
        for height in count(2)
    )
    widths[:] = next(each for each in lower if sum(each) <= available)
    spare = available - sum(widths)
    for at in sorted(range(len(widths)), key=lambda at: wanted[at] - widths[at]):
        more = min(wanted[at] - widths[at], spare)
        widths[at] += more
        spare -= more


def _parts(text: str) -> list[str]:
    return [part for _, word in _WORD.findall(text) for part in _BREAK.split(word)] or [""]


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a row."""
    wrapped = [_wrapped(cell.text, width) for cell, width in zip(cells, widths, strict=True)]
    for at in range(max(map(len, wrapped), default=0)):
        shown = (lines[at] if at < len(lines) else "" for lines in wrapped)
        padded = (
            _styled(text, cell) + " " * (width - _width(text))
            for text, cell, width in zip(shown, cells, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip()


def _block(head: Sequence[Cell], cells: Sequence[Cell], limit: int) -> Iterator[str]:
    """Yield the lines of a row, one column below another."""
    left = max(_width(name.text) for name in head)
    right = max(limit - left - len(_GAP), _NARROWEST)
    for name, cell in zip(head, cells, strict=True):
        if cell.text:
            yield from _row([name, cell], [left, right])


def _styled(text: str, cell: Cell) -> str:
    return click.style(text, **cell.style) if text and cell.style else text


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text."""
    if _width(text) <= width:
        return [text]
    lines = [""]
    for spaces, word in _WORD.findall(text):
        if _width(lines[-1] + spaces + word) <= width:
            lines[-1] += spaces + word
        elif _width(word) <= width:
            lines.append(word)
        else:
            _add_long_word(lines, spaces, _BREAK.split(word), width)
    return [line for line in lines if line] or [""]


def _add_long_word(lines: list[str], spaces: str, parts: Iterable[str], width: int) -> None:
    lines[-1] += spaces if _width(lines[-1] + spaces) < width else ""
    for part in parts:
        if _width(lines[-1] + part) > width >= _width(part):
            lines.append("")
        for character in part:
            if _width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
