"""Marks responses so that no shared cache serves one caller's answer to another."""

from __future__ import annotations

from flask import Response, after_this_request
from werkzeug.http import parse_set_header

from .values import BearerToken

__all__ = ["keep_apart"]


def keep_apart(token: BearerToken | None) -> None:
    """Mark the current request's response, once there is one.

    It varies by ``Authorization`` (RFC 9110 §12.5.5). Where the token came by another way, which caches
    don't take for a credential, it is also private (RFC 6750 §2.3).

    Args:
        token: The caller's token, None for nobody.
    """
    after_this_request(_vary if token is None or token.source == "header" else _vary_in_private)


def _vary(response: Response) -> Response:
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


def _vary_in_private(response: Response) -> Response:
    if not response.cache_control.no_store:
        response.cache_control.private = True
        response.cache_control.public = False
    return _vary(response)
