"""Refusals that an application raises itself: in views, in functions before a request, in helpers."""

from __future__ import annotations

from typing import NoReturn, cast

from flask import Response, has_request_context

from .._flask.decision_log import report_refused
from .._flask.given_request import given_request
from .._flask.proxies import current_flask_app, current_request
from .._flask.raising import keep_headers
from .._flask.registered_views import guards_before
from .._flask.state import current_state, published_now
from ..errors import AuthenticationError, Refusal
from .outcomes import Refused
from .refusing import RefusingPipeline

__all__ = ["raise_refusal"]


def raise_refusal(error: Refusal) -> NoReturn:
    """Raise a refusal that isn't an ``Authenticator``'s own, and log and signal it now.

    Use it in a function that checks requests and that views call. The response is that of the failure
    handler of the ``Authenticator`` that guards the view or the app, unless an error handler of the app makes
    one. Outside of a request, and in an extractor, a validator, a claim rule or a policy, the error is raised
    and nothing else: what decides reports it.

    Args:
        error: The refusal.

    Raises:
        Refusal: Always.
    """
    # An Authenticator has dealt with a refusal that has a context.
    if has_request_context() and error.context is Refusal.context and not _is_deciding():
        pipeline, refused = _of_request(error)
        if pipeline is not None:
            pipeline.raise_refused(refused)
        report_refused(None, error, optional=False)
        error = error.in_context(_REPORTED)
        keep_headers(error, error)
    try:
        raise error
    finally:
        # Otherwise the traceback of the error would refer to this frame, which refers to the error.
        del error


# As the default, but another object: a refusal with it has been logged.
_REPORTED = type(Refusal.context)()


def _is_deciding() -> bool:
    """Whether an ``Authenticator`` is deciding about a request, and so will report what is raised."""
    state, given = current_state(), given_request()
    return (state is not None and state.deciding) or (given is not None and given.applies())


def _of_request(error: Refusal) -> tuple[RefusingPipeline | None, Refused]:
    """Return what decides about the current request, and the refused request."""
    published = published_now()
    principal = None if published is None else published.principal
    token = None if principal is None else principal.token
    refused = Refused(cast("AuthenticationError", error), token, principal)
    if published is not None and published.pipeline is not None:
        return published.pipeline, refused
    guards = guards_before(current_flask_app(), current_request().endpoint)
    # The app's guard is the first one, and that of the innermost blueprint the last one.
    return (guards[-1].protection.source.current() if guards else None), refused


def _response_to(error: Refusal) -> Response | None:
    """Log a refusal that left a view, and return the response of what guards the request."""
    if not has_request_context():
        return None
    pipeline, refused = _of_request(error)
    if pipeline is None:
        report_refused(None, error, optional=False)
        return None
    return pipeline.response_to_raised(refused)


Refusal.responders.append(_response_to)
