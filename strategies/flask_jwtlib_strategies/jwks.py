"""Keys that an issuer publishes as a JWK set at a URL."""

from __future__ import annotations

import time
from collections.abc import Callable

import requests
from attrs import field, frozen

from flask_jwtlib import TTLKeyProvider

from ._documents import DocumentClient
from ._remote_key_set import RemoteKeySet
from ._urls import without_secrets

__all__ = ["JWKSKeyProvider"]


@frozen(init=False, eq=False)
class JWKSKeyProvider(TTLKeyProvider):
    """Fetches an issuer's JWK set (RFC 7517 §5) from a URL, and keeps it as ``TTLKeyProvider`` does.

    The keys are fresh for as long as the answer says by ``Cache-Control`` or ``Expires``, else for
    300 seconds, but 60 at least and an hour at most. An ``ETag`` spares the set that has not
    changed.

    Only an answer of status 200 counts, of 1 MiB and 100 keys at most, that came within
    ``fetch_timeout``; redirects are not followed. Keys that can't verify signatures are passed over,
    and so are symmetric ones, which everybody knows by then. Proxies and CA bundles of the
    environment are used, as ever with ``requests``; credentials in a ``.netrc`` file are not.

    Args:
        url: Where the set is: an https URL, without credentials.
        session: A ``requests.Session`` to fetch it with, for an own CA, a proxy or mutual TLS. A
            forked process makes its connections anew. By default each fetch has its own, which also
            cuts off a server that drips its headers; with yours, such a fetch is given up, and its
            thread ends when they do.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        max_stale: Seconds that keys may serve beyond their time while no fetch succeeds. 0 is
            strict.
        max_wait: Seconds that a caller waits whom keys might serve that are hardly too old.
        fetch_timeout: Seconds that a fetch may take, from the connection to the last byte.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: The URL may not be asked, the session is none, or a number is out of
            range.
    """

    url: str = field(repr=without_secrets)

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session | None = None,
        allow_http_on_loopback: bool = False,
        max_stale: float = 14400,
        max_wait: float = 2,
        fetch_timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        client = DocumentClient(session, allow_http_on_loopback=allow_http_on_loopback)
        super().__init__(
            RemoteKeySet(url, client=client, timeout=fetch_timeout),
            max_stale=max_stale,
            max_wait=max_wait,
            fetch_timeout=fetch_timeout,
            clock=clock,
        )
        object.__setattr__(self, "url", url)
