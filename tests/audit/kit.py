"""What several tests of the audit use."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from flask_jwtlib import Policy
from flask_jwtlib.audit import RouteAccess, route_accesses


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


def found(app: Flask, endpoint: str = "it") -> dict[str, RouteAccess]:
    """Return what the audit lists for an endpoint, by the methods."""
    return {
        ",".join(access.methods): access
        for access in route_accesses(app)
        if access.endpoint == endpoint
    }


def policies(app: Flask, endpoint: str = "it") -> dict[str, tuple[Policy, ...]]:
    """Return the policies that the audit lists for an endpoint, by the methods."""
    return {methods: access.policies for methods, access in found(app, endpoint).items()}
