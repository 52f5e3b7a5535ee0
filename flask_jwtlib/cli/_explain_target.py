"""The endpoint that ``flask jwtlib explain`` sends a token to, and the authenticators that decide there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
from attrs import field, frozen
from flask import Flask, request, url_for
from werkzeug.routing import BuildError, Rule

from .._flask.decorator_order import cure_of, misplaced_views
from .._flask.registered_views import guards_of, marks_of
from ..audit import authenticators_of, route_accesses
from ..log_text import quoted

if TYPE_CHECKING:
    from ..authenticator import Authenticator

__all__ = ["Target", "target_in"]

_MOST_PLACES = 4
# Flask adds these.
_ADDED = frozenset({"HEAD", "OPTIONS"})


@frozen(kw_only=True)
class Target:
    """What decides about a token.

    Attributes:
        authenticators: The authenticators, in the order in which they decide.
        endpoint: The endpoint; None for the whole app.
        method: The request's method; None for the usual one.
        view_args: The arguments in the endpoint's URL, as texts.
    """

    authenticators: tuple[Authenticator, ...]
    endpoint: str | None = None
    method: str | None = None
    view_args: Mapping[str, str] = field(factory=dict[str, str])

    def name_of(self, authenticator: Authenticator, app: Flask) -> str:
        """Return a name for one of several authenticators: its number, and where it is used."""
        number = 1 + [each is authenticator for each in self.authenticators].index(True)
        name = f"Authenticator {number} of {len(self.authenticators)}"
        if self.endpoint is not None:
            return name
        used = dict.fromkeys(
            access.endpoint
            for access in route_accesses(app)
            if any(each is authenticator for each in access.authenticators)
        )
        shown = ", ".join(map(quoted, list(used)[:_MOST_PLACES]))
        more = len(used) - _MOST_PLACES
        return f"{name}, of {shown}{f' and {more} more' if more > 0 else ''}" if used else name


def target_in(
    app: Flask, endpoint: str | None, method: str | None, arguments: Sequence[str]
) -> Target:
    """Return what decides about a token.

    Args:
        app: The app.
        endpoint: The endpoint; None for all authenticators of the app.
        method: The request's method; None for the usual one.
        arguments: The arguments in the endpoint's URL, each as ``name=value``.

    Raises:
        click.UsageError: The app has no such endpoint, or its URL needs something else, or nothing protects
            it.
    """
    if endpoint is None:
        if method is not None or arguments:
            raise click.UsageError("--method and --arg need --endpoint")
        found = tuple(authenticators_of(app))
        if not found:
            raise click.UsageError(
                f"the app {app.name!r} has no guard or decorator of an Authenticator, so no token is checked"
            )
        return Target(authenticators=found)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == endpoint]
    if not rules:
        raise click.UsageError(
            _unknown(endpoint, {rule.endpoint for rule in app.url_map.iter_rules()})
        )
    if endpoint in misplaced_views(app):
        raise click.UsageError(
            f"{endpoint!r} is served without its authentication decorator, so the app refuses to serve "
            f"requests. {cure_of(app.view_functions[endpoint])}"
        )
    used = _usual_method(rules) if method is None else method.upper()
    view_args = dict(map(_pair, arguments))
    _check_url(app, rules, used or "GET", view_args)
    marks = [
        *guards_of(app, endpoint),
        *marks_of(app.view_functions[endpoint], used or "GET"),
    ]
    authenticators = dict.fromkeys(mark.by.authenticator_in(app) for mark in marks)
    if not authenticators:
        raise click.UsageError(
            f"no guard or decorator of an Authenticator protects {used or 'GET'} {endpoint!r}, so no token "
            "is checked there"
        )
    return Target(
        authenticators=tuple(authenticators), endpoint=endpoint, method=used, view_args=view_args
    )


def _unknown(endpoint: str, known: set[str]) -> str:
    last = [each for each in known if each.rpartition(".")[2] == endpoint]
    near = dict.fromkeys([*last, *get_close_matches(endpoint, sorted(known))])
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else "`flask jwtlib routes` lists them"
    )
    return f"the app has no endpoint {quoted(endpoint)}; {hint}"


def _usual_method(rules: Iterable[Rule]) -> str | None:
    """Return an endpoint's method, or None for GET, or POST if the token is in the request's body."""
    methods = {method for rule in rules for method in rule.methods or {"GET"}}
    return None if "GET" in methods else min(methods - _ADDED, default=min(methods))


def _pair(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not (name and equals):
        raise click.UsageError("--arg expects NAME=VALUE, such as --arg user_id=7")
    return name, value


def _check_url(
    app: Flask, rules: Sequence[Rule], method: str, view_args: Mapping[str, str]
) -> None:
    """Check that a URL with these arguments leads to the endpoint.

    Raises:
        click.UsageError: It doesn't.
    """
    endpoint = rules[0].endpoint
    try:
        if not view_args.keys() <= {name for rule in rules for name in _names_in(rule)}:
            raise click.UsageError(_needed(rules, method, view_args))
        with app.test_request_context():
            url = url_for(endpoint, _method=method, _external=True, **dict(view_args))
        with app.test_request_context(url, method=method):
            if request.endpoint != endpoint:
                raise click.UsageError(_needed(rules, method, view_args))
    except (BuildError, ValueError):
        # A converter raises ValueError, such as that of an int.
        raise click.UsageError(_needed(rules, method, view_args)) from None


def _needed(rules: Sequence[Rule], method: str, view_args: Mapping[str, str]) -> str:
    """Say what the URLs of an endpoint need."""
    given = ", ".join(f"--arg {name}={quoted(value)}" for name, value in view_args.items())
    needs = "; ".join(
        f"{rule.rule} takes {' '.join(f'--arg {name}=…' for name in _names_in(rule)) or 'no --arg'} "
        f"and {', '.join(sorted(rule.methods or {'any method'}))}"
        for rule in rules
    )
    return f"no URL of {rules[0].endpoint!r} fits {method} with {given or 'no --arg'}: {needs}"


def _names_in(rule: Any) -> list[str]:
    """Return the names of the arguments in a rule, sorted."""
    return sorted(rule.arguments)
