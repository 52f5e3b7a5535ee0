"""A key provider for an OpenID provider."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import TTLKeyProvider
from flask_jwtlib.key_providers import Refresh

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
    """Finds and fetches the keys of an OpenID provider by its issuer URL, and keeps them fresh.

    ``oidc_authenticator`` makes an ``Authenticator`` with it. Use the provider itself for your own
    composition, such as several issuers in an ``IssuerRouter``.

    The issuer's metadata names the URL of its JWK set. The metadata is at
    ``/.well-known/openid-configuration`` below the issuer's URL (OpenID Connect Discovery 1.0 §4) or at the
    URL of RFC 8414 §3; both are tried. It must name this issuer, and a ``jwks_uri`` that may be fetched. It
    is read when keys are first needed, so an app starts while its issuer is down. It is read again when it
    is an hour old, or earlier if its headers say so, and also if the set can't be fetched or lacks a token's
    ``kid``, because an issuer may move its keys. While it can't be read, the set is fetched from the last
    known URL.

    Metadata and set are fetched as ``JWKSKeyProvider`` fetches its set, both together within
    ``fetch_timeout``. What a session sends (credentials, parameters, cookies, headers, client certificate) is
    sent only to the host that you configured. If the metadata names another host, only the session's
    ``User-Agent``, proxies, ``verify``, hooks and an adapter mounted for that host are used for it.

    Entra ID's ``common`` and ``organizations`` stand for many issuers and don't work here. Name each tenant's
    issuer, in an ``IssuerRouter`` if there are several.

    Args:
        issuer: The issuer, exactly as in its metadata: ``https://a`` and ``https://a/`` are different. It
            must be the issuer's URL unless ``metadata_url`` is given.
        metadata_url: The URL of the metadata, if it isn't below the issuer's URL. It may have a query, such
            as Entra ID's ``?appid=``.
        session: A ``requests.Session`` to fetch with, for a private CA, a proxy, credentials or mutual TLS.
            Its settings override the environment's. A forked process opens new connections. By default each
            fetch has a new session.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``, such as
            ``("keycloak:8080",)``. Anyone who controls the network to them can replace the keys.
        uses: The values of ``use`` that mark a key for signatures, one or several; ``"jwt-svid"`` for
            SPIFFE's bundles. A key without ``use`` is always accepted.
        max_keys: Maximum number of members of the set, up to 1,000. A larger set is a failed fetch.
        refresh: How long keys may be used, and how long a request waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: ``issuer`` can't be an issuer, a URL may not be fetched, ``session`` isn't a
            ``requests.Session``, or an option is out of range.

    Attributes:
        issuer: The issuer.
        metadata_urls: The URLs that are tried for the metadata, in this order.
    """

    issuer: str = field(
        init=False, default=Factory(lambda self: self.fetch.issuer, takes_self=True)
    )
    metadata_urls: tuple[str, ...] = field(
        init=False,
        default=Factory(lambda self: self.fetch.metadata_urls, takes_self=True),
        repr=False,
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
        """Return the status of the keys, and the last error in reading the metadata.

        Returns:
            The items of ``TTLKeyProvider.status``, and ``metadata_error``: why the metadata couldn't be read
            last time, None if it could. Keys may be fresh in spite of it, from the last known URL.
        """
        return {
            **super().status(),
            "metadata_error": cast("DiscoveredKeySet", self.fetch).fault,
        }
