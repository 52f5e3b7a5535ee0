"""What a browser itself says about whether another site made it send a request (W3C Fetch Metadata)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .evidence import CrossSiteCheck

if TYPE_CHECKING:
    from flask import Request

__all__ = ["SAFE_METHODS", "TRUSTED_SITES", "opens_connection", "outcome_by_browser"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing (RFC 9110 §9.2.1) and that browsers send without asking first."""
TRUSTED_SITES = frozenset({"same-origin", "none"})
"""The values of ``Sec-Fetch-Site`` for requests that a page of the same origin sent, or the user."""


def outcome_by_browser(request: Request) -> CrossSiteCheck | None:
    """Return the outcome of a cross-site check that needs no settings; None if it doesn't pass.

    A request passes if its method changes nothing and it opens no connection, or if a page of its own origin
    or the user sent it. Browsers send ``Sec-Fetch-Site`` over HTTPS and to localhost only.
    """
    if request.method in SAFE_METHODS and not opens_connection(request):
        return CrossSiteCheck.SAFE_METHOD
    is_trusted = request.environ.get("HTTP_SEC_FETCH_SITE") in TRUSTED_SITES
    return CrossSiteCheck.PASSED if is_trusted else None


def opens_connection(request: Request) -> bool:
    """Return whether a request may open a WebSocket (RFC 6455 §4.1), which a browser lets every site do.

    The events of Flask-SocketIO have the GET request that opened their connection, also one without a
    WebSocket.
    """
    environ = request.environ
    return (
        "websocket" in environ.get("HTTP_UPGRADE", "").lower()
        or "HTTP_SEC_WEBSOCKET_KEY" in environ
        or environ.get("HTTP_SEC_FETCH_MODE") == "websocket"
        or hasattr(request, "event")
    )
