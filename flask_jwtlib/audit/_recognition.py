"""Recognises the decorators of this package, and wrappers of libraries that certainly call what they wrap.

It compares objects, since ``functools.wraps`` copies names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, cast

from flask.views import View

from .._decorators import decorate_view
from .._flask.introspection import closure_variables
from ..authenticator import Authenticator

__all__ = [
    "decoration",
    "is_made_by_as_view",
    "reads_method_decorators",
    "responds_to_options",
    "wrapped_by_library",
]

_DECORATORS = {"requires_authentication": "required", "optional_authentication": "optional"}
# The functions that make such wrappers, and the variable with the wrapped function.
_TRANSPARENT = (
    ("flask_restful", "Api.output", "resource"),
    ("flask_restx.api", "Api.output", "resource"),
    ("flask_cors.decorator", "cross_origin", "f"),
)
# The modules of the `Resource` that wraps its methods with `method_decorators`.
_RESOURCE_MODULES = ("flask_restful", "flask_restx.resource")


def is_made_by_as_view(function: FunctionType) -> bool:
    """Whether a function was made by Flask's ``View.as_view``."""
    return _is_made_by(View.as_view, function)


def wrapped_by_library(function: FunctionType) -> Any:
    """Return the function that a library's wrapper calls for every request; None for unknown wrappers."""
    for module, maker, variable in _TRANSPARENT:
        if _is_made_by(_library(module, maker), function):
            return closure_variables(function).get(variable)
    return None


def responds_to_options(function: FunctionType) -> bool:
    """Whether a library's wrapper itself responds to OPTIONS, as Flask-CORS's decorator usually does."""
    options: Any = closure_variables(function).get("_options")
    # The settings of the app may turn this off. Then the result is too cautious, but safe.
    return isinstance(options, Mapping) and bool(
        cast("Any", options).get("automatic_options", True)
    )


def decoration(decorator: Any) -> tuple[str, Any] | None:
    """Return the kind and the authenticator of a decorator of this package; None for any other."""
    function: Any = decorator.func if type(decorator) is partial else decorator
    if function is decorate_view:
        kind = "optional" if decorator.keywords["optional"] else "required"
        return kind, decorator.keywords["authenticator"]
    if isinstance(function, MethodType) and isinstance(function.__self__, Authenticator):
        for name, kind in _DECORATORS.items():
            if function.__func__ is vars(Authenticator)[name]:
                return kind, function.__self__
    package: Any = sys.modules[__name__.partition(".")[0]]
    for name, kind in _DECORATORS.items():
        if function is getattr(package, name):
            return kind, package.default_authenticator
    return None


def reads_method_decorators(dispatch: Any) -> bool:
    """Whether a ``dispatch_request`` is one that wraps the methods with ``method_decorators``."""
    return any(
        dispatch is _library(module, "Resource.dispatch_request") for module in _RESOURCE_MODULES
    )


def _library(module: str, path: str) -> Any:
    """Return a library's function; None if the application hasn't imported the library."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is_made_by(maker: Any, function: FunctionType) -> bool:
    """Whether a function was defined inside another one."""
    code = getattr(maker, "__code__", None)
    return code is not None and any(found is function.__code__ for found in _nested(code))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)
