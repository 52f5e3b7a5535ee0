"""The demonstration's API: a resource server that fetches its issuer's keys over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    Issuer,
    JWTValidator,
    Scope,
    TTLKeyProvider,
    current_principal,
)
from flask_jwtlib.claim_rules import Expiry

__all__ = ["AUDIENCE", "ISSUER", "TTL", "create_app"]

ISSUER = "https://issuer.example"
AUDIENCE = "https://reports.example"
TTL = 1.0
"""How long fetched keys are fresh, in seconds: short, so that the demo need not wait. The default is 300."""


def create_app(fetch_keys: Callable[[], bytes]) -> Flask:
    """Create the API.

    Args:
        fetch_keys: Returns the issuer's JWK set.
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
