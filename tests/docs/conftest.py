"""What tests of documents and examples share: the programs in a document, and how they are run."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import frozen

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
    """A current directory with the files that the documents tell their readers to have."""
    (tmp_path / "issuer.pem").write_text(issuer.public_pem)
    (tmp_path / "jwks.py").write_text(next(programs("docs/providers.rst")).text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("jwks", None)


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


@pytest.fixture
def public_names() -> set[str]:
    """The names in the first columns of the tables of ``docs/api.rst``."""
    lines = (ROOT / "docs/api.rst").read_text(encoding="utf-8").splitlines()
    return {line[9:-2] for line in lines if line.startswith("   * - ``")}


@pytest.fixture
def jwks_file(workplace: Path, issuer: TokenIssuer) -> Path:
    """A file that holds the issuer's JWK set, as a key server would answer it."""
    path = workplace / "jwks.json"
    path.write_text(json.dumps(issuer.jwks))
    return path
