"""Reads a token from stdin: from a pipe or file, or typed or pasted into a terminal that doesn't show it."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

import click

__all__ = ["read_token"]

_MOST_BYTES = 65_536
_PROMPT = "Token (it isn't shown; end with Enter): "
# A paste of several lines arrives faster than a person can type, in seconds.
_PASTE_PAUSE = 0.05
# With this on, a terminal marks the beginning and the end of a paste, so that its line breaks don't end it.
_BRACKETED_PASTE_ON, _BRACKETED_PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
# What a key such as an arrow sends, and the beginning of that.
_KEY = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)", re.DOTALL)
_KEY_BEGINS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_CONTROL_D, _CONTROL_U, _BACKSPACES = b"\x04", b"\x15", (b"\x08", b"\x7f")


def read_token() -> str:
    """Return what stdin contains, without one line break at its end. A terminal doesn't show what is typed.

    Everything else is kept, such as white space and quotes around the token: they may be why it is refused.

    Raises:
        click.UsageError: There is no token, too much for a token, or something that isn't text.
    """
    data = _typed() if sys.stdin is not None and sys.stdin.isatty() else _piped()
    if len(data) > _MOST_BYTES:
        raise click.UsageError(f"expected one token, found more than {_MOST_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise click.UsageError(
            "expected text in UTF-8; if PowerShell wrote the file by '>', it is UTF-16, so use "
            "'Set-Content -Encoding ascii' instead"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError("no token was given")
    return text


def _piped() -> bytes:
    try:
        return sys.stdin.buffer.read(_MOST_BYTES + 1)
    except (AttributeError, OSError):
        # Python sets stdin to None if it is closed.
        raise click.UsageError("stdin can't be read; pipe the token into the command") from None


def _typed() -> bytes:
    """Ask for the token in a terminal. ``getpass`` would cut it at 4,095 characters, as terminals do by line.

    Raises:
        click.UsageError: The system has no ``termios``, so the token would be shown.
    """
    try:
        termios = import_module("termios")
    except ImportError:
        raise click.UsageError(
            "a token can't be typed without showing it here; pipe it: flask jwtlib explain - < token.txt"
        ) from None
    terminal = sys.stdin.fileno()
    has_escapes = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    with _raw(termios, terminal):
        click.echo(_PROMPT + _BRACKETED_PASTE_ON * has_escapes, nl=False, err=True)
        try:
            data = _line_of(terminal)
        finally:
            # So that the terminal's next line begins on the left, after Ctrl-C, too.
            click.echo(_BRACKETED_PASTE_OFF * has_escapes, err=True)
    return data


@contextmanager
def _raw(termios: ModuleType, terminal: int) -> Generator[None]:
    """Let a terminal neither show what is typed nor cut long lines. Restore it in every case."""
    before: list[Any] = termios.tcgetattr(terminal)
    raw: list[Any] = termios.tcgetattr(terminal)
    raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    # Ctrl-Z would leave the terminal as it is now.
    raw[6][termios.VSUSP] = b"\0"
    with _ended_by_exception():
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, raw)
            yield
        finally:
            # What was typed since is dropped. Otherwise a shell would run the rest of a paste.
            with suppress(termios.error):  # if the terminal was closed
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


@contextmanager
def _ended_by_exception() -> Generator[None]:
    """Let SIGTERM raise ``SystemExit``, so that ``finally`` clauses run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Keys:
    """The keys that are pressed in a terminal, and the characters that are pasted."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._waiting = b""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of each until the terminal is closed: one byte, or those of an escape sequence."""
        while self._waiting or self._read():
            while _KEY_BEGINS.fullmatch(self._waiting) and self._has_more_soon():
                self._read()
            key = _KEY.match(self._waiting)
            end = 1 if key is None else key.end()
            found, self._waiting = self._waiting[:end], self._waiting[end:]
            yield found

    def has_more(self) -> bool:
        """Whether more arrives faster than a person can type."""
        return bool(self._waiting) or self._has_more_soon()

    def _has_more_soon(self) -> bool:
        return bool(select.select([self._terminal], [], [], _PASTE_PAUSE)[0])

    def _read(self) -> bool:
        try:
            data = os.read(self._terminal, 4096)
        except OSError:
            # The terminal was closed.
            return False
        self._waiting += data
        return bool(data)


def _line_of(terminal: int) -> bytes:
    """Return what is typed or pasted before Enter or Ctrl-D. Line breaks within a paste belong to it."""
    line = bytearray()
    pasting = False
    keys = _Keys(terminal)
    for key in keys:
        if key in (_PASTE_BEGINS, _PASTE_ENDS):
            pasting = key == _PASTE_BEGINS
        elif pasting:
            line += key
        elif key == _CONTROL_D or (key == b"\n" and not keys.has_more()):
            break
        elif key == _CONTROL_U:
            line.clear()
        elif key in _BACKSPACES:
            _delete_last(line)
        elif len(key) == 1:
            # Longer ones are arrows and others that add nothing.
            line += key
        # What is too long is still read up to its end, so that no rest of it reaches the shell.
        del line[_MOST_BYTES + 1 :]
    return bytes(line)


def _delete_last(line: bytearray) -> None:
    """Delete the last character, which may have several bytes in UTF-8."""
    while line and line.pop() & 0b1100_0000 == 0b1000_0000:
        pass
