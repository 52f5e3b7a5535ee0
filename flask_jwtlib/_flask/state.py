"""The caller of the current request, and the decisions about it. Only this module writes to ``flask.g``.

A caller is published for one run of one view, by a context variable: so nested views, threads with a copied
context and tasks each have their own. The variable names the request that it belongs to, since the thread's
next request may find it. Where it isn't set, as in a stream or behind a guard, the request's own caller
counts: that of the guard, and then that of the view that the request calls. In a context made by
``copy_current_request_context``, which has another ``flask.g``, what is published without a view stays there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from copy import copy
from typing import Any
from weakref import ref

from flask import Request, has_request_context

from ..values import Principal
from .proxies import current_g, current_request
from .shared_globals import ANONYMOUS, END, KEY, OURS, SharedGlobals, restore

__all__ = [
    "Published",
    "RequestState",
    "caller_of_run",
    "copy_of_published",
    "current_state",
    "is_context_copied",
    "judged_principal",
    "publish",
    "published_by_run",
    "published_now",
    "state_of",
]


class Published:
    """A caller, as published for one run of a view, or for the request.

    Attributes:
        request_key: Identifies the request.
        principal: The caller, or None.
        pipeline: What decided about the caller.
        is_copy: Whether it is published only in a copy of the request's context.
        attributes: Those of ``flask.g``, with the application's assignments, while another caller is shown.
    """

    __slots__ = ("attributes", "is_copy", "pipeline", "principal", "request_key")

    def __init__(self, request_key: object, principal: Principal | None, pipeline: Any) -> None:
        self.request_key = request_key
        self.principal = principal
        self.pipeline = pipeline
        self.is_copy = False
        self.attributes: dict[str, Any] | None = None

    def show(self) -> None:
        """Set the documented attributes of ``flask.g``."""
        self.show_in(current_g())

    def show_in(self, globals_of_app: object) -> None:
        """Set the documented attributes of a given ``flask.g``."""
        published = vars(globals_of_app)
        shown: Published | None = published.get(KEY)
        if shown is self:
            return
        if shown is not None and shown.request_key is self.request_key:
            shown.attributes = {name: published.get(name) for name in ANONYMOUS}
        published[KEY] = self
        if self.attributes is not None:
            published.update(self.attributes)
        elif self.principal is None:
            published.update(ANONYMOUS)
        else:
            published["raw_token"] = self.principal.token.value
            published["json_token"] = self.principal.claims
            published["authenticated"] = True


class RequestState:
    """The decisions about one request, kept as an attribute of the request.

    It refers to neither the request nor ``flask.g``, so that no reference cycle has to wait for the garbage
    collector.

    Attributes:
        key: Identifies the request.
        globals_of_app: Returns ``flask.g`` while it exists.
        before: The attributes that ``g`` had before the request.
        published: The request's own caller; None before the first decision.
        outcomes: The outcome of each pipeline, so that each decides only once.
        notes: Used by the documented module API to keep data about the request's token.
        deciding: Whether strategies, rules and policies are deciding. The decision reports what they raise.
        wrapper: The decorated view that Flask calls for the request, while it runs.
        token: Resets the context variable at the end of its run.
    """

    __slots__ = (
        "__weakref__",
        "before",
        "deciding",
        "globals_of_app",
        "key",
        "notes",
        "outcomes",
        "published",
        "token",
        "wrapper",
    )

    def __init__(self, globals_of_app: Callable[[], object], before: dict[str, Any]) -> None:
        self.globals_of_app = globals_of_app
        self.before = before
        self.key = object()
        self.published: Published | None = None
        self.outcomes: dict[object, Any] = {}
        self.deciding = False
        self.notes: Any = None
        self.wrapper: Any = None
        self.token: Token[Published | None] | None = None

    # The function is a default, since this module's names no longer exist when Python exits.
    def __del__(self, restore: Callable[..., None] = restore) -> None:
        """Restore ``g``: the request no longer exists."""
        outliving = self.globals_of_app()
        if outliving is not None:
            restore(outliving, self.key, self.before)


caller_of_run: ContextVar[Published | None] = ContextVar("flask_jwtlib_caller", default=None)
"""What is published for the guarded view that runs in this context. It may be of an earlier request."""

judged_principal: ContextVar[Principal | None] = ContextVar("flask_jwtlib_judged", default=None)
"""The caller to whom an ``Authenticator`` applies policies in this context, before they are published."""


def state_of(request: Request, globals_of_app: object = None) -> RequestState:
    """Return the state of the current request. A new one publishes that there is no caller.

    Args:
        request: The current request.
        globals_of_app: ``flask.g``, without the proxy around it, if it is at hand.
    """
    attributes = vars(request)
    state: RequestState | None = attributes.get(KEY)
    if state is None:
        globals_of_app = globals_of_app or current_g()
        published = vars(globals_of_app)
        # Usually empty: most app contexts have only one request.
        before = (
            {name: published.pop(name) for name in OURS if name in published} if published else {}
        )
        state = attributes[KEY] = RequestState(ref(globals_of_app), before)
        published.update(ANONYMOUS)
        published[END] = state.key
        if before:
            SharedGlobals(request, globals_of_app, before)
    return state


def current_state() -> RequestState | None:
    """Return the state of the current request, or None. It needs no context, and changes nothing."""
    return vars(current_request()).get(KEY) if has_request_context() else None


def published_now() -> Published | None:
    """Return what is published for the current run of a view, or for the current request."""
    state = current_state()
    return None if state is None else published_by_run(state) or published_by_request(state)


def published_by_run(state: RequestState) -> Published | None:
    """Return what is published for the decorated view of this request that runs in this context, if any."""
    published = caller_of_run.get()
    return published if published is not None and published.request_key is state.key else None


def published_by_request(state: RequestState) -> Published | None:
    """Return what is published for the request, or in this copy of its context."""
    shown = _shown_of(state)
    return shown if shown is not None and shown.is_copy else state.published


def copy_of_published(state: RequestState) -> Published:
    """Return what is published in this copy of the request's context, to show it there again."""
    published = copy(published_by_request(state)) or Published(state.key, None, None)
    published.is_copy = True
    return published


def is_context_copied(state: RequestState) -> bool:
    """Whether this is a copy of the request's context, with another ``flask.g``."""
    return vars(current_g()).get(END) is not state.key


def _shown_of(state: RequestState) -> Published | None:
    shown: Published | None = vars(current_g()).get(KEY)
    return shown if shown is not None and shown.request_key is state.key else None


def publish(state: RequestState, principal: Principal | None, pipeline: Any) -> None:
    """Publish a caller: for the rest of the view's run, or for the request if no guarded view runs."""
    published = Published(state.key, principal, pipeline)
    run = published_by_run(state)
    if run is None:
        published.is_copy = is_context_copied(state)
        if not published.is_copy:
            state.published = published
    elif run is state.published and _is_reset(state.token):
        state.token = caller_of_run.set(published)
        state.published = published
    else:
        caller_of_run.set(published)
    published.show()


def _is_reset(token: Token[Published | None] | None) -> bool:
    """Reset the context variable, unless this is a copy of the context, such as that of a task or thread."""
    if token is None:
        return False
    try:
        caller_of_run.reset(token)
    except ValueError:
        return False
    return True
