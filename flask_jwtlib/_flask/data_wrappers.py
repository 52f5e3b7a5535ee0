"""Decorators of other libraries that take everything that a view returns as data, even a response."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any

from .method_decorators import library

__all__ = ["converts", "takes_data"]

_DECORATORS = (
    ("flask_restful", "marshal_with.__call__"),
    ("flask_restful", "marshal_with_field.__call__"),
    ("flask_restx.marshalling", "marshal_with.__call__"),
    ("flask_restx.marshalling", "marshal_with_field.__call__"),
    ("flask_smorest.etag", "EtagMixin.etag"),
    ("flask_smorest.pagination", "PaginationMixin.paginate"),
)


def converts(decorator: Any) -> bool:
    """Whether an object in ``method_decorators`` is such a decorator."""
    kinds = (library(module, path.partition(".")[0]) for module, path in _DECORATORS)
    return any(type(decorator) is kind for kind in kinds)


def takes_data(wrapper: Any) -> bool:
    """Whether a function was made by such a decorator. It would make a 200 or a 500 of a returned refusal."""
    code = getattr(wrapper, "__code__", None)
    return code is not None and any(
        code is within
        for module, path in _DECORATORS
        for within in _codes_within(getattr(library(module, path), "__code__", None))
    )


def _codes_within(code: CodeType | None) -> Iterator[CodeType]:
    """Yield the code of the functions that a function defines."""
    for constant in () if code is None else code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_within(constant)
