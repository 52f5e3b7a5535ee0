"""How ``flask jwtlib explain`` reads a token in a terminal: without showing it, and all of it."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen

from flask_jwtlib.cli import _token_input
from flask_jwtlib.cli._token_input import read_token

PATIENCE = 20


@frozen
class Terminal:
    """A terminal: what is typed goes into ``keyboard``, and a program reads from ``stdin``."""

    keyboard: int
    stdin: int

    def type_when_hidden(self, *texts: bytes, pause: float = 0) -> threading.Thread:
        """Type in a thread of its own, as soon as the terminal doesn't show what is typed."""

        def type_all() -> None:
            end = time.monotonic() + PATIENCE
            while termios.tcgetattr(self.stdin)[3] & (termios.ECHO | termios.ICANON):
                assert time.monotonic() < end
                time.sleep(0.002)
            for text in texts:
                sent = 0
                while sent < len(text):
                    sent += os.write(self.keyboard, text[sent : sent + 1024])
                time.sleep(pause)

        thread = threading.Thread(target=type_all, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal as stdin."""
    keyboard, stdin = pty.openpty()
    with os.fdopen(os.dup(stdin)) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield Terminal(keyboard, stdin)
    os.close(stdin)
    try:
        os.close(keyboard)
    except OSError:
        # A test hung up.
        return


def flags(terminal: Terminal) -> list[Any]:
    """Return the settings of a terminal."""
    return termios.tcgetattr(terminal.stdin)


LONG = b"eyJ" + b"x" * 16_384 + b".y.z"
TYPED: dict[str, tuple[tuple[bytes, ...], str]] = {
    "a line": ((b"a.b.c\n",), "a.b.c"),
    "a carriage return, as the key Enter sends": ((b"a.b.c\r",), "a.b.c"),
    "16 kB": ((LONG, b"\n"), LONG.decode()),
    "ended by Ctrl-D": ((b"a.b.c\x04",), "a.b.c"),
    "corrected by Backspace": ((b"\x7fa.bd\x7f.\xc3\xa9\x7fc\n",), "a.b.c"),
    "begun again by Ctrl-U": ((b"no\x15a.b.c\n",), "a.b.c"),
    "arrow keys": ((b"a\x1b[D\x1b[1;5C.b\x1bOA.c\n",), "a.b.c"),
    "a marked paste of two lines": ((b"\x1b[200~a.b\r.c\r\x1b[201~\r",), "a.b\n.c"),
    "control characters in a marked paste": ((b"\x1b[200~a\x15\x04\x1b[201~\r",), "a\x15\x04"),
    "a paste of two lines": ((b"a.b\n.c\n",), "a.b\n.c"),
    "quotes and spaces": ((b' "a.b.c" \n',), ' "a.b.c" '),
}


@pytest.mark.parametrize(("typed", "expected"), TYPED.values(), ids=TYPED)
def test_a_terminal_is_read_without_showing_the_token(
    terminal: Terminal,
    capsys: pytest.CaptureFixture[str],
    typed: tuple[bytes, ...],
    expected: str,
) -> None:
    """All of it is read, nothing is shown, and the terminal is as before."""
    before = flags(terminal)
    thread = terminal.type_when_hidden(*typed)

    assert read_token() == expected

    thread.join(PATIENCE)
    assert flags(terminal) == before
    os.set_blocking(terminal.keyboard, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal.keyboard, 1)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "Token (it isn't shown; end with Enter): \n")


def test_an_arrow_key_may_arrive_in_two_parts(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow connection may split what a key sends."""
    monkeypatch.setattr(_token_input, "_PASTE_PAUSE", PATIENCE)
    terminal.type_when_hidden(b"a\x1b", b"[D.b.c\x04", pause=0.02)

    assert read_token() == "a.b.c"


def test_an_escape_alone_is_kept(terminal: Terminal) -> None:
    """The key Escape is a character of its own if nothing follows it."""
    terminal.type_when_hidden(b"\x1b", b"a\n", pause=0.2)

    assert read_token() == "\x1ba"


def test_too_much_is_read_to_its_end(terminal: Terminal) -> None:
    """Nothing of a paste that is too long reaches the shell."""
    thread = terminal.type_when_hidden(b"x" * 70_000 + b"\n")

    with pytest.raises(click.UsageError, match="more than 65536 bytes"):
        read_token()

    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_rest_of_a_paste_is_dropped(terminal: Terminal) -> None:
    """What arrives between Enter and the end of the command isn't left for the shell."""
    thread = terminal.type_when_hidden(b"a.b.c\x04rm -rf /\n")

    assert read_token() == "a.b.c"

    thread.join(PATIENCE)
    os.set_blocking(terminal.stdin, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal.stdin, 1)


def test_nothing_typed_is_wrong_usage(terminal: Terminal) -> None:
    """Enter alone is no token."""
    terminal.type_when_hidden(b"\n")

    with pytest.raises(click.UsageError, match="no token was given"):
        read_token()


@pytest.mark.parametrize(
    ("term", "is_marked"), [("xterm", True), ("dumb", False)], ids=["xterm", "dumb"]
)
def test_pastes_are_marked_if_the_terminal_can(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str, is_marked: bool
) -> None:
    """The terminal is asked to mark pastes, and told to stop at the end."""
    output = io.StringIO()
    output.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setenv("TERM", term)
    terminal.type_when_hidden(b"a\n")

    read_token()

    on, off = "\x1b[?2004h", "\x1b[?2004l"
    assert output.getvalue().endswith(f"{on}{off}\n" if is_marked else ": \n")


def test_a_closed_terminal_ends_the_input(terminal: Terminal) -> None:
    """What was typed before it was closed counts."""
    thread = terminal.type_when_hidden(b"a.b.c", pause=0.1)
    closing = threading.Thread(target=lambda: (thread.join(PATIENCE), os.close(terminal.keyboard)))
    closing.start()

    assert read_token() == "a.b.c"

    closing.join(PATIENCE)


def test_it_works_outside_the_main_thread(terminal: Terminal) -> None:
    """Only the main thread can handle signals, so no handler is set in another one."""
    terminal.type_when_hidden(b"a.b.c\n")
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append(read_token()))
    thread.start()
    thread.join(PATIENCE)

    assert read == ["a.b.c"]


