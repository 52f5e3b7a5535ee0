"""``flask jwtlib doctor``: whether the key providers of an app are configured correctly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

import click
from attrs import asdict
from flask import current_app
from flask.cli import with_appcontext

from flask_jwtlib.cli.tables import Cell, echo, table

from ..doctor import Finding, examine

__all__ = ["doctor"]

_COLOURS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 for a warning, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=30,
    show_default=True,
    help="Longest that it may take, in seconds.",
)
@with_appcontext
def doctor(as_json: bool, strict: bool, timeout: float) -> None:
    """Ask the configured providers for their metadata and keys, and check them against this app's settings.

    Exits with 1 if something is wrong, with --strict also for a warning, and otherwise with 0.
    """
    findings = examine(current_app, timeout=timeout)
    problems = sum(finding.level == "FAIL" for finding in findings)
    warnings = sum(finding.level == "WARN" for finding in findings)
    if as_json:
        members = [asdict(finding) for finding in findings]
        document = {"problems": problems, "warnings": warnings, "findings": members}
        click.echo(json.dumps(document, indent=2))
    else:
        echo(
            "\n\n".join(
                [*_tables(findings), f"{_n(problems, 'problem')}, {_n(warnings, 'warning')}"]
            )
        )
    if problems or (strict and warnings):
        raise click.exceptions.Exit(1)


def _tables(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield a table for each subject, below its name."""
    for subject, found in groupby(findings, key=lambda finding: finding.subject):
        rows = (
            (
                finding.check,
                Cell(finding.level, {"fg": _COLOURS[finding.level], "bold": True}),
                finding.text,
                finding.cure,
            )
            for finding in found
        )
        heading = click.style(subject, bold=True)
        yield f"{heading}\n\n{table('Check', 'Result', 'Found', 'What to do', rows=rows)}"


def _n(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
