"""Checks what an ``Authenticator`` is composed of, when it is made and at its seams while it works."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any, cast

from .errors import ConfigurationError, VerificationUnavailable
from .extractors import BearerTokenExtractor
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .jws import DEFAULT_MAX_SIZE
from .key_providers import NoKeyProvider, StaticKeyProvider
from .validators import JWTValidator
from .values import BearerToken, Claims

__all__ = [
    "as_claims",
    "check_composition",
    "check_extracted",
    "default_extractor",
]

_METHODS: dict[type, dict[str, int]] = {
    TokenExtractor: {"extract": 1},
    KeyProvider: {"keys_for": 1},
    TokenValidator: {"validate": 2},
    FailureHandler: {"deny": 1, "anonymous": 1},
}


def check_composition(
    *, extractor: object, keys: object, validator: object, failure_handler: object
) -> None:
    """Check four strategies, each for itself and the keys against the validator's algorithms.

    Raises:
        ConfigurationError: One is not of its interface's shape, or they can't work together.
    """
    _check_strategy("extractor", extractor, TokenExtractor)
    _check_strategy("keys", keys, KeyProvider)
    _check_strategy("validator", validator, TokenValidator)
    _check_strategy("failure_handler", failure_handler, FailureHandler)
    if isinstance(keys, NoKeyProvider) and isinstance(validator, JWTValidator):
        raise ConfigurationError("a JWTValidator verifies by keys: give the Authenticator keys=")
    if isinstance(keys, StaticKeyProvider) and isinstance(validator, JWTValidator):
        usable = keys.key_set.algorithms
        if usable.isdisjoint(validator.algorithms):
            raise ConfigurationError(
                f"the keys verify {', '.join(sorted(usable))} and the validator accepts "
                f"{', '.join(validator.algorithms)}: give it algorithms= that the keys are for"
            )


def _check_strategy(name: str, strategy: object, interface: type) -> None:
    if isinstance(strategy, type):
        raise ConfigurationError(
            f"{name} is the class {strategy.__name__}, want an instance: {strategy.__name__}()"
        )
    for method, arity in _METHODS[interface].items():
        function = getattr(strategy, method, None)
        if not callable(function):
            raise ConfigurationError(
                f"{name} is a {type(strategy).__name__}, which has no method {method}: "
                f"want a {interface.__name__}"
            )
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                f"{type(strategy).__name__}.{method} is async; strategies are plain functions"
            )
        try:
            inspect.signature(function).bind(*range(arity))
        except TypeError:
            raise ConfigurationError(
                f"{type(strategy).__name__}.{method} must take {arity} argument{'s' * (arity > 1)}, "
                f"see {interface.__name__}"
            ) from None
        except ValueError:
            # A callable without a signature, such as a builtin, shows its arity when it is called.
            continue


def default_extractor(validator: object) -> BearerTokenExtractor:
    """Look in RFC 6750's three places, for tokens as long as a validator accepts by its ``max_size``."""
    max_size: object = getattr(validator, "max_size", None)
    if type(max_size) is not int or max_size < 1:
        max_size = DEFAULT_MAX_SIZE
    return BearerTokenExtractor(max_size=max_size)


def check_extracted(token: Any) -> None:
    """Check what an extractor answered.

    Raises:
        VerificationUnavailable: It is no token: a fault of ours.
    """
    if not isinstance(token, BearerToken) or not isinstance(token.value, str):
        raise VerificationUnavailable(
            f"the extractor answered a {type(token).__name__}, not a BearerToken with text"
        )


def as_claims(claims: Any) -> Claims:
    """Check what a validator answered, and make ``Claims`` of any other mapping.

    Raises:
        VerificationUnavailable: It is no mapping: a fault of ours.
    """
    if isinstance(claims, Claims):
        return claims
    if not isinstance(claims, Mapping):
        raise VerificationUnavailable(f"the validator answered {type(claims).__name__}, not claims")
    return Claims(cast("Mapping[str, Any]", claims), checked_at=time.time())
