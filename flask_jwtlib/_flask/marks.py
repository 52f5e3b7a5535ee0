"""Marks on functions: guards and decorated views of this package, and public views."""

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
# By identity, since an equal object or a subclass isn't public.
_public: dict[int, ref[Callable[..., Any]]] = {}


class Mark:
    """The role of a function that this package made.

    Attributes:
        kind: ``"guard"`` for a ``before_request`` function; ``"required"`` or ``"optional"`` authentication
            for a decorated view.
        by: The authenticator that made the function.
        view: The view that a decorated view calls.
        made: A weak reference to the function. ``functools.wraps`` copies a function's attributes to its
            wrapper, so the mark alone doesn't identify the function.
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
    """Mark a function as made by this package, and return it."""
    setattr(function, _MARK, Mark(function, kind, by, view))
    return function


def mark_of(function: Any) -> Mark | None:
    """Return the mark of a function that this package made; None for its wrappers and all other functions."""
    found = copied_mark(function)
    return found if found is not None and found.made() is function else None


def copied_mark(function: Any) -> Mark | None:
    """Return the mark of a function that this package made, or of a ``functools.wraps`` wrapper of one."""
    found = getattr(function, _MARK, None)
    return found if type(found) is Mark else None


def public(view: _View) -> _View:
    """Decorate a view that needs no authentication: ``Authenticator.init_app`` and ``guard`` ignore it.

    An authentication decorator of the view itself still applies. A wrapper of a public view that uses
    ``functools.wraps``, such as a decorator between ``@public`` and ``@app.route``, is public, too.

    It works on functions and ``View`` classes, above or below ``@app.route``. For a view that Flask made,
    call it: ``public(app.view_functions["static"])``.

    Raises:
        ConfigurationError: The object can't be marked, such as an instance of a class with ``__slots__``.
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
    # This module's variables are passed as arguments, since they no longer exist when Python exits.
    known.pop(key, None)


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a registered view, its class, or a function that it wraps was marked ``public``."""
    return any(
        id(layer) in _public or id(getattr(layer, "view_class", None)) in _public
        for layer in layers(view)
    )


def is_exempt(request: Request) -> bool:
    """Whether a guard ignores a request: Flask itself responds to OPTIONS, or the view is public."""
    if request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    ):
        return True
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and is_public(view)
