"""Determines whether a request without a token reaches a view, by following how the request is dispatched.

Only code that certainly calls the function that it wraps is followed: the decorators of this package, Flask's
view classes, and the wrappers of Flask-RESTful, Flask-RESTX and Flask-CORS. Any other code may call something
else, or nothing. If it refers to a decorated function, the result is unknown.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Literal, cast

from attrs import frozen
from flask.views import MethodView, View

from .._flask.introspection import reachable_callables
from .._flask.marks import copied_mark, mark_of
from .._flask.method_decorators import decoration, reads_method_decorators
from ._recognition import is_made_by_as_view, responds_to_options, wrapped_by_library
from ._view_classes import Owner, method_decorators, owner_of

__all__ = ["Access", "name_of", "resource_authenticators", "view_access"]

_BINDING_KINDS = frozenset({FunctionType, MethodType, partial})


@frozen
class Access:
    """Who can access a view.

    Attributes:
        word: ``"required"`` or ``"optional"`` authentication, ``"open"``, or ``"unknown"``.
        by: The reason, which may be empty.
        by_optional: The authenticators whose ``optional_authentication`` certainly decides.
    """

    word: Literal["required", "optional", "open", "unknown"]
    by: str = ""
    by_optional: tuple[Any, ...] = ()


_REQUIRED, _OPEN = Access("required"), Access("open")


def view_access(view: Any, method: str) -> Access:
    """Return who can access a registered view by a request method. Guards are not considered."""
    return _access(view, method, None)


def resource_authenticators(found: Any) -> Iterator[Any]:
    """Yield the authenticators in the ``method_decorators`` of a Flask-RESTful or Flask-RESTX resource."""
    if isinstance(found, type) and issubclass(found, MethodView):
        owner = Owner(found)
        if reads_method_decorators(owner.attribute("dispatch_request")):
            yield from (mark.by for mark in filter(None, map(decoration, method_decorators(owner))))


def name_of(found: Any) -> str:
    """Return a callable's name for a message. It isn't the name that ``functools.wraps`` copied."""
    if isinstance(found, MethodType):
        return name_of(found.__func__)
    if isinstance(found, FunctionType):
        return f"{found.__code__.co_name} in {found.__globals__.get('__name__')}"
    kind = cast("Any", found if isinstance(found, type) else type(found))
    return f"{kind.__qualname__} in {kind.__module__}"


def _access(called: Any, method: str, owner: Owner | None) -> Access:
    """Return who passes a call.

    Args:
        called: The callable.
        method: The request's method.
        owner: The view class, if the call's first argument is an instance of it.
    """
    mark = mark_of(called)
    if mark is not None and mark.kind == "required":
        return _REQUIRED
    if mark is not None and mark.kind == "optional":
        return _within_optional(_access(mark.view, method, owner), mark.by)
    kind = cast("Any", type(called))
    if kind is MethodType:
        bound = called.__self__
        owner = Owner(type(bound), bound) if isinstance(bound, View) else None
        return _access(called.__func__, method, owner)
    if kind is staticmethod:
        return _access(called.__func__, method, None)
    if kind is partial:
        return _access(called.func, method, None)
    if kind is FunctionType:
        return _access_of_function(called, method, owner)
    call = inspect.getattr_static(kind, "__call__", None)
    access = _access(call, method, None) if type(call) is FunctionType else _OPEN
    # Otherwise `__call__` may use an attribute of the object.
    return access if access.word in ("required", "optional") else _opaque(called)


def _access_of_function(called: FunctionType, method: str, owner: Owner | None) -> Access:
    within = wrapped_by_library(called)
    if within is not None:
        if method == "OPTIONS" and responds_to_options(called):
            return Access("open", f"{name_of(called)} responds")
        return _access(within, method, None)
    if is_made_by_as_view(called):
        return _access_of_class(owner_of(called), method)
    if owner is not None and called is MethodView.dispatch_request:
        access = _access_of_method(owner, method)
        if access.word == "open" and any(map(decoration, method_decorators(owner))):
            return Access("open", f"{name_of(owner.kind)} does not use its method_decorators")
        return access
    if owner is not None and reads_method_decorators(called):
        return _access_of_resource(owner, method)
    return _opaque(called, owner)


def _access_of_class(owner: Owner, method: str) -> Access:
    if not owner.is_predictable("dispatch_request"):
        return _opaque(owner.kind, owner)
    return _access_of_attribute(owner, "dispatch_request", method, owner)


def _access_of_method(owner: Owner, method: str) -> Access:
    """Return who can access the method that a ``MethodView`` selects."""
    names = ("head", "get") if method == "HEAD" else (method.lower(),)
    if not owner.is_predictable(*names):
        return _opaque(owner.kind, owner)
    name = next((name for name in names if owner.attribute(name) is not None), None)
    return _OPEN if name is None else _access_of_attribute(owner, name, method, None)


def _access_of_attribute(owner: Owner, name: str, method: str, passed: Owner | None) -> Access:
    found = owner.attribute(name)
    kind = cast("Any", type(found))
    if kind in _BINDING_KINDS or not hasattr(kind, "__get__"):
        return _access(found, method, passed)
    # A property, or another descriptor, may return anything.
    return _opaque(found, owner)


def _access_of_resource(owner: Owner, method: str) -> Access:
    """Return who can access a method of a resource, which is wrapped by its ``method_decorators``."""
    decorators: Any = owner.attribute("method_decorators")
    is_only_for_get = False
    if isinstance(decorators, Mapping):
        by_method = cast("Any", decorators)
        decorators = by_method.get(method.lower(), ())
        is_only_for_get = method == "HEAD" and not decorators and bool(by_method.get("get"))
    if not isinstance(decorators, list | tuple) or not owner.is_predictable("method_decorators"):
        return _unknown(owner.kind)
    access = _access_of_method(owner, method)
    for decorator in cast("Any", decorators):
        ours = decoration(decorator)
        if ours is None:
            access = _unknown(decorator)
        else:
            access = _REQUIRED if ours.kind == "required" else _within_optional(access, ours.by)
    if access.word == "open" and is_only_for_get:
        # The library calls `get` for it, without the decorators for "get".
        return Access("open", f"method_decorators of {name_of(owner.kind)} has no 'head'")
    return access


def _within_optional(access: Access, authenticator: Any) -> Access:
    if access.word in ("open", "optional"):
        return Access("optional", by_optional=(*access.by_optional, authenticator))
    return access


def _opaque(called: Any, owner: Owner | None = None) -> Access:
    """Return the access by code that may do anything: unknown if it refers to a decorator of this package."""
    ours = any(_is_ours(found) for found in reachable_callables(called))
    if owner is not None and not ours:
        ours = any(
            copied_mark(found) is not None for found in reachable_callables(owner.kind)
        ) or any(map(decoration, method_decorators(owner)))
    return _unknown(called) if ours else _OPEN


def _is_ours(found: Any) -> bool:
    return copied_mark(found) is not None or any(True for _ in resource_authenticators(found))


def _unknown(called: Any) -> Access:
    return Access("unknown", f"{name_of(called)} may bypass a decorator")
