"""``flask jwtlib …``: commands that look at an app from outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, frozen
from flask import Flask, current_app
from flask.cli import AppGroup

from ._decorator_order import check_app, misplaced_views
from ._inspection import access_to
from .errors import ConfigurationError
from .key_health import has_keys, key_statuses, warm_up_keys
from .log_text import one_line

if TYPE_CHECKING:
    from werkzeug.routing import Rule

__all__ = ["RouteAccess", "jwtlib", "route_accesses"]

_COMMON_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_ANY = "*"
_LONGEST_NAME = 120

jwtlib = AppGroup("jwtlib", help="Look at how this app's routes are guarded, and by which keys.")


@frozen
class RouteAccess:
    """Who gets into a route by some of its methods.

    Attributes:
        endpoint: The route's endpoint.
        methods: The methods, sorted; ``"*"`` stands for all that aren't listed elsewhere.
        rule: Its URL rule.
        access: ``"required"`` or ``"optional"`` authentication; ``"public"``, open to everyone and
            marked so; ``"open"``, with nothing of ours in front of it; or ``"unknown"``, where a
            decorator or guard is somewhere in it and may be bypassed.
        by: What makes it so, empty where nothing does.
    """

    endpoint: str
    methods: tuple[str, ...]
    rule: str
    access: str
    by: str


@jwtlib.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def _routes(as_json: bool) -> None:
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
        click.echo(_table("Endpoint", "Methods", "Rule", "Access", "By", rows=rows))
    try:
        check_app(current_app)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


@jwtlib.command("keys")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def _keys(as_json: bool) -> None:
    """List the key providers behind this app's guards and decorators, and how their keys are.

    A provider fetches its keys when the first token comes: in this process, which serves nobody,
    those that are fetched are fetched now.

    Exits with 1 if one has no keys that serve.
    """
    warm_up_keys(current_app)
    statuses = key_statuses(current_app)
    if as_json:
        click.echo(json.dumps(statuses, indent=2))
    else:
        rows = (row for status in statuses for row in _key_rows("", status))
        click.echo(
            _table("Provider", "State", "Age", "Generation", "Kids", "Last error", rows=rows)
        )
    if not all(has_keys(status) for status in statuses):
        raise click.ClickException("a provider has no keys that serve")


def _key_rows(place: str, status: Mapping[str, Any]) -> Iterator[list[str]]:
    """A provider's row, and one for each that it is made of."""
    age = status.get("age")
    kids = ", ".join(one_line(kid, _LONGEST_NAME) for kid in status.get("kids", ()))
    name = place + one_line(status.get("provider", "?"), _LONGEST_NAME)
    yield [
        name,
        one_line(status["state"], _LONGEST_NAME),
        "" if age is None else f"{age:.0f} s",
        one_line(str(status.get("generation", "")), _LONGEST_NAME),
        one_line(kids),
        one_line(status.get("last_error") or ""),
    ]
    for member in status.get("members", ()):
        yield from _key_rows(f"{name} > ", member)
    for issuer, member in status.get("issuers", {}).items():
        yield from _key_rows(f"{name} {one_line(issuer, _LONGEST_NAME)} > ", member)


def route_accesses(app: Flask) -> Iterator[RouteAccess]:
    """Tell, by endpoint and rule, who gets into each of an app's routes.

    Methods of one route that are guarded differently have entries of their own. What Flask derives
    is not listed: OPTIONS where Flask itself responds, and HEAD where it is handled as GET is.
    """
    misplaced = frozenset(misplaced_views(app))
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule)):
        if rule.build_only:
            continue
        grouped: dict[tuple[str, str], list[str]] = {}
        for method, (access, by) in sorted(_accesses(app, rule).items()):
            if access == "open" and rule.endpoint in misplaced:
                by = by or "a decorator that was not registered"  # noqa: PLW2901 - only this entry's
            grouped.setdefault((access, by), []).append(method)
        for (access, by), methods in grouped.items():
            shown = methods if len(grouped) > 1 or _ANY not in methods else [_ANY]
            yield RouteAccess(rule.endpoint, tuple(shown), rule.rule, access, by)


def _accesses(app: Flask, rule: Rule) -> dict[str, tuple[str, str]]:
    """Tell who gets into a route by each of its methods, without those that Flask derives."""
    methods = {*_COMMON_METHODS, _ANY} if rule.methods is None else set(rule.methods)
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    accesses = {method: access_to(app, rule, method) for method in methods}
    view_class = getattr(app.view_functions.get(rule.endpoint), "view_class", None)
    if accesses.get("HEAD") == accesses.get("GET") and not hasattr(view_class, "head"):
        accesses.pop("HEAD", None)
    return accesses


def _table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    table = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def _printable(cell: str) -> str:
    """A text of the app's own on one line. It stays whole: a rule may hold a regular expression."""
    return cell if cell.isprintable() else ascii(cell)
