"""Keys that record which of them verified a signature, and one that remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from flask_jwtlib import KeyProvider, UnverifiedHeader, VerificationKey

__all__ = ["RecordingKeys", "RememberingKey", "VerifiedSignature"]

VerifiedSignature = tuple[str, bytes, bytes]
"""An algorithm, a signing input, and the signature that a key has verified with them."""


class _WrappedKey(VerificationKey):
    """A key that wraps another one, and has its fields."""

    __slots__ = ("key",)
    key: VerificationKey

    def __init__(self, key: VerificationKey) -> None:
        # Copied: making a VerificationKey would check the key again, for each request.
        object.__setattr__(self, "key", key)
        for each in attrs.fields(VerificationKey):
            object.__setattr__(self, each.name, getattr(key, each.name))


class _RecordingKey(_WrappedKey):
    __slots__ = ("keys",)
    keys: RecordingKeys

    def __init__(self, key: VerificationKey, keys: RecordingKeys) -> None:
        super().__init__(key)
        object.__setattr__(self, "keys", keys)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        verdict = self.key.verify(algorithm, signing_input, signature)
        if verdict is True:
            self.keys.verified = self.key, (algorithm, signing_input, signature)
        return verdict


class RecordingKeys(KeyProvider):
    """The keys of a provider, for verifying one token.

    Attributes:
        verified: The key that verified a signature last, and that signature; None before.
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self.verified: tuple[VerificationKey, VerifiedSignature] | None = None

    @property
    def kids(self) -> Any:
        return getattr(self._keys, "kids", None)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return tuple(_RecordingKey(key, self) for key in self._keys.keys_for(header))


class RememberingKey(_WrappedKey):
    """A key that doesn't check a signature again that it has verified.

    Args:
        key: The key.
        verified: The signature.
    """

    __slots__ = ("verified",)
    verified: VerifiedSignature

    def __init__(self, key: VerificationKey, verified: VerifiedSignature) -> None:
        super().__init__(key)
        object.__setattr__(self, "verified", verified)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        given = algorithm, signing_input, signature
        return given == self.verified or self.key.verify(*given)
