"""A validator that remembers whose signatures it has checked."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

import attrs
from attrs import Attribute, field, frozen

from flask_jwtlib import (
    BearerToken,
    Claims,
    ConfigurationError,
    KeyProvider,
    TokenValidator,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import DEFAULT_MAX_SIZE, CompactJWS
from flask_jwtlib.log_text import library_logger
from flask_jwtlib.sharing import Shared

__all__ = ["CachingValidator"]

_logger = library_logger("flask_jwtlib_strategies")

_Verified = tuple[str, bytes, bytes]
"""An algorithm, a signing input, and a signature that a key has verified by the two."""


def _check_validator(_: object, __: Attribute[Any], value: object) -> None:
    if isinstance(value, type) or not isinstance(value, TokenValidator):
        raise ConfigurationError(f"CachingValidator wraps a TokenValidator object, not {value!r}")


def _check_positive(_: object, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{attribute.name} is a number above 0, not {value!r}")
    try:
        float(value)
    except OverflowError:
        raise ConfigurationError(
            f"{attribute.name} has too many digits; math.inf means without end"
        ) from None


class _Tokens:
    """Tokens that were accepted while the keys were of one generation, by their SHA-256, the oldest first."""

    def __init__(self, generation: object) -> None:
        self.generation = generation
        self.known: dict[bytes, _Known] = {}
        self._lock = threading.Lock()

    def add(self, digest: bytes, known: _Known, *, now: float, at_most: int) -> None:
        """Remember a token in place of those that are over, and of the oldest if there are too many.

        Who finds another thread at it, or one that a fork left behind, goes without.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            tokens = self.known
            tokens.pop(digest, None)
            while tokens:
                oldest = next(iter(tokens))
                if len(tokens) < at_most and now < tokens[oldest].until:
                    break
                del tokens[oldest]
            tokens[digest] = known
        finally:
            self._lock.release()


class _Memory:
    """The remembered tokens, exchanged as a whole.

    Attributes:
        tokens: The tokens.
        is_unreadable: Whether the log has a line about the keys' generation since it was last read.
    """

    def __init__(self) -> None:
        self.tokens = _Tokens(None)
        self.is_unreadable = False

    def note_unreadable(self, error: Exception) -> None:
        """Log that the keys' generation can't be read: once, until it can be read again."""
        if not self.is_unreadable:
            self.is_unreadable = True
            _logger.warning(
                "the keys' generation can't be read (%s): tokens are verified without the cache",
                type(error).__name__,
            )


