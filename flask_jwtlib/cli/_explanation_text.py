"""An explanation as text for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import click

from ..explain import Cause, Explanation, Outcome, Response, Step
from ..log_text import quoted
from .tables import Cell, paragraph, table

__all__ = ["text_of"]

_MARKS: Mapping[Outcome, str] = {
    "passed": "✓",
    "refused": "✗",
    "skipped": "\N{EN DASH}",
    "info": " ",
}
_WORDS: Mapping[Outcome, str] = {
    "passed": "ok",
    "refused": "REFUSED",
    "skipped": "skipped",
    "info": "",
}
_STYLES: Mapping[Outcome, Mapping[str, Any]] = {
    "passed": {"fg": "green"},
    "refused": {"fg": "red", "bold": True},
    "skipped": {"dim": True},
    "info": {},
}
_PLAIN: Mapping[str, Any] = {}
_UNVERIFIED = (
    "UNVERIFIED: the signature is not known to be valid, so anybody can have written this header and these "
    "claims."
)
_WITHOUT_POLICIES = "A view may require more: name its endpoint by --endpoint."


def text_of(explanation: Explanation) -> str:
    """Return an explanation as text, with colours by ``click.style``: steps, response, cause and cure."""
    return "\n\n".join(_parts(explanation))


def _parts(explanation: Explanation) -> Iterator[str]:
    steps = explanation.steps
    yield table("", "Step", "Expected", "Found", "Note", rows=map(_row, steps))
    if any(step.unverified for step in steps):
        yield click.style(paragraph(_UNVERIFIED), fg="yellow", bold=True)
    if explanation.response is not None:
        yield _response(explanation.response)
    yield _conclusion(explanation)


def _row(step: Step) -> list[Cell]:
    style = _STYLES[step.outcome]
    quiet = style if step.outcome == "skipped" else _PLAIN
    loud = style if step.outcome == "refused" else quiet
    expected = f"{step.subject}: {step.expected}" if step.expected else step.subject
    notes = ["unverified" * step.unverified, step.note]
    return [
        Cell(_mark(step.outcome), style),
        Cell(step.stage, loud),
        Cell(expected, quiet),
        Cell(step.found, loud),
        Cell("; ".join(filter(None, notes)), quiet),
    ]


def _mark(outcome: Outcome) -> str:
    mark = _MARKS[outcome]
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _WORDS[outcome]
    return mark


def _response(response: Response) -> str:
    """Return a response as a client sees it."""
    status = f"HTTP {response.status} {_phrase(response.status)}".rstrip()
    lines = [f"{name}: {value}" for name, value in response.headers]
    lines += ["", *response.body.splitlines()] if response.body else []
    shown = (paragraph(line, indent="  ").rstrip() for line in lines)
    return "\n".join(["The client gets:", f"  {click.style(status, bold=True)}", *shown])


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _conclusion(explanation: Explanation) -> str:
    if explanation.outcome == "accepted":
        said = click.style("Accepted.", fg="green", bold=True) + _caller(explanation.claims)
        return said if explanation.endpoint else f"{said} {_WITHOUT_POLICIES}"
    said = (
        "Refused." if explanation.outcome == "refused" else "Not accepted: the caller is a guest."
    )
    lines = [click.style(said, fg="red", bold=True)]
    if explanation.cause is not None:
        lines += _cause("Cause:", explanation.cause)
    for cause in explanation.other_causes:
        lines += _cause("Perhaps also:", cause)
    return "\n".join(lines)


def _caller(claims: Mapping[str, Any]) -> str:
    return f" The caller is {quoted(claims['sub'])}." if "sub" in claims else ""


def _cause(label: str, cause: Cause) -> Iterator[str]:
    yield _labelled(label, cause.text)
    yield _labelled("Cure:", cause.cure)


def _labelled(label: str, text: str) -> str:
    return paragraph(f"{label} {text}").replace(label, click.style(label, bold=True), 1)
