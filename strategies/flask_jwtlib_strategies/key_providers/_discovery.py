"""The JWK set of an issuer, found with the issuer's metadata."""

from __future__ import annotations

import time
from typing import Any, cast

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys, Refresh
from flask_jwtlib.log_text import error_text, one_line, quoted

from .._http.client import FetchedDocument, HTTPClient
from .._http.errors import FetchError
from .._http.urls import origin_of
from ._metadata import (
    LONGEST_SHOWN,
    check_issuer_url,
    content_of,
    issuer_in,
    lifetime_of,
    shown_source,
    well_known_urls,
)
from ._remote_key_set import RemoteKeySet
from ._set_limits import SetLimits

__all__ = ["DiscoveredKeySet"]

_FAILED = (FetchError, VerificationUnavailable)


@frozen
class _Location:
    """The location of the JWK set, read at ``read_at`` and used for ``lifetime`` seconds."""

    key_set: RemoteKeySet
    read_at: float
    lifetime: float


class _Memory:
    """What a fetch needs to know of the fetches before it.

    Attributes:
        location: The last known location, None before the metadata is read.
        first: The number of the well-known URL to try first.
        fault: Why the metadata couldn't be read last time, None if it could.
    """

    __slots__ = ("fault", "first", "location")

    def __init__(self) -> None:
        self.location: _Location | None = None
        self.first = 0
        self.fault: str | None = None