@frozen(eq=False)
class CachingValidator(Shared, TokenValidator):
    """Spares a validator what it costs to read and verify a token that it has accepted before.

    Wrap it around any validator, or around one issuer's in an ``IssuerRouter``::

        Authenticator(keys=…, validator=CachingValidator(JWTValidator(rules=[…])))

    The validator is asked about every token anew, so its rules, the token's time, revocation, and what
    binds a token to its sender are checked each time, whichever of the two wraps the other. What is
    remembered is that a key has verified a signature, and the text that it was made over: the keys are
    asked for at each token, too, and one that is withdrawn verifies nothing any more. A validator that
    does not verify by ``keys`` and ``CompactJWS`` gains nothing, and is as safe as without.

    Remembered are tokens that were accepted, in this process's memory, each for ``ttl`` seconds or until
    its ``exp``, whichever comes first, and all of them only until the keys' ``generation`` changes. For each
    ``Authenticator`` make one of its own. While the keys' ``generation`` raises, the validator verifies
    each token as it does without the cache, and one line in the log says so.

    Args:
        validator: What decides.
        ttl: Seconds that a token is remembered.
        max_tokens: How many are remembered at most, each with some kilobytes. The oldest go first.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: That is no validator, or a number is not above 0.
    """

    validator: TokenValidator = field(validator=_check_validator)
    ttl: float = field(default=300, validator=_check_positive, kw_only=True)
    max_tokens: int = field(default=1024, validator=_check_positive, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    @property
    def max_size(self) -> int:
        """Characters that a token may have: the validator's own ``max_size``, 8192 if it has none."""
        return getattr(self.validator, "max_size", DEFAULT_MAX_SIZE)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Let the validator decide.

        Raises:
            AuthenticationError: It refuses the token.
            VerificationUnavailable: It could not decide.
        """
        memory = self._memory
        tokens = memory.tokens
        try:
            generation = getattr(keys, "generation", None)
            if generation != tokens.generation:
                tokens = memory.tokens = _Tokens(generation)
        except Exception as error:  # noqa: BLE001 - the keys may serve, whatever became of their number
            memory.note_unreadable(error)
            return self.validator.validate(token, keys)
        # What is not ASCII becomes a question mark, which no token has that was accepted.
        digest = sha256(token.value.encode("ascii", "replace")).digest()
        known = tokens.known.get(digest)
        if known is not None and self.clock() < known.until:
            for key in keys.keys_for(known.jws.header):
                if key is known.recalled.key:
                    known.jws.keep_with(token)
                    return self.validator.validate(token, _RecallingKeys(keys, known))
        witness = _WitnessedKeys(keys)
        claims = self.validator.validate(token, witness)
        if witness.seen is not None:
            self._remember(tokens, digest, token, claims, witness.seen)
        return claims

    def _remember(
        self,
        tokens: _Tokens,
        digest: bytes,
        token: BearerToken,
        claims: Claims,
        seen: tuple[VerificationKey, _Verified],
    ) -> None:
        self._memory.is_unreadable = False
        key, verified = seen
        try:
            jws = _RecalledJWS(token.value, verified)
        except MalformedTokenError:
            return
        checked_at: object = getattr(claims, "checked_at", None)
        lifetime = jws.seconds_left(
            checked_at if isinstance(checked_at, int | float) else time.time()
        )
        if lifetime is not None:
            now = self.clock()
            until = now + min(self.ttl, lifetime)
            known = _Known(_RecalledKey(key, verified), jws, until)
            # To those of its generation, which nobody looks at any more if the keys have changed meanwhile.
            tokens.add(digest, known, now=now, at_most=self.max_tokens)


def _has_parts(members: Mapping[str, Any]) -> bool:
    """Whether values are objects or arrays, which whoever has them can alter."""
    return any(isinstance(value, dict | list) for value in members.values())


class _RecalledJWS(CompactJWS):
    """A token that was accepted: read, decoded and parsed already.

    Raises:
        MalformedTokenError: It was accepted for something else than what it says and is signed by.
    """

    __slots__ = ("_decoded", "_flat", "_known", "_text")

    def __init__(self, text: str, verified: _Verified) -> None:
        super().__init__(text, len(text))
        if _has_parts(self.header.parameters):
            raise MalformedTokenError("the header has values that could be altered for others")
        _, signing_input, signature = verified
        if (signing_input, signature) != (self.signing_input, super().signature):
            raise MalformedTokenError("something else was verified than this token")
        self._decoded = signature
        # Refuses a payload that isn't text, too.
        self._known = super().claims()
        self._text = self.payload.decode()
        self._flat = not _has_parts(self._known)

    @property
    def signature(self) -> bytes:
        return self._decoded

    def unverified(self, claim: str) -> str | None:
        value = self._known.get(claim)
        return value if isinstance(value, str) else None

    def claims(self) -> dict[str, Any]:
        # Nobody is handed what others are handed, too.
        return dict(self._known) if self._flat else cast("dict[str, Any]", json.loads(self._text))

    def seconds_left(self, now: float) -> float | None:
        """The seconds until its ``exp``: infinity without one, None if it is over or isn't a number."""
        expiry = self._known.get("exp", float("inf"))
        if isinstance(expiry, bool) or not isinstance(expiry, int | float) or not expiry > now:
            return None
        try:
            return expiry - now
        except OverflowError:
            # JSON has whole numbers that are too large for a float.
            return math.inf


class _OtherKey(VerificationKey):
    """A key that stands for another one."""

    __slots__ = ("key",)
    key: VerificationKey

    def __init__(self, key: VerificationKey) -> None:
        object.__setattr__(self, "key", key)
        for each in attrs.fields(VerificationKey):
            object.__setattr__(self, each.name, getattr(key, each.name))


class _WitnessedKey(_OtherKey):
    __slots__ = ("keys",)
    keys: _WitnessedKeys

    def __init__(self, key: VerificationKey, keys: _WitnessedKeys) -> None:
        super().__init__(key)
        object.__setattr__(self, "keys", keys)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        verdict = self.key.verify(algorithm, signing_input, signature)
        if verdict is True:
            self.keys.seen = self.key, (algorithm, signing_input, signature)
        return verdict


class _WitnessedKeys(KeyProvider):
    """Keys of which one is known afterwards to have verified the token."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self.seen: tuple[VerificationKey, _Verified] | None = None

    @property
    def kids(self) -> Any:
        return getattr(self._keys, "kids", None)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return tuple(_WitnessedKey(key, self) for key in self._keys.keys_for(header))


class _RecalledKey(_OtherKey):
    """A key that remembers a signature which it has verified."""

    __slots__ = ("verified",)
    verified: _Verified

    def __init__(self, key: VerificationKey, verified: _Verified) -> None:
        super().__init__(key)
        object.__setattr__(self, "verified", verified)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        asked = algorithm, signing_input, signature
        return asked == self.verified or self.key.verify(*asked)


@frozen(eq=False)
class _Known:
    """A token that was accepted."""

    recalled: _RecalledKey = field(repr=False)
    jws: _RecalledJWS = field(repr=False)
    until: float


class _RecallingKeys(KeyProvider):
    """The keys, once more, of which one was asked for already and remembers."""

    def __init__(self, keys: KeyProvider, known: _Known) -> None:
        self._keys = keys
        self._known = known

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        if header is self._known.jws.header:
            return (self._known.recalled,)
        return self._keys.keys_for(header)
