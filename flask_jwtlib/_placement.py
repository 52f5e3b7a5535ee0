"""Which views are open: those marked so, and those whose decorator stands above ``@app.route`` by mistake.

In that order Flask registers the bare function, and the guarded one is never called. Nothing of
ours runs in such a view. So each guarded function is remembered until it is found in an app, and as
long as one is missing, each app is searched as it serves its first request.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary, WeakSet, ref

from flask import Flask, Request, current_app, request_started

from .errors import ConfigurationError

__all__ = [
    "check_app",
    "guards_of",
    "is_exempt",
    "is_guard",
    "is_public",
    "mark_guard",
    "mark_guarded",
    "misplaced_views",
    "protection_of",
    "public",
]

_View = TypeVar("_View", bound=Callable[..., Any])
_Protection = Literal["required", "optional"]

_GUARD = "_flask_jwtlib_guard"
_GUARDED = "_flask_jwtlib_guarded"
_BY = "_flask_jwtlib_authenticator"

_lock = Lock()
# Bare function → its guarded twins, as long as none of them was found in an app.
_unplaced: WeakKeyDictionary[Callable[..., Any], list[ref[Callable[..., Any]]]] = (
    WeakKeyDictionary()
)
_searched: WeakSet[Flask] = WeakSet()
# Views and view classes by identity: an equal object, or a subclass, is another one.
_public: dict[int, ref[Callable[..., Any]]] = {}


def public(view: _View) -> _View:
    """Mark a view as one that ``Authenticator.init_app`` and ``guard`` leave alone.

    It is open to everyone then, unless it has a decorator of its own. So is whatever wraps it by
    ``functools.wraps``, as a decorator between it and ``@app.route`` does.

    Works on functions and on ``View`` classes, above or below ``@app.route``. A view of Flask's own
    is marked by a call: ``public(app.view_functions["static"])``.
    """
    key = id(view)
    try:
        _public[key] = ref(view, lambda _: _public.pop(key, None))
    except TypeError:
        raise ConfigurationError(
            f"a {type(view).__name__} can't be marked public: mark the function or class behind it"
        ) from None
    return view


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a registered view was marked ``public``."""
    return any(
        id(layer) in _public or id(getattr(layer, "view_class", None)) in _public
        for layer in _layers(view)
    )


def is_exempt(request: Request) -> bool:
    """Whether a guard leaves a request alone: an OPTIONS that Flask answers, or a view marked ``public``."""
    if request.method == "OPTIONS" and getattr(
        request.url_rule, "provide_automatic_options", False
    ):
        return True
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and is_public(view)


def mark_guard(guard: _View, *, by: object) -> _View:
    """Mark a function that was made for ``before_request``, and by whom, and answer it."""
    setattr(guard, _GUARD, True)
    setattr(guard, _BY, by)
    return guard


def is_guard(function: Callable[..., Any]) -> bool:
    """Whether a function for ``before_request`` was made by ``Authenticator.guard``."""
    return getattr(function, _GUARD, False)


def mark_guarded(bare: Callable[..., Any], guarded: _View, *, optional: bool, by: object) -> _View:
    """Remember that a function was decorated, how and by whom, and answer the guarded one."""
    setattr(guarded, _GUARDED, "optional" if optional else "required")
    setattr(guarded, _BY, by)
    with _lock:
        for layer in _layers(bare):
            # A method is not what @app.route registers.
            if inspect.isfunction(layer) and not _is_method(layer):
                alive = [twin for twin in _unplaced.get(layer, ()) if twin() is not None]
                _unplaced[layer] = [*alive, ref(guarded)]
                request_started.connect(_search_once)
    return guarded


def protection_of(view: Callable[..., Any]) -> _Protection | None:
    """What decorators of ours ask of a view's callers, at most; None where there is none."""
    found = {getattr(layer, _GUARDED, None) for layer in _layers(view)}
    return "required" if "required" in found else "optional" if "optional" in found else None


def guards_of(function: Callable[..., Any]) -> list[Any]:
    """The authenticators whose guard a function is, or whose decorators are around it, outermost first."""
    found = [getattr(layer, _BY, None) for layer in _layers(function)]
    # What functools.wraps put around a guarded function has its attributes.
    return [by for number, by in enumerate(found) if by is not None and by not in found[:number]]


def check_app(app: Flask) -> None:
    """Check that no decorator of ours protects nothing in an app.

    Raises:
        ConfigurationError: There are such views; the message names them.
    """
    if misplaced := misplaced_views(app):
        raise ConfigurationError(
            f"open to everyone: {', '.join(misplaced)}. The authentication decorator stands above "
            "@app.route, which registers the function below it: put @app.route first"
        )


def misplaced_views(app: Flask) -> list[str]:
    """The endpoints that are registered bare although their function was decorated.

    A function whose guarded twin is registered too, in this app or one that was searched before, is
    open on purpose. What can't be seen: a decorator that does not tell what it wraps, as
    ``functools.wraps`` does, between ours and ``@app.route``; and a function in a class body.
    """
    views = {endpoint: list(_layers(view)) for endpoint, view in app.view_functions.items()}
    registered = {id(function) for layers in views.values() for function in layers}
    with _lock:
        for bare, twins in list(_unplaced.items()):
            if any(id(twin()) in registered for twin in twins):
                del _unplaced[bare]
        if not _unplaced:
            request_started.disconnect(_search_once)
        return sorted(endpoint for endpoint, layers in views.items() if _lost_its_guard(layers))


def _search_once(app: Flask, **_: object) -> None:
    if app not in _searched:
        check_app(app)
        _searched.add(app)


def _lost_its_guard(layers: list[Callable[..., Any]]) -> bool:
    """Whether a view comes down to a function that was decorated, with no decorator of ours around it."""
    return any(
        inspect.isfunction(function)
        and function in _unplaced
        and (outer is None or not hasattr(outer, _GUARDED))
        for outer, function in zip((None, *layers), layers, strict=False)
    )


def _layers(view: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A view and, from the outside in, the functions that it wraps."""
    seen: set[int] = set()
    layer: Any = view
    while layer is not None and id(layer) not in seen:
        seen.add(id(layer))
        yield layer
        layer = getattr(layer, "__wrapped__", None)


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether a function was defined in a class body."""
    owner = function.__qualname__.rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")
