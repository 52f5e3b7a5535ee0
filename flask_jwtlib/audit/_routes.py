"""Lists who can access each route of an app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from flask import Flask

from .._flask.decorator_order import misplaced_views
from ._access import access_to, requirements_of

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..authenticator import Authenticator
    from ..policies import Policy

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
        policies: What the authenticators, guards and decorators of the route require of a caller, in the
            order in which they apply. ``str`` describes a policy, and its ``scopes`` are what clients should
            ask for.
        authenticators: The authenticators of the route's guards and decorators, in the same order.
    """

    endpoint: str
    methods: tuple[str, ...]
    rule: str
    access: str
    by: str
    policies: tuple[Policy, ...] = ()
    authenticators: tuple[Authenticator, ...] = ()


def route_accesses(app: Flask) -> Iterator[RouteAccess]:
    """Return who can access each route of an app, sorted by endpoint and rule.

    Methods of one route with different access have separate entries. Methods that Flask adds are not
    listed: OPTIONS if Flask itself responds, and HEAD if it is handled like GET.
    """
    misplaced = frozenset(misplaced_views(app))
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule)):
        if rule.build_only:
            continue
        grouped: list[RouteAccess] = []
        for method, found in sorted(_accesses(app, rule).items()):
            access = found
            if access.access == "open" and rule.endpoint in misplaced:
                access = evolve(access, by=access.by or "a decorator that was not registered")
            for place, other in enumerate(grouped):
                if evolve(other, methods=()) == access:
                    grouped[place] = evolve(other, methods=(*other.methods, method))
                    break
            else:
                grouped.append(evolve(access, methods=(method,)))
        if len(grouped) == 1 and _ANY in grouped[0].methods:
            grouped = [evolve(grouped[0], methods=(_ANY,))]
        yield from grouped


def _accesses(app: Flask, rule: Rule) -> dict[str, RouteAccess]:
    """Return who can access a route by each of its methods, except those that Flask adds."""
    methods = {*_COMMON_METHODS, _ANY} if rule.methods is None else set(rule.methods)
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    accesses = {method: _access(app, rule, method) for method in methods}
    view_class = getattr(app.view_functions.get(rule.endpoint), "view_class", None)
    if accesses.get("HEAD") == accesses.get("GET") and not hasattr(view_class, "head"):
        accesses.pop("HEAD", None)
    return accesses


def _access(app: Flask, rule: Rule, method: str) -> RouteAccess:
    """Return who can access a route by a method, without the method's name."""
    access, by = access_to(app, rule, method)
    policies, authenticators = requirements_of(app, rule, method)
    return RouteAccess(rule.endpoint, (), rule.rule, access, by, policies, authenticators)
