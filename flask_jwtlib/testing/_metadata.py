"""The metadata of a test identity provider."""

from __future__ import annotations

from typing import Any

__all__ = ["metadata_of"]


def metadata_of(issuer_url: str, jwks_url: str) -> dict[str, Any]:
    """Return metadata by OpenID Connect Discovery 1.0 §3 and RFC 8414 §2."""
    return {
        "issuer": issuer_url,
        "authorization_endpoint": f"{issuer_url}/authorize",
        "token_endpoint": f"{issuer_url}/token",
        "jwks_uri": jwks_url,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    }
