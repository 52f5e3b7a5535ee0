"""The objects behind Flask's proxies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Request, current_app, g, has_app_context, request

__all__ = ["current_app_or_none", "current_flask_app", "current_g", "current_request"]

# Werkzeug's documented way to get the object behind a proxy. Outside of a request, Flask's error says how to
# fix that.
current_request: Callable[[], Request] = cast("Any", request)._get_current_object
current_flask_app: Callable[[], Flask] = cast("Any", current_app)._get_current_object
# Use vars() to access its attributes: attribute access of ``g`` is Python code and ten times as slow.
current_g: Callable[[], object] = cast("Any", g)._get_current_object


def current_app_or_none() -> Flask | None:
    """Return the current app; None outside of an app context."""
    return current_flask_app() if has_app_context() else None
