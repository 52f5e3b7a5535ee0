"""``flask jwtlib routes``: who can access each route."""

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
    """List who can access each route, and which decorator or guard protects it.

    A route is listed as required only if nothing can bypass its decorator or guard, and as unknown if this
    can't be determined. A route whose view itself calls an Authenticator is listed as open.

    Exits with 1 if a view is served without its decorator, which must be below @app.route.
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
    """Return a text of the app on one line. It isn't cut, since a rule may be a regular expression."""
    return cell if cell.isprintable() else ascii(cell)
