"""``flask jwtlib explain``: why a token is accepted or refused."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from ..errors import JWTLibError
from ..explain import Explanation, as_dict
from ..explain import explain as explain_token
from ._explain_target import Target, target_in
from ._explanation_text import text_of
from ._short_errors import text_with_causes
from ._token_input import read_token
from .tables import echo

__all__ = ["explain"]


# Click would show an unknown option or a further argument in its message, and it may be a token.
@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("source", metavar="[-]", nargs=-1, type=click.UNPROCESSED)
@click.option("--endpoint", metavar="NAME", help="Send the token to this endpoint.")
@click.option(
    "--method",
    metavar="METHOD",
    help="The request's method. By default GET, or the endpoint's own.",
)
@click.option(
    "--arg",
    "arguments",
    metavar="NAME=VALUE",
    multiple=True,
    help="An argument in the endpoint's URL. Repeat it for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def explain(
    source: tuple[str, ...],
    endpoint: str | None,
    method: str | None,
    arguments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Explain why this app accepts or refuses a token, step by step, with the cause and its cure.

    The token, or a whole Authorization header, is read from stdin. In a terminal you are asked for it, and it
    isn't shown. It is never printed. Keys are fetched if they are needed. Nothing else is logged, nothing is
    remembered, and no view is called.

    Without --endpoint, it is explained for each Authenticator of the app, without policies of views. With it,
    for those that protect the endpoint, up to the first that refuses.

    Exits with 0 if the token is accepted: with --endpoint by all Authenticators of the endpoint, otherwise by
    at least one. Exits with 1 if it is refused, or its caller is a guest, and with 2 for wrong usage.
    """
    with _errors_as_json(is_wanted=as_json):
        _check_source(source)
        target = target_in(current_app, endpoint, method, arguments)
        explanations = _explanations(target, read_token())
    if as_json:
        click.echo(json.dumps(_document(explanations, target), indent=2))
    else:
        for part in _texts(explanations, target):
            echo(part)
    click.get_current_context().exit(0 if _is_accepted(explanations, target) else 1)


def _check_source(source: tuple[str, ...]) -> None:
    if any(each.startswith("-") and each != "-" for each in source):
        raise click.UsageError("unknown option; 'flask jwtlib explain --help' lists the options")
    if source not in ((), ("-",)):
        raise click.UsageError(
            "the token is not taken from the command line, where other users and the shell's history see it; "
            "leave it out to be asked for it, or pipe it: flask jwtlib explain - < token.txt"
        )


@contextmanager
def _errors_as_json(*, is_wanted: bool) -> Generator[None]:
    """Also print why there is no explanation as JSON, if it is wanted."""
    try:
        yield
    except (click.ClickException, JWTLibError) as error:
        if is_wanted:
            text = (
                error.format_message()
                if isinstance(error, click.ClickException)
                else text_with_causes(error)
            )
            click.echo(json.dumps({"outcome": "failed", "error": text}, indent=2))
        raise


def _explanations(target: Target, token: str) -> list[Explanation]:
    explanations: list[Explanation] = []
    for authenticator in target.authenticators:
        explanation = explain_token(
            authenticator,
            token,
            app=current_app,
            endpoint=target.endpoint,
            method=target.method,
            view_args=target.view_args,
            fetch_keys=True,
        )
        explanations.append(explanation)
        if target.endpoint is not None and explanation.outcome == "refused":
            # The request gets no further.
            break
    return explanations


def _is_accepted(explanations: list[Explanation], target: Target) -> bool:
    refused = any(explanation.outcome == "refused" for explanation in explanations)
    return any(explanations) and not (refused and target.endpoint is not None)


def _document(explanations: list[Explanation], target: Target) -> dict[str, Any]:
    outcomes = {explanation.outcome for explanation in explanations}
    accepted = _is_accepted(explanations, target)
    return {
        "outcome": "accepted" if accepted else "refused" if "refused" in outcomes else "guest",
        "explanations": [
            {"name": target.name_of(each.authenticator, current_app), **as_dict(each)}
            for each in explanations
        ],
    }


def _texts(explanations: list[Explanation], target: Target) -> list[str]:
    if len(target.authenticators) == 1:
        return [text_of(explanations[0])]
    texts: list[str] = []
    for explanation in explanations:
        name = target.name_of(explanation.authenticator, current_app)
        texts += [click.style(name, bold=True, underline=True), text_of(explanation) + "\n"]
    numbers = [str(place) for place, each in enumerate(explanations, 1) if each]
    accepting = f"numbers {' and '.join(numbers)} accept"
    if len(numbers) < 2:
        accepting = f"number {numbers[0]} accepts" if numbers else "none accepts"
    texts.append(f"Of {len(target.authenticators)} Authenticators, {accepting} the token.")
    return texts
