"""Looks at an app from outside: which functions stand between a request and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any

from flask.views import MethodView

from ._placement import guards_of

if TYPE_CHECKING:
    from flask import Flask

    from .authenticator import Authenticator

__all__ = ["authenticators_of", "functions_of"]


def authenticators_of(app: Flask) -> list[Authenticator]:
    """The authenticators behind an app's guards and decorators, each once.

    One that a view asks by itself, or from within another function, is not seen from outside.
    """
    found: dict[Authenticator, None] = {}
    for functions in app.before_request_funcs.values():
        for function in functions:
            found.update(dict.fromkeys(guards_of(function)))
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None:
            continue
        for method in rule.methods or ():
            for function in functions_of(view, method):
                found.update(dict.fromkeys(guards_of(function)))
    return list(found)


def functions_of(view: Callable[..., Any], method: str) -> Iterator[Callable[..., Any]]:
    """A registered view, and what is called for one of its methods if it was made of a view class."""
    yield view
    view_class: Any = getattr(view, "view_class", None)
    if view_class is None:
        return
    yield view_class.dispatch_request
    if not issubclass(view_class, MethodView):
        return
    handler = getattr(view_class, method.lower(), None)
    if handler is None:
        return
    yield handler
    for decorator in _method_decorators(view_class, method):
        # Applied to a method, as Flask-RESTful does in each request: what comes out is marked.
        yield decorator(MethodType(handler, view_class))


def _method_decorators(view_class: Any, method: str) -> Iterable[Callable[[Any], Any]]:
    """The decorators that a Flask-RESTful resource puts around its methods."""
    decorators: Any = getattr(view_class, "method_decorators", ())
    if isinstance(decorators, Mapping):
        return decorators.get(method.lower(), ())  # type: ignore[no-any-return]
    return decorators  # type: ignore[no-any-return]
