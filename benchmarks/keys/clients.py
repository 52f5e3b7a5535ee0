"""What is compared: two ways to have an issuer's keys. Both were told what their documentation offers."""

# ruff: noqa: PLC0415 - a peer that is not installed is left out, so it is imported where it is used.

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol, cast

from attrs import field, frozen

from flask_jwtlib import UnverifiedHeader, VerificationUnavailable
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

__all__ = ["ALGORITHM", "CONTENDERS", "LIFESPAN", "OURS", "PEER", "Contender", "KeyClient"]

ALGORITHM = "RS256"
# Seconds for which keys are fresh, in either client.
LIFESPAN = 300
_TIMEOUT = 5


class KeyClient(Protocol):
    """**Protocol:** has the keys of one issuer, whose URL it was given."""

    def lookup(self, kid: str) -> Callable[[], object]:
        """Make a function that looks a key up as a request does."""
        ...

    def finds(self, kid: str) -> bool:
        """Whether a token that names this ``kid`` could be verified now."""
        ...

    def advance(self, seconds: float) -> None:
        """Let so much time pass for it, at once."""
        ...

    def settle(self) -> None:
        """Wait for what it does in the background."""
        ...


class _Clock:
    """The machine's clock, which can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class _Ours:
    """A ``JWKSKeyProvider``."""

    def __init__(self, url: str, timeout: float) -> None:
        self._clock = _Clock()
        self._provider = JWKSKeyProvider(
            url, allow_http_on_loopback=True, fetch_timeout=timeout, clock=self._clock
        )

    def lookup(self, kid: str) -> Callable[[], object]:
        return partial(self._provider.keys_for, UnverifiedHeader(ALGORITHM, kid))

    def finds(self, kid: str) -> bool:
        try:
            return bool(self._provider.keys_for(UnverifiedHeader(ALGORITHM, kid)))
        except VerificationUnavailable:
            return False

    def advance(self, seconds: float) -> None:
        self._clock.ahead += seconds

    def settle(self) -> None:
        while self._provider.status()["fetching"]:
            time.sleep(0.001)


class _PyJWKClient:
    """PyJWT's client. It takes no clock: instead of time that passes, what it has grows older."""

    def __init__(self, url: str, timeout: float) -> None:
        import jwt

        self._client: Any = jwt.PyJWKClient(
            url, cache_jwk_set=True, lifespan=LIFESPAN, timeout=timeout
        )
        # A connection that is reset, and a body that is no JSON, get past its own errors.
        self._refusals = (jwt.PyJWTError, OSError, ValueError)

    def lookup(self, kid: str) -> Callable[[], object]:
        return partial(self._client.get_signing_key, kid)

    def finds(self, kid: str) -> bool:
        try:
            return bool(self._client.get_signing_key(kid))
        except self._refusals:
            return False

    def advance(self, seconds: float) -> None:
        attributes = cast("dict[str, Any]", vars(self._client))
        cached = attributes["jwk_set_cache"].jwk_set_with_timestamp
        if cached is not None:
            cached.timestamp -= seconds
        # What its pause between two looks for unknown key IDs counts from.
        if attributes.get("_last_successful_fetch") is not None:
            attributes["_last_successful_fetch"] -= seconds

    def settle(self) -> None:
        """Nothing happens in the background."""


@frozen
class Contender:
    """One way to have keys.

    Args:
        name: What the table calls it.
        make: Makes it, from the URL of a JWK set and the seconds that a fetch may take.
        needs: The package without which it is left out.
    """

    name: str
    make: Callable[[str, float], KeyClient] = field(repr=False)
    needs: str | None = field(default=None, kw_only=True)

    @property
    def is_missing(self) -> bool:
        """Whether its package is not installed."""
        return self.needs is not None and find_spec(self.needs) is None

    def client(self, url: str, *, timeout: float = _TIMEOUT) -> KeyClient:
        """Make one for the issuer whose keys are at a URL."""
        return self.make(url, timeout)


OURS = Contender("flask_jwtlib", _Ours)
PEER = Contender("PyJWKClient", _PyJWKClient, needs="jwt")
CONTENDERS = (OURS, PEER)
