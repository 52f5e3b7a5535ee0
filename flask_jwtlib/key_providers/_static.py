"""A provider of keys that never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

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
    """Provides keys that you configure once.

    Args:
        material: The keys, each in any form that ``KeySet.of`` takes: ``VerificationKey``, PEM, JWK, JWK
            set, …

    Attributes:
        key_set: The keys.
        generation: Always 1, since the keys never change.

    Raises:
        ConfigurationError: One of them isn't a usable key, or there are none.
    """

    key_set: KeySet
    generation: ClassVar[int] = 1

    def __init__(self, *material: object) -> None:
        key_set = KeySet.of(material)
        if not key_set.keys:
            why = "; ".join(key_set.skipped) or "there are none"
            raise ConfigurationError(f"no key can verify signatures: {why}")
        cast("Any", self).__attrs_init__(key_set)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for the header's ``kid`` and ``alg``."""
        return self.key_set.select(header)

    keys_at_hand = keys_for

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return all keys."""
        return self.key_set.keys

    @property
    def kids(self) -> frozenset[str]:
        """The key IDs. The log lists them if a token has another ``kid``."""
        return self.key_set.kids

    def status(self) -> dict[str, Any]:
        """Describe the keys, as ``TTLKeyProvider.status`` does. The ``state`` is ``"static"``."""
        return describe_fixed(self.key_set)
