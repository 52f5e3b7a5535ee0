"""Lists who can access each route of an app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from flask import Flask

from .._flask.decorator_order import misplaced_views
from ._access import Requirement, access_to, requirements_of

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
        methods: The methods, sorted. ``"*"`` means all methods that have no entry of their own.
        rule: The route's URL rule.
        access: ``"required"`` or ``"optional"`` authentication; ``"public"`` if the view is marked so;
            ``"open"`` if no guard or decorator of this package protects it; or ``"unknown"`` if a decorator
            or guard may be bypassed.
        by: The reason, such as ``"decorator"``, which may be empty.
        policies: What the authenticators, guards and decorators of the route require of a caller, in the
            order in which they apply. ``str`` describes a policy, and its ``scopes`` are what clients should
            ask for.
        authenticators: The authenticators of the route's guards and decorators, in the same order.
        requirements: What each of these authenticators requires. All that aren't optional are needed.
        strict: Whether ``"optional"`` refuses a token that isn't valid.
        misplaced: Whether the view is served without its decorator, which must be below ``@app.route``.
        host: The host of the rule, such as ``"api.example"``, or ``"api."`` for a subdomain. Empty for a rule
            that applies to every host.
        websocket: Whether the rule is for WebSocket handshakes only.
    """

    endpoint: str
    methods: tuple[str, ...]
    rule: str
    access: str
    by: str
    policies: tuple[Policy, ...] = ()
    authenticators: tuple[Authenticator, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    strict: bool = False
    misplaced: bool = False
    host: str = ""
    websocket: bool = False


def route_accesses(app: Flask) -> Iterator[RouteAccess]:
    """Return who can access each route of an app, sorted by endpoint, rule and host.

    Methods of one route with different access have separate entries. Methods that Flask adds are not
    listed: OPTIONS if Flask itself responds, and HEAD if it is handled like GET, unless there is an entry for
    ``"*"``.
    """
    misplaced = frozenset(misplaced_views(app))
    for rule in sorted(
        app.url_map.iter_rules(), key=lambda each: (each.endpoint, each.rule, _host(each))
    ):
        if rule.build_only:
            continue
        grouped: dict[int, RouteAccess] = {}
        methods: dict[int, list[str]] = {}
        for method, access in sorted(_accesses(app, rule, rule.endpoint in misplaced).items()):
            # Policies of an application may not be hashable.
            place = next((at for at, other in grouped.items() if other == access), len(grouped))
            grouped.setdefault(place, access)
            methods.setdefault(place, []).append(method)
        for place, access in grouped.items():
            yield evolve(
                access, methods=(_ANY,) if _ANY in methods[place] else tuple(methods[place])
            )


def _accesses(app: Flask, rule: Rule, misplaced: bool) -> dict[str, RouteAccess]:
    """Return who can access a route by each of its methods, except those that Flask adds."""
    methods = {*_COMMON_METHODS, _ANY} if rule.methods is None else set(rule.methods)
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    accesses = {method: _access(app, rule, method, misplaced) for method in methods}
    view_class = getattr(app.view_functions.get(rule.endpoint), "view_class", None)
    # An entry for all other methods would seem to include it.
    is_implied = accesses.get("HEAD") == accesses.get("GET") and _ANY not in accesses
    if is_implied and not hasattr(view_class, "head"):
        accesses.pop("HEAD", None)
    return accesses


def _access(app: Flask, rule: Rule, method: str, misplaced: bool) -> RouteAccess:
    """Return who can access a route by a method, without the method's name."""
    access, by = access_to(app, rule, method)
    if misplaced and access == "open":
        by = by or "misplaced decorator"
    requirements, policies = requirements_of(app, rule, method)
    return RouteAccess(
        rule.endpoint,
        (),
        rule.rule,
        access,
        by,
        policies,
        tuple(each.authenticator for each in requirements),
        requirements,
        any(each.strict for each in requirements),
        misplaced=misplaced,
        host=_host(rule),
        websocket=rule.websocket,
    )


def _host(rule: Rule) -> str:
    return rule.host or (f"{rule.subdomain}." if rule.subdomain else "")
