"""Several key providers that act as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from flask_jwtlib import (
    ConfigurationError,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.key_health import combined_state, status_of
from flask_jwtlib.key_providers import CheckedKeyProvider, DeferredCalls
from flask_jwtlib.log_text import library_logger
from flask_jwtlib.sharing import Shared

__all__ = ["CompositeKeyProvider"]

_logger = library_logger("flask_jwtlib_strategies")


@frozen(init=False, eq=False)
class CompositeKeyProvider(Shared, KeyProvider):
    """Asks several providers for keys, and answers what they have together.

    It suits one issuer whose keys are in several places: in an old key server and its successor, or
    fetched and at hand for an emergency. **All keys are trusted alike**: whoever holds one can issue
    tokens in the name of the others' issuers. Issuers that don't trust each other are for an
    ``IssuerRouter``.

    For a token that names a ``kid``, keys that are at hand come first: all providers with a method
    ``keys_at_hand``, as those of ``flask_jwtlib`` have, answer without waiting. Only if none of them
    has a key of that ``kid``, those without the method are asked, and then the others once more,
    one after the other, who may fetch. Keys of the very ``kid`` are answered alone; if nobody has
    one, those keys without an ID are that a provider has for any token. No two keys should have one
    ``kid``: both are tried only while both are at hand.

    For a token that names no ``kid``, all providers are asked. It is verified if exactly one key of
    theirs fits, or if none of those that fit has an ID. Of a provider that is not made of those of
    ``flask_jwtlib`` the keys that it answers count.

    While one provider's keys can't be had, the others' keys of the very ``kid`` that a token names
    still serve, and a warning is logged. For any other token nobody knows whether the missing keys
    would have verified it: that is 503, not 401. One that refuses a token is obeyed if it is asked:
    to forbid what others allow, put a provider around this one, not into it.

    Args:
        *providers: Which to ask, in this order.
        limit: How many keys to answer at most: each may cost a signature check. A key that two
            providers have counts once.

    Raises:
        ConfigurationError: There are none, one is no ``KeyProvider``, or the limit is no positive
            number.
    """

    providers: tuple[KeyProvider, ...]
    limit: int = field(default=4, kw_only=True)
    _at_hand: tuple[KeyProvider, ...] = field(init=False, repr=False)
    _stages: tuple[tuple[KeyProvider, ...], ...] = field(init=False, repr=False)
    _calls: DeferredCalls = field(init=False, repr=False)

    def __init__(self, *providers: KeyProvider, limit: int = 4) -> None:
        if not providers:
            raise ConfigurationError("CompositeKeyProvider needs a KeyProvider at least")
        for provider in providers:
            if isinstance(provider, type) or not isinstance(provider, KeyProvider):
                raise ConfigurationError(
                    f"CompositeKeyProvider takes KeyProvider objects, not {provider!r}"
                )
        if type(limit) is not int or limit < 1:
            raise ConfigurationError(f"limit is a number of keys, 1 or more, not {limit!r}")
        prompt = [provider for provider in providers if _has_keys_at_hand(provider)]
        others = [provider for provider in providers if not _has_keys_at_hand(provider)]
        stages = (others, *([provider] for provider in prompt))
        object.__setattr__(self, "providers", providers)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "_at_hand", _checked(map(_KeysAtHand, prompt)))
        object.__setattr__(self, "_stages", tuple(map(_checked, stages)))
        object.__setattr__(self, "_calls", DeferredCalls())

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Collect the keys."""
        if header.kid is None:
            return self._keys_for_nameless(header)
        named = self.keys_at_hand(header)
        if named:
            return named
        keys: list[VerificationKey] = []
        missing: VerificationUnavailable | None = None
        for stage in self._stages:
            answered, fault = _ask(stage, header)
            missing = missing or fault
            named = self._named(header, answered, missing)
            if named:
                return named
            keys += answered
        if missing is not None:
            raise missing
        return _distinct(keys)[: self.limit]

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Answer the keys of the ``kid`` that a token names, if some are at hand, without waiting."""
        return () if header.kid is None else self._named(header, *_ask(self._at_hand, header))

    def warm_up(self) -> None:
        """Let all providers fetch what is due, so that the first request need not wait.

        Raises:
            VerificationUnavailable: One could not have its keys. The others have them all the same.
        """
        missing: VerificationUnavailable | None = None
        for provider in self.providers:
            warm_up = getattr(provider, "warm_up", None)
            try:
                if warm_up is not None:
                    warm_up()
            except Exception as error:  # noqa: BLE001 - as with keys_for, any counts as unavailable
                missing = missing or _as_unavailable(error)
        if missing is not None:
            raise missing

    @property
    def kids(self) -> frozenset[str] | None:
        """The key IDs of all providers that say theirs, for the log. None if none of them does."""
        known = [CheckedKeyProvider(provider).kids for provider in self.providers]
        said = [kids for kids in known if kids is not None]
        return frozenset[str]().union(*said) if said else None

    @property
    def generation(self) -> int:
        """A number that grows when a provider's keys change.

        Raises:
            AttributeError: A provider has no such number: nobody can tell.
        """
        providers: tuple[Any, ...] = self.providers
        return sum(provider.generation for provider in providers)

    def status(self) -> dict[str, Any]:
        """Tell how the keys are, in values that JSON has words for. Nobody waits, and nothing is fetched.

        Returns:
            ``members``: for each provider ``provider``, the name of its class, and what its
            ``status()`` says. ``state``: what ``key_health.combined_state`` makes of theirs.
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
        """The keys of the very ``kid`` that a token names."""
        named = _distinct(key for key in keys if key.kid == header.kid)[: self.limit]
        if named and missing is not None:
            # In the background: log handlers may raise anything and take any time.
            self._calls.add(
                _logger.warning, "some keys can't be had, going on with others", exc_info=missing
            )
            self._calls.start()
        return named

    def _keys_for_nameless(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """The keys for a token that names none."""
        keys: list[VerificationKey] = []
        for provider in self.providers:
            answered = CheckedKeyProvider(provider).keys_for(header)
            if not answered and _has_any(provider, header.alg):
                # Several fit, which is why it answers none.
                return ()
            keys += answered
        few = _distinct(keys)
        if len(few) > 1 and any(key.kid is not None for key in few):
            return ()
        return few[: self.limit]


@frozen
class _KeysAtHand(KeyProvider):
    """A provider that answers what another one has at hand."""

    provider: Any

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.provider.keys_at_hand(header)  # type: ignore[no-any-return]


_RELATED = frozenset({"key_set", "keys_at_hand", "keys_for"})


def _has_keys_at_hand(provider: KeyProvider) -> bool:
    """Whether a provider tells what it has at hand, by the same rules as it answers ``keys_for``.

    A subclass that alters ``keys_for`` alone, to withhold a key, would be passed by.
    """
    members = (vars(owner) for owner in type(provider).__mro__)
    return "keys_at_hand" in next((own for own in members if not _RELATED.isdisjoint(own)), ())


def _checked(providers: Iterable[KeyProvider]) -> tuple[KeyProvider, ...]:
    return tuple(map(CheckedKeyProvider, providers))


def _ask(
    providers: Iterable[KeyProvider], header: UnverifiedHeader
) -> tuple[list[VerificationKey], VerificationUnavailable | None]:
    """What some providers answer, and why one of them, the first one, does not."""
    keys: list[VerificationKey] = []
    missing: VerificationUnavailable | None = None
    for provider in providers:
        try:
            keys += provider.keys_for(header)
        except VerificationUnavailable as error:
            missing = missing or error
    return keys, missing


def _distinct(keys: Iterable[VerificationKey]) -> tuple[VerificationKey, ...]:
    few: list[VerificationKey] = []
    for key in keys:
        if all(key.material != other.material for other in few):
            few.append(key)
    return tuple(few)


def _has_any(provider: KeyProvider, algorithm: str) -> bool:
    """Whether a provider has a key for an algorithm, as far as can be seen."""
    if isinstance(provider, CompositeKeyProvider):
        return any(_has_any(member, algorithm) for member in provider.providers)
    if isinstance(provider, StaticKeyProvider):
        return algorithm in provider.key_set.algorithms
    return isinstance(provider, TTLKeyProvider) and algorithm in provider.key_set().algorithms


def _as_unavailable(error: Exception) -> VerificationUnavailable:
    if isinstance(error, VerificationUnavailable):
        return error
    unavailable = VerificationUnavailable(f"a key provider raised {type(error).__name__}")
    unavailable.__cause__ = error
    return unavailable
