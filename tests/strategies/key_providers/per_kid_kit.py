"""What the tests of PerKidKeyProvider share."""

from __future__ import annotations

import time
from typing import Any

from flask_jwtlib import (
    BearerToken,
    JWTValidator,
    KeyProvider,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider
from tests.kit import PATIENCE

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ALB = "https://public-keys.auth.elb.eu-central-1.amazonaws.com/{kid}"


def provider_of(idp: IdentityProvider, **options: Any) -> PerKidKeyProvider:
    """Return a provider of the keys below ``/keys/``, with long timeouts."""
    options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
    return PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True, **options)


def publish(idp: IdentityProvider, kid: str, *, jwk: bool = False) -> TokenIssuer:
    """Publish a key as PEM or as a JWK, and return its issuer."""
    issuer = TokenIssuer(kid=kid, algorithm="ES256")
    idp.documents[f"/keys/{kid}"] = issuer.jwk if jwk else issuer.public_pem
    return issuer


def accepted(token: str, keys: KeyProvider) -> bool:
    """Return whether a token is accepted; if not, its key is unknown."""
    try:
        JWTValidator(algorithms="ES256").validate(BearerToken(token), keys)
    except UnknownKeyError:
        return False
    return True


def requested(idp: IdentityProvider) -> list[str]:
    """Return the key IDs whose URLs were requested."""
    return [request.path.removeprefix("/keys/") for request in idp.requests]


def refreshed(provider: PerKidKeyProvider) -> dict[str, Any]:
    """Return the status when no fetch is under way."""
    deadline = time.monotonic() + PATIENCE
    while provider.status()["fetching"] and time.monotonic() < deadline:
        time.sleep(0.001)
    return provider.status()
