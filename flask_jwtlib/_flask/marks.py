"""Marks on functions: which are guards or guarded views of ours, and which views are public."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar
from weakref import ref

from flask import Request, current_app

from ..errors import ConfigurationError
from .introspection import layers

__all__ = [
    "Mark",
    "copied_mark",
    "is_exempt",
    "is_public",
    "mark",
    "mark_of",
    "public",
]

_View = TypeVar("_View", bound=Callable[..., Any])

_MARK = "_flask_jwtlib_mark"
# Views and view classes by identity: an equal object, or a subclass, is another one.
_public: dict[int, ref[Callable[..., Any]]] = {}


class Mark:
    """What a function of ours does.

    Attributes:
        kind: ``"guard"`` for ``before_request``, or what a decorated view asks of its callers.
        by: The authenticator that made the function.
        view: What a decorated view calls for those it lets in.
        made: A weak reference to the function. ``functools.wraps`` copies a function's attributes to
            whatever wraps it, and a wrapper is not what it wraps.
    """

    __slots__ = ("by", "kind", "made", "view")

    def __init__(
        self, made: Any, kind: Literal["guard", "required", "optional"], by: Any, view: Any
    ) -> None:
        self.made = ref(made)
        self.kind = kind
        self.by = by
        self.view = view


def mark(
    function: _View, kind: Literal["guard", "required", "optional"], *, by: Any, view: Any = None
) -> _View:
    """Mark a function as made by us, and return it."""
    setattr(function, _MARK, Mark(function, kind, by, view))
    return function


def mark_of(function: Any) -> Mark | None:
    """Return the mark of a function that we made; None for any other, whatever it wraps."""
    found = copied_mark(function)
    return found if found is not None and found.made() is function else None


def copied_mark(function: Any) -> Mark | None:
    """Return the mark of a function that we made, or that ``functools.wraps`` put around one."""
    found = getattr(function, _MARK, None)
    return found if type(found) is Mark else None


def public(view: _View) -> _View:
    """Mark a view as one that ``Authenticator.init_app`` and ``guard`` leave alone.

    It is open to everyone then, unless it has a decorator of its own. So is whatever wraps it by
    ``functools.wraps``, as a decorator between it and ``@app.route`` does.

    Works on functions and on ``View`` classes, above or below ``@app.route``. A view of Flask's own
    is marked by a call: ``public(app.view_functions["static"])``.

    Raises:
        ConfigurationError: The object can't be marked, such as an instance of a class with
            ``__slots__``.
    """
    key = id(view)
    try:
        _public[key] = ref(view, partial(_forget, _public, key))
    except TypeError:
        raise ConfigurationError(
            f"a {type(view).__name__} can't be marked public: mark the function or class behind it"
        ) from None
    return view


def _forget(known: dict[int, Any], key: int, _: object) -> None:
    # The variables of this module are arguments, for they are gone when Python exits.
    known.pop(key, None)


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a registered view was marked ``public``, or its class, or what it wraps."""
    return any(
        id(layer) in _public or id(getattr(layer, "view_class", None)) in _public
        for layer in layers(view)
    )


def is_exempt(request: Request) -> bool:
    """Whether a guard leaves a request alone: Flask itself responds to OPTIONS, or the view is public."""
    if request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    ):
        return True
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and is_public(view)
