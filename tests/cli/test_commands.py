"""Commands that packages add to ``flask jwtlib`` by an entry point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from flask import Flask

from flask_jwtlib.cli import jwtlib

MODULE = """
import click
from flask import current_app
from flask.cli import with_appcontext

@click.command("who", help="Name the app.")
@with_appcontext
def who():
    click.echo(current_app.name)

not_a_command = "text"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a package with one entry point, such as ``who = plugin:who``."""

    def install(entry_point: str) -> None:
        (tmp_path / "jwtlib_plugin_of_a_test.py").write_text(MODULE)
        info = tmp_path / "jwtlib_plugin_of_a_test-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[flask_jwtlib.commands]\n{entry_point}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def run(app: Flask, *arguments: str) -> Result:
    """Run ``flask jwtlib`` with some arguments."""
    return app.test_cli_runner().invoke(jwtlib, arguments)


def test_the_own_commands_are_listed(app: Flask) -> None:
    """``flask jwtlib --help`` lists the commands of the package, each with its help."""
    lines = [line.split() for line in run(app, "--help").output.splitlines()]

    assert {"keys", "routes"} <= {line[0] for line in lines if len(line) > 1}


def test_a_package_adds_a_command(app: Flask, install: Callable[[str], None]) -> None:
    """A command of an entry point is listed, and runs with the app."""
    install("who = jwtlib_plugin_of_a_test:who")

    lines = [line.split(maxsplit=1) for line in run(app, "--help").output.splitlines()]
    assert ["who", "Name the app."] in lines
    assert run(app, "who").output == f"{app.name}\n"


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (
            "a_module_that_is_missing:who",
            "it raised ModuleNotFoundError when it was loaded: No module named 'a_module_that_is_missing'",
        ),
        ("jwtlib_plugin_of_a_test:missing", "it raised AttributeError when it was loaded"),
        ("jwtlib_plugin_of_a_test:not_a_command", "expected a click command, found str"),
    ],
)
def test_a_command_that_cant_be_loaded_says_why(
    app: Flask, install: Callable[[str], None], target: str, fault: str
) -> None:
    """It fails by itself, and the other commands are listed and work."""
    install(f"who = {target}")

    result = run(app, "who")
    assert result.exit_code == 1
    assert result.output == f"Error: The command who ({target}) can't be used: {fault}.\n"
    assert "The command who" in run(app, "--help").output
    assert run(app, "routes").exit_code == 0


def test_a_command_of_the_group_itself_comes_first(
    app: Flask, install: Callable[[str], None]
) -> None:
    """A command that an application adds to the group is not replaced by a package's."""
    install("who = jwtlib_plugin_of_a_test:who")

    @jwtlib.command("who")
    def own() -> None:
        click.echo("mine")

    try:
        assert run(app, "who").output == "mine\n"
    finally:
        del jwtlib.commands["who"]


def test_a_package_cant_replace_a_command_of_this_one(
    app: Flask, install: Callable[[str], None]
) -> None:
    """A package that calls its command ``keys`` does not hide the one that is documented."""
    install("keys = jwtlib_plugin_of_a_test:who")

    assert app.name not in run(app, "keys").output


def test_an_unknown_command_is_a_usage_error(app: Flask) -> None:
    """A misspelled command exits with 2, as click does."""
    assert run(app, "rotues").exit_code == 2
