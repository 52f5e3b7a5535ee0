"""Lists an app's routes with who gets into each of them."""

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
    """Who gets into a route by some of its methods.

    Attributes:
        endpoint: The route's endpoint.
        methods: The methods, sorted; ``"*"`` stands for all that aren't listed elsewhere.
        rule: Its URL rule.
        access: ``"required"`` or ``"optional"`` authentication; ``"public"``, open to everyone and
            marked so; ``"open"``, with nothing of ours in front of it; or ``"unknown"``, where a
            decorator or guard is somewhere in it and may be bypassed.
        by: What makes it so, empty where nothing does.
    """

    endpoint: str
    methods: tuple[str, ...]
    rule: str
    access: str
    by: str


def route_accesses(app: Flask) -> Iterator[RouteAccess]:
    """Tell, by endpoint and rule, who gets into each of an app's routes.

    Methods of one route that are guarded differently have entries of their own. What Flask derives
    is not listed: OPTIONS where Flask itself responds, and HEAD where it is handled as GET is.
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
    """Tell who gets into a route by each of its methods, without those that Flask derives."""
    methods = {*_COMMON_METHODS, _ANY} if rule.methods is None else set(rule.methods)
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    accesses = {method: access_to(app, rule, method) for method in methods}
    view_class = getattr(app.view_functions.get(rule.endpoint), "view_class", None)
    if accesses.get("HEAD") == accesses.get("GET") and not hasattr(view_class, "head"):
        accesses.pop("HEAD", None)
    return accesses
