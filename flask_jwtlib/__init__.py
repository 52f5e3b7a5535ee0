"""Authenticate callers of Flask apps with JSON Web Tokens.

There are three ways to use it. Compose an ``Authenticator`` of strategies. Subclass a strategy for your own
rules. Or use the functions, settings and callbacks of this module, which configure a ready-made
``Authenticator``, ``default_authenticator``. Assign a setting or callback at any time, for example
``flask_jwtlib.get_token = my_get_token``. The next request uses it.

This module exports the names that an application normally uses. The others are in modules by role:

- ``interfaces``: the four strategies: token extractor, key provider, token validator, failure handler.
  ``values``: the objects that they exchange. ``errors``: the errors that they raise.
- ``authenticator``: combines one strategy of each kind, and guards views with them
- ``extractors``: where a token is found in a request
- ``key_providers``: where keys come from. ``keys``: reading keys, and choosing one for a token.
  ``key_health``: whether an app has keys that it can use
- ``validators``: whether a token is valid. ``jws``: the parser. ``claim_rules``: checks of its claims
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

from ._flask.marks import public
from ._flask.state import current_principal, is_authenticated
from ._module_api import Callbacks as _Callbacks
from ._module_api import ModuleAPI as _ModuleAPI
from .authenticator import Authenticator
from .claim_rules import AccessToken, Audience, Client, Issuer, RequiredClaims, Scope, Subject
from .errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    VerificationUnavailable,
)
from .extractors import BearerTokenExtractor, HeaderTokenExtractor
from .failure_handlers import UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .key_providers import Refresh, StaticKeyProvider, TTLKeyProvider
from .keys import KeySet, VerificationKey
from .validators import JWTValidator
from .values import BearerToken, Claims, Principal, UnverifiedHeader

__all__ = [
    "JWT_ALGO",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "JWT_LEEWAY",
    "JWT_MAX_SIZE",
    "JWT_NUMERIC_SUBJECT",
    "VERIFICATION_KEY_CACHE_TIMEOUT",
    "AccessToken",
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
    "Principal",
    "Refresh",
    "RequiredClaims",
    "Scope",
    "StaticKeyProvider",
    "Subject",
    "TTLKeyProvider",
    "TokenExtractor",
    "TokenValidator",
    "UnauthorizedHandler",
    "UnverifiedHeader",
    "VerificationKey",
    "VerificationUnavailable",
    "check_token",
    "current_principal",
    "default_authenticator",
    "get_json_token",
    "get_token",
    "is_authenticated",
    "optional_authentication",
    "optional_authentication_failure_callback",
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
"""The signature algorithm that tokens are verified with (RFC 7518 §3.1), or a list of those accepted."""

VERIFICATION_KEY_CACHE_TIMEOUT: float = 300
"""Seconds to hold onto a key from ``retrieve_verification_key()``. Ignored once a permanent key is set."""

JWT_AUDIENCE: str | Collection[str] | None = None
"""Our name, or names, in ``aud`` (RFC 7519 §4.1.3). With None, a token that names an audience is refused."""

JWT_ISSUER: str | Collection[str] | None = None
"""The issuer, or issuers, that are accepted (RFC 7519 §4.1.1). With None, ``iss`` is not looked at."""

JWT_LEEWAY: float = 0
"""Seconds of allowance for clocks that differ, where ``exp`` and ``nbf`` are judged."""

JWT_MAX_SIZE: int = 8192
"""Longest accepted token, in characters. The server's own limit on a header line comes first."""

JWT_NUMERIC_SUBJECT: bool = False
"""Whether a whole number is accepted as ``sub`` and turned into text (RFC 7519 §4.1.2 requires a string)."""


def set_permanent_verification_key(verification_key: Any) -> None:
    """Set a permanent verification key; ``retrieve_verification_key()`` is not called any more.

    Args:
        verification_key: PEM (public key or certificate), OpenSSH ``ssh-rsa …`` text, a JWK or JWK
            set, or the HMAC secret where ``JWT_ALGO`` is of the HS family. None forgets the key
            that was set.

    Raises:
        ConfigurationError: It is empty, a private or damaged key, a public key in a form that is not
            read, or JSON that isn't a JWK. ``VerificationKey.from_secret`` says which texts are never
            taken for a secret.
    """
    _api.keys.set_permanent(verification_key)


