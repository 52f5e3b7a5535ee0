"""A request, or a token, that the application passed to an ``Authenticator``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from flask import Request, has_request_context
from werkzeug.local import LocalProxy

from .proxies import current_request

__all__ = ["GivenRequest", "deciding_on", "given_request", "is_current"]

_Request = TypeVar("_Request", bound="Request | None")


class GivenRequest:
    """A request that the application passed to ``authenticate``, or None for a token passed to ``verify``.

    Attributes:
        request: The request. It needn't be the current one.
        notes: As ``RequestState.notes``, separate from those of the current request.
    """

    __slots__ = ("_current", "notes", "request")

    def __init__(self, request: Request | None) -> None:
        self.request = request
        self.notes: Any = None
        self._current = _current_request_or_none()

    def applies(self) -> bool:
        """Whether this request is being decided about, and not one that a claim rule sends to the app."""
        return _current_request_or_none() is self._current


def _current_request_or_none() -> Request | None:
    return current_request() if has_request_context() else None


_given: ContextVar[GivenRequest | None] = ContextVar("flask_jwtlib_given_request", default=None)
given_request: Callable[[], GivenRequest | None] = _given.get
"""Return the request that was passed to ``authenticate``, or None. Check whether it ``applies``."""


@contextmanager
def deciding_on(request: _Request) -> Generator[_Request, None, None]:
    """Note that a given request is decided about. Yield it without a proxy around it.

    Args:
        request: The request; None to decide about a token without a request.
    """
    given: Any = request
    if isinstance(given, LocalProxy):
        request = cast("Any", given)._get_current_object()
    token = _given.set(GivenRequest(request))
    try:
        yield request
    finally:
        _given.reset(token)


def is_current(request: Request | None) -> bool:
    """Whether ``flask.request`` is this request."""
    return has_request_context() and current_request() is request