def interrupted(raise_error: Callable[[], None]) -> Callable[[object], bool]:
    """Return a fake of ``_has_more`` that raises while a line is read."""

    def raising(_: object) -> bool:
        raise_error()
        raise AssertionError("expected an error")

    return raising


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"]
)
def test_a_signal_restores_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """After Ctrl-C and SIGTERM the terminal shows what is typed, and SIGTERM has its handler."""
    before, handler = flags(terminal), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        _token_input._Keys, "has_more", interrupted(lambda: signal.raise_signal(number))
    )
    terminal.type_when_hidden(b"a.b.c\n")

    with pytest.raises((KeyboardInterrupt, SystemExit)) as raised:
        read_token()

    assert flags(terminal) == before
    assert signal.getsignal(signal.SIGTERM) is handler
    if number == signal.SIGTERM:
        assert raised.value.code == 143  # type: ignore[union-attr]


def test_a_system_without_termios_asks_for_a_pipe(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no ``termios``."""
    monkeypatch.setitem(sys.modules, "termios", None)

    with pytest.raises(click.UsageError, match="can't be typed without showing it here; pipe it"):
        read_token()


APP = """
from flask import Flask
from flask_jwtlib import Authenticator, JWTValidator, VerificationKey

app = Flask("served")
key = VerificationKey.from_secret(b"x" * 64)
auth = Authenticator(keys=key, validator=JWTValidator(algorithms=["HS256"]))
app.get("/")(auth.requires_authentication(lambda: ""))
"""
# Ctrl-C is for the processes of the terminal's session, so this one leads a session, as a shell does.
SHELL = """
import fcntl, signal, subprocess, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, lambda *_: None)
before = termios.tcgetattr(0)
status = subprocess.call([sys.executable, "-m", "flask", "--app", "served", "jwtlib", "explain"])
print("status", status, "restored", termios.tcgetattr(0) == before, flush=True)
# Its end would hang up the terminal.
signal.pause()
"""


@pytest.mark.parametrize(
    ("typed", "shown"),
    [(LONG + b"\r", b"Refused."), (b"eyJx.y\x03", b"Aborted!")],
    ids=["a token of 16 kB", "Ctrl-C"],
)
def test_the_command_in_a_real_terminal(tmp_path: Path, typed: bytes, shown: bytes) -> None:
    """It asks, shows nothing of what is typed, and leaves the terminal as it was."""
    (tmp_path / "served.py").write_text(APP)
    keyboard, stdin = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHELL],
        cwd=tmp_path,
        stdin=stdin,
        stdout=stdin,
        stderr=stdin,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    thread = Terminal(keyboard, stdin).type_when_hidden(typed)
    output = bytearray()
    try:
        while not re.search(rb" restored \w+\r\n", output):
            output += os.read(keyboard, 4096)
    finally:
        process.kill()
        process.wait()
        thread.join(PATIENCE)
        os.close(stdin)
        os.close(keyboard)
    assert b"Token (it isn't shown" in output
    assert shown in output
    assert b"status 1 restored True" in output
    assert not any(part in output for part in (b"xxxxx", b".y.z", b"eyJx.y"))
