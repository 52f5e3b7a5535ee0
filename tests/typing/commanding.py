"""Code of an application with a command of its own: it must type-check, and never runs."""

from __future__ import annotations

import click
from flask import current_app

from flask_jwtlib.audit import EndpointPatterns, RouteAccess, route_accesses
from flask_jwtlib.cli.tables import Cell, echo, paragraph, table


def row(route: RouteAccess) -> list[str | Cell]:
    """A row may have texts and cells."""
    access = Cell(route.access, {"fg": "red", "bold": route.misplaced})
    return [f"{route.host}{route.rule}", Cell("WebSocket" if route.websocket else ""), access]


@click.command
def open_routes() -> None:
    """Rows may be lists of lists, or made one by one."""
    meant = EndpointPatterns(["static", "docs.*"])
    routes = [each for each in route_accesses(current_app) if not meant.match(each.endpoint)]
    echo(table("Rule", "Kind", "Access", rows=map(row, routes)))
    echo(table("Pattern", rows=[[each] for each in meant.matched_by(["static"])], width=40))
    echo(paragraph("They are open.", indent="  "), err=True)
