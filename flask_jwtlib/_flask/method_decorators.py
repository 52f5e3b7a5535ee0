"""The ``method_decorators`` of resources of Flask-RESTful and Flask-RESTX."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from inspect import getattr_static
from types import MethodType
from typing import Any, cast

from .marks import Mark, is_decorator

__all__ = [
    "decoration",
    "library",
    "method_decorator_marks",
    "method_decorators",
    "reads_method_decorators",
]

_NAMES = ("requires_authentication", "optional_authentication")
# The modules of the `Resource` that wraps its methods with `method_decorators`.
_RESOURCE_MODULES = ("flask_restful", "flask_restx.resource")


def decoration(decorator: Any) -> Mark | None:
    """Return the mark of the views that a decorator of this package makes; None for any other decorator."""
    made: Any = decorator
    function = _function_of(decorator)
    if isinstance(function, MethodType) and is_decorator(function.__func__):
        # Without a view, it returns a decorator that knows what it requires.
        made = decorator()
    package: Any = sys.modules[__name__.partition(".")[0]]
    for name in _NAMES:
        if function is getattr(package, name):
            made = getattr(package.default_authenticator, name)()
    if made is function or not is_decorator(_function_of(made)):
        return None
    protection = made.keywords.get("protection")
    if protection is None:
        return None
    kind: Any = "optional" if protection.optional else "required"
    return Mark(kind, made.keywords["authenticator"], protection)


def _function_of(decorator: Any) -> Any:
    return cast("Any", decorator).func if type(decorator) is partial else decorator


def method_decorator_marks(view_class: type, method: str) -> Iterator[Mark]:
    """Yield the marks of the decorators around a method of a resource, from the outside in."""
    yield from filter(None, map(decoration, reversed(method_decorators(view_class, method))))


def method_decorators(view_class: type, method: str) -> list[Any]:
    """Return the decorators around a method of a resource, from the inside out."""
    decorators: Any = ()
    if reads_method_decorators(getattr_static(view_class, "dispatch_request", None)):
        decorators = getattr_static(view_class, "method_decorators", ())
    if isinstance(decorators, Mapping):
        decorators = cast("Any", decorators).get(method.lower(), ())
    return list(cast("Any", decorators)) if isinstance(decorators, list | tuple) else []


def reads_method_decorators(dispatch: Any) -> bool:
    """Whether a ``dispatch_request`` is one that wraps the methods with ``method_decorators``."""
    return dispatch is not None and any(
        dispatch is library(module, "Resource.dispatch_request") for module in _RESOURCE_MODULES
    )


def library(module: str, path: str) -> Any:
    """Return a library's function; None if the application hasn't imported the library."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found
