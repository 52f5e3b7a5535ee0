"""The ``Authenticator``: four strategies that together protect the views of an app."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast, final

import attrs
from attrs import Factory, field, frozen
from flask import Flask

from ._authenticator.composition import check_composition, default_extractor
from ._authenticator.decorators import PipelineSource
from ._authenticator.doors import Doors
from ._authenticator.outcomes import Refused
from ._authenticator.own_refusals import raise_refusal
from ._authenticator.pipeline import Pipeline
from ._flask.given_request import deciding_on
from ._options import as_strings
from .errors import ConfigurationError, MalformedTokenError
from .failure_handlers import UnauthorizedHandler
from .interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from .key_providers import CheckedKeyProvider, StaticKeyProvider, as_key_provider
from .policies import NO_CALL, Policy, closed_hierarchy, split_rules
from .sharing import Shared
from .validators import JWTValidator
from .values import BearerToken, Principal

__all__ = ["Authenticator", "raise_refusal"]

_URL = re.compile(r"https?://[!#-\[\]-~]+")


def _as_policies(given: Iterable[Policy]) -> tuple[Policy, ...]:
    value: object = given
    if not isinstance(value, Iterable):
        raise ConfigurationError(f"policies must be a list, policies=[…], not {value!r}")
    rules, policies = split_rules(given)
    if rules:
        raise ConfigurationError(
            f"policies has {rules[0]!r}, which is a claim rule: pass rules=[…] to the validator or to a "
            "decorator"
        )
    return policies


def _as_members(given: Any) -> frozenset[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"confirmed_elsewhere is {given!r}, expected a tuple of members of cnf, such as ('x5t#S256',)"
        )
    return frozenset(as_strings("confirmed_elsewhere", tuple(cast("Iterable[object]", given))))


def _as_url(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or not _URL.fullmatch(given)):
        raise ConfigurationError(
            f"resource_metadata is {given!r}, expected an https URL such as "
            "'https://api.example/.well-known/oauth-protected-resource'"
        )
    return given


def _pipeline(authenticator: Authenticator) -> Pipeline:
    keys = authenticator.keys
    # First, since the pipeline reads what the extractor states.
    check_composition(
        extractor=authenticator.extractor,
        keys=keys,
        validator=authenticator.validator,
        failure_handler=authenticator.failure_handler,
    )
    return Pipeline(
        authenticator=authenticator,
        extractor=authenticator.extractor,
        # Lookups in this package's provider of fixed keys can't fail, so they need no check.
        keys=keys if type(keys) is StaticKeyProvider else CheckedKeyProvider(keys),
        validator=authenticator.validator,
        failure_handler=authenticator.failure_handler,
        policies=authenticator.policies,
        implied_scopes=authenticator.scope_hierarchy,
        confirmed_elsewhere=authenticator.confirmed_elsewhere,
        resource_metadata=authenticator.resource_metadata,
    )


@final
@frozen(kw_only=True, eq=False)
class Authenticator(Doors, Shared):
    """Protects the views of an app by four strategies that you choose.

    Decorate single views with ``requires_authentication`` or ``optional_authentication``, guard a blueprint
    with ``guard``, or deny by default with ``protect``. In a view, ``authenticate`` returns the caller.
    Outside of requests, ``verify`` does for a token.

    An ``Authenticator`` is immutable. Several apps and threads may share one. It can't be subclassed: put
    your own rules into a strategy or a claim rule. ``copy.copy`` and ``copy.deepcopy`` return the object
    itself. It can't be pickled: make one in each process.

    Args:
        keys: The keys that verify tokens. Pass a ``KeyProvider``; one or several keys in any form that
            ``KeySet.of`` takes; or a function that fetches such keys, called again every 300 seconds
            (``TTLKeyProvider``). Leave it out if the validator has its own keys or needs none.
        extractor: Finds the token in a request. Defaults to a ``BearerTokenExtractor`` with the
            validator's ``max_size``, which reads the three places of RFC 6750 §2.
        validator: Decides whether a token is valid. Defaults to ``JWTValidator()``, which accepts RS256.
        failure_handler: Makes the response to a refused request. By default, it has the status and the
            challenge of RFC 6750 §3.
        policies: Policies for every caller, such as ``[Scope("reports")]``.
        scope_hierarchy: Scopes that imply others: ``{"admin": ["write"], "write": ["read"]}``.
        confirmed_elsewhere: Members of a token's ``cnf`` (RFC 7800 §3.1) that something in front of the app
            confirms, such as ``("x5t#S256",)`` for a proxy that checks client certificates. A token is
            refused unless each member of its ``cnf`` is named here or confirmed by the validator.
        resource_metadata: The URL of this resource's metadata, named in challenges (RFC 9728 §5.1).

    Raises:
        ConfigurationError: A strategy lacks a method of its interface, the strategies can't work together, or
            another option is wrong.
    """

    keys: KeyProvider = field(default=None, converter=as_key_provider)
    validator: TokenValidator = field(factory=JWTValidator)
    extractor: TokenExtractor = field(
        default=Factory(lambda self: default_extractor(self.validator), takes_self=True)
    )
    failure_handler: FailureHandler = field(factory=UnauthorizedHandler)
    policies: tuple[Policy, ...] = field(default=(), converter=_as_policies)
    scope_hierarchy: Mapping[str, frozenset[str]] = field(
        factory=dict[str, Any], converter=closed_hierarchy
    )
    confirmed_elsewhere: frozenset[str] = field(factory=frozenset[str], converter=_as_members)
    resource_metadata: str | None = field(default=None, converter=_as_url)
    _pipeline: Pipeline = field(init=False, repr=False, default=Factory(_pipeline, takes_self=True))

    def __init_subclass__(cls) -> None:
        raise TypeError(
            "Authenticator can't be subclassed: subclass one of its strategies, "
            "or pass rules=[…] to a validator or a decorator"
        )

    def evolve(self, **changes: Any) -> Authenticator:
        """Return a copy with some strategies replaced. The arguments are those of ``Authenticator``.

        If the validator is replaced, the default extractor takes the new one's ``max_size``.
        """
        if "validator" in changes and self.extractor == default_extractor(self.validator):
            changes.setdefault("extractor", default_extractor(changes["validator"]))
        return attrs.evolve(self, **changes)

    def verify(self, text: str) -> Principal:
        """Return the caller whom a token names, outside of any request.

        Use it for a token from a WebSocket message, a queue or a command line. It needs no Flask context, and
        logs and signals nothing. The Authenticator's policies apply; one that needs to know the called view
        refuses. A token that is bound to a key or certificate is refused, since a text proves no possession;
        ``confirmed_elsewhere`` doesn't count here.

        Args:
            text: The token, without ``Bearer``.

        Raises:
            AuthenticationError: The token is refused. ``error.log_message`` says why.
            VerificationUnavailable: The keys are unavailable.
        """
        given: object = text
        if not isinstance(given, str):
            raise MalformedTokenError(f"the token is a {type(given).__name__}, expected a str")
        pipeline = self._pipeline
        with deciding_on(None):
            principal = pipeline.validated(BearerToken(given, source="text"), ())
            outcome = pipeline.judged(principal, pipeline.policies, NO_CALL)
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome

    def pipeline_source(self) -> PipelineSource:
        """Used by the decorators."""
        return self._pipeline

    def authenticator_in(self, app: Flask) -> Authenticator:
        """Used by the audit."""
        return self
