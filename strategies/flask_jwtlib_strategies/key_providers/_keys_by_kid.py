"""The keys of a source that has one URL for each key ID."""

from __future__ import annotations

import time
from typing import Any

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys, Refresh
from flask_jwtlib.log_text import error_text, one_line, quoted

from .._http.body import parse_object
from .._http.client import HTTPClient
from .._http.errors import FetchError
from ._key_template import KeyTemplate
from ._set_limits import check_max_keys

__all__ = ["KeysByKid"]

_GONE = (404, 410)
# Storage services return it for keys that don't exist, and firewalls for keys that do.
_FORBIDDEN = 403
# Seconds after which a failed fetch of a key is repeated.
_RETRY = 30


@frozen
class _Kept:
    """A kept key.

    Attributes:
        key: The key.
        fetched_at: When it was fetched.
        ttl: How long it is fresh, in seconds.
        forbidden: Whether the last fetch of it returned 403.
    """

    key: VerificationKey
    fetched_at: float
    ttl: float
    forbidden: bool = False

    @property
    def expires_at(self) -> float:
        return self.fetched_at + self.ttl


class _Memory:
    """What a fetch needs to know of the fetches before it.

    Attributes:
        kept: The keys by their ID. The mapping is replaced, never changed.
        used: The IDs of kept keys that tokens have named since the last refresh.
        key_set: The set that was returned last.
    """

    __slots__ = ("kept", "key_set", "used")

    def __init__(self) -> None:
        self.kept: dict[str, _Kept] = {}
        self.used: set[str] = set()
        self.key_set = KeySet((), exact=True)


@frozen(eq=False)
class KeysByKid:
    """Fetches keys one by one, and keeps each while it is fresh: a ``fetch`` for ``TTLKeyProvider``.

    Args:
        template: The URL of a key.
        client: Fetches the keys.
        refresh: How long a fetch may take, how long keys are fresh, and how long expired ones are kept.
        max_keys: Maximum number of keys that are kept.
    """

    template: KeyTemplate
    client: HTTPClient = field(kw_only=True, repr=False)
    refresh: Refresh = field(kw_only=True)
    max_keys: int = field(kw_only=True, validator=check_max_keys)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    def note_use(self, kid: str) -> bool:
        """Note that a token names a key, so that it is refreshed. Return whether the key is kept."""
        if kid not in self._memory.kept:
            return False
        self._memory.used.add(kid)
        return True

    def __call__(self, *, kid: str | None = None) -> FetchedKeys:
        """Fetch one key, or refresh the kept ones, within ``refresh.fetch_timeout``.

        Args:
            kid: The key ID that a token needs, which the template accepts; None for a refresh.

        Raises:
            FetchError: No key can be fetched, or the document isn't a key.
            VerificationUnavailable: The server is busy, and says when to retry.
        """
        deadline = time.monotonic() + self.refresh.fetch_timeout
        before, now = self._memory.kept, self.refresh.clock()
        kept = dict(before)
        if kid is None:
            self._refresh(kept, now, deadline)
        else:
            key = self._first_look(kid, now, deadline)
            if key is not None:
                kept[kid] = key
        kept = {
            each: key for each, key in kept.items() if now < key.expires_at + self.refresh.max_stale
        }
        while len(kept) > self.max_keys:
            del kept[min(kept, key=lambda each: kept[each].fetched_at)]
        # An abandoned fetch must not overwrite what a later one fetched.
        if self._memory.kept is before:
            self._memory.kept = kept
        return self._fetched(kept, now)

    def _fetched(self, kept: dict[str, _Kept], now: float) -> FetchedKeys:
        memory = self._memory
        keys = tuple(each.key for each in kept.values())
        if keys != memory.key_set.keys:
            memory.key_set = KeySet(keys, exact=True)
        if not keys:
            # This isn't a failure of the source: no token has named a key that it has.
            return FetchedKeys(memory.key_set, partial=True)
        ttl = min(_time_left(each, now) for each in kept.values())
        return FetchedKeys(memory.key_set, ttl=ttl)

    def _first_look(self, kid: str, now: float, deadline: float) -> _Kept | None:
        """Fetch a key that isn't kept. Return None if there is no such key."""
        try:
            return self._look_up(kid, now, deadline)
        except FetchError as error:
            if error.status in (*_GONE, _FORBIDDEN):
                return None
            raise

    def _refresh(self, kept: dict[str, _Kept], now: float, deadline: float) -> None:
        """Refresh the kept keys that are in use, and in the second half of their lifetime.

        Raises:
            FetchError: None of them can be fetched.
            VerificationUnavailable: None of them can be fetched, and the server says when to retry.
        """
        memory = self._memory
        used, memory.used = memory.used, set()
        errors: list[FetchError | VerificationUnavailable] = []
        looked_up = 0
        for kid, key in sorted(kept.items(), key=lambda item: item[1].expires_at):
            if kid not in used:
                if now >= key.expires_at:
                    del kept[kid]
                continue
            if now < key.fetched_at + key.ttl / 2 or (looked_up and time.monotonic() >= deadline):
                # No time is left: the key stays in use, and is refreshed next time.
                memory.used.add(kid)
                continue
            looked_up += 1
            try:
                kept[kid] = self._look_up(kid, now, deadline)
            except (FetchError, VerificationUnavailable) as error:
                status = error.status if isinstance(error, FetchError) else None
                memory.used.add(kid)
                if status in _GONE or (status == _FORBIDDEN and key.forbidden):
                    del kept[kid]
                    continue
                errors.append(error)
                if status == _FORBIDDEN:
                    kept[kid] = attrs.evolve(key, forbidden=True)
        if errors and len(errors) == looked_up:
            # The next refresh must know which keys were forbidden.
            memory.kept = kept
            raise errors[0]

    def _look_up(self, kid: str, now: float, deadline: float) -> _Kept:
        url = self.template.url_of(kid)
        left = max(0, round(deadline - time.monotonic(), 2))
        document = self.client.get(url, timeout=left, parse=bytes)
        try:
            key = _key_in(document.content, kid)
        except (ConfigurationError, FetchError) as error:
            raise FetchError(
                f"the key with the kid {quoted(kid)} can't be used: {one_line(error_text(error), 300)}"
            ) from None
        return _Kept(key, now, self.refresh.ttl(document.lifetime))


def _time_left(key: _Kept, now: float) -> float:
    """Return the seconds until a key must be refreshed. For an expired key, a refresh has failed."""
    left = key.expires_at - now
    return max(left, 1) if left > 0 else _RETRY


def _key_in(body: Any, kid: str) -> VerificationKey:
    """Read a key from PEM or a JWK.

    Raises:
        ConfigurationError: The body is neither, or has another key ID.
        FetchError: The body isn't strict JSON.
    """
    text = bytes(body).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith("{"):
        return VerificationKey.from_pem(text, kid=kid)
    jwk = parse_object(bytes(body))
    named = jwk.get("kid")
    if named is not None and named != kid:
        raise ConfigurationError(f"it is the key with the kid {quoted(named)}")
    key = VerificationKey.from_jwk(jwk, kid=kid)
    if key.key_type == "oct":
        raise ConfigurationError("it is a published secret (kty oct), which can't be trusted")
    return key
