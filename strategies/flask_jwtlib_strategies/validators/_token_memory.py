"""The accepted tokens that a ``CachingValidator`` remembers."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from attrs import field, frozen

from flask_jwtlib import KeyProvider, UnverifiedHeader, VerificationKey
from flask_jwtlib.log_text import library_logger

from ._parsed_token import ParsedToken
from ._recorded_keys import RememberingKey

__all__ = ["AcceptedToken", "AcceptedTokens", "KeysOfAcceptedToken", "TokenMemory"]

_logger = library_logger("flask_jwtlib_strategies")


@frozen(eq=False)
class AcceptedToken:
    """A token that the validator has accepted.

    Attributes:
        key: The key that verified its signature.
        jws: The token, parsed.
        until: The time of the cache's clock at which it is forgotten.
    """

    key: RememberingKey = field(repr=False)
    jws: ParsedToken = field(repr=False)
    until: float


class KeysOfAcceptedToken(KeyProvider):
    """A provider's keys, for verifying an accepted token again.

    Args:
        keys: The provider, which has just returned the accepted token's key.
        accepted: The token.
    """

    def __init__(self, keys: KeyProvider, accepted: AcceptedToken) -> None:
        self._keys = keys
        self._accepted = accepted

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        if header is self._accepted.jws.header:
            return (self._accepted.key,)
        return self._keys.keys_for(header)


class AcceptedTokens:
    """The tokens that were accepted with one generation of keys.

    Attributes:
        generation: The keys' generation.
        known: The tokens by their SHA-256, oldest first.
    """

    def __init__(self, generation: object) -> None:
        self.generation = generation
        self.known: dict[bytes, AcceptedToken] = {}
        self._lock = threading.Lock()

    def add(self, digest: bytes, accepted: AcceptedToken, *, now: float, max_tokens: int) -> None:
        """Remember a token, and forget those whose time is over, and the oldest if there are too many.

        While another thread does this, or held the lock when the process was forked, the token isn't
        remembered: no request waits.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            tokens = self.known
            tokens.pop(digest, None)
            while tokens:
                oldest = next(iter(tokens))
                if len(tokens) < max_tokens and now < tokens[oldest].until:
                    break
                del tokens[oldest]
            tokens[digest] = accepted
        finally:
            self._lock.release()


class TokenMemory:
    """What a ``CachingValidator`` remembers.

    Attributes:
        tokens: The accepted tokens. They are replaced as a whole when the keys' generation changes.
        is_unreadable: Whether an error in reading the generation was logged since the last success.
    """

    def __init__(self) -> None:
        self.tokens = AcceptedTokens(None)
        self.is_unreadable = False

    def note_unreadable(self, error: Exception) -> None:
        """Log that the keys' generation can't be read: once, until it can be read again."""
        if not self.is_unreadable:
            self.is_unreadable = True
            _logger.warning(
                "the keys' generation can't be read (%s): tokens are verified without the cache",
                type(error).__name__,
            )
