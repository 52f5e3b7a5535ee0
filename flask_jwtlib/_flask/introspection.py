"""The callables behind a view: those that it wraps, closes over or has as attributes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any, cast

from flask import Flask
from flask.views import MethodView, View

__all__ = ["called_layers", "closure_variables", "layers", "reachable_callables"]

# More than any app has. They stop at objects whose `__wrapped__` is a new object at each access.
_MOST_LAYERS = 100
_MOST_CALLABLES = 10_000
_BASES = (object, View, MethodView)


def layers(view: Any) -> Iterator[Callable[..., Any]]:
    """Yield a view and the functions that it wraps, from the outside in, by ``__wrapped__``."""
    return _chain(view, _wrapped_by)


def called_layers(view: Any) -> Iterator[Any]:
    """Yield as ``layers`` does, and also what a bound method, a partial or a callable object calls."""
    return _chain(view, _called_by)


def _chain(view: Any, following: Callable[[Any], Any]) -> Iterator[Any]:
    seen: set[int] = set()
    layer: Any = view
    while layer is not None and id(layer) not in seen and len(seen) < _MOST_LAYERS:
        seen.add(id(layer))
        yield layer
        layer = following(layer)


def _wrapped_by(layer: Any) -> Any:
    return getattr(layer, "__wrapped__", None)


def _called_by(layer: Any) -> Any:
    kind = cast("Any", type(layer))
    if kind is FunctionType:
        return getattr(layer, "__wrapped__", None)
    if kind in (MethodType, staticmethod):
        return layer.__func__
    if kind is partial:
        return layer.func
    wrapped = _wrapped_by(layer)
    if wrapped is None and not isinstance(layer, type):
        call = inspect.getattr_static(kind, "__call__", None)
        return call if isinstance(call, FunctionType) else None
    return wrapped


def reachable_callables(
    view: Any, known: dict[int, tuple[Any, list[Any]]] | None = None
) -> Iterator[Any]:
    """Yield a view and every callable that it refers to, and so might call.

    These are the functions that it wraps, binds or closes over, the attributes of a view class, and the
    attributes of a callable object. Functions that it finds by a global name are not included.

    Args:
        view: The view.
        known: A cache. Pass the same dictionary, empty at first, for several views that share callables.
    """
    known = {} if known is None else known
    # It has the objects as values, since an id is unique only while its object exists.
    seen: dict[int, Any] = {}
    waiting = [view]
    while waiting and len(seen) < _MOST_CALLABLES:
        found = waiting.pop()
        if id(found) not in seen:
            seen[id(found)] = found
            yield found
            if id(found) not in known:
                known[id(found)] = found, list(_within(found))
            waiting.extend(known[id(found)][1])


def closure_variables(function: FunctionType) -> dict[str, Any]:
    """Return the variables that a function closes over, by name."""
    contents: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            contents[name] = cell.cell_contents
        except ValueError:  # it has no value yet
            continue
    return contents


def _within(found: Any) -> Iterator[Any]:
    if isinstance(found, type):
        yield from _of_class(found)
        return
    if isinstance(found, FunctionType):
        yield from _of_closure(found)
    elif isinstance(found, MethodType | staticmethod | classmethod):
        yield cast("Any", found).__func__
    elif isinstance(found, partial):
        yield found.func
    elif isinstance(found, property):
        yield found.fget
    else:
        kind = cast("Any", type(found))
        yield inspect.getattr_static(kind, "__call__", None)
        yield from filter(_is_callable, _attributes(found).values())
    # Look it up statically first, so that no other package's `__getattr__` runs.
    for name in ("__wrapped__", "view_class"):
        if inspect.getattr_static(cast("Any", found), name, None) is not None:
            yield getattr(cast("Any", found), name, None)


def _of_closure(function: FunctionType) -> Iterator[Any]:
    for value in closure_variables(function).values():
        if isinstance(
            value, View
        ):  # the only instance of a class with `init_every_request = False`
            yield type(value)
            yield from filter(_is_callable, _attributes(value).values())
        elif _is_callable(value):
            yield value


def _of_class(view_class: type) -> Iterator[Any]:
    """Yield the attributes of a view class that might be called."""
    if issubclass(view_class, View):
        for base in view_class.__mro__:
            if base not in _BASES:
                yield from (
                    value
                    for value in vars(base).values()
                    if _is_callable(value) or isinstance(value, classmethod | property)
                )


def _is_callable(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | Flask)


def _attributes(found: Any) -> dict[str, Any]:
    """Return an object's own attributes, even if it is a proxy."""
    try:
        attributes: dict[str, Any] = object.__getattribute__(found, "__dict__")
    except AttributeError:
        return {}
    return attributes
