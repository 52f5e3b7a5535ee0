"""Authenticate callers of Flask apps with JSON Web Tokens.

There are three ways to use it. Compose an ``Authenticator`` of strategies. Subclass a strategy for your own
rules. Or use the functions, settings and callbacks of this module, which configure a ready-made
``Authenticator``, ``default_authenticator``. Assign a setting or callback at any time, for example
``flask_jwtlib.get_token = my_get_token``. The next request uses it.

This module exports the names that an application normally uses. The others are in modules by role:

- ``interfaces``: the four strategies: token extractor, key provider, token validator, failure handler.
  ``values``: the objects that they exchange. ``errors``: the errors that they raise.
- ``authenticator``: combines one strategy of each kind, and guards views with them.
  ``app_authenticator``: one that is made at import, and configured for each app later
- ``extractors``: where a token is found in a request
- ``key_providers``: where keys come from. ``keys``: reading keys, and choosing one for a token.
  ``key_health``: whether an app has keys that it can use
- ``validators``: whether a token is valid. ``jws``: the parser. ``claim_rules``: checks of its claims.
  ``evidence``: what a request offers in addition to the token, such as a proof of possession
- ``policies``: what a route requires of its callers
- ``failure_handlers``: the response to a refused request. ``challenges``: its ``WWW-Authenticate`` header
- ``signals``: what an ``Authenticator`` and key providers report. ``audit``: which callers each route admits
- ``testing``: token issuers, a fake identity provider, and tests for your strategies
- ``cli``: the commands ``flask jwtlib …``

Strategies that not every application needs are in the package ``flask_jwtlib_strategies``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar, cast

from flask.typing import ResponseReturnValue

from ._flask.current_caller import current_principal, is_authenticated
from ._flask.marks import allow_preflight, public
from ._module_api import Callbacks as _Callbacks
from ._module_api import ModuleAPI as _ModuleAPI
from .app_authenticator import AppAuthenticator
from .authenticator import Authenticator
from .claim_rules import Audience, Client, Issuer
from .errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    VerificationUnavailable,
)
from .extractors import BearerTokenExtractor, HeaderTokenExtractor
from .failure_handlers import RaisingHandler, UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .key_providers import StaticKeyProvider, TTLKeyProvider
from .keys import KeySet, VerificationKey
from .policies import AnyScope, Policy, Role, Scope, policy
from .validators import JWTValidator
from .values import Actor, BearerToken, Claims, Principal, UnverifiedHeader

__all__ = [
    "JWT_ALGO",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "JWT_LEEWAY",
    "JWT_MAX_SIZE",
    "JWT_NUMERIC_SUBJECT",
    "VERIFICATION_KEY_CACHE_TIMEOUT",
    "Actor",
    "AnyScope",
    "AppAuthenticator",
    "Audience",
    "AuthenticationError",
    "Authenticator",
    "BearerToken",
    "BearerTokenExtractor",
    "Claims",
    "Client",
    "ConfigurationError",
    "FailureHandler",
    "HeaderTokenExtractor",
    "InvalidTokenError",
    "Issuer",
    "JWTValidator",
    "KeyProvider",
    "KeySet",
    "Policy",
    "Principal",
    "RaisingHandler",
    "Role",
    "Scope",
    "StaticKeyProvider",
    "TTLKeyProvider",
    "TokenExtractor",
    "TokenValidator",
    "UnauthorizedHandler",
    "UnverifiedHeader",
    "VerificationKey",
    "VerificationUnavailable",
    "allow_preflight",
    "check_token",
    "current_principal",
    "default_authenticator",
    "get_json_token",
    "get_token",
    "is_authenticated",
    "optional_authentication",
    "optional_authentication_failure_callback",
    "policy",
    "public",
    "requires_authentication",
    "requires_authentication_failure_callback",
    "retrieve_verification_key",
    "set_permanent_verification_key",
    "verification_key",
]

__version__ = "0.1.0"

_View = TypeVar("_View", bound=Callable[..., Any])

JWT_ALGO: str | Collection[str] = "RS256"
"""The signature algorithm that tokens are verified with (RFC 7518 §3.1), or a list of algorithms."""

VERIFICATION_KEY_CACHE_TIMEOUT: float = 300
"""Seconds to cache a key from ``retrieve_verification_key()``. Ignored once a permanent key is set."""

JWT_AUDIENCE: str | Collection[str] | None = None
"""One or several accepted audiences (``aud``, RFC 7519 §4.1.3). None refuses tokens that have an audience."""

JWT_ISSUER: str | Collection[str] | None = None
"""One or several accepted issuers (``iss``, RFC 7519 §4.1.1). None accepts any issuer."""

JWT_LEEWAY: float = 0
"""Accepted difference between the issuer's clock and this server's, in seconds, for ``exp`` and ``nbf``."""

JWT_MAX_SIZE: int = 8192
"""Longest accepted token, in characters. Your server may have a lower limit for a header line."""

JWT_NUMERIC_SUBJECT: bool = False
"""Whether an integer ``sub`` is accepted and converted to a string, which RFC 7519 §4.1.2 requires."""


def set_permanent_verification_key(verification_key: Any) -> None:
    """Set a permanent verification key. ``retrieve_verification_key()`` is no longer called.

    Args:
        verification_key: PEM (public key or certificate), OpenSSH ``ssh-rsa …`` text, a JWK or JWK set, or
            the HMAC secret if ``JWT_ALGO`` is HS256, HS384 or HS512. None removes the permanent key.

    Raises:
        ConfigurationError: The key is empty, private or damaged, a public key in an unsupported form, or
            JSON that isn't a JWK. ``VerificationKey.from_secret`` lists the texts that are never accepted
            as a secret.
    """
    _api.keys.set_permanent(verification_key)


def verification_key() -> Any:
    """Return the verification key as you passed it: the permanent key, or the fetched and cached one.

    All verification of tokens uses the key that this function returns.

    Raises:
        VerificationUnavailable: No permanent key is set, and ``retrieve_verification_key()`` failed.
    """
    return _api.keys.verification_key()


_DEFAULT_VERIFICATION_KEY = verification_key


def get_json_token(verify: bool = True) -> dict[str, Any]:
    """Return the claims of the current request's token.

    Args:
        verify: False decodes the token without verifying it, and needs no key. **Then the client can write
            anything into the claims.** Use them in a log or a debugger only, and never to decide who the
            caller is or what they may do.

    Raises:
        AuthenticationError: There is no token, or it is malformed or not valid.
        VerificationUnavailable: The key is unavailable.
    """
    return _api.json_token(verify=verify)


def _DEFAULT_CHECK_TOKEN(token: str) -> bool:
    """Return whether a token's signature and claims are valid: the default ``check_token()``."""
    return _api.is_valid(token)


