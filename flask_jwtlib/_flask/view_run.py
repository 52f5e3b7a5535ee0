"""The run of a decorated view, during which its caller is published."""

from __future__ import annotations

from contextvars import Token
from copy import copy
from typing import TYPE_CHECKING, Any

from ..values import Principal
from .proxies import current_flask_app, current_g
from .registered_views import is_inner_decorator, is_view_of_request
from .state import (
    Published,
    RequestState,
    caller_of_run,
    copy_of_published,
    is_context_copied,
    state_of,
)

if TYPE_CHECKING:
    from flask import Request

__all__ = ["ViewRun"]


class ViewRun:
    """One run of a decorated view.

    The caller of the view that Flask calls for the request stays the request's caller afterwards, for streams
    and ``after_request``. If several decorators are around it, the innermost one's caller does. That of a
    nested view doesn't stay.

    Attributes:
        is_direct: Whether the decorated view itself is what the request's endpoint calls.
    """

    __slots__ = (
        "_enclosing",
        "_globals",
        "_is_nested",
        "_notes",
        "_outer",
        "_published",
        "_state",
        "_token",
        "_wrapper",
        "is_direct",
    )

    _enclosing: Published | None
    _notes: Any
    _wrapper: Any

    def prepare(self, request: Request) -> RequestState:
        """Prepare the run for a request, before its caller is known, and return the request's state."""
        self._globals = globals_of_app = current_g()
        self._state = state = state_of(request, globals_of_app)
        self._token: Token[Published | None] | None = None
        self._published: Published | None = None
        self._outer = state.wrapper, state.token
        rule = request.url_rule
        self.is_direct = (
            rule is not None
            and current_flask_app().view_functions.get(rule.endpoint) is self._wrapper
        )
        enclosing = caller_of_run.get()
        if enclosing is not None and enclosing.request_key is state.key:
            self._enclosing = enclosing
            self._is_nested = not is_inner_decorator(self._wrapper, state.wrapper)
        # A state without an outcome was made for this run.
        elif state.outcomes and is_context_copied(state):
            self._is_nested, self._enclosing = True, copy_of_published(state)
        else:
            self._enclosing = None
            # Without a rule, as in an app's unit test of a view, it is the only view there is.
            self._is_nested = not (
                self.is_direct or rule is None or is_view_of_request(self._wrapper)
            )
        if self._is_nested:
            self._notes = copy(state.notes)
        return state

    def begin(self, principal: Principal | None, pipeline: Any) -> None:
        """Publish the caller, or None."""
        state = self._state
        self._published = published = Published(state.key, principal, pipeline)
        self._token = token = caller_of_run.set(published)
        if not self._is_nested:
            state.published, state.wrapper, state.token = published, self._wrapper, token
        published.show_in(self._globals)

    def begin_refused(self, principal: Principal | None, pipeline: Any) -> None:
        """Publish the caller who lacks a permission, or that there is none."""
        state = self._state
        if principal is None and state.published is None and not self._is_nested:
            # Nothing else was published, and the failure handler needs nothing.
            return
        self.begin(principal, pipeline)

    def end(self) -> None:
        """Publish the caller of the enclosing view again, or that of the request."""
        state, token = self._state, self._token
        if self._is_nested:
            if token is not None:
                caller_of_run.reset(token)
            state.notes = self._notes
            (self._enclosing or state.published or Published(state.key, None, None)).show()
        else:
            if token is not None:
                # `authenticate` may have replaced the token.
                caller_of_run.reset(state.token or token)
                state.wrapper, state.token = self._outer
            # A decorator below this one may have published another caller.
            shown = self._enclosing or state.published
            if shown is not None and shown is not self._published:
                shown.show()