@frozen(eq=False)
class DiscoveredKeySet:
    """Fetches the JWK set that an issuer's metadata names: a ``fetch`` for ``TTLKeyProvider``.

    The first fetch reads the metadata. Later ones read it again when it is an hour old, or earlier if its
    headers say so, and also if the set can't be fetched or lacks the needed ``kid``. While the metadata can't
    be read, the set is fetched from the last known location.

    Args:
        issuer: The issuer's identifier, as in its metadata.
        client: Fetches both documents.
        metadata_url: The URL of the metadata. By default one of the well-known URLs of the issuer.
        refresh: How long a fetch may take, including the metadata, and how long keys are fresh.
        limits: Limits of the set.

    Raises:
        ConfigurationError: ``issuer`` can't be an issuer, or the client may not fetch a URL.
    """

    issuer: str
    client: HTTPClient = field(kw_only=True, repr=False)
    metadata_url: str | None = field(default=None, kw_only=True, repr=False)
    refresh: Refresh = field(factory=Refresh, kw_only=True)
    limits: SetLimits = field(factory=SetLimits, kw_only=True, repr=False)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.metadata_url is None:
            check_issuer_url(self.client.check(self.issuer))
            return
        self.client.check(self.metadata_url)
        issuer: Any = self.issuer
        if not isinstance(issuer, str) or not issuer:
            raise ConfigurationError(
                f"the issuer must be a non-empty string, as in its metadata, not {quoted(issuer)}"
            )

    def __call__(self, *, kid: str | None = None) -> FetchedKeys:
        """Fetch the set within ``refresh.fetch_timeout``.

        Args:
            kid: The key ID that a token needs, None for a refresh.

        Raises:
            FetchError: The set can't be fetched or used, or the metadata can't and no location is known.
            VerificationUnavailable: The server is busy, and says when to retry.
        """
        deadline = time.monotonic() + self.refresh.fetch_timeout
        location = self._memory.location
        read = location is None or self.refresh.clock() - location.read_at >= location.lifetime
        if location is None or read:
            location = self._located(location, deadline)
        try:
            fetched = location.key_set.fetch(timeout=_left(deadline))
        except _FAILED:
            moved = None if read else self._moved(location, deadline)
            if moved is None:
                raise
        else:
            if read or not _lacks(fetched, kid):
                return fetched
            moved = self._moved(location, deadline)
            if moved is None:
                return fetched
        return moved.key_set.fetch(timeout=_left(deadline))

    @property
    def metadata_urls(self) -> tuple[str, ...]:
        """The URLs that may have the metadata: the configured one, or the well-known ones."""
        return well_known_urls(self.issuer) if self.metadata_url is None else (self.metadata_url,)

    @property
    def fault(self) -> str | None:
        """Why the metadata couldn't be read last time, None if it could."""
        return self._memory.fault

    def _moved(self, known: _Location, deadline: float) -> _Location | None:
        """Return the set's new location; None if it hasn't moved, or the metadata can't be read."""
        if _left(deadline):
            location = self._located(known, deadline)
            return None if location.key_set is known.key_set else location
        # No time is left: the next fetch begins with the metadata.
        if self._memory.location is known:
            self._memory.location = attrs.evolve(known, lifetime=0)
        return None

    def _located(self, known: _Location | None, deadline: float) -> _Location:
        """Read the set's location, or return the known one if the metadata can't be read."""
        memory = self._memory
        # If a location is known, slow metadata must leave time for the set.
        until = deadline if known is None else deadline - _left(deadline) / 2
        try:
            location = self._read(known, until)
        except _FAILED as error:
            memory.fault = one_line(error_text(error))
            if known is None:
                raise
            return known
        memory.fault = None
        # An abandoned fetch must not overwrite what a later one found.
        if memory.location is known:
            memory.location = location
        return location

    def _read(self, before: _Location | None, deadline: float) -> _Location:
        """Read the metadata at the first URL that has any."""
        faults: list[FetchError | VerificationUnavailable] = []
        for place, url in self._places():
            read_at = self.refresh.clock()
            try:
                document = self.client.get(url, timeout=_left(deadline))
                issuer = issuer_in(document, url, expected=self.issuer)
            except _FAILED as error:
                faults.append(error)
            else:
                self._memory.first = place
                try:
                    key_set = self._key_set(document, issuer, url, before)
                except FetchError as error:
                    raise FetchError("; ".join(map(error_text, (*faults, error)))) from None
                return _Location(key_set, read_at, lifetime_of(document))
            if not _left(deadline):
                # A server that hangs at this URL must not hide the other one from all fetches.
                self._memory.first = 1 - place
                break
        text = "; ".join(map(error_text, faults))
        waits = [each.retry_after for each in faults if isinstance(each, VerificationUnavailable)]
        if waits:
            raise VerificationUnavailable(text, retry_after=max(waits))
        raise FetchError(text) from faults[0].__cause__

    def _places(self) -> list[tuple[int, str]]:
        """Return the URLs that may have the metadata, each with its number, in the order to try them."""
        places = list(enumerate(self.metadata_urls))
        return places[::-1] if self._memory.first else places

    def _key_set(
        self, document: FetchedDocument, issuer: str, source: str, before: _Location | None
    ) -> RemoteKeySet:
        """Return the set that metadata names.

        Raises:
            FetchError: The metadata is another issuer's, or names no URL that may be fetched. The other
                well-known URL isn't tried then.
        """
        if issuer != self.issuer:
            raise FetchError(
                f"{shown_source(source)}: these are the metadata of {quoted(issuer, LONGEST_SHOWN)}, "
                f"not of our issuer {quoted(self.issuer, LONGEST_SHOWN)}"
            )
        try:
            jwks_uri = content_of(document).get("jwks_uri")
            url = self.client.plain_http.check_named(jwks_uri, source)
        except ConfigurationError as error:
            fault = one_line(error_text(error), LONGEST_SHOWN)
            raise FetchError(
                f"{shown_source(source)}: the jwks_uri can't be used: {fault}"
            ) from None
        if before is not None and before.key_set.url == url:
            # It remembers what it fetched last.
            return before.key_set
        # The metadata may name another host, but can't allow it to see our credentials.
        same = origin_of(source) == origin_of(url)
        return RemoteKeySet(
            url, client=self.client, refresh=self.refresh, credentials=same, limits=self.limits
        )


def _lacks(fetched: FetchedKeys, kid: str | None) -> bool:
    key_set = cast("KeySet", fetched.keys)
    return not key_set.keys or key_set.lacks(kid)


def _left(deadline: float) -> float:
    # Rounded, because errors show it.
    return max(0, round(deadline - time.monotonic(), 2))
