"""What lets a caller into an endpoint: the guards and decorators of one ``Authenticator``, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from attrs import frozen
from flask import Flask

from .._authenticator.decorators import Protection, ViewEntry
from .._authenticator.outcomes import Refused
from .._flask.marks import Mark
from .._flask.proxies import current_flask_app, current_request
from .._flask.registered_views import guards_before, marks_of
from .._flask.state import publish, state_of
from ..policies import Policy

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from ..authenticator import Authenticator

__all__ = ["Door", "doors_of", "foreign_doors"]


@frozen
class Door:
    """A guard, a decorator, or the ``Authenticator`` itself if no endpoint is given.

    Attributes:
        protection: What it requires.
        enter: Decides about the current request as the guard or decorator does: returns the response to a
            refused one, and None for one that passes. What it publishes is published until the stack ends.
    """

    protection: Protection
    enter: Callable[[ExitStack], ResponseReturnValue | None]

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies that it adds to those of the ``Authenticator``."""
        return self.protection.policies


def doors_of(authenticator: Authenticator, endpoint: str | None) -> list[Door]:
    """Return the doors of the current request's endpoint that an ``Authenticator`` has."""
    if endpoint is None:
        return [_authenticating(Protection(authenticator.pipeline_source()))]
    app = current_flask_app()
    return [
        _guard(mark) if mark.kind == "guard" else _decorator(mark)
        for mark in _marks(app, endpoint)
        if mark.by.authenticator_in(app) is authenticator
    ]


def foreign_doors(authenticator: Authenticator, endpoint: str | None) -> int:
    """Return the number of guards and decorators of other Authenticators."""
    app = current_flask_app()
    return sum(mark.by.authenticator_in(app) is not authenticator for mark in _marks(app, endpoint))


def _marks(app: Flask, endpoint: str | None) -> Iterator[Mark]:
    if endpoint is None:
        return
    yield from guards_before(app, endpoint)
    request = current_request()
    if request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    ):
        # Flask responds itself, and doesn't call the view.
        return
    yield from marks_of(app.view_functions[endpoint], request.method)


def _guard(mark: Mark) -> Door:
    check: Any = mark.made()
    return Door(mark.protection, lambda _: check())


def _decorator(mark: Mark) -> Door:
    entry = ViewEntry(mark.protection, mark.made())
    return Door(mark.protection, lambda stack: stack.enter_context(entry))


def _authenticating(protection: Protection) -> Door:
    def enter(_: ExitStack) -> ResponseReturnValue | None:
        pipeline, request = protection.source.current(), current_request()
        state = state_of(request)
        outcome = protection.outcome(pipeline, request, state)
        if isinstance(outcome, Refused):
            return pipeline.response_to(outcome)
        publish(state, outcome, pipeline)
        pipeline.accept(outcome)
        return None

    return Door(protection, enter)
