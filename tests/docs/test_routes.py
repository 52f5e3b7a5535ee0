"""``docs/routes.rst`` is right: the command prints what it shows, and the JSON has the listed members."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from flask import Flask
from flask.cli import FlaskGroup

from .conftest import programs

ROOT = Path(__file__).parents[2]
DOCUMENT = "docs/routes.rst"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")


@pytest.fixture
def shop(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app of the document, in its own file, and a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    # Flask sets it for the process.
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    (program,) = programs(DOCUMENT)
    path = Path("shop.py")
    path.write_text(program.text.strip() + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shop", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app: Flask = module.app
    return app


def run(app: Flask, *arguments: str) -> tuple[int, str, str]:
    """Run ``flask jwtlib routes``, and return its exit status, stdout and stderr."""
    command = FlaskGroup(create_app=lambda: app)
    result = app.test_cli_runner().invoke(command, ["jwtlib", "routes", *arguments])
    return result.exit_code, result.stdout, result.stderr


def shown() -> Iterator[tuple[list[str], str]]:
    """Yield the arguments of each command in the document, and the output that follows it."""
    for block in re.findall(r"\.\. code-block:: text\n\n((?:    .*\n|\n)+)", TEXT):
        command, _, output = dedent(block).partition("\n")
        if command.startswith("$ flask --app shop jwtlib routes"):
            yield command.partition(" > ")[0].split()[6:], output.strip("\n")


def test_the_output_is_the_commands_own(shop: Flask) -> None:
    """The two blocks show stdout, and stderr where stdout goes to a file."""
    (listing, first), (check, second) = shown()

    _, output, _ = run(shop, *listing)
    assert output.strip("\n") == first
    status, _, complaint = run(shop, *check)
    assert (status, complaint.strip("\n")) == (1, second)


def test_the_environment_has_the_options(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines for ``.flaskenv`` accept what they name, and leave the misplaced decorator as a failure."""
    for name, value in re.findall(r"^    (FLASK_JWTLIB_ROUTES_\w+)=(.*)$", TEXT, re.MULTILINE):
        monkeypatch.setenv(name, value)

    status, output, complaint = run(shop)

    assert status == 1
    assert re.search(r"^prices +GET +/prices +public +--public$", output, re.MULTILINE)
    assert "Error: 1 route fails --fail-on misplaced,open,unknown\n" in complaint
    assert "Note: --public static matches no route." in complaint


def test_the_members_of_the_json_are_listed(shop: Flask) -> None:
    """The document names the members of the object and of those in it, in their order."""
    _, output, _ = run(shop, "--json", "--fail-on=open", "--public=gone")

    printed = json.loads(output)
    section = TEXT.partition("\nJSON\n----\n")[2].partition("\nIn code")[0]
    members = re.findall(r"\* - ``(\w+)``\n +- (An array(?:.|\n)*?)\.\n", section)
    assert [name for name, _ in members] == list(printed)
    for name, about in members[:3]:
        policy = list(printed[name][0].get("policies", [{}])[-1])
        listed = [each for each in re.findall(r"``(\w+)``", about) if each not in policy]
        assert listed == list(printed[name][0])