def verification_key() -> Any:
    """Answer the verification key as it was given: the permanent one, or the one fetched and cached.

    Everything that verifies tokens gets the key from here.

    Raises:
        VerificationUnavailable: No permanent key is set, and ``retrieve_verification_key()``
            failed.
    """
    return _api.keys.verification_key()


_DEFAULT_VERIFICATION_KEY = verification_key


def get_json_token(verify: bool = True) -> dict[str, Any]:
    """Answer the claims of the current request's token.

    Args:
        verify: False decodes without verifying anything, and needs no key. **Whoever sent the
            request wrote what comes back then**: it is good for a log or a debugger. Deciding
            anything by it, who calls or what they may do, lets everybody in.

    Raises:
        AuthenticationError: There is no token, it is malformed, or it does not verify.
        VerificationUnavailable: The key could not be had.
    """
    return _api.json_token(verify=verify)


def _DEFAULT_CHECK_TOKEN(token: str) -> bool:
    """Whether the token's signature verifies and its claims are good: ``check_token()`` unless replaced."""
    return _api.is_valid(token)


def _DEFAULT_GET_TOKEN() -> str | None:
    """Take the token from header, form or query as RFC 6750 §2 says: ``get_token()`` unless replaced.

    Raises:
        InvalidRequestError: The credentials are malformed, or there are two. It is a ``ValueError``
            too.
    """
    return _api.find_token()


def _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK() -> NoReturn:
    """Throw a 401: ``requires_authentication_failure_callback()`` unless replaced.

    It carries RFC 6750's challenge, and ``@app.errorhandler(401)`` sees it.
    """
    _api.refuse()


def _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK() -> None:
    """Do nothing: ``optional_authentication_failure_callback()`` unless replaced."""


def _unregistered() -> NoReturn:
    """Raise: nobody said where the verification key comes from.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "flask_jwtlib has no verification key: call set_permanent_verification_key(key), "
        "or assign a function that answers the key to flask_jwtlib.retrieve_verification_key"
    )


# Annotated as variables, so that type checkers let an application assign its own.
retrieve_verification_key: Callable[[], Any] = _unregistered
"""Callback: answer the verification key, wherever it is kept, or raise."""

check_token: Callable[[str], bool] = _DEFAULT_CHECK_TOKEN
"""Callback: whether a token is valid here. Its signature must verify besides, whatever this says."""

get_token: Callable[[], str | None] = _DEFAULT_GET_TOKEN
"""Callback: the encoded token of the current request, or None."""

requires_authentication_failure_callback: Callable[[], ResponseReturnValue] = (
    _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK
)
"""Callback: the response to a client that gave no valid token, where one is required."""

optional_authentication_failure_callback: Callable[[], None] = (
    _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK
)
"""Callback: take note of a client that gave no valid token, where one is optional."""


def requires_authentication(f: _View) -> _View:
    """Decorate a route that needs authentication. Put it below ``@app.route``.

    A caller without a valid token gets what ``requires_authentication_failure_callback()`` answers.
    For others ``flask.g`` has ``authenticated`` (True), ``raw_token`` (the encoded token) and
    ``json_token`` (its claims).
    """
    return default_authenticator.requires_authentication(f)


def optional_authentication(f: _View) -> _View:
    """Decorate a route where authentication is optional. Put it below ``@app.route``.

    For a caller without a valid token ``optional_authentication_failure_callback()`` is called, and
    the route all the same: ``flask.g.authenticated`` is False then, ``raw_token`` and
    ``json_token`` are None.
    """
    return default_authenticator.optional_authentication(f)


_api = _ModuleAPI(cast("_Callbacks", sys.modules[__name__]))

default_authenticator: Authenticator = _api.authenticator
"""The ``Authenticator`` behind this module: it has ``guard()``, ``init_app()`` and ``authenticate()``."""
