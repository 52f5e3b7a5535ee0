"""The JWK set of an issuer, found by what the issuer publishes about itself."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, FetchedKeys

from ._documents import DocumentClient, DocumentError
from ._remote_key_set import RemoteKeySet
from ._urls import is_loopback, without_secrets

__all__ = ["DiscoveredKeySet"]

# Seconds.
_METADATA_LIFETIME = 86_400
_NOT_FOUND = 404
_GONE = (404, 410)
_LONGEST_SHOWN = 200
# User name and password of a URL, and all that follows its path.
_SECRET_PARTS = re.compile(r"(?<=//)[^/?#]*(?=@)|(?<=[?#]).+", re.DOTALL)


@frozen
class _Location:
    """Where the JWK set is, as the issuer's metadata said at a time."""

    key_set: RemoteKeySet
    read_at: float


class _Memory:
    __slots__ = ("location",)

    def __init__(self) -> None:
        self.location: _Location | None = None


@frozen(eq=False)
class DiscoveredKeySet:
    """Fetches the JWK set that an issuer's metadata point to: a ``fetch`` for ``TTLKeyProvider``.

    The metadata are read with the first fetch, and again a day later, or once the set is gone from
    where they said. For an unknown ``kid`` they are not read again.

    Args:
        issuer: The issuer's identifier, an URL without query and fragment.
        client: What to get both with.
        timeout: Seconds that a fetch may take, the metadata included.
        clock: A clock in seconds that never jumps, for the age of the metadata.

    Raises:
        ConfigurationError: That is no issuer, or the client may not ask it.
    """

    issuer: str
    client: DocumentClient = field(kw_only=True, repr=False)
    timeout: float = field(default=5, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True, repr=False)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    def __attrs_post_init__(self) -> None:
        issuer = self.client.check(self.issuer)
        shown = repr(without_secrets(issuer))
        if "?" in issuer or "#" in issuer:
            # OpenID Connect Core §1.2, RFC 8414 §2.
            raise ConfigurationError(f"an issuer has neither query nor fragment: want {shown}")
        if "/.well-known/" in issuer:
            raise ConfigurationError(
                f"{shown} is where an issuer's metadata are: want the issuer, as the tokens' iss has it"
            )

    def __call__(self, *, kid: str | None = None) -> FetchedKeys:
        """Fetch it within ``timeout``.

        Args:
            kid: The unknown key ID that is wanted, if that is why.

        Raises:
            DocumentError: The metadata or the set could not be had, or are not what they should be.
            VerificationUnavailable: The server is busy, and says for how long.
        """
        deadline = time.monotonic() + self.timeout
        memory = self._memory
        location = before = memory.location
        if location is None or (kid is None and self._is_old(location)):
            location = self._locate(location, deadline)
            # What was found by a fetch that was given up is older than what another one found since.
            if memory.location is before:
                memory.location = location
        try:
            return location.key_set.fetch(timeout=_left(deadline))
        except DocumentError as error:
            if error.status in _GONE and memory.location is location:
                memory.location = attrs.evolve(location, read_at=-math.inf)
            raise

    def _is_old(self, location: _Location) -> bool:
        return self.clock() - location.read_at >= _METADATA_LIFETIME

    def _locate(self, before: _Location | None, deadline: float) -> _Location:
        """Read where the set is."""
        read_at = self.clock()
        source, metadata = self._metadata(deadline)
        issuer = metadata.get("issuer")
        if issuer != self.issuer:
            raise DocumentError(
                f"GET {source}: these are the metadata of {_shown(issuer)}, not of our issuer {self.issuer!r}"
            )
        try:
            url = self.client.check(metadata.get("jwks_uri"))
        except ConfigurationError as error:
            fault = str(error)[:_LONGEST_SHOWN]
            raise DocumentError(f"GET {source}: the jwks_uri can't be used: {fault}") from None
        if before is not None and before.key_set.url == url:
            # It knows what it fetched last.
            return attrs.evolve(before, read_at=read_at)
        ours, theirs = urlsplit(self.issuer), urlsplit(url)
        if theirs.scheme == "http" and not is_loopback(ours.hostname or ""):
            raise DocumentError(f"GET {source}: the jwks_uri can't be used: it is plain HTTP")
        # Where the keys are is for the issuer to say, and not who gets to see our credentials.
        same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        return _Location(RemoteKeySet(url, client=self.client, credentials=same), read_at)

    def _metadata(self, deadline: float) -> tuple[str, dict[str, Any]]:
        """Get the issuer's metadata, and answer where they were, too."""
        absent: list[str] = []
        for url in _metadata_urls(self.issuer):
            try:
                document = self.client.get(url, timeout=_left(deadline))
            except DocumentError as error:
                if error.status != _NOT_FOUND:
                    raise
                absent.append(str(error))
            else:
                return url, cast("dict[str, Any]", document.content)
        raise DocumentError("; ".join(absent), status=_NOT_FOUND)


def _metadata_urls(issuer: str) -> tuple[str, str]:
    """Where metadata are, by OpenID Connect Discovery 1.0 §4.1 and by RFC 8414 §3.1."""
    parts = urlsplit(issuer)
    host, path = f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix("/")
    return (
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server{path}",
    )


def _left(deadline: float) -> float:
    # To the hundredth, for errors show it.
    return max(0, round(deadline - time.monotonic(), 2))


def _shown(issuer: object) -> str:
    """Show a foreign issuer on one line, not at any length, and without what may be a secret."""
    if not isinstance(issuer, str):
        return "nobody: their issuer is no text" if issuer is not None else "nobody"
    text = ascii(_SECRET_PARTS.sub("***", issuer))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
