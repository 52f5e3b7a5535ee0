"""What tests of documents and examples share: the programs in a document, and how they are run."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from attrs import field, frozen

from flask_jwtlib.testing import TokenIssuer

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.rst", "docs/extending.rst", "docs/migration.rst", "docs/providers.rst")

# `python -m pytest` finds the examples by itself; at the end of the path they hide nothing.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


@frozen
class Program:
    """A Python program in a document."""

    document: str
    line: int
    text: str

    def run(self) -> dict[str, Any]:
        """Run it in the current directory, and answer the names that it defines."""
        names: dict[str, Any] = {"__name__": "program"}
        # The empty lines make the line numbers of a traceback those of the document.
        exec(compile("\n" * self.line + self.text, self.document, "exec"), names)
        return names


def programs(document: str) -> Iterator[Program]:
    """Find the blocks of a document that start with ``.. code-block:: python``."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.strip() != ".. code-block:: python":
            continue
        start = end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith("    ")):
            end += 1
        text = "\n".join(each[4:] for each in lines[start:end])
        yield Program(document, start, text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes ``any_program`` all programs of all documents."""
    if "any_program" in metafunc.fixturenames:
        metafunc.parametrize(
            "any_program",
            [
                pytest.param(program, id=f"{document}:{program.line}")
                for document in DOCUMENTS
                for program in programs(document)
            ],
        )


@pytest.fixture
def workplace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: TokenIssuer
) -> Iterator[Path]:
    """A current directory with the files that the documents tell their readers to have.

    What a program changes outside of the package, the log's level, is put back.
    """
    level = logging.getLogger("flask_jwtlib").level
    (tmp_path / "issuer.pem").write_text(issuer.public_pem)
    (tmp_path / "jwks.py").write_text(next(programs("docs/providers.rst")).text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("jwks", None)
    logging.getLogger("flask_jwtlib").setLevel(level)


@pytest.fixture
def run(workplace: Path) -> Callable[[str, str], dict[str, Any]]:
    """A function that runs the one program of a document which contains a text."""

    def run(document: str, containing: str) -> dict[str, Any]:
        (program,) = (each for each in programs(document) if containing in each.text)
        return program.run()

    return run


@pytest.fixture
def example() -> Iterator[Callable[[str], ModuleType]]:
    """A function that imports an example anew, as a process that starts does."""
    imported: list[str] = []

    def example(name: str) -> ModuleType:
        full_name = f"examples.{name}"
        sys.modules.pop(full_name, None)
        imported.append(full_name)
        return importlib.import_module(full_name)

    yield example
    for name in imported:
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs ``python -m …`` in the repository's root to its end."""

    def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment(**environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command


def environment(**changes: str) -> dict[str, str]:
    """The environment of a process that is started: this one's, without what colours output."""
    kept = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    return {**kept, **changes}


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts ``python -m …`` in the repository's root; the test's end stops it."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@frozen
class Listed:
    """A name in ``docs/api.rst``.

    Attributes:
        name: As it is written.
        module: Where it is imported from.
        defined_in: The modules that the heading above it names.
    """

    name: str
    module: str
    defined_in: list[str]

    @property
    def bare(self) -> str:
        """The name without the module."""
        return self.name.rpartition(".")[2]


@pytest.fixture
def listed() -> list[Listed]:
    """The names in the first columns of the tables of ``docs/api.rst``, and what it says of them."""
    names: list[Listed] = []
    headed: list[str] = []
    lines = (ROOT / "docs/api.rst").read_text(encoding="utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if following.startswith("---"):
            headed = re.findall("``(.*?)``", line)
        elif line.startswith("   * - ``"):
            name = line[9:-2]
            names.append(Listed(name, name.rpartition(".")[0] or "flask_jwtlib", headed))
    return names


@frozen
class KeyServer:
    """A server on this machine that publishes a JWK set at ``/jwks``, and fails elsewhere.

    Attributes:
        url: Where it is.
        agents: What the clients called themselves.
    """

    url: str
    agents: list[str] = field(factory=list)


@pytest.fixture
def key_server(issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    """A server that publishes the issuer's keys."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    document = json.dumps(issuer.jwks).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.agents.append(self.headers["User-Agent"])
            self.send_response(200 if self.path == "/jwks" else 500)
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        served = KeyServer(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def jwks_file(workplace: Path, issuer: TokenIssuer) -> Path:
    """A file that holds the issuer's JWK set, as a key server would answer it."""
    path = workplace / "jwks.json"
    path.write_text(json.dumps(issuer.jwks))
    return path
