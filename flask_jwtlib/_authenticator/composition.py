"""Checks of an ``Authenticator``'s strategies, and of what they return during a request."""

from __future__ import annotations

import inspect
import time
from collections.abc import Collection, Mapping
from typing import Any, cast

from ..errors import ClaimError, ConfigurationError, CrossSiteError, VerificationUnavailable
from ..evidence import NO_EVIDENCE, CrossSiteCheck, Evidence, MustBeConfirmed
from ..extractors import BearerTokenExtractor
from ..interfaces import (
    FailureHandler,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
    challenges_of,
    vary_of,
)
from ..jws import DEFAULT_MAX_SIZE
from ..key_providers import NoKeyProvider, StaticKeyProvider
from ..log_text import quoted
from ..validators import JWTValidator
from ..values import BearerToken, Claims

__all__ = [
    "as_claims",
    "check_actor",
    "check_ambient",
    "check_composition",
    "check_confirmed",
    "check_evidence",
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
    """Check each of the four strategies, and the keys against the validator's algorithms.

    Raises:
        ConfigurationError: A strategy lacks a method of its interface, or they can't work together.
    """
    _check_strategy("extractor", extractor, TokenExtractor)
    challenges_of(extractor)
    vary_of(extractor)
    _check_strategy("keys", keys, KeyProvider)
    _check_strategy("validator", validator, TokenValidator)
    _check_strategy("failure_handler", failure_handler, FailureHandler)
    if isinstance(keys, NoKeyProvider) and isinstance(validator, JWTValidator):
        raise ConfigurationError("a JWTValidator needs keys: pass keys=…")
    if isinstance(keys, StaticKeyProvider) and isinstance(validator, JWTValidator):
        usable = keys.key_set.algorithms
        if usable.isdisjoint(validator.algorithms):
            raise ConfigurationError(
                f"the keys verify {', '.join(sorted(usable))}, but the validator accepts only "
                f"{', '.join(validator.algorithms)}: pass an algorithm of the keys to the validator, "
                "as JWTValidator(algorithms=…)"
            )


def _check_strategy(name: str, strategy: object, interface: type) -> None:
    if isinstance(strategy, type):
        raise ConfigurationError(
            f"{name} is the class {strategy.__name__}, expected an instance: {strategy.__name__}()"
        )
    for method, arity in _METHODS[interface].items():
        function = getattr(strategy, method, None)
        if not callable(function):
            raise ConfigurationError(
                f"{name} is a {type(strategy).__name__}, which has no method {method}: "
                f"expected a {interface.__name__}"
            )
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                f"{type(strategy).__name__}.{method} is async, expected a plain method"
            )
        try:
            inspect.signature(function).bind(*range(arity))
        except TypeError:
            raise ConfigurationError(
                f"{type(strategy).__name__}.{method} must take {arity} argument{'s' * (arity > 1)}, "
                f"as in {interface.__name__}"
            ) from None
        except ValueError:
            # Some builtins have no signature. A wrong number of arguments shows when they are called.
            continue


def default_extractor(validator: object) -> BearerTokenExtractor:
    """Return a ``BearerTokenExtractor`` with the validator's ``max_size``, if the validator has one."""
    max_size: object = getattr(validator, "max_size", None)
    if type(max_size) is not int or max_size < 1:
        max_size = DEFAULT_MAX_SIZE
    return BearerTokenExtractor(max_size=max_size)


def check_extracted(token: Any) -> None:
    """Check what an extractor returned.

    Raises:
        VerificationUnavailable: It isn't a token. That is the server's fault, not the client's.
    """
    if not isinstance(token, BearerToken) or not isinstance(token.value, str):
        raise VerificationUnavailable(
            f"the extractor returned a {type(token).__name__}, expected a BearerToken with text"
        )


def as_claims(claims: Any) -> Claims:
    """Check what a validator returned, and convert any other mapping to ``Claims``.

    Raises:
        VerificationUnavailable: It isn't a mapping. That is the server's fault, not the client's.
    """
    if isinstance(claims, Claims):
        return claims
    if not isinstance(claims, Mapping):
        raise VerificationUnavailable(
            f"the validator returned a {type(claims).__name__}, expected Claims"
        )
    return Claims(cast("Mapping[str, Any]", claims), checked_at=time.time())


def check_actor(claims: Claims) -> None:
    """Check that ``act`` identifies an actor (RFC 8693 §4.1).

    Raises:
        ClaimError: It doesn't.
    """
    # Reading it checks it.
    _ = claims.actor


def check_ambient(token: BearerToken) -> None:
    """Check that an ambient token has the outcome of a cross-site check.

    Raises:
        CrossSiteError: It has none.
    """
    if token.evidence.get(CrossSiteCheck) is None:
        raise CrossSiteError(
            f"the token from the {token.source} is ambient, which means that a browser sends it by itself, "
            "and its extractor hasn't checked whether another site made the browser send the request: attach "
            "a CrossSiteCheck by token.with_evidence, or wrap it in CrossSiteCheckedTokenExtractor"
        )


def check_confirmed(
    claims: Claims, elsewhere: Collection[str], evidence: Evidence = NO_EVIDENCE
) -> None:
    """Check that a validator confirmed everything that a token is bound to (RFC 7800 §3.1).

    Args:
        claims: The claims, which have a ``cnf``.
        elsewhere: The members of ``cnf`` that something else confirms, such as a proxy.
        evidence: The request's evidence. What was confirmed by another request's doesn't count.

    Raises:
        ClaimError: ``cnf`` is not a non-empty object, or one of its members is not confirmed.
    """
    bound: object = claims["cnf"]
    if not isinstance(bound, dict) or not bound:
        raise ClaimError("cnf", "cnf is not an object with members (RFC 7800 §3.1)")
    members = cast("dict[str, object]", bound)
    confirmed = claims.confirmed if evidence and claims.made_for(evidence) else ()
    missing = [name for name in members if name not in confirmed and name not in elsewhere]
    if missing:
        raise ClaimError(
            "cnf",
            f"the token is bound by {', '.join(map(quoted, missing))} in cnf, and no validator confirmed it "
            "by evidence of this request; if something in front of the app does, pass confirmed_elsewhere=… "
            "to the Authenticator",
            description="The access token is bound to a key, and the request does not prove its possession",
        )


def check_evidence(claims: Claims, evidence: Evidence) -> None:
    """Check that a validator confirmed all evidence that must be confirmed.

    Raises:
        VerificationUnavailable: It didn't. The composition lacks a validator, which isn't the client's fault.
    """
    for value in evidence:
        if isinstance(value, MustBeConfirmed) and not (
            type(value) in claims.confirmed and claims.made_for(evidence)
        ):
            raise VerificationUnavailable(
                f"the extractor attached {type(value).__name__} to the token, and no validator has checked "
                "it: put the validator that belongs to the extractor around yours"
            )
