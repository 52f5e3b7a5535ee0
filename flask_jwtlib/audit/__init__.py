"""Lists who can access each route of an app, as far as this can be determined without calling its views."""

from __future__ import annotations

from .._flask.decorator_order import check_app, misplaced_views
from ._access import access_to, authenticators_of
from ._dispatch import view_access
from ._routes import RouteAccess, route_accesses

__all__ = [
    "RouteAccess",
    "access_to",
    "authenticators_of",
    "check_app",
    "misplaced_views",
    "route_accesses",
    "view_access",
]
