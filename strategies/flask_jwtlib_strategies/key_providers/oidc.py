"""Keys of an OpenID provider, found by its issuer URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import Refresh, TTLKeyProvider

from .._http.client import HTTPClient
from .._http.client_library import requests
from ._discovery import DiscoveredKeySet
from ._set_limits import SetLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flask_jwtlib.key_providers import RefreshTimes

__all__ = ["OIDCKeyProvider"]


@frozen(init=False, eq=False)
class OIDCKeyProvider(TTLKeyProvider):
    """Fetches the JWK set that an issuer's metadata point to, and keeps it as ``TTLKeyProvider`` does.

    The metadata are at ``/.well-known/openid-configuration`` below the issuer's URL (OpenID Connect Discovery
    1.0 §4), or where RFC 8414 §3 puts them: both are tried, whatever the first one returns. They must name
    this very issuer, and a ``jwks_uri`` that may be asked. They are read when keys are first needed, so the
    issuer may be down before that, and again when they are an hour old, or earlier if their headers say so.
    While they can't be had, the set is fetched from where they said last. They are also read again, within
    the same fetch, where the set can't be had or lacks a token's ``kid``: an issuer may move its keys.

    The set is fetched as ``JWKSKeyProvider`` does, and so are the metadata: status 200 only, 1 MiB at most,
    no redirects, both together within ``fetch_timeout``. What a session sends (credentials, parameters,
    cookies, headers, client certificate) is for the host that you configured: it isn't sent where the
    metadata name another one. There, only the session's ``User-Agent``, its proxies, ``verify``, hooks and an
    adapter mounted for that very host are used.

    A template for many issuers, such as Entra ID's ``common`` and ``organizations``, isn't an issuer: name
    each tenant's, in an ``IssuerRouter`` if there are several.

    Args:
        issuer: The issuer, exactly as its metadata have it: ``https://a`` and ``https://a/`` are two. It is
            its URL, unless ``metadata_url`` is given.
        metadata_url: Where the metadata are, if that is not below the issuer's URL. It may have a query, as
            Entra ID's ``?appid=``.
        session: A ``requests.Session`` to fetch with, for an own CA, a proxy, credentials or mutual TLS. Its
            settings win over the environment's. A forked process opens its own connections. By default each
            fetch has a new session.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, listed one by one as ``"host"`` or ``"host:port"``,
            such as ``("keycloak:8080",)``. Whoever controls the network to them can replace the keys.
        uses: The values of ``use`` that mark a key for signatures, one or several. SPIFFE's bundles have
            ``"jwt-svid"``. A key without ``use`` is always one.
        max_keys: The most members that a set may have, up to 1,000. A larger one is a failed fetch.
        refresh: How long keys may be used, and how long anyone waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: A URL isn't an issuer's or may not be asked, the session isn't one, or an option
            is out of range.
    """

    issuer: str = field(
        init=False, default=Factory(lambda self: self.fetch.issuer, takes_self=True)
    )

    def __init__(
        self,
        issuer: str,
        *,
        metadata_url: str | None = None,
        session: requests.Session | None = None,
        allow_http_on_loopback: bool = False,
        allow_http: Iterable[str] = (),
        uses: str | Iterable[str] = ("sig",),
        max_keys: int = 100,
        refresh: Refresh | None = None,
        **times: Unpack[RefreshTimes],
    ) -> None:
        refresh = Refresh.of(refresh, times)
        fetch = DiscoveredKeySet(
            issuer,
            client=HTTPClient(
                session, allow_http_on_loopback=allow_http_on_loopback, allow_http=allow_http
            ),
            metadata_url=metadata_url,
            refresh=refresh,
            limits=SetLimits(uses=uses, max_keys=max_keys),
        )
        super().__init__(fetch, refresh=refresh, app_context=False)

    def status(self) -> dict[str, Any]:
        """Return what ``TTLKeyProvider.status`` does, and why the metadata can't be read.

        Returns:
            Also ``metadata_error``: the faults of the last attempt to read the metadata, None if it
            succeeded. Keys may be fresh all the same, fetched from where the metadata said before.
        """
        return {
            **super().status(),
            "metadata_error": cast("DiscoveredKeySet", self.fetch).fault,
        }
