"""The keys that were considered for a token, and why each was used or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..interfaces import KeyProvider
from ..key_providers import CheckedKeyProvider, NoKeyProvider
from ..keys import VerificationKey
from ..log_text import one_line, quoted
from ..values import UnverifiedHeader
from ._rules import described
from ._values import Step

__all__ = ["AskedKeys", "innermost", "key_name", "key_steps", "keys_at_hand", "provider_name"]

_MOST_SHOWN = 20


class AskedKeys(KeyProvider):
    """Asks a provider, and remembers its keys.

    Attributes:
        provider: The provider.
        keys: The keys that it returned; None if it wasn't asked or raised an error.
        is_asked: Whether it was asked.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider
        self.keys: tuple[VerificationKey, ...] | None = None
        self.is_asked = False

    @property
    def kids(self) -> Any:
        """The key IDs of the provider."""
        return getattr(self.provider, "kids", None)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the provider's keys."""
        self.is_asked = True
        self.keys = tuple(self.provider.keys_for(header))
        return self.keys


def innermost(provider: KeyProvider) -> KeyProvider:
    """Return a key provider without the checks around it."""
    while isinstance(provider, CheckedKeyProvider):
        provider = provider.provider
    return provider


def keys_at_hand(provider: KeyProvider) -> tuple[VerificationKey, ...] | None:
    """Return all keys that a provider has now, without fetching; None if it doesn't list them."""
    current: Any = getattr(innermost(provider), "current_keys", None)
    try:
        listed: Any = current() if callable(current) else None
        return (
            None if listed is None else tuple(k for k in listed if isinstance(k, VerificationKey))
        )
    except Exception:  # noqa: BLE001 - an application's provider may raise anything
        return None


def provider_name(provider: KeyProvider) -> str:
    """Return the name of a provider."""
    inner = innermost(provider)
    return "no keys" if isinstance(inner, NoKeyProvider) else described(inner)


def key_name(key: VerificationKey) -> str:
    """Return a key's ID, type and algorithms."""
    kid = "without a kid" if key.kid is None else quoted(key.kid)
    return one_line(f"key {kid} ({key.key_type}, {', '.join(key.algorithms)})")


def key_steps(
    keys: Sequence[VerificationKey], tried: Sequence[VerificationKey], header: UnverifiedHeader
) -> Iterator[Step]:
    """Yield a step for each key that isn't tried. Those that are tried belong to the signature."""
    used = {id(key) for key in tried}
    others = [key for key in keys if id(key) not in used]
    for key in others[:_MOST_SHOWN]:
        note = _why_not(key, header, keys)
        yield Step(stage="keys", subject=key_name(key), outcome="skipped", note=note)
    if len(others) > _MOST_SHOWN:
        more = f"{len(others) - _MOST_SHOWN} further keys"
        yield Step(stage="keys", subject=more, outcome="skipped")


def _why_not(
    key: VerificationKey, header: UnverifiedHeader, keys: Sequence[VerificationKey]
) -> str:
    if header.alg not in key.algorithms:
        return f"it is for {' and '.join(key.algorithms)}, the token's alg is {quoted(header.alg)}"
    if header.kid is not None and key.kid != header.kid:
        own = "it has no kid" if key.kid is None else "its kid is another one"
        return f"{own}, the token's kid is {quoted(header.kid)}"
    if header.kid is None and sum(header.alg in each.algorithms for each in keys) > 1:
        return "the token has no kid, and several keys fit its alg"
    return "the provider did not select it"
