"""Keys that are configured once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import frozen

from ..errors import ConfigurationError
from ..interfaces import KeyProvider
from ..keys import KeySet, VerificationKey
from ..sharing import Shared
from ..values import UnverifiedHeader
from ._status import describe_fixed

__all__ = ["StaticKeyProvider"]


@frozen(init=False, eq=False)
class StaticKeyProvider(Shared, KeyProvider):
    """Knows the keys that it was given, for good.

    Args:
        material: The keys, each in any form that ``KeySet.of`` takes: ``VerificationKey``, PEM,
            JWK, JWK set, …

    Attributes:
        key_set: The keys.
        generation: 1: there is one set and no other.

    Raises:
        ConfigurationError: One of them is no usable key, or there is none.
    """

    key_set: KeySet
    generation: ClassVar[int] = 1

    def __init__(self, *material: object) -> None:
        key_set = KeySet.of(material)
        if not key_set.keys:
            why = "; ".join(key_set.skipped) or "there is none"
            raise ConfigurationError(f"no key of these can verify signatures: {why}")
        object.__setattr__(self, "key_set", key_set)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by the header's ``kid`` and ``alg``."""
        return self.key_set.select(header)

    keys_at_hand = keys_for

    @property
    def kids(self) -> frozenset[str]:
        """The key IDs, which the log lists when a token names another one."""
        return self.key_set.kids

    def status(self) -> dict[str, Any]:
        """Tell which keys there are, as ``TTLKeyProvider.status`` does. The ``state`` is ``"static"``."""
        return describe_fixed(self.key_set)
