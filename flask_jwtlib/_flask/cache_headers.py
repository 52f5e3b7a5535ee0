"""Response headers for caches, so that no caller gets another caller's response from a shared cache."""

from __future__ import annotations

from flask import Response
from werkzeug.http import parse_set_header

__all__ = ["make_private", "vary_by_authorization"]


def vary_by_authorization(response: Response) -> Response:
    """Add ``Vary: Authorization`` to a response (RFC 9110 §12.5.5)."""
    headers = response.headers
    for name, _ in headers:
        if name.lower() == "vary":
            break
    else:
        headers.add("Vary", "Authorization")
        return response
    lines = headers.getlist("Vary")
    if "authorization" not in parse_set_header(", ".join(lines)):
        headers["Vary"] = ", ".join((*lines, "Authorization"))
    return response


def make_private(response: Response) -> Response:
    """Add ``Cache-Control: private`` (RFC 6750 §2.3) and ``Vary: Authorization`` to a response.

    It is for tokens outside the ``Authorization`` header, which caches don't recognise as credentials.
    """
    if not response.cache_control.no_store:
        response.cache_control.private = True
        response.cache_control.public = False
    return vary_by_authorization(response)
