"""Marks responses so that no shared cache serves one caller's answer to another."""

from __future__ import annotations

from flask import Response
from werkzeug.http import parse_set_header

__all__ = ["make_private", "vary_by_authorization"]


def vary_by_authorization(response: Response) -> Response:
    """Let it vary by ``Authorization`` (RFC 9110 §12.5.5)."""
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
    """Mark an answer to a token from anywhere but the header, which caches don't take for a credential.

    It is private (RFC 6750 §2.3), and varies all the same.
    """
    if not response.cache_control.no_store:
        response.cache_control.private = True
        response.cache_control.public = False
    return vary_by_authorization(response)
