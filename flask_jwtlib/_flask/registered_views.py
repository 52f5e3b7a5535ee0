"""The decorators of this package around the view that a request calls."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from inspect import getattr_static
from types import MethodType
from typing import Any

from flask import Flask
from flask.views import MethodView

from .data_wrappers import converts, takes_data
from .introspection import called_layers
from .marks import Mark, is_public, mark_of
from .method_decorators import method_decorator_marks, method_decorators, reads_method_decorators
from .proxies import current_flask_app, current_request

__all__ = [
    "guards_before",
    "guards_of",
    "is_inner_decorator",
    "is_result_used",
    "is_view_of_request",
    "lets_pass",
    "marks_of",
]


def is_result_used(wrapper: Any) -> bool:
    """Whether Flask makes the response of the current request from what a decorated view returns.

    That is so if the decorated view is what the request's endpoint calls, a method of its view class, or an
    error handler. It isn't for a Socket.IO handler, for a function that the view calls, for a method that a
    ``dispatch_request`` of the app's own calls, or below a decorator that takes a response as data.
    """
    view, method = _current_view(), current_request().method
    return (
        view is wrapper
        or any(_passes_on(function, wrapper) for function in _returning(view, method, wrapper))
        or _is_error_handler(wrapper)
    )


def is_view_of_request(wrapper: Any) -> bool:
    """Whether a decorated view is what the request's endpoint calls, or a method of its view class."""
    view = _current_view()
    return view is wrapper or is_inner_decorator(wrapper, view)


def is_inner_decorator(wrapper: Any, outer: Any) -> bool:
    """Whether a decorated view is behind another one's decorator in the current request."""
    called = _called(outer, current_request().method, wrapper)
    return wrapper is not outer and any(
        layer is wrapper for function in called for layer in called_layers(function)
    )


def marks_of(view: Any, method: str) -> list[Mark]:
    """Return the marks of the decorators around a registered view, from the outside in.

    Args:
        view: The view. Its wrappers must use ``functools.wraps``.
        method: The request's method, which selects the method of a view class.
    """
    called = list(called_layers(view))
    marks = _marks_on(called)
    view_class = _view_class(called)
    if view_class is not None:
        names = ("head", "get") if method == "HEAD" else (method.lower(),)
        methods = [_attribute(view_class, name) for name in names]
        marks += _marks_on(called_layers(_attribute(view_class, "dispatch_request")))
        marks += method_decorator_marks(view_class, method)
        marks += _marks_on(
            called_layers(next((each for each in methods if each is not None), None))
        )
    return marks


def guards_of(app: Flask, endpoint: str | None) -> list[Mark]:
    """Return the marks of the guards whose rules apply to the callers of an endpoint.

    Args:
        app: The app.
        endpoint: The endpoint; None for an unknown path.
    """
    view = app.view_functions.get(endpoint or "")
    if not app.before_request_funcs or (view is not None and is_public(view)):
        return []
    return [mark for mark in guards_before(app, endpoint) if not _names_as_public(mark, endpoint)]


def guards_before(app: Flask, endpoint: str | None) -> list[Mark]:
    """Return the marks of the guards that are called before an endpoint, also those that let it pass."""
    names = (endpoint or "").split(".")[:-1]
    blueprints = [".".join(names[: end + 1]) for end in range(len(names))]
    functions = (
        function
        for name in (None, *blueprints)
        for function in app.before_request_funcs.get(name, ())
    )
    return [mark for mark in _marks_on(functions) if mark.kind == "guard"]


def lets_pass(guard: Mark, endpoint: str | None, method: str) -> bool:
    """Whether a guard was told to let requests to an endpoint pass."""
    let_pass = guard.let_pass
    return endpoint is not None and let_pass is not None and let_pass.passes(endpoint, method)


def _names_as_public(guard: Mark, endpoint: str | None) -> bool:
    return (
        endpoint is not None and guard.let_pass is not None and guard.let_pass.is_public(endpoint)
    )


def _marks_on(functions: Iterable[Any]) -> list[Mark]:
    return [mark for function in functions if (mark := mark_of(function)) is not None]


def _view_class(called: Iterable[Any]) -> type | None:
    for layer in called:
        found = getattr(layer, "view_class", None)
        if isinstance(found, type):
            return found
    return None


def _attribute(view_class: type, name: str) -> Any:
    found = getattr_static(view_class, name, None)
    return found.__func__ if isinstance(found, staticmethod) else found


def _passes_on(function: Any, wrapper: Any) -> bool:
    """Whether a function wraps another one, and returns the responses that the other one returns."""
    for layer in called_layers(function):
        if layer is wrapper:
            return True
        if takes_data(layer):
            break
    return False


def _current_view() -> Any:
    return current_flask_app().view_functions.get(current_request().endpoint or "")


def _is_error_handler(wrapper: Any) -> bool:
    """Whether Flask handles an error, and a decorated function is one of its error handlers."""
    # Elsewhere a view may call the function, and ignore what it returns.
    return sys.exc_info()[1] is not None and any(
        _passes_on(handler, wrapper)
        for by_status in current_flask_app().error_handler_spec.values()
        for by_class in by_status.values()
        for handler in by_class.values()
    )


def _returning(view: Any, method: str, wrapper: Any) -> Iterator[Any]:
    """Yield the functions that Flask calls for a view, and whose responses it certainly sends."""
    view_class = _view_class(called_layers(view))
    if view_class is None:
        yield view
        return
    dispatch = _attribute(view_class, "dispatch_request")
    if dispatch is not MethodView.dispatch_request and not reads_method_decorators(dispatch):
        # It may ignore what the methods return.
        yield from (view, dispatch)
    else:
        is_converted = any(map(converts, method_decorators(view_class, method)))
        yield from _called(view, method, None if is_converted else wrapper)


def _called(view: Any, method: str, wrapper: Any) -> Iterator[Any]:
    """Yield the functions that are called for a view: itself, and the methods of its class."""
    yield view
    view_class = _view_class(called_layers(view))
    if view_class is not None:
        called = method.lower()
        # Flask calls `get` for HEAD if the class has no `head`.
        if called == "head" and getattr_static(view_class, called, None) is None:
            called = "get"
        names = ("dispatch_request", called)
        for name in names:
            yield _attribute(view_class, name)
        if _wraps_method_of(wrapper, view_class, names):
            yield wrapper


def _wraps_method_of(wrapper: Any, view_class: type, names: tuple[str, str]) -> bool:
    """Whether a function wraps a bound method, as Flask-RESTful's ``method_decorators`` do."""
    methods = [_attribute(view_class, name) for name in names]
    return any(
        type(layer) is MethodType
        and isinstance(layer.__self__, view_class)
        and any(layer.__func__ is method for method in methods)
        for layer in called_layers(wrapper)
    )
