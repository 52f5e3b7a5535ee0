"""The commands ``flask jwtlib …``, which inspect an app.

A package can add a ``click`` command by an entry point in the group ``flask_jwtlib.commands``::

    [project.entry-points."flask_jwtlib.commands"]
    metrics = "my_package.cli:metrics"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click
from flask.cli import AppGroup

from ..log_text import one_line
from ._short_errors import short_errors

__all__ = ["jwtlib"]

_ENTRY_POINTS = "flask_jwtlib.commands"


def _commands() -> dict[str, EntryPoint]:
    """Find the commands of all installed packages. Those of this package keep their names."""
    found = sorted(entry_points(group=_ENTRY_POINTS), key=_is_ours)
    return {each.name: each for each in found}


def _is_ours(found: EntryPoint) -> bool:
    return found.value.startswith("flask_jwtlib.")


class _CommandGroup(AppGroup):
    """Loads each command from its entry point on first use."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and show an error of this package, also of the app's factory, as one sentence."""
        with short_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of the commands."""
        return sorted({*super().list_commands(ctx), *_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command. If it can't be loaded, it reports the error when it runs, and others still work."""
        command = super().get_command(ctx, cmd_name)
        found = _commands().get(cmd_name)
        if command is not None or found is None:
            return command
        try:
            loaded = found.load()
        except Exception as error:  # noqa: BLE001 - it is another package's code
            # The text of an import error names the package that is missing.
            why = f": {one_line(str(error))}" if isinstance(error, ImportError) else ""
            return _broken(found, f"it raised {type(error).__name__} when it was loaded{why}")
        if not isinstance(loaded, click.Command):
            return _broken(found, f"expected a click command, found {type(loaded).__name__}")
        return loaded


def _broken(found: EntryPoint, why: str) -> click.Command:
    text = f"The command {found.name} ({found.value}) can't be used: {why}."

    def fail() -> None:
        raise click.ClickException(text)

    return click.Command(found.name, callback=fail, help=text)


jwtlib = _CommandGroup(
    "jwtlib",
    help="Show who can access this app's routes, why a token is refused, and the state of its keys.",
)
