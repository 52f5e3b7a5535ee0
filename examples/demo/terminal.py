"""Output for a terminal, in colour where the terminal supports it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from textwrap import fill
from typing import TextIO

__all__ = ["Terminal", "wants_colour"]

_WIDTH = 96
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether to use colour: ``NO_COLOR`` disables it, ``FORCE_COLOR`` or a terminal enables it."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


class Terminal:
    """Writes lines, and flushes each of them, so that the reader of a pipe sees it at once.

    Args:
        stream: The output stream. The standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._coloured = wants_colour(self._stream, os.environ)

    def paint(self, text: str, *styles: str) -> str:
        """Add styles to a text: ``bold``, ``dim``, ``red``, ``green``, ``yellow``, ``cyan``."""
        if not self._coloured:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def line(self, text: str = "", *styles: str) -> None:
        """Write a line."""
        print(self.paint(text, *styles) if styles else text, file=self._stream, flush=True)

    def indented(self, text: str, *styles: str, mark: str = "") -> None:
        """Write indented text, wrapped. The first line starts with the mark, such as ``>``."""
        lines = fill(
            text,
            _WIDTH,
            initial_indent=f"    {mark}",
            subsequent_indent=" " * (4 + len(mark)),
            break_on_hyphens=False,
        )
        for line in lines.splitlines():
            self.line(line, *styles)
