"""The API of the demonstration: a resource server whose keys come from its issuer over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    Expiry,
    Issuer,
    JWTValidator,
    Scope,
    TTLKeyProvider,
    current_principal,
)

__all__ = ["AUDIENCE", "ISSUER", "TTL", "create_app"]

ISSUER = "https://issuer.example"
AUDIENCE = "https://reports.example"
TTL = 1.0
"""Seconds after which keys are fetched again: few, so that a withdrawn one is gone soon. 300 is usual."""


def create_app(fetch_keys: Callable[[], bytes]) -> Flask:
    """Make the API.

    Args:
        fetch_keys: Answers the issuer's JWK set.
    """
    auth = Authenticator(
        keys=TTLKeyProvider(fetch_keys, ttl=TTL),
        extractor=BearerTokenExtractor(query=False),
        validator=JWTValidator(rules=[Issuer(ISSUER), Audience(AUDIENCE), Expiry(required=True)]),
    )
    app = Flask(__name__)

    @app.get("/reports")
    @auth.requires_authentication(rules=[Scope("reports:read")])
    def list_reports() -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        return {"reader": current_principal.subject, "reports": ["2024", "2025"]}

    @app.delete("/reports/<name>")
    @auth.requires_authentication(rules=[Scope("reports:delete")])
    def delete_report(name: str) -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        return {"deleted": name}

    return app
