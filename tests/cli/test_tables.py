"""``flask_jwtlib.cli.tables``: tables that fit a terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from flask_jwtlib.cli.tables import Cell, echo, paragraph, table


class Output(io.StringIO):
    """A stream that may be a terminal, and has any encoding."""

    def __init__(self, terminal: bool = False, encoding: str | None = None) -> None:
        super().__init__()
        self._terminal = terminal
        self._encoding = encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> Any:
        return self._encoding


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables that change a table."""
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def lines(*head: str, rows: list[Any], width: int) -> list[str]:
    """Return the lines of a table."""
    return table(*head, rows=rows, width=width).splitlines()


def test_columns_are_as_wide_as_their_widest_cells() -> None:
    """If there is enough space, each row is one line without spaces at its end."""
    rows = [["api.items", "GET, POST"], ["static", ""]]

    assert lines("Endpoint", "Methods", rows=rows, width=20) == [
        "Endpoint   Methods",
        "---------  ---------",
        "api.items  GET, POST",
        "static",
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("scope read and write", ["scope read", "and write"]),
        ("admin.accounts.list", ["admin.", "accounts.", "list"]),
        ("/api/v1/accounts/me", ["/api/v1/", "accounts/me"]),
        ("delete_every_account", ["delete_", "every_", "account"]),
        ("https://idp.example/x", ["https://", "idp.", "example/x"]),
        ("BearerTokenExtractor", ["BearerToken", "Extractor"]),
        ("/catalogue/items", ["/catalogue/", "items"]),
        ("list:of-several:words", ["list:of-", "several:", "words"]),
        ("a Pneumonoultramicroscopic", ["a Pneumono", "ultramicro", "scopic"]),
        ("  indented text and more", ["  indented", "text and", "more"]),
        ("two  spaces and more text", ["two  spaces", "and more", "text"]),
        ("x /a/long/path/of/parts", ["x /a/long/", "path/of/", "parts"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_cells_are_wrapped(cell: str, expected: list[str]) -> None:
    """A cell is wrapped at spaces, in long words at punctuation and capitals, or else anywhere."""
    narrowest = max(len("Endpoint"), *map(len, expected))

    wrapped = lines("Endpoint", "By", rows=[[cell, "x"]], width=narrowest + 4)

    assert [line[:narrowest].rstrip() for line in wrapped[2:]] == expected
    assert [line[narrowest:].strip() for line in wrapped[2:]] == ["x"] + [""] * (len(expected) - 1)


def test_no_word_is_broken_if_another_column_can_be_narrower() -> None:
    """Columns with long words get their space before columns that can be wrapped at spaces."""
    rows = [["electronicmailconfirmation", "one two three four five six seven eight"]]

    assert lines("Endpoint", "Policies", rows=rows, width=38) == [
        "Endpoint                    Policies",
        "--------------------------  ----------",
        "electronicmailconfirmation  one two",
        "                            three four",
        "                            five six",
        "                            seven",
        "                            eight",
    ]


def test_rows_have_as_few_lines_as_possible() -> None:
    """Columns share the space by what they want, and then as many as possible get all of it."""
    rows = [["one two three", "four five six seven eight nine ten"]]

    assert lines("A", "B", rows=rows, width=28) == [
        "A        B",
        "-------  ----------------",
        "one two  four five six",
        "three    seven eight nine",
        "         ten",
    ]


@pytest.mark.parametrize("cell", ["", " ", "   "], ids=len)
def test_blank_columns_take_no_space(cell: str) -> None:
    """A column without a name and with blank cells leaves the space to others."""
    shown = lines("", "B", rows=[[cell, "one two"]], width=6)

    assert [line.strip() for line in shown if "-" not in line] == ["B", "one", "two"]


def test_a_row_becomes_a_block_if_columns_would_be_too_narrow() -> None:
    """In a very narrow terminal, the names of the columns stand on the left, without those that are empty."""
    head = ("Endpoint", "Methods", "Rule", "Access", "By", "Policies")
    rows = [
        [
            "api.items",
            "GET, POST",
            "/api/items",
            "required",
            "decorator",
            "scope read and scope write",
        ],
        ["index", "GET", "/", Cell("open", {"fg": "red"}), "", ""],
    ]

    assert lines(*head, rows=rows, width=30) == [
        "Endpoint  api.items",
        "Methods   GET, POST",
        "Rule      /api/items",
        "Access    required",
        "By        decorator",
        "Policies  scope read and scope",
        "          write",
        "",
        "Endpoint  index",
        "Methods   GET",
        "Rule      /",
        "Access    \x1b[31mopen\x1b[0m",
    ]


@pytest.mark.parametrize("width", [1, 2, 9, 17, 18, 19, 25, 40, 41, 60, 80, 200])
def test_nothing_is_cut_off_or_too_wide(width: int) -> None:
    """At any width, all characters are there, in order, and no line is wider than the terminal."""
    cells = [
        "admin.accounts.list",
        "GET, HEAD",
        "/日本語/<regex('[a-z]{40}'):name>",
        "e\u0301" * 30,
    ]

    for cell in cells:
        head, *rest = table("X", rows=[[cell]], width=width).splitlines()
        first = [head[1:]] if head != "X" else []
        shown = "".join([*first, *rest[head == "X" :]])
        assert shown.replace(" ", "") == cell.replace(" ", "")
    if width >= len("A  ") + 8:
        whole = lines("A", "B", "C", "D", rows=[cells], width=width)
        assert max(map(printed_width, whole)) <= width


def printed_width(line: str) -> int:
    """Return the width of a line whose wide characters are Japanese, with accents that combine."""
    return len(line) + sum(line.count(each) for each in "日本語") - line.count("\u0301")


def test_wide_characters_count_as_two_columns() -> None:
    """East Asian wide characters and combining accents leave the columns aligned."""
    rows = [["日本", "x"], ["\uff21e\u0301", "x"], ["a\u20dd\u0301b", "x"], ["cafe", "x"]]

    assert lines("Rule", "By", rows=rows, width=80)[2:] == [
        "日本  x",
        "\uff21e\u0301   x",
        "a\u20dd\u0301b    x",
        "cafe  x",
    ]


def test_an_empty_table_has_its_head() -> None:
    """A table without rows is the names of its columns, at any width."""
    assert lines("Endpoint", "Access", rows=[], width=80) == [
        "Endpoint  Access",
        "--------  ------",
    ]
    assert lines("Endpoint", "Access", rows=[], width=5) == ["Endpoint  Access", "--------  ------"]


@pytest.mark.parametrize("row", [["a"], ["a", "b", "c"]], ids=["too few", "too many"])
def test_each_row_has_all_columns(row: list[str]) -> None:
    """A row with another number of cells than the head is an error."""
    with pytest.raises(ValueError, match="expected 2 cells in each row, given"):
        table("Endpoint", "Access", rows=[row])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r", r"a\nb\r"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
    ],
    ids=["escape", "line break", "C1", "bidi", "surrogate"],
)
@pytest.mark.parametrize("style", [{}, {"bold": True}], ids=["plain", "styled"])
def test_unprintable_characters_are_escaped(
    text: str, expected: str, style: dict[str, Any]
) -> None:
    """Neither a cell nor a head can send control characters to the terminal."""
    shown = click.unstyle(table(f"Name{text}", rows=[[Cell(text, style)]], width=80))

    assert shown.splitlines()[0] == f"Name{expected}"
    assert shown.splitlines()[2] == expected


def test_each_line_of_a_cell_has_its_style() -> None:
    """The style is applied to the text of each line, and not to the space beside it."""
    shown = table("A", "B", rows=[[Cell("one two", {"fg": "red"}), "x"]], width=7)

    assert shown.splitlines()[2:] == ["\x1b[31mone\x1b[0m  x", "\x1b[31mtwo\x1b[0m"]


WIDE = [["word " * 20, "word " * 20]]


def printed(monkeypatch: pytest.MonkeyPatch, output: Output) -> int:
    """Return the width of a wide table that is made for an output."""
    monkeypatch.setattr(sys, "stdout", output)
    return max(map(len, table("A", "B", rows=WIDE).splitlines()))


def test_a_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, the width is that of the terminal."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((50, 24)))

    assert printed(monkeypatch, Output(terminal=True)) <= 50


@pytest.mark.parametrize("columns", [None, "", "0", "-5", "wide"])
def test_without_a_terminal_a_row_is_one_line(
    monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    """In a pipe or a file, rows aren't wrapped unless ``COLUMNS`` is a width."""
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)

    assert printed(monkeypatch, Output()) == 2 * 100 + 2


def test_columns_sets_the_width_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe or a file, ``COLUMNS`` is the width."""
    monkeypatch.setenv("COLUMNS", "60")

    assert printed(monkeypatch, Output()) <= 60


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm"}, True),
        (False, {}, False),
    ],
    ids=["terminal", "empty NO_COLOR", "NO_COLOR", "dumb terminal", "xterm", "pipe"],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    environment: dict[str, str],
    coloured: bool,
    stream: str,
) -> None:
    """Colours are printed in a terminal only, and not with ``NO_COLOR`` or ``TERM=dumb``."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = Output(terminal)
    monkeypatch.setattr(sys, stream, output)

    echo(click.style("open", fg="red"), err=stream == "stderr")

    assert output.getvalue() == ("\x1b[31mopen\x1b[0m\n" if coloured else "open\n")


def test_a_click_test_can_ask_for_colours() -> None:
    """``CliRunner.invoke(…, color=True)`` gets the colours."""

    @click.command
    def command() -> None:
        echo(click.style("open", fg="red"))

    assert CliRunner().invoke(command, color=True).output == "\x1b[31mopen\x1b[0m\n"
    assert CliRunner().invoke(command).output == "open\n"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "\\u65e5 \\xe9\n"),
        ("latin-1", "\\u65e5 é\n"),
        ("utf-8", "日 é\n"),
        (None, "日 é\n"),
    ],
)
def test_what_the_encoding_lacks_is_escaped(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, expected: str
) -> None:
    """Text that the output's encoding can't represent is printed escaped."""
    output = Output(encoding=encoding)
    monkeypatch.setattr(sys, "stdout", output)

    echo("日 é")

    assert output.getvalue() == expected


def test_a_paragraph_is_wrapped_and_indented() -> None:
    """A paragraph fits the width with its indentation, and has no control characters."""
    text = "Swap lines 18 and 19 of shop.py\x1b\n."

    assert paragraph(text, indent="    ", width=20) == (
        "    Swap lines 18\n    and 19 of\n    shop.py\\x1b\\n."
    )
    assert paragraph(text, indent="  ") == "  Swap lines 18 and 19 of shop.py\\x1b\\n."
    assert paragraph("", width=20) == ""
