"""Tools for tests of apps and strategies: a token issuer with real keys, an identity provider, requests.

``lend_keys`` lets an app's ``Authenticator`` accept a test issuer's tokens. ``BAD_CREDENTIALS`` are all ways
in which a request can be wrong, as parameters of a test.

The tests that each strategy must pass are in ``flask_jwtlib.testing.contracts``. The fixtures are in
``flask_jwtlib.testing.plugin``, which pytest loads automatically.
"""

from __future__ import annotations

from .credentials import (
    BAD_CREDENTIALS,
    BAD_TOKENS,
    GOOD_TOKENS,
    BadCredentials,
    BadToken,
    GoodToken,
)
from .identity_provider import Behaviour, IdentityProvider, ReceivedRequest
from .issuer import TokenIssuer, base64url, bearer
from .lent_keys import lend_keys
from .module_api import module_api_restored
from .request import make_request

__all__ = [
    "BAD_CREDENTIALS",
    "BAD_TOKENS",
    "GOOD_TOKENS",
    "BadCredentials",
    "BadToken",
    "Behaviour",
    "GoodToken",
    "IdentityProvider",
    "ReceivedRequest",
    "TokenIssuer",
    "base64url",
    "bearer",
    "lend_keys",
    "make_request",
    "module_api_restored",
]
