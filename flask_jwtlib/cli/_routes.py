"""``flask jwtlib routes``: who gets into each route."""

from __future__ import annotations

import json

import click
from attrs import asdict
from flask import current_app
from flask.cli import with_appcontext

from ..audit import check_app, route_accesses
from ..errors import ConfigurationError
from ._table import table

__all__ = ["routes"]


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def routes(as_json: bool) -> None:
    """List the routes with what guards each of them.

    A route is listed as required only if nothing can bypass its decorator or guard, and as unknown
    if that can't be told. One whose view calls an Authenticator by itself is listed as open.

    Exits with 1 if a decorator protects nothing, as above @app.route.
    """
    accesses = list(route_accesses(current_app))
    if as_json:
        click.echo(json.dumps([asdict(access) for access in accesses], indent=2))
    else:
        rows = (
            map(
                _printable,
                (access.endpoint, ", ".join(access.methods), access.rule, access.access, access.by),
            )
            for access in accesses
        )
        click.echo(table("Endpoint", "Methods", "Rule", "Access", "By", rows=rows))
    try:
        check_app(current_app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _printable(cell: str) -> str:
    """A text of the app's own on one line. It stays whole: a rule may hold a regular expression."""
    return cell if cell.isprintable() else ascii(cell)
