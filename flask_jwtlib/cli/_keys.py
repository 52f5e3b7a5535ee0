"""``flask jwtlib keys``: the key providers of an app and the state of their keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from ..key_health import has_keys, key_statuses, warm_up_keys
from ..log_text import one_line
from .tables import echo, table

__all__ = ["keys"]

_LONGEST_NAME = 120


@click.command("keys")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def keys(as_json: bool) -> None:
    """List the key providers of this app's guards and decorators, and the state of their keys.

    A server process fetches keys when the first token needs them. This command fetches them at once.

    Exits with 1 if a provider has no usable keys.
    """
    warm_up_keys(current_app)
    statuses = key_statuses(current_app)
    if as_json:
        click.echo(json.dumps(statuses, indent=2))
    else:
        rows = (row for status in statuses for row in _key_rows("", status))
        echo(table("Provider", "State", "Age", "Generation", "Kids", "Last error", rows=rows))
    if not all(has_keys(status) for status in statuses):
        raise click.ClickException("a provider has no usable keys")


def _key_rows(place: str, status: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the row of a provider, and the rows of the providers that it consists of."""
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
