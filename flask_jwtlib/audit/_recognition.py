"""Recognises wrappers of libraries that certainly call what they wrap.

It compares objects, since ``functools.wraps`` copies names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, cast

from flask.views import View

from .._flask.introspection import closure_variables
from .._flask.method_decorators import library

__all__ = [
    "is_made_by_as_view",
    "responds_to_options",
    "wrapped_by_library",
]

# The functions that make such wrappers, and the variable with the wrapped function.
_TRANSPARENT = (
    ("flask_restful", "Api.output", "resource"),
    ("flask_restx.api", "Api.output", "resource"),
    ("flask_cors.decorator", "cross_origin", "f"),
)


def is_made_by_as_view(function: FunctionType) -> bool:
    """Whether a function was made by Flask's ``View.as_view``."""
    return _is_made_by(View.as_view, function)


def wrapped_by_library(function: FunctionType) -> Any:
    """Return the function that a library's wrapper calls for every request; None for unknown wrappers."""
    for module, maker, variable in _TRANSPARENT:
        if _is_made_by(library(module, maker), function):
            return closure_variables(function).get(variable)
    return None


def responds_to_options(function: FunctionType) -> bool:
    """Whether a library's wrapper itself responds to OPTIONS, as Flask-CORS's decorator usually does."""
    options: Any = closure_variables(function).get("_options")
    # The settings of the app may turn this off. Then the result is too cautious, but safe.
    return isinstance(options, Mapping) and bool(
        cast("Any", options).get("automatic_options", True)
    )


def _is_made_by(maker: Any, function: FunctionType) -> bool:
    """Whether a function was defined inside another one."""
    code = getattr(maker, "__code__", None)
    return code is not None and any(found is function.__code__ for found in _nested(code))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)
