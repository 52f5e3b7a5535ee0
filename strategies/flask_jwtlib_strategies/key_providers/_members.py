"""The members of a ``CompositeKeyProvider``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from flask_jwtlib import (
    KeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.key_providers import CheckedKeyProvider

__all__ = ["as_unavailable", "distinct", "keys_of", "members_at_hand", "stages_of"]

_RELATED = frozenset({"key_set", "keys_at_hand", "keys_for"})


@frozen
class _KeysAtHand(KeyProvider):
    """Returns a provider's ``keys_at_hand``, so that the keys are found without waiting."""

    provider: Any

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.provider.keys_at_hand(header)  # type: ignore[no-any-return]


def _has_keys_at_hand(provider: KeyProvider) -> bool:
    """Return whether a provider has ``keys_at_hand``, by the same rules as its ``keys_for``.

    A subclass that overrides only ``keys_for``, to withhold a key, must not be bypassed.
    """
    members = (vars(owner) for owner in type(provider).__mro__)
    return "keys_at_hand" in next((own for own in members if not _RELATED.isdisjoint(own)), ())


def members_at_hand(members: Iterable[KeyProvider]) -> tuple[KeyProvider, ...]:
    """Return providers of the keys that the members have loaded."""
    return _checked(_KeysAtHand(each) for each in members if _has_keys_at_hand(each))


def stages_of(members: Iterable[KeyProvider]) -> tuple[tuple[KeyProvider, ...], ...]:
    """Return the members in the order in which they are called, those of a stage all together.

    The members without ``keys_at_hand`` are the first stage, because only their ``keys_for`` shows whether
    they have a key. Each other member is a stage.
    """
    prompt: list[KeyProvider] = []
    others: list[KeyProvider] = []
    for each in members:
        (prompt if _has_keys_at_hand(each) else others).append(each)
    return (_checked(others), *(_checked([each]) for each in prompt))


def _checked(providers: Iterable[KeyProvider]) -> tuple[KeyProvider, ...]:
    """Wrap providers, so that their failures are ``VerificationUnavailable``."""
    return tuple(map(CheckedKeyProvider, providers))


def keys_of(
    providers: Iterable[KeyProvider], header: UnverifiedHeader
) -> tuple[list[VerificationKey], VerificationUnavailable | None]:
    """Return the keys of several providers, and the first error of those that fail."""
    keys: list[VerificationKey] = []
    missing: VerificationUnavailable | None = None
    for provider in providers:
        try:
            keys += provider.keys_for(header)
        except VerificationUnavailable as error:
            missing = missing or error
    return keys, missing


def distinct(keys: Iterable[VerificationKey]) -> tuple[VerificationKey, ...]:
    """Return keys without those that have the same material as an earlier one."""
    few: list[VerificationKey] = []
    for key in keys:
        if all(key.material != other.material for other in few):
            few.append(key)
    return tuple(few)


def as_unavailable(error: Exception) -> VerificationUnavailable:
    """Turn an exception of a provider into ``VerificationUnavailable``."""
    if isinstance(error, VerificationUnavailable):
        return error
    unavailable = VerificationUnavailable(f"a key provider raised {type(error).__name__}")
    unavailable.__cause__ = error
    return unavailable
