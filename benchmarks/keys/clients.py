"""What is compared: ``JWKSKeyProvider`` and PyJWT's ``PyJWKClient``."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import UnverifiedHeader, VerificationUnavailable
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

# Seconds for which keys are fresh, in both clients.
LIFESPAN = 300
_TIMEOUT = 5


class KeyClient:
    """Has the keys of one issuer, and a time that can be put forward."""

    refusals: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._ahead = 0.0

    def clock(self) -> float:
        """Return the client's time in seconds."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the client's time forward."""
        self._ahead += seconds

    def lookup(self, kid: str) -> Callable[[], object]:
        """Make a function that looks a key up as a request does."""
        raise NotImplementedError

    def finds(self, kid: str) -> bool:
        """Whether a token that names this ``kid`` could be verified now."""
        try:
            return bool(self.lookup(kid)())
        except self.refusals:
            return False

    def settle(self) -> None:
        """Wait until nothing runs in the background."""


class _Ours(KeyClient):
    """A ``JWKSKeyProvider``."""

    refusals = (VerificationUnavailable,)

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self._provider = JWKSKeyProvider(
            url, allow_http_on_loopback=True, fetch_timeout=timeout, clock=self.clock
        )

    def lookup(self, kid: str) -> Callable[[], object]:
        return partial(self._provider.keys_for, UnverifiedHeader("RS256", kid))

    def settle(self) -> None:
        while self._provider.status()["fetching"]:
            time.sleep(0.001)


class _PyJWKClient(KeyClient):
    """PyJWT's client. It takes no clock, so what it has cached is made older instead."""

    def __init__(self, url: str, timeout: float) -> None:
        import jwt  # noqa: PLC0415 - left out where it isn't installed

        super().__init__()
        self._client: Any = jwt.PyJWKClient(
            url, cache_jwk_set=True, lifespan=LIFESPAN, timeout=timeout
        )
        # It doesn't catch connections that are reset, and bodies that aren't JSON.
        self.refusals = (jwt.PyJWTError, OSError, ValueError)

    def lookup(self, kid: str) -> Callable[[], object]:
        return partial(self._client.get_signing_key, kid)

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        attributes = cast("dict[str, Any]", vars(self._client))
        cached = attributes["jwk_set_cache"].jwk_set_with_timestamp
        if cached is not None:
            cached.timestamp -= seconds
        # The pause between two fetches for unknown key IDs counts from here.
        if attributes.get("_last_successful_fetch") is not None:
            attributes["_last_successful_fetch"] -= seconds


@frozen
class Contender:
    """A client that is measured.

    Args:
        name: What the table calls it.
        make: Makes it, from the URL of a JWK set and the timeout of a fetch in seconds.
        needs: The package without which it is left out.
    """

    name: str
    make: Callable[[str, float], KeyClient] = field(repr=False)
    needs: str = "flask_jwtlib"

    @property
    def is_missing(self) -> bool:
        """Whether its package is not installed."""
        return find_spec(self.needs) is None

    def client(self, url: str, timeout: float = _TIMEOUT) -> KeyClient:
        """Make one for the issuer whose keys are at a URL."""
        return self.make(url, timeout)


OURS = Contender("flask_jwtlib", _Ours)
PEER = Contender("PyJWKClient", _PyJWKClient, "jwt")
CONTENDERS = (OURS, PEER)
