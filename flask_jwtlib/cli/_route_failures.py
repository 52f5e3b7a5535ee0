"""Which routes fail the check of ``flask jwtlib routes``, and how to cure each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from attrs import frozen
from flask import Flask

from .._flask.decorator_order import cure_of
from ..audit import EndpointPatterns, RouteAccess, misplaced_views
from .tables import paragraph

__all__ = [
    "FAULTS",
    "Failure",
    "Fault",
    "cure_for",
    "failures",
    "is_accepted",
    "report",
    "shown_rule",
    "unneeded_patterns",
]

Fault = Literal["misplaced", "open", "unknown", "optional"]
FAULTS: tuple[Fault, ...] = ("misplaced", "open", "unknown", "optional")
# What a pattern of `--public` accepts.
_ACCEPTED = ("open", "optional")

_OPEN = (
    "No decorator or guard protects it. Put @auth.requires_authentication directly below @app.route, or "
    "guard its blueprint by blueprint.before_request(auth.guard()), or the app by auth.protect(app). If it "
    "is meant to be open, decorate it with @flask_jwtlib.public, or pass {options}."
)
_STATIC = (
    "Anyone can read static files. If that is right, pass {options}. If there are none, pass "
    "static_folder=None to Flask."
)
_REDIRECT = "Anyone is redirected. If that is right, pass {options}. auth.protect(app) guards redirects, too."
_UNKNOWN = (
    "{by}. Put the authentication decorator directly below @app.route, or guard the app by "
    "auth.protect(app)."
)
_OWN_DISPATCH = "{by}. Remove it, or check by a test that requests without a token are refused."
_OPTIONAL = (
    "Requests without a token reach it. If that is right, pass {options}. Otherwise use "
    "@auth.requires_authentication."
)


@frozen
class Failure:
    """A route that fails the check.

    Attributes:
        fault: Why it fails.
        route: The route. Its methods and its rule are empty for a view that no rule leads to.
        cure: How to cure it, for ``cure_for``.
    """

    fault: Fault
    route: RouteAccess
    cure: str


def failures(
    app: Flask, routes: Iterable[RouteAccess], fail_on: Collection[Fault], public: EndpointPatterns
) -> Iterator[Failure]:
    """Yield the routes of an app that fail, by the kind of fault.

    Args:
        app: The app.
        routes: Its routes.
        fail_on: The faults that count.
        public: The endpoints that may be open or optional.
    """
    listed = list(routes)
    served = {route.endpoint for route in listed}
    # Such a view may also be called by another one.
    unserved = (
        RouteAccess(each, (), "", "open", "") for each in misplaced_views(app) if each not in served
    )
    if "misplaced" in fail_on:
        for route in (*(each for each in listed if each.misplaced), *unserved):
            yield Failure("misplaced", route, cure_of(app.view_functions[route.endpoint]))
    for fault in FAULTS:
        for route in listed:
            is_known = route.misplaced and "misplaced" in fail_on
            if fault == route.access and fault in fail_on and not is_known:
                if route.misplaced:
                    yield Failure(fault, route, cure_of(app.view_functions[route.endpoint]))
                elif not is_accepted(route, public):
                    yield Failure(fault, route, _cure(route))


def is_accepted(route: RouteAccess, public: EndpointPatterns) -> bool:
    """Return whether a route may have the access that it has because its endpoint is meant to be public."""
    return route.access in _ACCEPTED and not route.misplaced and public.match(route.endpoint)


def unneeded_patterns(
    routes: Iterable[RouteAccess], public: EndpointPatterns
) -> dict[str, list[RouteAccess]]:
    """Return the patterns that accept nothing, with the routes that they match, which may be none."""
    listed = list(routes)
    matched = {
        pattern: [route for route in listed if EndpointPatterns([pattern]).match(route.endpoint)]
        for pattern in public.patterns
    }
    return {
        pattern: found
        for pattern, found in matched.items()
        if all(route.access in ("required", "public") for route in found)
    }


def report(found: Iterable[Failure]) -> str:
    """Return failures as text, with those together that have the same cure."""
    grouped: dict[tuple[str, str], list[RouteAccess]] = {}
    for each in found:
        grouped.setdefault((each.fault, each.cure), []).append(each.route)
    return "\n\n".join(
        f"{paragraph(f'{fault}: ' + ', '.join(map(_shown, routes)))}\n"
        f"{paragraph(cure_for(cure, routes), indent='    ')}"
        for (fault, cure), routes in grouped.items()
    )


def cure_for(cure: str, routes: Iterable[RouteAccess]) -> str:
    """Return the cure for some routes, with the options that accept them."""
    options = dict.fromkeys(f"--public {route.endpoint}" for route in routes)
    return cure.replace("{options}", " ".join(options))


def shown_rule(route: RouteAccess) -> str:
    """Return a route's rule, after its host if it has one."""
    return (
        f"//{route.host}{'*' if route.host.endswith('.') else ''}{route.rule}"
        if route.host
        else route.rule
    )


def _shown(route: RouteAccess) -> str:
    where = " ".join(filter(None, ("/".join(route.methods), shown_rule(route))))
    return f"{route.endpoint} ({where})" if where else route.endpoint


def _cure(route: RouteAccess) -> str:
    if route.access == "optional":
        return _OPTIONAL
    if route.access == "unknown":
        cure = _OWN_DISPATCH if route.by.endswith(" may bypass it") else _UNKNOWN
        return cure.replace("{by}", route.by)
    if route.by == "redirect":
        return _REDIRECT
    if route.endpoint.rpartition(".")[2] == "static":
        return _STATIC
    return f"{route.by}. {_OPEN}" if route.by else _OPEN
