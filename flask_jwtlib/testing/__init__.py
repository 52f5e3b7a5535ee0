"""For tests of apps and strategies: an issuer with real keys, a provider that misbehaves, requests.

The contracts that strategies keep are in ``flask_jwtlib.testing.contracts``, the fixtures in
``flask_jwtlib.testing.plugin``, which pytest loads by itself.
"""

from __future__ import annotations

from .identity_provider import Behaviour, IdentityProvider, ReceivedRequest
from .issuer import TokenIssuer, base64url, bearer
from .module_api import module_api_restored
from .request import make_request

__all__ = [
    "Behaviour",
    "IdentityProvider",
    "ReceivedRequest",
    "TokenIssuer",
    "base64url",
    "bearer",
    "make_request",
    "module_api_restored",
]
