"""Lists who can access each route of an app, as far as this can be determined without calling its views."""

from __future__ import annotations

from .._flask.decorator_order import check_app, misplaced_views
from ._access import Requirement, access_to, authenticators_of, unmatched_public_patterns
from ._dispatch import view_access
from ._endpoint_patterns import EndpointPatterns
from ._routes import RouteAccess, route_accesses

__all__ = [
    "EndpointPatterns",
    "Requirement",
    "RouteAccess",
    "access_to",
    "authenticators_of",
    "check_app",
    "misplaced_views",
    "route_accesses",
    "unmatched_public_patterns",
    "view_access",
]
