"""``flask jwtlib routes``: who can access each route."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from ..audit import RouteAccess, check_app, route_accesses
from ..errors import ConfigurationError
from ._table import table

__all__ = ["routes"]


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def routes(as_json: bool) -> None:
    """List who can access each route, which decorator or guard protects it, and what it requires of a caller.

    A route is listed as required only if nothing can bypass its decorator or guard, and as unknown if this
    can't be determined. A route whose view itself calls an Authenticator is listed as open.

    Exits with 1 if a view is served without its decorator, which must be below @app.route.
    """
    accesses = list(route_accesses(current_app))
    if as_json:
        click.echo(json.dumps([_shown(access) for access in accesses], indent=2))
    else:
        rows = (map(_printable, map(_joined, _shown(access).values())) for access in accesses)
        click.echo(table("Endpoint", "Methods", "Rule", "Access", "By", "Policies", rows=rows))
    try:
        check_app(current_app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _shown(access: RouteAccess) -> dict[str, str | list[str]]:
    return {
        "endpoint": access.endpoint,
        "methods": list(access.methods),
        "rule": access.rule,
        "access": access.access,
        "by": access.by,
        "policies": [str(policy) for policy in access.policies],
    }


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _printable(cell: str) -> str:
    """Return a text of the app on one line. It isn't cut, since a rule may be a regular expression."""
    return cell if cell.isprintable() else ascii(cell)
