"""The state of the current request: its caller and the decisions. Only this module writes to ``flask.g``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flask import (
    Flask,
    Request,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    request_tearing_down,
)
from flask.globals import request_ctx
from werkzeug.local import LocalProxy

from ..values import Principal

if TYPE_CHECKING:
    from flask.ctx import RequestContext

__all__ = [
    "GivenRequest",
    "RequestState",
    "begin_decision",
    "current_app_or_none",
    "current_context",
    "current_flask_app",
    "current_g",
    "current_principal",
    "current_request",
    "current_state",
    "deciding_on",
    "given_request",
    "is_authenticated",
    "is_current",
]

_KEY = "_flask_jwtlib"
_ANONYMOUS = {"authenticated": False, "raw_token": None, "json_token": None}
_OURS = (_KEY, *_ANONYMOUS)


class RequestState:
    """The decisions about one request.

    The request has it as an attribute, and so has ``flask.g``, to show which request published there. An
    app context may outlive a request, as in tests that push one, and a caller on ``g`` counts only for the
    request that published it. The state refers to neither of them, so that no reference cycle has to wait
    for the garbage collector.

    Attributes:
        principal: The published caller, or None.
        outcomes: The outcome of each pipeline, so that each decides only once.
        notes: Used by the documented module API to keep data about the request's token.
        before: The attributes of ``g`` before the request, if ``g`` will outlive it.
    """

    __slots__ = ("before", "notes", "outcomes", "principal")

    def __init__(self) -> None:
        self.before: dict[str, Any] | None = None
        self.principal: Principal | None = None
        self.outcomes: dict[object, Any] = {}
        self.notes: Any = None

    def publish(self, principal: Principal, published: dict[str, Any]) -> None:
        """Publish the caller by the documented attributes of ``flask.g``."""
        self.principal = principal
        published["raw_token"] = principal.token.value
        published["json_token"] = principal.claims
        published["authenticated"] = True

    def restorer(self, published: dict[str, Any]) -> Callable[[], None]:
        """Return a function that publishes the present state again, with the application's assignments."""
        attributes = {name: published.get(name) for name in _ANONYMOUS}
        return partial(self._restore, self.principal, copy(self.notes), attributes)

    def _restore(self, principal: Principal | None, notes: Any, attributes: dict[str, Any]) -> None:
        self.principal, self.notes = principal, notes
        vars(current_g()).update(attributes)


# Werkzeug's documented way to get the object behind a proxy. Outside of a request, Flask's error says how to
# fix that.
current_request: Callable[[], Request] = cast("Any", request)._get_current_object
current_flask_app: Callable[[], Flask] = cast("Any", current_app)._get_current_object
current_context: Callable[[], RequestContext] = cast("Any", request_ctx)._get_current_object
# Use vars() to access its attributes: attribute access of ``g`` is Python code and ten times as slow.
current_g: Callable[[], object] = cast("Any", g)._get_current_object


def current_app_or_none() -> Flask | None:
    """Return the current app; None outside of an app context."""
    return current_flask_app() if has_app_context() else None


def _current_context_or_none() -> RequestContext | None:
    return current_context() if has_request_context() else None


class GivenRequest:
    """A request that the application passed to ``authenticate``. It needn't be the current one.

    Attributes:
        request: The request.
        notes: As ``RequestState.notes``, separate from those of the current request.
    """

    __slots__ = ("_context", "notes", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.notes: Any = None
        self._context = _current_context_or_none()

    def applies(self) -> bool:
        """Whether this request is being decided about, and not one that a claim rule sends to the app."""
        return _current_context_or_none() is self._context


_given: ContextVar[GivenRequest | None] = ContextVar("flask_jwtlib_given_request", default=None)
given_request: Callable[[], GivenRequest | None] = _given.get
"""Return the request that was passed to ``authenticate``, or None. Check whether it ``applies``."""


@contextmanager
def deciding_on(request: Request) -> Generator[Request, None, None]:
    """Note that ``authenticate`` decides about a given request. Yield it without a proxy around it."""
    if isinstance(request, LocalProxy):
        request = cast("Any", request)._get_current_object()
    token = _given.set(GivenRequest(request))
    try:
        yield request
    finally:
        _given.reset(token)


def is_current(request: Request) -> bool:
    """Whether ``flask.request`` is this request."""
    return has_request_context() and current_request() is request


def begin_decision(
    context: RequestContext, published: dict[str, Any]
) -> tuple[RequestState, Callable[[], None] | None]:
    """Begin a decision about a request: publish that there is no authenticated caller.

    Args:
        context: The request's context.
        published: The attributes of its ``flask.g``.

    Returns:
        The request's state, which is created if necessary; and a function that publishes the outcome of an
        earlier decision again, or None without such a decision.
    """
    attributes = vars(context.request)
    state: RequestState | None = attributes.get(_KEY)
    restore: Callable[[], None] | None = None
    if state is None:
        state = attributes[_KEY] = RequestState()
        # Flask has no public name for it: a request context keeps the app context that it made. It keeps
        # None if it found one, whose ``g`` then outlives the request. Up to Flask 3.1, this is so for a
        # request within a request, or within an app context that a test or a script pushed.
        tokens: Any = getattr(context, "_cv_tokens", None)
        if tokens and tokens[0][1] is None:
            state.before = {name: published[name] for name in _OURS if name in published}
            request_tearing_down.connect(_put_back, current_flask_app())
    elif state.outcomes:
        restore = state.restorer(published)
    state.principal = None
    published.update(_ANONYMOUS)
    published[_KEY] = state
    return state, restore


def _put_back(_: Flask, **__: object) -> None:
    """Restore ``g`` at the end of a request, so that no other request sees its caller."""
    state = current_state()
    if state is not None and state.before is not None:
        published = vars(current_g())
        for name in _OURS:
            published.pop(name, None)
        published.update(state.before)


def current_state() -> RequestState | None:
    """Return the state of the current request, or None. It needs no context, and changes nothing."""
    return vars(current_request()).get(_KEY) if has_request_context() else None


def is_authenticated() -> bool:
    """Return whether the current request's caller is authenticated, by ``g.authenticated``."""
    if not has_request_context():
        return False
    published = vars(current_g())
    if published.get(_KEY) is not current_state():
        # Another request published it.
        return False
    return bool(published.get("authenticated", False))


def _principal() -> Principal:
    state = current_state()
    if state is None or state.principal is None:
        raise RuntimeError(
            "This request has no authenticated caller. Protect the view with an Authenticator's "
            "requires_authentication or guard. On an optional route, check `if current_principal:` first."
        )
    return state.principal


class _CurrentPrincipal(LocalProxy[Principal]):
    """The current request's caller, a ``Principal``. Falsy if there isn't one."""

    __slots__ = ()
    # pydoc reads this attribute. Without it, pydoc would look for a caller, which raises an error.
    __origin__ = Principal


current_principal: Principal = cast("Principal", _CurrentPrincipal(_principal))
"""The current request's caller. Without one it is falsy, and any other use raises ``RuntimeError``."""
