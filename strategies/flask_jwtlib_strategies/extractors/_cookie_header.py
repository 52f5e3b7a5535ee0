"""The cookies of a request, as the client sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Request

__all__ = ["cookie_values"]


def cookie_values(request: Request, name: str) -> list[str]:
    """Return the values of all cookies of a name, unchanged, in the order in which they were sent.

    A sibling domain can plant a second cookie, and a browser sends the one with the longer path first (RFC
    6265 §5.4). So the caller must refuse two. ``request.cookies`` isn't used, since it also accepts names
    with other white space than spaces and tabs, for which browsers don't enforce the prefix ``__Host-``.
    """
    header: str = request.environ.get("HTTP_COOKIE", "")
    if name not in header:
        return []
    pairs = [pair.partition("=") for pair in header.split(";")]
    return [value.strip(" \t") for own, found, value in pairs if found and own.strip(" \t") == name]
