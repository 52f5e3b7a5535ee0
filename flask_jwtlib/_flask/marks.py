"""Marks on functions: guards and decorated views of this package, and public views."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, Literal, TypeVar
from weakref import ref

from flask import Request, current_app

from ..errors import ConfigurationError
from .introspection import layers

__all__ = [
    "Kind",
    "Mark",
    "allow_preflight",
    "copied_mark",
    "is_decorator",
    "is_exempt",
    "is_public",
    "mark",
    "mark_decorator",
    "mark_of",
    "public",
]

_View = TypeVar("_View", bound=Callable[..., Any])
Kind = Literal["guard", "required", "optional"]

_MARK = "_flask_jwtlib_mark"
# By identity, since an equal object or a subclass isn't public.
_public: dict[int, ref[Callable[..., Any]]] = {}
_preflights: dict[int, ref[Callable[..., Any]]] = {}
# The functions that decorate views.
_decorators: set[Callable[..., Any]] = set()


class Mark:
    """The role of a function that this package made.

    Attributes:
        kind: ``"guard"`` for a ``before_request`` function; ``"required"`` or ``"optional"`` authentication
            for a decorated view.
        by: The authenticator that made the function.
        protection: What the decorator or the guard requires, a ``Protection``.
        view: The view that a decorated view calls.
        let_pass: For a guard: what it lets pass without authentication, a ``LetPass`` or None.
        made: A weak reference to the function. ``functools.wraps`` copies a function's attributes to its
            wrapper, so the mark alone doesn't identify the function.
    """

    __slots__ = ("by", "kind", "let_pass", "made", "protection", "view")

    def __init__(
        self, kind: Kind, by: Any, protection: Any, view: Any = None, let_pass: Any = None
    ) -> None:
        self.made: Callable[[], Any] = lambda: None
        self.kind = kind
        self.by = by
        self.protection = protection
        self.view = view
        self.let_pass = let_pass


def mark(function: _View, as_made: Mark) -> _View:
    """Mark a function as made by this package, and return it."""
    as_made.made = ref(function)
    setattr(function, _MARK, as_made)
    return function


def mark_decorator(function: _View) -> _View:
    """Remember that a function decorates views, and return it."""
    _decorators.add(function)
    return function


def is_decorator(function: Any) -> bool:
    """Whether a function was marked by ``mark_decorator``."""
    return isinstance(function, FunctionType) and function in _decorators


def mark_of(function: Any) -> Mark | None:
    """Return the mark of a function that this package made; None for its wrappers and all other functions."""
    found = copied_mark(function)
    return found if found is not None and found.made() is function else None


def copied_mark(function: Any) -> Mark | None:
    """Return the mark of a function that this package made, or of a ``functools.wraps`` wrapper of one."""
    found = getattr(function, _MARK, None)
    return found if type(found) is Mark else None


def public(view: _View) -> _View:
    """Decorate a view that needs no authentication: ``Authenticator.protect`` and ``guard`` ignore it.

    An authentication decorator of the view itself still applies. A wrapper of a public view that uses
    ``functools.wraps``, such as a decorator between ``@public`` and ``@app.route``, is public, too.

    It works on functions and ``View`` classes, above or below ``@app.route``. For views that you don't define
    yourself, pass ``public=["static"]`` to ``protect``.

    Raises:
        ConfigurationError: The object can't be marked, such as an instance of a class with ``__slots__``.
    """
    return _remembered(view, _public, "public")


def allow_preflight(view: _View) -> _View:
    """Decorate a view that itself responds to CORS preflights, as with ``flask_cors.cross_origin``.

    ``Authenticator.protect`` and ``guard`` then let a preflight to this view pass: an OPTIONS request with
    ``Origin`` and ``Access-Control-Request-Method``. All its other requests need authentication as before.

    Put it above ``@cross_origin()``, since the view must not do anything for a preflight but respond to it.

    Raises:
        ConfigurationError: The object can't be marked, such as an instance of a class with ``__slots__``.
    """
    return _remembered(view, _preflights, "for preflights")


def _remembered(view: _View, known: dict[int, ref[Callable[..., Any]]], what: str) -> _View:
    key = id(view)
    try:
        known[key] = ref(view, partial(_forget, known, key))
    except TypeError:
        raise ConfigurationError(
            f"a {type(view).__name__} can't be marked {what}: mark the function or class behind it"
        ) from None
    return view


def _forget(known: dict[int, Any], key: int, _: object) -> None:
    # This module's variables are passed as arguments, since they no longer exist when Python exits.
    known.pop(key, None)


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a registered view, its class, or a function that it wraps was marked ``public``."""
    return _is_known(view, _public)


def _is_known(view: Callable[..., Any], known: dict[int, Any]) -> bool:
    return any(
        id(layer) in known or id(getattr(layer, "view_class", None)) in known
        for layer in layers(view)
    )


def is_exempt(request: Request) -> bool:
    """Whether a guard ignores a request: the view is public, or it is a preflight that needs no credentials.

    A CORS preflight never has credentials. It passes if Flask itself responds to OPTIONS, or if the view was
    marked by ``allow_preflight``. It reveals that the path exists and which methods it has.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return False
    if is_public(view):
        return True
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
        and (
            bool(getattr(request.url_rule, "provide_automatic_options", False))
            or _is_known(view, _preflights)
        )
    )
