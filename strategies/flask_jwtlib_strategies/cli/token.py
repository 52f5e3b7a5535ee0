"""``flask jwtlib token``: a development token for an app in debug mode."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import one_line, quoted

from ..development.issue import LONGEST_LIFETIME, issue_development_token

__all__ = ["token"]


@click.command("token")
@click.option("--sub", default="developer", show_default=True, help="The subject.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="A scope, or several separated by spaces. Repeat it for more.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=TEXT",
    help="A claim. NAME:=JSON for anything but text, such as 'roles:=[\"editor\"]'. Repeat it for several.",
)
@click.option(
    "--lifetime",
    type=click.IntRange(1, LONGEST_LIFETIME),
    default=3600,
    show_default=True,
    help="How long the token is valid, in seconds.",
)
@click.option("--header", "as_header", is_flag=True, help="Print a request header for curl -H.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def token(
    sub: str,
    scopes: tuple[str, ...],
    claims: tuple[str, ...],
    lifetime: int,
    as_header: bool,
    as_json: bool,
) -> None:
    """Print a token that this app accepts in debug mode, from this machine only.

    The app must add DevelopmentTokens to its Authenticator. The key is made on first use, in a file of this
    user outside of the app's folder. To withdraw all tokens, delete that file.

    Exits with 1 if the app doesn't accept such a token.
    """
    if as_header and as_json:
        raise click.UsageError("--header and --json can't be used together")
    given = _parsed(claims)
    if scopes:
        if "scope" in given:
            raise click.UsageError("the scope is given by --scope and by --claim")
        given["scope"] = " ".join(scopes)
    try:
        issued = issue_development_token(current_app, sub, claims=given, lifetime=lifetime)
    except ConfigurationError as error:
        raise click.ClickException(one_line(str(error))) from error
    if issued.is_new_key:
        click.echo(f"A new key was made: {one_line(str(issued.key_file))}", err=True)
    header = f"Authorization: Bearer {issued.value}"
    if as_json:
        shown = {"token": issued.value, "header": header, "claims": dict(issued.claims)}
        click.echo(json.dumps(shown, indent=2))
    else:
        click.echo(header if as_header else issued.value)


def _parsed(claims: Iterable[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for claim in claims:
        name, equals, text = claim.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name:
            raise click.UsageError(f"--claim is {quoted(claim)}, expected NAME=TEXT or NAME:=JSON")
        if name in parsed:
            raise click.UsageError(f"the claim {quoted(name)} is given twice")
        parsed[name] = _json(name, text) if is_json else text
    return parsed


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise click.UsageError(
            f"the value of the claim {quoted(name)} is not JSON, such as '[\"editor\"]'. For text, write "
            "NAME=TEXT"
        ) from None
