"""Finds views that are served without their decorator, because it is above ``@app.route``.

In this order, Flask registers the undecorated function. It never calls the guarded function that the
decorator returned, so none of this package's code runs for such a view. Therefore each decorated function is
remembered, and each app is searched when it serves its first request.

The search ends once every guarded function was found in some app, or every app was searched: a function that
isn't a view, such as a Socket.IO handler, is found in none. From then on it costs requests nothing, until
another function is decorated.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from inspect import currentframe
from threading import Lock
from types import FrameType, MethodType
from typing import Any, TypeVar
from weakref import WeakMethod, WeakSet, ref

from flask import Flask, has_request_context, request_started

from ..errors import ConfigurationError
from .decorator_lines import how_to_reorder
from .introspection import layers, reachable_callables
from .marks import is_public

__all__ = ["check_app", "cure_of", "misplaced_views", "remember"]

_View = TypeVar("_View", bound=Callable[..., Any])
_Key = int | tuple[int, int]
_REORDER = (
    "Flask registered the undecorated function: put @app.route above the decorator, or register the function "
    "that the decorator returns. To serve a function without authentication as well, give the guarded one "
    "another name: guarded = auth.requires_authentication(view)."
)


class _Decorated:
    """A function that was decorated.

    Attributes:
        bare: Returns the undecorated function. It is a weak reference if possible, so that the function isn't
            kept in memory.
        guarded: Weak references to the functions that the decorators returned.
        keeps_its_name: Whether a variable refers to the undecorated function. If it was decorated by
            ``@decorator``, its name refers to the guarded function, so the undecorated one can't be
            registered on purpose.
    """

    __slots__ = ("bare", "guarded", "keeps_its_name")

    def __init__(self, bare: Callable[[], Any]) -> None:
        self.bare = bare
        self.guarded: list[ref[Callable[..., Any]]] = []
        self.keeps_its_name = False

    def guarded_ids(self) -> set[int]:
        """Return the ids of the guarded functions that still exist."""
        return {id(alive) for alive in (guarded() for guarded in self.guarded) if alive is not None}


_lock = Lock()
_decorated: dict[_Key, _Decorated] = {}
# The functions whose guarded functions were not found in any app yet.
_unregistered: set[_Key] = set()
# The functions that were decorated since the last check for apps to search.
_newly_decorated: set[_Key] = set()
_searched: WeakSet[Flask] = WeakSet()


def remember(bare: Callable[..., Any], guarded: _View) -> _View:
    """Remember that a function was decorated, and return the guarded function."""
    if type(bare) is MethodType and has_request_context():
        # Flask-RESTful decorates the methods of its resources in each request.
        return guarded
    variables = _variables_of_the_caller()
    with _lock:
        for layer in _identities(bare):
            key = _key(layer)
            decorated = _decorated.get(key)
            if decorated is None:
                decorated = _decorated[key] = _Decorated(_weak_reference(layer, key))
            alive = [known for known in decorated.guarded if known() is not None]
            decorated.guarded = [*alive, ref(guarded)]
            decorated.keeps_its_name |= any(value is layer for value in variables)
            _unregistered.add(key)
            _newly_decorated.add(key)
        request_started.connect(_search_once)
    return guarded


def check_app(app: Flask) -> None:
    """Check that every view of an app is served with its authentication decorator.

    Raises:
        ConfigurationError: Some are not. The message names the endpoints.
    """
    if misplaced := misplaced_views(app):
        cures = dict.fromkeys(cure_of(app.view_functions[endpoint]) for endpoint in misplaced)
        raise ConfigurationError(
            f"served without their authentication decorator: {', '.join(misplaced)}. {' '.join(cures)}"
        )


def cure_of(view: Callable[..., Any]) -> str:
    """Return how to serve a misplaced view with its decorator: which lines to move, if they are known."""
    return how_to_reorder(view) or _REORDER


def misplaced_views(app: Flask) -> list[str]:
    """Return the endpoints of views that were decorated but are registered without the decorator.

    That is a view which is a decorated function, or wraps one by ``functools.wraps``, with none of its
    decorators around it. It is left out if it is open on purpose: the guarded function is registered, too,
    in this app or in one that was searched before, and the undecorated function has its own name.

    A view that refers to a decorated function in another way (closes over it, binds it, or has it as a
    method) is included if the guarded function is found in no app, and the view is not ``public``.

    A decorator between this package's and ``@app.route`` that doesn't use ``functools.wraps`` can't be
    detected.
    """
    views = {endpoint: list(_identities(view)) for endpoint, view in app.view_functions.items()}
    # Views may share many callables, such as the objects of their decorators. Only relevant ones are kept.
    guarded = {each for decorated in list(_decorated.values()) for each in decorated.guarded_ids()}
    known: dict[int, tuple[Any, list[Any]]] = {}
    held = {
        endpoint: {
            _key(found): found
            for found in reachable_callables(view, known)
            if id(found) in guarded or _key(found) in _decorated
        }
        for endpoint, view in app.view_functions.items()
    }
    found = {id(each) for one in held.values() for each in one.values()}
    with _lock:
        for key in _unregistered.copy():
            decorated = _decorated.get(key)
            if decorated is None or not found.isdisjoint(decorated.guarded_ids()):
                _unregistered.discard(key)
    return sorted(
        endpoint
        for endpoint, own in views.items()
        if _is_bare(own)
        or (_holds_bare(held[endpoint]) and not is_public(app.view_functions[endpoint]))
    )


def _is_bare(own: list[Any]) -> bool:
    """Whether a view is or wraps a decorated function without any of its decorators around it."""
    outer: set[int] = set()
    for layer in own:
        key = _key(layer)
        decorated = _decorated.get(key)
        if decorated is not None and outer.isdisjoint(decorated.guarded_ids()):
            on_purpose = decorated.keeps_its_name and key not in _unregistered
            if not on_purpose:
                return True
        outer.add(id(layer))
    return False


def _holds_bare(held: dict[_Key, Any]) -> bool:
    """Whether a view refers to a decorated function whose guarded one is neither in it nor in any app."""
    identities = {id(each) for each in held.values()}
    for key in held:
        decorated = _decorated.get(key)
        if (
            decorated is not None
            and key in _unregistered
            and identities.isdisjoint(decorated.guarded_ids())
        ):
            return True
    return False


def _search_once(app: Flask, **_: object) -> None:
    is_new = app not in _searched
    if is_new:
        check_app(app)
        _searched.add(app)
    with _lock:
        look = bool(_unregistered) and (is_new or bool(_newly_decorated))
        _newly_decorated.clear()
    all_searched = look and _all_searched(app)
    with _lock:
        if not _unregistered or (all_searched and not _newly_decorated):
            request_started.disconnect(_search_once)


def _all_searched(app: Flask) -> bool:
    """Whether all apps in this process have been searched. One of them is given.

    It takes some milliseconds, too much for every request.
    """
    kinds: list[type] = [Flask]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    # An object refers to its class. Objects in the permanent generation (`gc.freeze`) are not found.
    found = [each for each in gc.get_referrers(*kinds) if issubclass(type(each), Flask)]
    return app in found and all(each in _searched for each in found)


def _identities(view: Any) -> Iterator[Any]:
    """Yield a view and the functions that it wraps, up to a bound method.

    It stops there, since many methods may share one function. A ``staticmethod`` is left out in favour of the
    function that it wraps.
    """
    for layer in layers(view):
        if type(layer) is not staticmethod:
            yield layer
        if type(layer) is MethodType:
            return


def _variables_of_the_caller() -> list[Any]:
    """Return the values of all variables where the decorator is applied."""
    frame = currentframe()
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return [] if frame is None else [*frame.f_locals.values(), *frame.f_globals.values()]


def _is_ours(frame: FrameType) -> bool:
    package = __name__.partition(".")[0]
    return str(frame.f_globals.get("__name__")).partition(".")[0] == package


def _key(function: Any) -> _Key:
    """Return the identity of a function. A bound method is a new object at each access."""
    if type(function) is MethodType:
        return id(function.__self__), id(function.__func__)
    return id(function)


def _weak_reference(function: Any, key: _Key) -> Callable[[], Any]:
    """Return a weak reference to a function, which deletes its entries once the function is gone."""

    # It runs in the garbage collector, in any thread, so it takes no lock. It also runs when Python exits and
    # this module's variables no longer exist, so they are passed as defaults.
    def forget(
        _: object,
        decorated: dict[_Key, _Decorated] = _decorated,
        unregistered: set[_Key] = _unregistered,
    ) -> None:
        decorated.pop(key, None)
        unregistered.discard(key)

    try:
        if type(function) is MethodType:
            return WeakMethod(function, forget)
        return ref(function, forget)
    except TypeError:  # it has __slots__
        return lambda: function
