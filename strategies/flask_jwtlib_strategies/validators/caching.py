"""A validator that checks the signature of a repeated token only once."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from attrs import Attribute, field, frozen

from flask_jwtlib import BearerToken, Claims, ConfigurationError, KeyProvider, TokenValidator
from flask_jwtlib.dry_run import is_dry_run
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.sharing import Shared

from ._parsed_token import ParsedToken
from ._recorded_keys import RecordingKeys, RememberingKey
from ._token_memory import AcceptedToken, AcceptedTokens, KeysOfAcceptedToken, TokenMemory
from ._wrapping import WrapsValidator, check_wrapped

__all__ = ["CachingValidator"]


def _check_positive(_: object, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{attribute.name} must be a number above 0, not {value!r}")
    try:
        float(value)
    except OverflowError:
        raise ConfigurationError(
            f"{attribute.name} has too many digits; math.inf sets no limit"
        ) from None


@frozen(eq=False)
class CachingValidator(Shared, WrapsValidator):
    """Wraps a validator, so that it doesn't check the signature of a repeated token again.

    Use it where clients send the same token with many requests. Wrap any validator, or one issuer's in an
    ``IssuerRouter``::

        Authenticator(keys=…, validator=CachingValidator(JWTValidator(rules=[…])))

    For each accepted token, the cache remembers the key that verified its signature. For every request, the
    keys are looked up and the wrapped validator decides. So rules, the token's time, revocation and sender
    constraints are checked each time, whichever validator wraps the other, and a withdrawn key verifies
    nothing. Validators that don't use ``keys`` and ``CompactJWS`` gain nothing, and work as without the
    cache.

    A token is remembered in this process for ``ttl`` seconds, until its ``exp``, or until the keys'
    ``generation`` changes, whichever comes first. If reading ``generation`` raises, tokens are verified
    without the cache, and one line in the log says so. Make one ``CachingValidator`` for each
    ``Authenticator``.

    Args:
        validator: The validator that decides.
        ttl: How long a token is remembered, in seconds.
        max_tokens: Maximum number of tokens that are remembered, each with a few kilobytes. The oldest are
            forgotten first.
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigurationError: ``validator`` isn't a ``TokenValidator``, or a number isn't above 0.
    """

    validator: TokenValidator = field(validator=check_wrapped)
    ttl: float = field(default=300, validator=_check_positive, kw_only=True)
    max_tokens: int = field(default=1024, validator=_check_positive, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _memory: TokenMemory = field(init=False, factory=TokenMemory, repr=False)

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider]:
        """Return the validator that decides, for ``explain``."""
        return self.validator, keys

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a token that the wrapped validator accepts.

        Raises:
            AuthenticationError: The validator refuses the token.
            VerificationUnavailable: The validator can't decide now.
        """
        memory = self._memory
        tokens = memory.tokens
        try:
            generation = getattr(keys, "generation", None)
            if generation != tokens.generation and not is_dry_run():
                tokens = memory.tokens = AcceptedTokens(generation)
        except Exception as error:  # noqa: BLE001 - the keys may work although their generation can't be read
            if not is_dry_run():
                memory.note_unreadable(error)
            return self.validator.validate(token, keys)
        # Other characters become question marks, which no accepted token contains.
        digest = sha256(token.value.encode("ascii", "replace")).digest()
        accepted = tokens.known.get(digest)
        if accepted is not None and self.clock() < accepted.until:
            for key in keys.keys_for(accepted.jws.header):
                if key is accepted.key.key:
                    accepted.jws.keep_with(token)
                    return self.validator.validate(token, KeysOfAcceptedToken(keys, accepted))
        recording = RecordingKeys(keys)
        claims = self.validator.validate(token, recording)
        self._remember(tokens, digest, token, claims, recording)
        return claims

    def _remember(
        self,
        tokens: AcceptedTokens,
        digest: bytes,
        token: BearerToken,
        claims: Claims,
        recording: RecordingKeys,
    ) -> None:
        if recording.verified is None or is_dry_run():
            return
        self._memory.is_unreadable = False
        key, verified = recording.verified
        try:
            jws = ParsedToken(token.value, verified)
        except MalformedTokenError:
            return
        checked_at: object = getattr(claims, "checked_at", None)
        lifetime = jws.seconds_left(
            checked_at if isinstance(checked_at, int | float) else time.time()
        )
        if lifetime is not None:
            now = self.clock()
            accepted = AcceptedToken(
                RememberingKey(key, verified), jws, now + min(self.ttl, lifetime)
            )
            # If the keys have changed meanwhile, these tokens are not looked up any more.
            tokens.add(digest, accepted, now=now, max_tokens=self.max_tokens)
