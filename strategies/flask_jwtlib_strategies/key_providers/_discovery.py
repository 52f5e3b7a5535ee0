"""The JWK set of an issuer, found by the metadata that the issuer publishes."""

from __future__ import annotations

import time
from typing import Any, cast
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet, Refresh, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib.log_text import one_line, quoted

from .._http.client import FetchedDocument, HTTPClient
from .._http.errors import FetchError
from .._http.urls import is_loopback, origin_of, without_secrets
from ._remote_key_set import RemoteKeySet
from ._set_limits import SetLimits

__all__ = ["DiscoveredKeySet"]

# Seconds that metadata are used, by their headers, but no longer than where these don't say.
_SHORTEST_LIFETIME = 60
_LONGEST_LIFETIME = 3600
_LONGEST_SHOWN = 200
_FAILED = (FetchError, VerificationUnavailable)


@frozen
class _Location:
    """Where the JWK set is, as the metadata said at ``read_at``, and for how many seconds that holds."""

    key_set: RemoteKeySet
    read_at: float
    lifetime: float


class _Memory:
    """What one attempt leaves to the next.

    Attributes:
        location: The last known location, None before the metadata were read.
        first: Which of the well-known places to try first.
        fault: Why the metadata could not be read the last time, None if they could.
    """

    __slots__ = ("fault", "first", "location")

    def __init__(self) -> None:
        self.location: _Location | None = None
        self.first = 0
        self.fault: str | None = None


@frozen(eq=False)
class DiscoveredKeySet:
    """Fetches the JWK set that an issuer's metadata point to: a ``fetch`` for ``TTLKeyProvider``.

    Metadata and set fail independently. The metadata are read with the first fetch, and again when they are
    an hour old, or younger if their headers say so. While they can't be had, the set is fetched from where
    they said last. They are also read again, in the same fetch, if the set can't be had or lacks the wanted
    ``kid``.

    Args:
        issuer: The issuer's identifier, as its metadata have it.
        client: What to get both with.
        metadata_url: Where the metadata are. By default in the well-known places of the issuer's URL.
        refresh: How long a fetch may take, the metadata included, and how long keys are fresh.
        limits: Bounds of the set.

    Raises:
        ConfigurationError: The issuer isn't one, or the client may not ask the URL.
    """

    issuer: str
    client: HTTPClient = field(kw_only=True, repr=False)
    metadata_url: str | None = field(default=None, kw_only=True, repr=False)
    refresh: Refresh = field(factory=Refresh, kw_only=True)
    limits: SetLimits = field(factory=SetLimits, kw_only=True, repr=False)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.metadata_url is None:
            _check_issuer_url(self.client.check(self.issuer))
            return
        self.client.check(self.metadata_url)
        issuer: Any = self.issuer
        if not isinstance(issuer, str) or not issuer:
            raise ConfigurationError(
                f"the issuer must be a non-empty string, as the metadata have it, not {quoted(issuer)}"
            )

    def __call__(self, *, kid: str | None = None) -> FetchedKeys:
        """Fetch it within ``refresh.fetch_timeout``.

        Args:
            kid: The key ID that is wanted, None if the fetch isn't for one.

        Raises:
            FetchError: The set could not be had, or isn't one; or the metadata, and no location is known.
            VerificationUnavailable: The server is busy, and says for how long.
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
    def fault(self) -> str | None:
        """Why the metadata could not be read the last time, None if they could."""
        return self._memory.fault

    def _moved(self, known: _Location, deadline: float) -> _Location | None:
        """Read whether the set is elsewhere by now; None if it isn't, or if nobody can say."""
        if _left(deadline):
            location = self._located(known, deadline)
            return None if location.key_set is known.key_set else location
        # The set took all the time: begin with the metadata the next time.
        if self._memory.location is known:
            self._memory.location = attrs.evolve(known, lifetime=0)
        return None

    def _located(self, known: _Location | None, deadline: float) -> _Location:
        """Read where the set is, or return where it was known to be."""
        memory = self._memory
        # Where a location is known, metadata that take long must leave time for the set.
        until = deadline if known is None else deadline - _left(deadline) / 2
        try:
            location = self._read(known, until)
        except _FAILED as error:
            memory.fault = one_line(str(error))
            if known is None:
                raise
            return known
        memory.fault = None
        # What an abandoned fetch found is older than what a later one found meanwhile.
        if memory.location is known:
            memory.location = location
        return location

    def _read(self, before: _Location | None, deadline: float) -> _Location:
        """Read the metadata at the first place that has any."""
        faults: list[FetchError | VerificationUnavailable] = []
        for place, url in self._places():
            read_at = self.refresh.clock()
            try:
                document = self.client.get(url, timeout=_left(deadline))
                issuer = _issuer_in(document, url)
            except _FAILED as error:
                faults.append(error)
            else:
                self._memory.first = place
                try:
                    key_set = self._key_set(document, issuer, url, before)
                except FetchError as error:
                    raise FetchError("; ".join(map(str, (*faults, error)))) from None
                return _Location(key_set, read_at, _lifetime_of(document))
            if not _left(deadline):
                # A place that takes all the time must not keep us from the other one for good.
                self._memory.first = 1 - place
                break
        text = "; ".join(map(str, faults))
        waits = [each.retry_after for each in faults if isinstance(each, VerificationUnavailable)]
        if waits:
            raise VerificationUnavailable(text, retry_after=max(waits))
        raise FetchError(text) from faults[0].__cause__

    def _places(self) -> list[tuple[int, str]]:
        """The URLs where the metadata may be, each with its number, in the order to try them."""
        if self.metadata_url is not None:
            return [(0, self.metadata_url)]
        places = list(enumerate(_well_known_urls(self.issuer)))
        return places[::-1] if self._memory.first else places

    def _key_set(
        self, document: FetchedDocument, issuer: str, source: str, before: _Location | None
    ) -> RemoteKeySet:
        """Return the set that metadata name.

        Raises:
            FetchError: They are another issuer's, or name no set that may be asked. That is not for the
                other place to mend.
        """
        if issuer != self.issuer:
            raise FetchError(
                f"{_shown(source)}: these are the metadata of {quoted(issuer, _LONGEST_SHOWN)}, "
                f"not of our issuer {quoted(self.issuer, _LONGEST_SHOWN)}"
            )
        try:
            url = self._checked(_content_of(document).get("jwks_uri"), source)
        except ConfigurationError as error:
            fault = one_line(str(error), _LONGEST_SHOWN)
            raise FetchError(f"{_shown(source)}: the jwks_uri can't be used: {fault}") from None
        if before is not None and before.key_set.url == url:
            # It remembers what it fetched last.
            return before.key_set
        # The issuer says where the keys are, but not who may see our credentials.
        same = origin_of(source) == origin_of(url)
        return RemoteKeySet(
            url, client=self.client, refresh=self.refresh, credentials=same, limits=self.limits
        )

    def _checked(self, jwks_uri: object, source: str) -> str:
        url = self.client.check(jwks_uri)
        parts = urlsplit(url)
        if (
            parts.scheme == "http"
            and not self.client.plain_http.lists(parts)
            and not is_loopback(urlsplit(source).hostname or "")
        ):
            # Another machine can't know what this one's loopback serves.
            raise ConfigurationError("it is plain HTTP")
        return url


