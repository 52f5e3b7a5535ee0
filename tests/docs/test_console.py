"""Console blocks of documents work when a reader pastes each of them whole into a fresh shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from flask_jwtlib.testing import bearer

Paste = Callable[[str], str]

ROOT = Path(__file__).parents[2]


def console_blocks(document: Path) -> Iterator[str]:
    """Find the blocks of a document that start with ``.. code-block:: console``."""
    blocks = document.read_text(encoding="utf-8").split("\n.. code-block:: console\n\n")[1:]
    for block in blocks:
        lines: list[str] = []
        for line in block.splitlines():
            if line and not line.startswith("    "):
                break
            lines.append(line)
        yield dedent("\n".join(lines)).strip() + "\n"


def readme_block(containing: str) -> str:
    """Return the one console block of the README that contains a text."""
    (block,) = (each for each in console_blocks(ROOT / "README.rst") if containing in each)
    return block


@pytest.fixture
def paste(workplace: Path) -> Iterator[Paste]:
    """A function that pastes a block into a fresh shell in a clone, and returns the shell's output.

    The clone's ``.venv`` is ready: it stands for the one that runs the tests. Like a terminal, the shell
    reads the block from its standard input, so a command that reads its input loses the lines after it.
    """
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(ROOT / name, workplace / name)
    for name in ("examples", ".ci"):
        shutil.copytree(ROOT / name, workplace / name)
    commands = workplace / ".venv/bin"
    commands.mkdir(parents=True)
    (commands / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (commands / "python").chmod(0o755)
    (commands / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    (workplace / ".venv/.ready-package").touch()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_") and "COLOR" not in name
    }
    shells: list[subprocess.Popen[str]] = []

    def paste(block: str) -> str:
        shell = subprocess.Popen(
            ["sh"],
            cwd=workplace,
            env={**environment, "no_proxy": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        shells.append(shell)
        output, _ = shell.communicate(block, timeout=60)
        assert shell.returncode == 0, output
        return output

    yield paste
    for shell in shells:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        shell.communicate()


def free_ports() -> list[int]:
    """Return two ports that are free."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (first, second)]


def is_open(port: int) -> bool:
    """Return whether a server listens on a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(path, id=path.name)
        for path in (*sorted(ROOT.glob("*.rst")), *sorted(ROOT.glob("docs/*.rst")))
    ],
)
def test_blocks_have_commands_only(document: Path) -> None:
    """No console block has a prompt, which a reader would paste as a part of the command."""
    for block in console_blocks(document):
        assert not [line for line in block.splitlines() if line.startswith(("$", "#", ">", "%"))]


def test_the_demo_runs(paste: Paste) -> None:
    """``make demo`` runs the session, and every response is as expected."""
    assert "All 10 responses are as expected." in paste(readme_block("make demo\n"))


def test_an_example_runs(paste: Paste) -> None:
    """The block waits for both servers, gets a 401 and a 200 with the caller's name, and stops them.

    Only the ports differ from the README, so that tests can run in parallel.
    """
    issuer_port, app_port = free_ports()
    ports = {"5000": str(app_port), "5001": str(issuer_port)}
    block = re.sub(r"\b500[01]\b", lambda port: ports[port[0]], readme_block("examples.openid"))
    output = paste(f"export ISSUER=http://127.0.0.1:{issuer_port}\n{block}")
    assert '{"ready":true}' in output
    refusal = output.index("HTTP/1.1 401 UNAUTHORIZED")
    assert '{"reader":"alice"}' in output[output.index("HTTP/1.1 200 OK", refusal) :]
    deadline = time.monotonic() + 10
    while is_open(issuer_port) or is_open(app_port):
        assert time.monotonic() < deadline, "a server still runs"
        time.sleep(0.05)


def test_a_key_and_a_token_are_made(
    paste: Paste, run: Callable[[str, str], dict[str, Any]]
) -> None:
    """The block writes ``issuer.pem`` and prints a token, which all programs accept."""
    token = paste(readme_block("TokenIssuer(")).split()[-1]
    for containing, path in (
        ("def owner(claims, call)", "/users/alice/orders"),
        ("set_permanent_verification_key", "/me"),
        ("BearerTokenExtractor(query=False)", "/reports"),
        ("URLTokenValidator", "/desk"),
    ):
        client = run("README.rst", containing)["app"].test_client()
        assert client.get(path, headers=bearer(token)).status_code == 200
