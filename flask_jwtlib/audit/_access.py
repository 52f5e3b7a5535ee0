"""Determines who can access a route, and which authenticators an app uses."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen
from flask import Flask
from werkzeug.local import LocalProxy

from .._flask.introspection import reachable_callables
from .._flask.marks import copied_mark, is_public, mark_of
from .._flask.registered_views import guards_of, lets_pass, marks_of
from ._dispatch import name_of, resource_authenticators, view_access

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..authenticator import Authenticator
    from ..policies import Policy

__all__ = [
    "Requirement",
    "access_to",
    "authenticators_of",
    "requirements_of",
    "unmatched_public_patterns",
]

_MARKED = "@public"
# The methods by which Flask dispatches a request to the view.
_DISPATCH = ("full_dispatch_request", "preprocess_request", "dispatch_request", "ensure_sync")


def authenticators_of(app: Flask) -> list[Authenticator]:
    """Return the authenticators of an app's guards and decorators, each once.

    An ``AppAuthenticator`` is listed as the ``Authenticator`` that it has in this app. Before ``init_app``,
    that is one that refuses every request. An authenticator that a view calls in its own code, or that a
    function finds by a global name, is not included.
    """
    found: dict[Any, None] = {}
    for functions in app.before_request_funcs.values():
        for function in functions:
            found.update(dict.fromkeys(_authenticators_in(function)))
    for rule in app.url_map.iter_rules():
        found.update(dict.fromkeys(_authenticators_in(app.view_functions.get(rule.endpoint))))
    return list(dict.fromkeys(each.authenticator_in(app) for each in found))


@frozen
class Requirement:
    """What one authenticator of a route requires, in all of its guards and decorators.

    Attributes:
        authenticator: The authenticator.
        policies: Its policies, and those of its guards and decorators, in the order in which they apply.
        optional: Whether only decorators for optional authentication belong to it.
        strict: Whether one of these refuses a token that isn't valid.
    """

    authenticator: Authenticator
    policies: tuple[Policy, ...] = ()
    optional: bool = False
    strict: bool = False


def requirements_of(
    app: Flask, rule: Rule, method: str
) -> tuple[tuple[Requirement, ...], tuple[Policy, ...]]:
    """Return what a rule's guards and decorators require, by authenticator, and all policies in order."""
    if rule.redirect_to is not None:
        marks = guards_of(app, None)
    else:
        view = app.view_functions.get(rule.endpoint)
        marks = [*guards_of(app, rule.endpoint), *marks_of(view, method)]
    policies: list[Policy] = []
    found: dict[Authenticator, Requirement] = {}
    for mark in marks:
        authenticator: Authenticator = mark.by.authenticator_in(app)
        protection = mark.protection
        before = found.get(authenticator, Requirement(authenticator, optional=True))
        needed = (*authenticator.policies, *protection.policies)
        found[authenticator] = Requirement(
            authenticator,
            _each_once((*before.policies, *needed)),
            optional=before.optional and protection.optional,
            strict=before.strict or protection.strict,
        )
        policies.extend(needed)
    return tuple(found.values()), _each_once(policies)


def _each_once(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    # Policies of an application may not be hashable.
    found: list[Policy] = []
    for policy in policies:
        if policy not in found:
            found.append(policy)
    return tuple(found)


def access_to(app: Flask, rule: Rule, method: str) -> tuple[str, str]:
    """Return who can access a rule's view by a request method.

    Returns:
        ``"required"``, ``"optional"``, ``"public"``, ``"open"`` or ``"unknown"``; and the reason, such as
        ``"decorator"``, which may be empty.
    """
    access, by = _access_as_flask_dispatches(app, rule, method)
    if access in ("required", "optional") and (name := _own_dispatch(app)) is not None:
        return "unknown", f"{name} may bypass it"
    return access, by


def unmatched_public_patterns(app: Flask) -> list[str]:
    """Return the patterns of ``protect(public=[…])`` that match no endpoint of an app, each once.

    The endpoint that such a pattern was meant for requires authentication.
    """
    marks = (mark_of(function) for function in app.before_request_funcs.get(None, ()))
    let_pass = [mark.let_pass for mark in marks if mark is not None and mark.let_pass is not None]
    return list(dict.fromkeys(pattern for each in let_pass for pattern in each.unmatched()))


def _access_as_flask_dispatches(app: Flask, rule: Rule, method: str) -> tuple[str, str]:
    if rule.redirect_to is not None:
        # Such a request has no endpoint, so only the guards of the app get it.
        return _guard(app, None, method) or ("open", "redirect")
    view = app.view_functions.get(rule.endpoint)
    access = view_access(view, method)
    if access.word == "required":
        return "required", "decorator"
    public = _public_by(app, rule.endpoint)
    guard = None if public == _MARKED else _guard(app, rule.endpoint, method)
    if guard is not None and guard[0] == "required":
        return guard
    if access.word == "unknown":
        return "unknown", access.by
    if guard is not None:
        return guard
    if access.word == "optional":
        return "optional", "decorator"
    return ("open", access.by) if public is None else ("public", public)


def _public_by(app: Flask, endpoint: str) -> str | None:
    """Return what makes an endpoint public, or None."""
    view = app.view_functions.get(endpoint)
    if view is not None and is_public(view):
        return _MARKED
    marks = (mark_of(function) for function in app.before_request_funcs.get(None, ()))
    let_pass = (mark.let_pass for mark in marks if mark is not None)
    named = any(each is not None and each.is_public(endpoint) for each in let_pass)
    return "public=[…]" if named else None


def _guard(app: Flask, endpoint: str | None, method: str) -> tuple[str, str] | None:
    """Return the guard that requires authentication for an endpoint, None for a redirect; or None."""
    names = (endpoint or "").split(".")[:-1]
    blueprints = (".".join(names[: end + 1]) for end in range(len(names)))
    unknown = None
    for name in (None, *blueprints):
        for function in app.before_request_funcs.get(name, ()):
            mark = mark_of(function)
            if mark is not None and lets_pass(mark, endpoint, method):
                continue
            if mark is not None and mark.kind == "guard":
                return "required", (
                    "guard of the app" if name is None else f"guard of blueprint {name}"
                )
            if any(copied_mark(found) is not None for found in reachable_callables(function)):
                unknown = "unknown", f"{name_of(function)} may bypass a guard"
    return unknown


def _own_dispatch(app: Flask) -> str | None:
    """Return the name of a function that overrides Flask's dispatch of requests, or None."""
    if isinstance(app, LocalProxy):
        app = cast("Any", app)._get_current_object()
    for name in _DISPATCH:
        found = vars(app).get(name) or inspect.getattr_static(type(app), name)
        if found is not inspect.getattr_static(Flask, name):
            return name_of(found)
    return None


def _authenticators_in(function: Any) -> Iterator[Any]:
    for found in reachable_callables(function):
        if (mark := copied_mark(found)) is not None:
            yield mark.by
        yield from resource_authenticators(found)
