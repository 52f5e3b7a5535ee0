"""The response that a client would get to a refused request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, make_response
from werkzeug.exceptions import InternalServerError

from ._values import Response

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue
    from werkzeug.wrappers import Response as AnyResponse

__all__ = ["response_of"]

_MOST_BYTES = 65_536
_MOST_CHUNKS = 64


def response_of(
    context: Any, app: Flask, request: Request, enter: Callable[[], ResponseReturnValue | None]
) -> tuple[Response | None, Exception | None]:
    """Return the response to a refused request as Flask makes it, and what was raised.

    As in a request, error handlers of the app and functions that were registered by ``after_this_request``
    have a part in it. Functions of the app's ``after_request`` don't.

    Args:
        context: The context of the request.
        app: The app.
        request: The request.
        enter: Does what happens before the view. It returns the response, or None if the view is called.
    """
    raised: Exception | None = None
    returned: Any = None
    try:
        returned = enter()
        if returned is None:
            return None, None
    except Exception as error:  # noqa: BLE001 - an application's strategy may raise anything
        raised = error
    try:
        if raised is not None:
            returned = _handled(app, raised)
        response = make_response(returned)
        # Flask's own list. Without it, headers that strategies add later would be missing.
        for function in getattr(context, "_after_request_functions", ()):
            response = app.ensure_sync(function)(response)
        return _shown(response, request), raised
    except Exception as error:  # noqa: BLE001 - an error handler of the app may raise anything, too
        return Response(500), raised or error


def _handled(app: Flask, raised: Exception) -> Any:
    """Return what the app's error handlers return, without a log line and a signal."""
    try:
        return app.handle_user_exception(raised)
    except Exception as unhandled:  # noqa: BLE001 - nothing handles it
        return app.handle_http_exception(InternalServerError(original_exception=unhandled))


def _shown(response: AnyResponse, request: Request) -> Response:
    headers = response.get_wsgi_headers(request.environ)
    body = "" if request.method == "HEAD" else _beginning(response)
    return Response(response.status_code, tuple(headers), body)


def _beginning(response: AnyResponse) -> str:
    """Return the beginning of a body, which may be endless."""
    read = b""
    try:
        for _, chunk in zip(range(_MOST_CHUNKS), response.iter_encoded(), strict=False):
            read += chunk[:_MOST_BYTES]
            if len(read) >= _MOST_BYTES:
                break
    finally:
        response.close()
    return read[:_MOST_BYTES].decode("utf-8", "replace")
