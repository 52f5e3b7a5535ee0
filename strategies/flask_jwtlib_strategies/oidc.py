"""Keys of an OpenID provider, found by its issuer URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from attrs import frozen

from flask_jwtlib import Authenticator, ClaimRule, TTLKeyProvider
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

from ._client_library import requests
from ._discovery import DiscoveredKeySet
from ._documents import DocumentClient
from ._issuer_validator import issuer_validator, with_public_keys
from ._set_limits import SetLimits

__all__ = ["OIDCKeyProvider", "oidc_authenticator"]


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
        min_ttl: The fewest seconds that keys are fresh, whatever the response says.
        max_ttl: The most seconds that keys are fresh, up to 86,400. A withdrawn key is accepted so long.
        max_stale: Seconds that expired keys may be used while no fetch succeeds. 0 means never.
        max_wait: Longest a request waits for a refresh when recently expired keys could be used instead, in
            seconds.
        fetch_timeout: Seconds that a fetch may take, the metadata included.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: A URL isn't an issuer's or may not be asked, the session isn't one, or an option
            is out of range.
    """

    issuer: str

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
        min_ttl: float = 60,
        max_ttl: float = 3600,
        max_stale: float = 14400,
        max_wait: float = 2,
        fetch_timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        fetch = DiscoveredKeySet(
            issuer,
            client=DocumentClient(
                session, allow_http_on_loopback=allow_http_on_loopback, allow_http=allow_http
            ),
            metadata_url=metadata_url,
            timeout=fetch_timeout,
            limits=SetLimits(uses=uses, max_keys=max_keys, min_ttl=min_ttl, max_ttl=max_ttl),
            clock=clock,
        )
        super().__init__(
            fetch,
            max_stale=max_stale,
            max_wait=max_wait,
            fetch_timeout=fetch_timeout,
            app_context=False,
            clock=clock,
        )
        object.__setattr__(self, "issuer", issuer)

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


def oidc_authenticator(
    issuer: str,
    audience: str | Iterable[str] | None = None,
    *,
    algorithms: str | Iterable[str] = "RS256",
    rules: Iterable[ClaimRule] = (),
    leeway: float = 0,
    max_size: int = DEFAULT_MAX_SIZE,
    metadata_url: str | None = None,
    token_issuer: str | None = None,
    session: requests.Session | None = None,
    allow_http_on_loopback: bool = False,
    allow_http: Iterable[str] = (),
) -> Authenticator:
    """Make an ``Authenticator`` for the access tokens of an OpenID provider.

    ::

        auth = oidc_authenticator("https://example.eu.auth0.com/", "https://api.example")

    Refused are, besides what ``JWTValidator`` refuses, tokens without ``exp`` and tokens that aren't access
    tokens (``AccessToken`` says which). An ``Expiry`` or an ``AccessToken`` in ``rules`` replaces that.

    Nothing is fetched before the first token comes. For another extractor or failure handler, or for other
    options of ``OIDCKeyProvider``, make a variant by ``evolve``.

    Args:
        issuer: The issuer, exactly as its metadata have it: Auth0's ends with a slash.
        audience: Our name in the tokens' ``aud``, or several. Leave it out only where the tokens have no
            ``aud``, as Amazon Cognito's, and a ``Client`` in ``rules`` says whose tokens to accept. A
            token with an ``aud`` is refused then.
        algorithms: The JWS algorithms that are accepted, one or several, for public keys only.
        rules: Claim rules after those for ``iss`` and ``aud``.
        leeway: Seconds by which the issuer's clock and ours may differ.
        max_size: Longest accepted token, in characters.
        metadata_url: Where the issuer's metadata are, if that is not below its URL.
        token_issuer: The tokens' ``iss``, where it is not the metadata's issuer, as with AD FS.
        session: A ``requests.Session`` to fetch with.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, listed one by one as ``"host"`` or ``"host:port"``.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, an algorithm isn't for public
            keys, or an option is of a wrong type.
    """
    return Authenticator(
        keys=OIDCKeyProvider(
            issuer,
            metadata_url=metadata_url,
            session=session,
            allow_http_on_loopback=allow_http_on_loopback,
            allow_http=allow_http,
        ),
        validator=with_public_keys(
            issuer_validator(
                issuer if token_issuer is None else token_issuer,
                audience,
                algorithms=algorithms,
                rules=rules,
                leeway=leeway,
                max_size=max_size,
            )
        ),
    )
