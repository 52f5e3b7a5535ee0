"""A key provider for a JWK set at a URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from flask_jwtlib import TTLKeyProvider
from flask_jwtlib.key_providers import Refresh

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
    """Fetches the key set that an issuer publishes at a URL, and keeps it fresh.

    Use it for an issuer whose JWKS URL you know and that has no OpenID metadata. The URL has a JWK set
    (RFC 7517 §5), or a JSON object of key IDs and PEM, as Google publishes for Firebase.

    The keys are kept as ``TTLKeyProvider`` keeps them. They are fresh for as long as the response's
    ``Cache-Control`` or ``Expires`` says, or else for 300 seconds, always within ``min_ttl`` and ``max_ttl``.
    With an ``ETag``, a set that hasn't changed isn't sent again.

    The response must have the status 200 and at most 1 MiB, and must be complete within ``fetch_timeout``.
    Redirects are not followed. Keys that can't verify signatures are skipped. So are symmetric keys, which
    must not be published. The environment's proxies and CA bundles are used unless the session has its own;
    ``.netrc`` files are ignored.

    Args:
        url: The set's URL: https, without credentials.
        session: A ``requests.Session`` to fetch with, for a private CA, a proxy, credentials or mutual TLS.
            Its settings override the environment's. A forked process opens new connections. By default each
            fetch has a new session, which also cuts off a server that sends its headers slowly. With your
            session, such a fetch is abandoned, and its thread ends when the server does.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``, such as
            ``("keycloak:8080",)``. Anyone who controls the network to them can replace the keys.
        uses: The values of ``use`` that mark a key for signatures, one or several; ``"jwt-svid"`` for
            SPIFFE's bundles. A key without ``use`` is always accepted.
        max_keys: Maximum number of members of the set, up to 1,000. A larger set is a failed fetch.
        refresh: How long keys may be used, and how long a request waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: The URL may not be fetched, ``session`` isn't a ``requests.Session``, or an option
            is out of range.
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
