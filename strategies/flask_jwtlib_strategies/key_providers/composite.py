"""A key provider that combines several others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import (
    ConfigurationError,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.dry_run import is_dry_run
from flask_jwtlib.key_health import combined_state, status_of
from flask_jwtlib.key_providers import CheckedKeyProvider, DeferredCalls
from flask_jwtlib.log_text import library_logger
from flask_jwtlib.sharing import Shared

from ._members import (
    as_unavailable,
    distinct,
    keys_of,
    members_at_hand,
    stages_of,
)

__all__ = ["CompositeKeyProvider"]

_logger = library_logger("flask_jwtlib_strategies")


@frozen(init=False, eq=False)
class CompositeKeyProvider(Shared, KeyProvider):
    """Combines the keys of several providers.

    Use it for one issuer whose keys are in several places, such as an old key server and its successor, or a
    key server and a file for emergencies. **All keys are trusted equally**: the owner of any of them can
    issue tokens in the issuer's name. For issuers that don't trust each other, use an ``IssuerRouter``.

    For a token with a ``kid``, keys that are already loaded come first: providers with a method
    ``keys_at_hand``, such as those of ``flask_jwtlib``, return them without waiting. If none of these keys
    has the ``kid``, the other providers are called. Then the former are called again, one after the other,
    and may fetch. If a key has the ``kid``, only keys with it are returned. Otherwise the keys without a
    ``kid`` that a provider has for any token are returned. Don't give two keys the same ``kid``: both are
    tried only while both are loaded.

    For a token without a ``kid``, all providers are called. The token is verified if exactly one of their
    keys fits, or if none of the fitting keys has a ``kid``.

    While one provider fails, tokens whose ``kid`` another provider has are still verified, and a warning is
    logged. Any other token may need one of the missing keys, so the response is 503, not 401. A provider that
    refuses a token by raising an error is obeyed only if it is called. To forbid other providers' keys, wrap
    this provider instead of adding one to it.

    Args:
        *providers: The providers, in the order in which they are called.
        limit: Maximum number of keys that are returned, each of which may cost a signature check. A key
            that two providers have counts once.

    Raises:
        ConfigurationError: There is no provider, an argument isn't a ``KeyProvider`` object, or ``limit``
            isn't a whole number of 1 or more.
    """

    providers: tuple[KeyProvider, ...]
    limit: int = field(default=4, kw_only=True)
    _at_hand: tuple[KeyProvider, ...] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: members_at_hand(self.providers), takes_self=True),
    )
    _stages: tuple[tuple[KeyProvider, ...], ...] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: stages_of(self.providers), takes_self=True),
    )
    _calls: DeferredCalls = field(init=False, repr=False, factory=DeferredCalls)

    def __init__(self, *providers: KeyProvider, limit: int = 4) -> None:
        if not providers:
            raise ConfigurationError("CompositeKeyProvider needs at least one KeyProvider")
        for provider in providers:
            if isinstance(provider, type) or not isinstance(provider, KeyProvider):
                # The argument itself isn't shown: it may be a secret.
                raise ConfigurationError(
                    f"CompositeKeyProvider takes KeyProvider objects, not {_kind_of(provider)}: "
                    "pass keys as StaticKeyProvider(…)"
                )
        if type(limit) is not int or limit < 1:
            raise ConfigurationError(
                f"limit must be a whole number of keys, 1 or more, not {limit!r}"
            )
        cast("Any", self).__attrs_init__(providers, limit=limit)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the providers' keys that may verify a token."""
        if header.kid is None:
            return self._keys_for_nameless(header)
        named = self.keys_at_hand(header)
        if named:
            return named
        keys: list[VerificationKey] = []
        missing: VerificationUnavailable | None = None
        for stage in self._stages:
            found, fault = keys_of(stage, header)
            missing = missing or fault
            named = self._named(header, found, missing)
            if named:
                return named
            keys += found
        if missing is not None:
            raise missing
        return distinct(keys)[: self.limit]

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the keys that the providers have now, of those that list theirs. It doesn't fetch."""
        return distinct(
            key
            for provider in self.providers
            for key in CheckedKeyProvider(provider).current_keys()
        )

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the loaded keys with the token's ``kid``, without waiting."""
        return () if header.kid is None else self._named(header, *keys_of(self._at_hand, header))

    def warm_up(self) -> None:
        """Fetch the keys of all providers that are due, so that the first request doesn't wait.

        Raises:
            VerificationUnavailable: The keys of a provider can't be fetched. Those of the others are.
        """
        missing: VerificationUnavailable | None = None
        for provider in self.providers:
            warm_up = getattr(provider, "warm_up", None)
            try:
                if warm_up is not None:
                    warm_up()
            except Exception as error:  # noqa: BLE001 - as in keys_for, any error means unavailable
                missing = missing or as_unavailable(error)
        if missing is not None:
            raise missing

    @property
    def kids(self) -> frozenset[str] | None:
        """The key IDs of all providers that list theirs, for the log. None if no provider does."""
        known = [CheckedKeyProvider(provider).kids for provider in self.providers]
        said = [kids for kids in known if kids is not None]
        return frozenset[str]().union(*said) if said else None

    @property
    def generation(self) -> int:
        """A number that grows when a provider's keys change.

        Raises:
            AttributeError: A provider has no such number.
        """
        providers: tuple[Any, ...] = self.providers
        return sum(provider.generation for provider in providers)

    def status(self) -> dict[str, Any]:
        """Return the status of all providers' keys, in values that JSON can represent. Fetches nothing.

        Returns:
            ``members``: a ``dict`` for each provider: ``provider``, the name of its class, and the items of
            its ``status()``. ``state``: ``key_health.combined_state`` of these.
        """
        members = [status_of(provider) for provider in self.providers]
        state = combined_state(member["state"] for member in members)
        return {"state": state, "members": members}

    def _named(
        self,
        header: UnverifiedHeader,
        keys: Iterable[VerificationKey],
        missing: VerificationUnavailable | None,
    ) -> Sequence[VerificationKey]:
        """Return the keys with the token's ``kid``. If some keys are missing, log a warning."""
        named = distinct(key for key in keys if key.kid == header.kid)[: self.limit]
        if named and missing is not None and not is_dry_run():
            # In the background: log handlers may raise anything and take any time.
            self._calls.add(
                _logger.warning,
                "the keys of a provider are missing; using those of the others",
                exc_info=missing,
            )
            self._calls.start()
        return named

    def _keys_for_nameless(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for a token without a ``kid``."""
        keys: list[VerificationKey] = []
        for provider in self.providers:
            found = CheckedKeyProvider(provider).keys_for(header)
            if not found and _has_any(provider, header.alg):
                # It returned none because several of its keys fit.
                return ()
            keys += found
        few = distinct(keys)
        if len(few) > 1 and any(key.kid is not None for key in few):
            return ()
        return few[: self.limit]


def _kind_of(argument: object) -> str:
    if isinstance(argument, type):
        return f"the class {argument.__name__}"
    return f"an object of type {type(argument).__name__}"


def _has_any(provider: KeyProvider, algorithm: str) -> bool:
    """Return whether a provider of ``flask_jwtlib`` has a key for an algorithm."""
    if isinstance(provider, CompositeKeyProvider):
        return any(_has_any(member, algorithm) for member in provider.providers)
    if isinstance(provider, StaticKeyProvider):
        return algorithm in provider.key_set.algorithms
    return isinstance(provider, TTLKeyProvider) and algorithm in provider.key_set().algorithms
