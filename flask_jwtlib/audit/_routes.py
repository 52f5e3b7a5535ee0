"""Lists who can access each route of an app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen
from flask import Flask

from .._flask.decorator_order import misplaced_views
from ._access import access_to

if TYPE_CHECKING:
    from werkzeug.routing import Rule

__all__ = ["RouteAccess", "route_accesses"]

_COMMON_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_ANY = "*"


@frozen
class RouteAccess:
    """Who can access a route by some of its methods.

    Attributes:
        endpoint: The route's endpoint.
        methods: The methods, sorted. ``"*"`` means all methods that aren't listed elsewhere.
        rule: The route's URL rule.
        access: ``"required"`` or ``"optional"`` authentication; ``"public"`` if the view is marked so;
            ``"open"`` if no guard or decorator of this package protects it; or ``"unknown"`` if a decorator
            or guard may be bypassed.
        by: The reason, such as ``"decorator"``, which may be empty.
    """

    endpoint: str
    methods: tuple[str, ...]
    rule: str
    access: str
    by: str


def route_accesses(app: Flask) -> Iterator[RouteAccess]:
    """Return who can access each route of an app, sorted by endpoint and rule.

    Methods of one route with different access have separate entries. Methods that Flask adds are not
    listed: OPTIONS if Flask itself responds, and HEAD if it is handled like GET.
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
    """Return who can access a route by each of its methods, except those that Flask adds."""
    methods = {*_COMMON_METHODS, _ANY} if rule.methods is None else set(rule.methods)
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    accesses = {method: access_to(app, rule, method) for method in methods}
    view_class = getattr(app.view_functions.get(rule.endpoint), "view_class", None)
    if accesses.get("HEAD") == accesses.get("GET") and not hasattr(view_class, "head"):
        accesses.pop("HEAD", None)
    return accesses
