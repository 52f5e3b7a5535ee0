"""The routes of an app that a document's operations describe."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import Factory, field, frozen
from flask import Flask

from flask_jwtlib.audit import RouteAccess, route_accesses

__all__ = ["Routes"]

# As apispec's plugins for Flask do.
_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_PARAMETER = re.compile(r"\{[^{}]*\}")
# The most cautious one first.
_CAUTION = ({"required", "unknown"}, {"optional"}, {"public", "open"})


def _path(text: str) -> str:
    """Return a path without the names of its parameters, which may differ."""
    return _PARAMETER.sub("{}", text)


def _by_path(app: Flask) -> dict[str, list[RouteAccess]]:
    found: dict[str, list[RouteAccess]] = {}
    for route in route_accesses(app):
        # A document describes no handshakes of WebSockets.
        if route.websocket:
            continue
        found.setdefault(_path(_VARIABLE.sub(r"{\1}", route.rule)), []).append(route)
    return found


@frozen
class Routes:
    """The routes of an app, by path and method.

    Args:
        app: The app.
    """

    app: Flask
    _found: dict[str, list[RouteAccess]] = field(
        init=False, default=Factory(lambda self: _by_path(self.app), takes_self=True)
    )

    def described_by(self, path: str, method: str) -> list[RouteAccess]:
        """Return the routes for a path and a method: of several, those that require most.

        A document has one path for rules that differ only in their converters.
        """
        routes = self._found.get(_path(path), [])
        found = _with(routes, method) or (_with(routes, "GET") if method == "HEAD" else [])
        for words in _CAUTION:
            cautious = [route for route in found if route.access in words]
            if cautious:
                return cautious
        return []


def _with(routes: Iterable[RouteAccess], method: str) -> list[RouteAccess]:
    """Return the routes that have a method."""
    routes = list(routes)
    # A route with "*" has the methods that its other entries don't have.
    named = [route for route in routes if method in route.methods]
    listed = set(map(_rule, named))
    others = (route for route in routes if "*" in route.methods)
    return [*named, *(route for route in others if _rule(route) not in listed)]


def _rule(route: RouteAccess) -> tuple[str, ...]:
    return route.endpoint, route.rule, route.host
