"""What the tests of fetched keys share."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import BearerToken, Claims, JWTValidator, KeyProvider, UnverifiedHeader
from flask_jwtlib.key_providers import Refresh
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import HTTPClient
from flask_jwtlib_strategies._http.errors import FetchError
from flask_jwtlib_strategies.key_providers._discovery import DiscoveredKeySet
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from tests.kit import PATIENCE

HOUR = 3600
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256")
# A token of the identity provider's first key.
KNOWN = UnverifiedHeader("RS256", "key-1")


def jwks_provider_of(idp: IdentityProvider, **options: Any) -> JWKSKeyProvider:
    """Return a provider of the keys at the identity provider's JWKS URL, with long timeouts."""
    options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
    return JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, **options)


def oidc_provider_of(
    idp: IdentityProvider, issuer: str | None = None, **options: Any
) -> OIDCKeyProvider:
    """Return a provider of the keys that an issuer's metadata name, with long timeouts."""
    options = {"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options}
    return OIDCKeyProvider(issuer or idp.issuer_url, allow_http_on_loopback=True, **options)


def discovered(idp: IdentityProvider, **options: Any) -> DiscoveredKeySet:
    """Return the fetch function of such a provider."""
    client = HTTPClient(allow_http_on_loopback=True)
    refresh = Refresh(**{"fetch_timeout": PATIENCE, **options})
    return DiscoveredKeySet(idp.issuer_url, client=client, refresh=refresh)


def fault_of(keys: DiscoveredKeySet, **options: Any) -> str:
    """Return the message of the error that a fetch raises."""
    with pytest.raises(FetchError) as error:
        keys(**options)
    return str(error.value)


def counts_of(idp: IdentityProvider) -> tuple[int, int, int]:
    """Return the number of requests for the metadata, at both paths, and for the keys."""
    return idp.count(idp.openid_path), idp.count(idp.oauth_path), idp.count(idp.jwks_path)


def verify(token: str, keys: KeyProvider, *algorithms: str) -> Claims:
    """Return the claims of a token that the keys verify."""
    return JWTValidator(algorithms=algorithms or ALGORITHMS).validate(BearerToken(token), keys)