def _DEFAULT_GET_TOKEN() -> str | None:
    """Return the token from header, form or query (RFC 6750 §2): the default ``get_token()``.

    Raises:
        MalformedCredentialsError: The credentials are malformed, or there are two tokens.
    """
    return _api.find_token()


def _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK() -> NoReturn:
    """Raise a 401 error: the default ``requires_authentication_failure_callback()``.

    It has the challenge of RFC 6750 §3, and ``@app.errorhandler(401)`` handles it.
    """
    _api.refuse()


def _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK() -> None:
    """Do nothing: the default ``optional_authentication_failure_callback()``."""


def _unregistered() -> NoReturn:
    """Raise an error: the default ``retrieve_verification_key()``.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "flask_jwtlib has no verification key: call set_permanent_verification_key(key), "
        "or assign a function that returns the key to flask_jwtlib.retrieve_verification_key"
    )


# Annotated as variables, so that type checkers accept assignments by an application.
retrieve_verification_key: Callable[[], Any] = _unregistered
"""Callback: returns the verification key, from wherever you keep it, or raises."""

check_token: Callable[[str], bool] = _DEFAULT_CHECK_TOKEN
"""Callback: returns whether a token is valid. Its signature is verified in any case."""

get_token: Callable[[], str | None] = _DEFAULT_GET_TOKEN
"""Callback: returns the encoded token of the current request, or None."""

requires_authentication_failure_callback: Callable[[], ResponseReturnValue] = (
    _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK
)
"""Callback: returns or raises the response to a request without a valid token, if one is required."""

optional_authentication_failure_callback: Callable[[], None] = (
    _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK
)
"""Callback: is called for a request without a valid token, if one is optional."""


def requires_authentication(f: _View) -> _View:
    """Decorate a route that requires authentication. Put it below ``@app.route``.

    For a request without a valid token, ``requires_authentication_failure_callback()`` makes the response.
    For other requests, ``flask.g`` has ``authenticated`` (True), ``raw_token`` (the encoded token) and
    ``json_token`` (its claims).
    """
    return default_authenticator.requires_authentication(f)


def optional_authentication(f: _View) -> _View:
    """Decorate a route for which authentication is optional. Put it below ``@app.route``.

    For a request without a valid token, ``optional_authentication_failure_callback()`` is called, and then
    the route: ``flask.g.authenticated`` is False, and ``raw_token`` and ``json_token`` are None.
    """
    return default_authenticator.optional_authentication(f)


_api = _ModuleAPI(cast("_Callbacks", sys.modules[__name__]))

default_authenticator: Authenticator = _api.authenticator
"""The ``Authenticator`` of this module, with ``guard()``, ``protect()``, ``verify()`` and other methods."""
