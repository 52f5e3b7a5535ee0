"""A key set that an issuer publishes at a URL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet
from flask_jwtlib.key_providers import FetchedKeys, Refresh
from flask_jwtlib.log_text import error_text, one_line

from .._http.client import FetchedDocument, HTTPClient
from .._http.errors import FetchError
from .._http.urls import without_secrets
from ._set_limits import MOST_KEYS, SetLimits

__all__ = ["RemoteKeySet"]

_SECRET = "this JWK is a published secret (kty oct), which can't be trusted"  # noqa: S105 - a text


@frozen
class _Known:
    """The last fetched set, as one value, so that no thread sees parts of two."""

    etag: str | None
    digest: bytes
    key_set: KeySet


class _Memory:
    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: _Known | None = None


@frozen(eq=False)
class RemoteKeySet:
    """Fetches a JWK set (RFC 7517 §5) or a map of key IDs to PEM: a ``fetch`` for ``TTLKeyProvider``.

    Members that can't verify signatures are skipped, and so are secrets. While the keys stay the same, each
    fetch returns the same ``KeySet`` object.

    Args:
        url: The set's URL.
        client: Fetches the set.
        refresh: How long a fetch may take, and how long keys are fresh.
        credentials: Whether to send the host what the session sends.
        limits: Limits of the set.

    Raises:
        ConfigurationError: The client may not fetch the URL.
    """

    url: str = field(repr=without_secrets)
    client: HTTPClient = field(kw_only=True, repr=False)
    refresh: Refresh = field(factory=Refresh, kw_only=True, repr=False)
    credentials: bool = field(default=True, kw_only=True)
    limits: SetLimits = field(factory=SetLimits, kw_only=True, repr=False)
    _memory: _Memory = field(init=False, factory=_Memory, repr=False)

    def __attrs_post_init__(self) -> None:
        self.client.check(self.url)

    def __call__(self) -> FetchedKeys:
        """Fetch the set within ``refresh.fetch_timeout``. Raises what ``fetch`` raises."""
        return self.fetch(timeout=self.refresh.fetch_timeout)

    def fetch(self, *, timeout: float) -> FetchedKeys:
        """Fetch the set.

        Args:
            timeout: Longest that the fetch may take, in seconds.

        Raises:
            FetchError: The set can't be fetched, or isn't a key set.
            VerificationUnavailable: The server is busy, and says when to retry.
        """
        known = self._memory.known
        document = self.client.get(
            self.url,
            timeout=timeout,
            etag=None if known is None else known.etag,
            credentials=self.credentials,
        )
        known = self._memory.known = self._known(document, known)
        return FetchedKeys(known.key_set, ttl=self.refresh.ttl(document.lifetime))

    def _known(self, document: FetchedDocument, before: _Known | None) -> _Known:
        if document.content is None:
            # The server responds so only to a request with the known set's ETag.
            return cast("_Known", before)
        # Other members of the document may change with each response.
        members = document.content.get("keys", document.content)
        digest = sha256(json.dumps(members, sort_keys=True).encode()).digest()
        if before is not None and digest == before.digest:
            return attrs.evolve(before, etag=document.etag)
        return _Known(document.etag, digest, self._key_set(document.content))

    def _key_set(self, content: Mapping[str, Any]) -> KeySet:
        members = content.get("keys")
        if not isinstance(members, list):
            return self._pem_map(content)
        jwks = cast("Sequence[Any]", members)
        self._check_number(len(jwks))
        public = [jwk for jwk in jwks if not _is_secret(jwk)]
        key_set = KeySet.from_jwks({"keys": public}, uses=self.limits.uses)
        secrets = len(jwks) - len(public)
        return attrs.evolve(key_set, skipped=(*key_set.skipped, *[_SECRET] * secrets))

    def _pem_map(self, content: Mapping[str, Any]) -> KeySet:
        try:
            key_set = KeySet.from_pem_map(content)
        except ConfigurationError as error:
            fault = one_line(error_text(error), 300)
            raise self._error(
                'the document is neither a JWK set, with an array as "keys", nor a map of key IDs to PEM '
                f"({fault})"
            ) from None
        self._check_number(len(content))
        return key_set

    def _check_number(self, count: int) -> None:
        most = self.limits.max_keys
        if count > most:
            raise self._error(
                f"the set has {count} keys, {most} are allowed; max_keys={count} accepts it"
                if count <= MOST_KEYS
                else f"the set has {count} keys, {most} are allowed; max_keys can be at most {MOST_KEYS}"
            )

    def _error(self, fault: str) -> FetchError:
        return FetchError(f"GET {without_secrets(self.url)}: {fault}")


def _is_secret(jwk: object) -> bool:
    return isinstance(jwk, Mapping) and cast("Mapping[str, Any]", jwk).get("kty") == "oct"
