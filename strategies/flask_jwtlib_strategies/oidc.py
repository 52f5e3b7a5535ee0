"""Keys of an OpenID provider, found by its issuer URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import requests
from attrs import frozen

from flask_jwtlib import Authenticator, ClaimRule, TTLKeyProvider
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

from ._discovery import DiscoveredKeySet
from ._documents import DocumentClient
from ._issuer_validator import issuer_validator, with_public_keys

__all__ = ["OIDCKeyProvider", "oidc_authenticator"]


@frozen(init=False, eq=False)
class OIDCKeyProvider(TTLKeyProvider):
    """Fetches the JWK set that an issuer's metadata point to, and keeps it as ``TTLKeyProvider`` does.

    The metadata are at ``/.well-known/openid-configuration`` below the issuer (OpenID Connect
    Discovery 1.0 §4), or where RFC 8414 §3 has them, if there are none. They must name the very
    issuer, and a ``jwks_uri`` that may be asked. They are read when keys are first needed, so that
    the issuer need not be up before, and again after 24 hours, or when the set is gone (404, 410)
    from where they said: by the next refresh then, never for a token of an unknown ``kid``. Metadata
    that can't be read, or are not this issuer's, are a failed refresh: the keys at hand serve on.

    The set is fetched as ``JWKSKeyProvider`` does, and so are the metadata: status 200 only, 1 MiB at
    most, no redirects, both together within ``fetch_timeout``. A session's credentials and headers
    are for the issuer: they don't go along where the metadata name another host.

    A template for many issuers, such as Entra ID's ``common`` and ``organizations``, is none: name
    the issuer of each tenant, to an ``IssuerRouter`` if there are several.

    Args:
        issuer: The issuer's URL, letter for letter as in its tokens' ``iss``: ``https://a`` and
            ``https://a/`` are two.
        session: A ``requests.Session`` to fetch with, for an own CA, a proxy or mutual TLS. A forked
            process makes its connections anew. By default each fetch has its own.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        max_stale: Seconds that keys may serve beyond their time while no fetch succeeds. 0 is
            strict.
        max_wait: Seconds that a caller waits whom keys might serve that are hardly too old.
        fetch_timeout: Seconds that a fetch may take, the metadata included.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: The URL is no issuer's or may not be asked, the session is none, or a
            number is out of range.
    """

    issuer: str

    def __init__(
        self,
        issuer: str,
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
            DiscoveredKeySet(issuer, client=client, timeout=fetch_timeout, clock=clock),
            max_stale=max_stale,
            max_wait=max_wait,
            fetch_timeout=fetch_timeout,
            clock=clock,
        )
        object.__setattr__(self, "issuer", issuer)


def oidc_authenticator(
    issuer: str,
    audience: str | Iterable[str] | None = None,
    *,
    algorithms: str | Iterable[str] = "RS256",
    rules: Iterable[ClaimRule] = (),
    leeway: float = 0,
    max_size: int = DEFAULT_MAX_SIZE,
    session: requests.Session | None = None,
    allow_http_on_loopback: bool = False,
) -> Authenticator:
    """Make an ``Authenticator`` for the access tokens of an OpenID provider.

    ::

        auth = oidc_authenticator("https://example.eu.auth0.com/", "https://api.example")

    Refused are, besides what ``JWTValidator`` refuses, tokens without ``exp`` and tokens that aren't access
    tokens (``AccessToken`` says which). An ``Expiry`` or an ``AccessToken`` in ``rules`` replaces that.

    Nothing is fetched before the first token comes. For another extractor or failure handler, make a
    variant by ``evolve``.

    Args:
        issuer: The issuer's URL, letter for letter as in its tokens' ``iss``: Auth0's ends with a
            slash.
        audience: Our name in the tokens' ``aud``, or several. Leave it out only where the tokens have no
            ``aud``, as Amazon Cognito's, and a ``Client`` in ``rules`` says whose tokens to accept. A
            token with an ``aud`` is refused then.
        algorithms: The JWS algorithms that are accepted, one or several, for public keys only.
        rules: Claim rules after those for ``iss`` and ``aud``.
        leeway: Seconds by which the issuer's clock and ours may differ.
        max_size: Longest accepted token, in characters.
        session: A ``requests.Session`` to fetch with.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, an algorithm isn't for public
            keys, or an option is of a wrong type.
    """
    return Authenticator(
        keys=OIDCKeyProvider(
            issuer, session=session, allow_http_on_loopback=allow_http_on_loopback
        ),
        validator=with_public_keys(
            issuer_validator(
                issuer,
                audience,
                algorithms=algorithms,
                rules=rules,
                leeway=leeway,
                max_size=max_size,
            )
        ),
    )
