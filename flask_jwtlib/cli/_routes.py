"""``flask jwtlib routes``: who can access each route."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
from attrs import asdict, astuple, evolve
from flask.cli import with_appcontext

from .._flask.proxies import current_flask_app
from ..audit import EndpointPatterns, RouteAccess, route_accesses, unmatched_public_patterns
from ..authenticator import Authenticator
from ..errors import ConfigurationError
from ..key_health import status_of
from ..log_text import one_line
from ..policies import Policy
from ._authenticators import NamedAuthenticator, named_authenticators
from ._route_failures import (
    FAULTS,
    Failure,
    Fault,
    cure_for,
    failures,
    is_accepted,
    report,
    shown_rule,
    unneeded_patterns,
)
from .tables import Cell, echo, paragraph, table

__all__ = ["routes"]

_COLOURS = {"required": "green", "open": "red", "unknown": "yellow"}
_Names = Mapping[Authenticator, NamedAuthenticator]


def _as_faults(_context: Any, _option: Any, given: Iterable[str]) -> list[Fault]:
    words = [word.strip() for text in given for word in text.split(",")]
    for word in words:
        if word not in FAULTS:
            raise click.BadParameter(f"{word!r} is none of {', '.join(FAULTS)}.")
    return [fault for fault in FAULTS if fault in words]


def _as_patterns(_context: Any, _option: Any, given: Iterable[str]) -> EndpointPatterns:
    try:
        return EndpointPatterns(given)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from error


@click.command("routes")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="FAULTS",
    default=["misplaced"],
    show_default="misplaced",
    callback=_as_faults,
    help="Exit with 1 if a route is one of these: misplaced, open, unknown, optional. Separate several by "
    "commas, or repeat the option.",
)
@click.option(
    "--public",
    multiple=True,
    metavar="ENDPOINT",
    callback=_as_patterns,
    help="An endpoint that is meant to be open or optional, such as static; or openapi.* for all endpoints "
    "of a blueprint. Repeat the option for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def routes(fail_on: list[Fault], public: EndpointPatterns, as_json: bool) -> None:
    """List who can access each route, which decorator or guard protects it, and what it requires of a caller.

    A route is listed as required only if nothing can bypass its decorator or guard, and as unknown if this
    can't be determined. A route whose view itself calls an Authenticator is listed as open.

    Exits with 1 if a route fails the check of --fail-on. By default, that is a view which is served without
    its decorator, because the decorator isn't below @app.route.
    """
    app = current_flask_app()
    listed = list(route_accesses(app))
    names = named_authenticators(app)
    found = list(failures(app, listed, fail_on, public))
    notes = [
        *_notes(unneeded_patterns(listed, public)),
        *_not_initialised(names),
        *(
            f"public=[{each!r}] of protect matches no endpoint."
            for each in unmatched_public_patterns(app)
        ),
    ]
    shown = [_as_meant(route, public) for route in listed]
    if as_json:
        click.echo(json.dumps(_as_json(shown, names, found, notes), indent=2))
    else:
        _print_tables(shown, names)
    for note in notes:
        echo(f"\n{paragraph(f'Note: {note}')}", err=True)
    if found:
        routes = "1 route fails" if len(found) == 1 else f"{len(found)} routes fail"
        echo(f"\nError: {routes} --fail-on {','.join(fail_on)}\n\n{report(found)}", err=True)
        raise click.exceptions.Exit(1)


def _as_meant(route: RouteAccess, public: EndpointPatterns) -> RouteAccess:
    is_meant = route.access == "open" and is_accepted(route, public)
    return evolve(route, access="public", by="--public") if is_meant else route


def _notes(unneeded: Mapping[str, list[RouteAccess]]) -> Iterator[str]:
    for pattern, matched in unneeded.items():
        accesses = dict.fromkeys(f"{route.endpoint} is {route.access}" for route in matched)
        why = f"is not needed: {', '.join(accesses)}" if matched else "matches no route"
        yield f"--public {pattern} {why}."


def _not_initialised(names: _Names) -> Iterator[str]:
    for each in names:
        status = status_of(each.validator)
        if status["provider"] == "AppAuthenticator":
            yield f"{status['last_error']}."


def _print_tables(shown: Iterable[RouteAccess], names: _Names) -> None:
    head = ("Endpoint", "Methods", "Rule", "Access", "By", "Authenticator", "Policies")
    echo(table(*head, rows=(_row(route, names) for route in shown)))
    if names:
        about = ("Authenticator", "Extractor", "Keys", "Validator", "Issuers", "Audiences")
        rows = ([_joined(value) for value in astuple(each)] for each in names.values())
        echo(f"\n{table(*about, rows=rows)}")


def _row(route: RouteAccess, names: _Names) -> list[str | Cell]:
    colour = _COLOURS.get(route.access)
    return [
        route.endpoint,
        ", ".join(route.methods) + (" (WebSocket)" if route.websocket else ""),
        shown_rule(route),
        Cell(route.access, {"fg": colour} if colour else {}),
        route.by + (" (strict)" if route.strict else ""),
        ", ".join(names[each].name for each in route.authenticators),
        ", ".join(map(_text_of, route.policies)),
    ]


def _joined(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _text_of(policy: Policy) -> str:
    try:
        return one_line(str(policy))
    except Exception:  # noqa: BLE001 - a policy of the app may raise anything
        return f"<{type(policy).__name__}>"


def _as_json(
    shown: Iterable[RouteAccess], names: _Names, found: Iterable[Failure], notes: list[str]
) -> dict[str, Any]:
    return {
        "routes": [_route_as_json(route, names) for route in shown],
        "authenticators": [asdict(each) for each in names.values()],
        "failures": [
            {
                "endpoint": each.route.endpoint,
                "methods": each.route.methods,
                "rule": each.route.rule,
                "host": each.route.host,
                "fault": each.fault,
                "cure": cure_for(each.cure, [each.route]),
            }
            for each in found
        ],
        "notes": notes,
    }


def _route_as_json(route: RouteAccess, names: _Names) -> dict[str, Any]:
    return {
        "endpoint": route.endpoint,
        "methods": route.methods,
        "rule": route.rule,
        "host": route.host,
        "websocket": route.websocket,
        "access": route.access,
        "by": route.by,
        "strict": route.strict,
        "misplaced": route.misplaced,
        "authenticators": [names[each].name for each in route.authenticators],
        "policies": [
            {"text": _text_of(policy), "scopes": list(policy.scopes)} for policy in route.policies
        ],
    }
