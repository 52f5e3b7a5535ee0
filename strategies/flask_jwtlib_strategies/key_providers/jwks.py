"""Keys that an issuer publishes as a JWK set at a URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from flask_jwtlib import Refresh, TTLKeyProvider

from .._http.client import HTTPClient
from .._http.client_library import requests
from .._http.urls import without_secrets
from ._remote_key_set import RemoteKeySet
from ._set_limits import SetLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flask_jwtlib.key_providers import RefreshTimes

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
        refresh: How long keys may be used, and how long anyone waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: The URL may not be asked, the session isn't one, or an option is out of range.
    """

    url: str = field(
        init=False,
        default=Factory(lambda self: self.fetch.url, takes_self=True),
        repr=without_secrets,
    )

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session | None = None,
        allow_http_on_loopback: bool = False,
        allow_http: Iterable[str] = (),
        uses: str | Iterable[str] = ("sig",),
        max_keys: int = 100,
        refresh: Refresh | None = None,
        **times: Unpack[RefreshTimes],
    ) -> None:
        refresh = Refresh.of(refresh, times)
        fetch = RemoteKeySet(
            url,
            client=HTTPClient(
                session, allow_http_on_loopback=allow_http_on_loopback, allow_http=allow_http
            ),
            refresh=refresh,
            limits=SetLimits(uses=uses, max_keys=max_keys),
        )
        super().__init__(fetch, refresh=refresh, app_context=False)
