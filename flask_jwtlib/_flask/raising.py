"""Refusals that are raised while Flask serves a request, and the headers that they need to keep."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakKeyDictionary, ref

from flask import Response, after_this_request, has_request_context

from ..challenges import add_missing_headers, merged_challenges, refusal_headers
from ..errors import MissingTokenError, Refusal
from .proxies import current_g, current_request
from .state import current_state, published_now

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["keep_headers", "raise_in_request", "with_headers"]

_CHALLENGE = "WWW-Authenticate"
# The attribute of a request.
_KEPT = "_flask_jwtlib_kept_headers"
# A view may catch any number of refusals, as for each message of a WebSocket.
_MOST_KEPT = 16


def keep_headers(error: Refusal, raised: BaseException) -> None:
    """Make sure that the response to a raised refusal has its headers.

    Error handlers of the app, and frameworks based on Flask, make responses of their own without them. They
    are set again if the refusal left the view and the response still has its status. Challenges that the
    app set stay. Of the refusals of one request, the last sixteen count.

    Args:
        error: The refusal.
        raised: The exception that is raised: the refusal, or another one that a failure handler made of it.
    """
    # Weak references, since a refusal's traceback refers to the request.
    known: WeakKeyDictionary[object, list[ref[_KeptHeaders]]] = vars(current_request()).setdefault(
        _KEPT, WeakKeyDictionary()
    )
    # A copy of the request's context has functions of its own to call after the request.
    kept = known.setdefault(current_g(), [])
    latest = kept.pop(0)() if len(kept) == _MOST_KEPT else None
    if latest is None:
        latest = _KeptHeaders()
        after_this_request(latest)
    latest.error, latest.raised = error, raised
    kept.append(ref(latest))


class _KeptHeaders:
    """Adds the headers of a refusal to the response, if it left the view.

    Attributes:
        error: The refusal.
        raised: The exception that was raised.
    """

    __slots__ = ("__weakref__", "error", "raised")

    error: Refusal
    raised: BaseException

    def __call__(self, response: Response) -> Response:
        error = self.error
        if _left_the_view(self.raised):
            headers = response.headers
            if response.status_code == error.status:
                for name, value in refusal_headers(error):
                    if name == _CHALLENGE:
                        headers[name] = merged_challenges(value, headers.getlist(name))
            with_headers(response, error)
        # Both refer to the request, whose context keeps this object.
        error.__traceback__ = error.__context__ = None
        return response


def with_headers(response: Response, error: Refusal) -> Response:
    """Add the headers of a refusal that the response to it doesn't have."""
    if response.status_code == error.status:
        add_missing_headers(response.headers, error)
    elif response.status_code == 401:
        # Another status was chosen, and RFC 9110 §15.5.2 requires a challenge with this one.
        add_missing_headers(response.headers, MissingTokenError().in_context(error.context))
    return response


# The functions that catch what leaves a view: Flask's, and that which explains what happens before a view.
# By their names, since a tool that observes requests may replace Flask's method by a wrapper.
_CATCHING = {
    ("flask.app", "full_dispatch_request"),
    ("flask_jwtlib.explain._responses", "response_of"),
}


def _left_the_view(raised: BaseException) -> bool:
    """Whether an exception was caught where Flask does that, and not by the view that it was raised in."""
    return any(
        (frame.f_globals.get("__name__"), frame.f_code.co_name) in _CATCHING
        for frame in _frames(raised.__traceback__)
    )


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def raise_in_request(error: Refusal, claims: Claims, scopes: tuple[str, ...]) -> NoReturn:
    """Raise a refusal of the claims of the current request's caller.

    Args:
        error: The refusal.
        claims: The claims that are refused. Outside of a request, in a claim rule, or if they are not the
            caller's, the error is raised as it is: it is neither logged nor signalled here.
        scopes: The scopes that were needed.
    """
    state, published = current_state(), published_now()
    if state is None or not state.deciding:
        if published is not None and published.principal is not None:
            principal = published.principal
            if principal.claims is claims:
                published.pipeline.raise_refusal(error, principal, scopes)
        if has_request_context():
            keep_headers(error, error)
    try:
        raise error
    finally:
        # Otherwise the traceback of the error would refer to this frame, which refers to the error.
        del error
