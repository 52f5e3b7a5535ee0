"""What is known of the current request's caller: the only module that writes to ``flask.g``."""

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
_NOBODY = {"authenticated": False, "raw_token": None, "json_token": None}
_OURS = (_KEY, *_NOBODY)


class RequestState:
    """One request's decisions.

    It hangs on the request, and on ``flask.g`` as a mark of who published there: an app context may
    outlive a request (as in tests that push one by hand), and what one request's caller left on ``g``
    counts for no other. It refers to neither of the two, so that nothing waits for the garbage
    collector.

    Attributes:
        principal: The caller that is published, None if there is none.
        outcomes: What each authenticator found, so that none asks twice.
        notes: Room for the documented module API to keep what it learnt of the request's token.
        before: What ``g`` held before the request, where it will outlive the request.
    """

    __slots__ = ("before", "notes", "outcomes", "principal")

    def __init__(self) -> None:
        self.before: dict[str, Any] | None = None
        self.principal: Principal | None = None
        self.outcomes: dict[object, Any] = {}
        self.notes: Any = None

    def publish(self, principal: Principal, published: dict[str, Any]) -> None:
        """Publish the caller in ``flask.g``'s attributes, those that the documented API names."""
        self.principal = principal
        published["raw_token"] = principal.token.value
        published["json_token"] = principal.claims
        published["authenticated"] = True

    def restorer(self, published: dict[str, Any]) -> Callable[[], None]:
        """How to publish again what is published and noted now, the application's assignments included."""
        attributes = {name: published.get(name) for name in _NOBODY}
        return partial(self._restore, self.principal, copy(self.notes), attributes)

    def _restore(self, principal: Principal | None, notes: Any, attributes: dict[str, Any]) -> None:
        self.principal, self.notes = principal, notes
        vars(current_g()).update(attributes)


# Werkzeug's documented way to what a proxy stands for. Outside of a request Flask's error says how to
# mend that.
current_request: Callable[[], Request] = cast("Any", request)._get_current_object
current_flask_app: Callable[[], Flask] = cast("Any", current_app)._get_current_object
current_context: Callable[[], RequestContext] = cast("Any", request_ctx)._get_current_object
# Its attributes are read by vars(): its own attribute access is Python code, ten times as slow.
current_g: Callable[[], object] = cast("Any", g)._get_current_object


def current_app_or_none() -> Flask | None:
    """The current app, None outside of any app's context."""
    return current_flask_app() if has_app_context() else None


def _current_context_or_none() -> RequestContext | None:
    return current_context() if has_request_context() else None


class GivenRequest:
    """A request that the application gave to ``authenticate``, which may be another than the current one.

    Attributes:
        request: The request.
        notes: As ``RequestState.notes``, so that the current request's notes stay as they are.
    """

    __slots__ = ("_context", "notes", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.notes: Any = None
        self._context = _current_context_or_none()

    def applies(self) -> bool:
        """Whether a question concerns this request, and not one that a claim rule has the app serve."""
        return _current_context_or_none() is self._context


_given: ContextVar[GivenRequest | None] = ContextVar("flask_jwtlib_given_request", default=None)
given_request: Callable[[], GivenRequest | None] = _given.get
"""Return the request that was given to ``authenticate``, None if none was. Ask it whether it ``applies``."""


@contextmanager
def deciding_on(request: Request) -> Generator[Request, None, None]:
    """Note that a given request is decided about. The context is the request itself, where it was a proxy."""
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
    """Begin to decide about a request: publish that nobody is authenticated.

    Args:
        context: The request's context.
        published: The attributes of its ``flask.g``.

    Returns:
        The request's state, which is made if there is none yet; and how to publish again what an earlier
        decision did, None if there was none.
    """
    attributes = vars(context.request)
    state: RequestState | None = attributes.get(_KEY)
    restore: Callable[[], None] | None = None
    if state is None:
        state = attributes[_KEY] = RequestState()
        # Flask has no public word for it: a request context keeps the app context that it made, or None
        # where there was one before, as up to Flask 3.1 for a request within a request, or one within a
        # context that a test or a script pushed. That one's ``g`` outlives the request.
        tokens: Any = getattr(context, "_cv_tokens", None)
        if tokens and tokens[0][1] is None:
            state.before = {name: published[name] for name in _OURS if name in published}
            request_tearing_down.connect(_put_back, current_flask_app())
    elif state.outcomes:
        restore = state.restorer(published)
    state.principal = None
    published.update(_NOBODY)
    published[_KEY] = state
    return state, restore


def _put_back(_: Flask, **__: object) -> None:
    """Leave ``g`` as the request found it, so that no other request sees its caller."""
    state = current_state()
    if state is not None and state.before is not None:
        published = vars(current_g())
        for name in _OURS:
            published.pop(name, None)
        published.update(state.before)


def current_state() -> RequestState | None:
    """The state of the current request if there is one. No context is needed, and none is changed."""
    return vars(current_request()).get(_KEY) if has_request_context() else None


def is_authenticated() -> bool:
    """Whether the current request's caller is authenticated, by ``g.authenticated`` as it stands."""
    if not has_request_context():
        return False
    published = vars(current_g())
    if published.get(_KEY) is not current_state():
        # Another request left it there.
        return False
    return bool(published.get("authenticated", False))


def _principal() -> Principal:
    state = current_state()
    if state is None or state.principal is None:
        raise RuntimeError(
            "This request has no authenticated caller. Put the view behind an Authenticator's "
            "requires_authentication or guard; on an optional route ask `if current_principal:` first."
        )
    return state.principal


class _CurrentPrincipal(LocalProxy[Principal]):
    """The current request's caller, a ``Principal``. Falsy where there is none."""

    __slots__ = ()
    # pydoc shows this, and would otherwise ask for the caller, whom it doesn't have.
    __origin__ = Principal


current_principal: Principal = cast("Principal", _CurrentPrincipal(_principal))
"""The current request's caller. Falsy where there is none; any other use raises ``RuntimeError`` then."""
