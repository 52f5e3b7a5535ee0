"""Keys that an issuer publishes as a JWK set at a URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from attrs import field, frozen

from flask_jwtlib import TTLKeyProvider

from .._http.client import HTTPClient
from .._http.client_library import requests
from .._http.urls import without_secrets
from ._remote_key_set import RemoteKeySet
from ._set_limits import SetLimits

__all__ = ["JWKSKeyProvider"]


@frozen(init=False, eq=False)
class JWKSKeyProvider(TTLKeyProvider):
    """Fetches an issuer's key set from a URL, and keeps it as ``TTLKeyProvider`` does.

    That is a JWK set (RFC 7517 §5), or a JSON object of key IDs and PEM, as Google publishes for Firebase.

    The keys are fresh for as long as the response says by ``Cache-Control`` or ``Expires``, else for 300
    seconds, within ``min_ttl`` and ``max_ttl``. An ``ETag`` saves sending a set that hasn't changed.

    Only a response of status 200 counts, of at most 1 MiB, that is complete within ``fetch_timeout``;
    redirects are not followed. Keys that can't verify signatures are skipped, and so are symmetric ones,
    which are public by then. Proxies and CA bundles of the environment are used, unless the session has its
    own; credentials in a ``.netrc`` file are not.

    Args:
        url: Where the set is: an https URL, without credentials.
        session: A ``requests.Session`` to fetch it with, for an own CA, a proxy, credentials or mutual TLS.
            Its settings win over the environment's. A forked process opens its own connections. By default
            each fetch has a new session, which also cuts off a server that sends its headers slowly; with
            yours, such a fetch is abandoned, and its thread ends when they do.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, listed one by one as ``"host"`` or ``"host:port"``,
            such as ``("keycloak:8080",)``. Whoever controls the network to them can replace the keys.
        uses: The values of ``use`` that mark a key for signatures, one or several. SPIFFE's bundles have
            ``"jwt-svid"``. A key without ``use`` is always one.
        max_keys: The most members that a set may have, up to 1,000. A larger one is a failed fetch.
        min_ttl: The fewest seconds that keys are fresh, whatever the response says.
        max_ttl: The most seconds that keys are fresh, up to 86,400. A withdrawn key is accepted so long.
        max_stale: Seconds that expired keys may be used while no fetch succeeds. 0 means never.
        max_wait: Longest a request waits for a refresh when recently expired keys could be used instead, in
            seconds.
        fetch_timeout: Seconds that a fetch may take, from the connection to the last byte.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: The URL may not be asked, the session isn't one, or an option is out of range.
    """

    url: str = field(repr=without_secrets)

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session | None = None,
        allow_http_on_loopback: bool = False,
        allow_http: Iterable[str] = (),
        uses: str | Iterable[str] = ("sig",),
        max_keys: int = 100,
        min_ttl: float = 60,
        max_ttl: float = 3600,
        max_stale: float = 14400,
        max_wait: float = 2,
        fetch_timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        client = HTTPClient(
            session, allow_http_on_loopback=allow_http_on_loopback, allow_http=allow_http
        )
        limits = SetLimits(uses=uses, max_keys=max_keys, min_ttl=min_ttl, max_ttl=max_ttl)
        super().__init__(
            RemoteKeySet(url, client=client, timeout=fetch_timeout, limits=limits),
            max_stale=max_stale,
            max_wait=max_wait,
            fetch_timeout=fetch_timeout,
            app_context=False,
            clock=clock,
        )
        object.__setattr__(self, "url", url)