def _check_issuer_url(issuer: str) -> None:
    shown = quoted(without_secrets(issuer), 300)
    if "?" in issuer or "#" in issuer:
        # OpenID Connect Core §1.2, RFC 8414 §2.
        raise ConfigurationError(
            f"an issuer has neither query nor fragment: expected {shown}. "
            "Where the URL of its metadata has one, pass that as metadata_url="
        )
    if "/.well-known/" in issuer:
        raise ConfigurationError(
            f"{shown} is the URL of an issuer's metadata: expected the issuer, as in the tokens' iss. "
            "Pass the URL as metadata_url= if it is not below the issuer's"
        )


def _well_known_urls(issuer: str) -> tuple[str, str]:
    """Where metadata are, by OpenID Connect Discovery 1.0 §4.1 and by RFC 8414 §3.1."""
    parts = urlsplit(issuer)
    host, path = f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix("/")
    return (
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server{path}",
    )


def _content_of(document: FetchedDocument) -> dict[str, Any]:
    return cast("dict[str, Any]", document.content)


def _issuer_in(document: FetchedDocument, source: str) -> str:
    issuer = _content_of(document).get("issuer")
    if not isinstance(issuer, str):
        raise FetchError(
            f"{_shown(source)}: these aren't metadata: they have no issuer, which is a string"
        )
    return issuer


def _lifetime_of(document: FetchedDocument) -> float:
    lifetime = _LONGEST_LIFETIME if document.lifetime is None else document.lifetime
    return min(max(lifetime, _SHORTEST_LIFETIME), _LONGEST_LIFETIME)


def _shown(source: str) -> str:
    return f"GET {one_line(without_secrets(source), _LONGEST_SHOWN)}"


def _lacks(fetched: FetchedKeys, kid: str | None) -> bool:
    key_set = cast("KeySet", fetched.keys)
    return not key_set.keys or key_set.lacks(kid)


def _left(deadline: float) -> float:
    # To the hundredth, for errors show it.
    return max(0, round(deadline - time.monotonic(), 2))
