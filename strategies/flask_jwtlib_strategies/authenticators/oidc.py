"""An ``Authenticator`` for the access tokens of an OpenID provider, named by its issuer URL."""

from __future__ import annotations

from collections.abc import Iterable

from flask_jwtlib import Authenticator
from flask_jwtlib.claim_rules import ClaimRule
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

from .._http.client_library import requests
from ..key_providers.oidc import OIDCKeyProvider
from ..validators.access_tokens import issuer_validator, with_public_keys

__all__ = ["oidc_authenticator"]


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
