"""An ``Authenticator`` for an OpenID provider."""

from __future__ import annotations

from collections.abc import Iterable

from flask_jwtlib import Authenticator
from flask_jwtlib.claim_rules import ClaimRule
from flask_jwtlib.jws import DEFAULT_MAX_SIZE
from flask_jwtlib.policies import Policy, split_rules

from .._http.client_library import requests
from ..key_providers.oidc import OIDCKeyProvider
from ..validators.access_tokens import access_token_validator, require_public_key_algorithms

__all__ = ["oidc_authenticator"]


def oidc_authenticator(
    issuer: str,
    audience: str | Iterable[str] | None = None,
    *,
    algorithms: str | Iterable[str] = "RS256",
    rules: Iterable[ClaimRule | Policy] = (),
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

    It refuses what ``JWTValidator`` refuses, tokens without ``exp``, and tokens that aren't access tokens
    (see ``AccessToken``). An ``Expiry`` or an ``AccessToken`` in ``rules`` replaces these defaults.

    The keys are fetched when the first token arrives. For another extractor or failure handler, or for other
    options of ``OIDCKeyProvider``, call ``evolve`` on the result.

    Args:
        issuer: The issuer's URL, exactly as in its metadata: Auth0's ends with a slash.
        audience: This API's name in the tokens' ``aud``, or several. Omit it only if the tokens have no
            ``aud``, as Amazon Cognito's, and add a ``Client`` to ``rules``, which says whose tokens to
            accept. Then tokens with an ``aud`` are refused.
        algorithms: The accepted JWS algorithms, one or several, for public keys only.
        rules: Claim rules, applied after those for ``iss`` and ``aud``, and policies for every caller.
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
        max_size: Longest accepted token, in characters.
        metadata_url: The URL of the issuer's metadata, if it isn't below the issuer's URL.
        token_issuer: The tokens' ``iss``, if it differs from the metadata's issuer, as with AD FS.
        session: A ``requests.Session`` to fetch with.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.
        allow_http: Other hosts to accept plain HTTP from, each as ``"host"`` or ``"host:port"``.

    Raises:
        ConfigurationError: There is neither an audience nor a ``Client``, an algorithm isn't for public
            keys, or an option is wrong.
    """
    claim_rules, policies = split_rules(rules)
    return Authenticator(
        policies=policies,
        keys=OIDCKeyProvider(
            issuer,
            metadata_url=metadata_url,
            session=session,
            allow_http_on_loopback=allow_http_on_loopback,
            allow_http=allow_http,
        ),
        validator=require_public_key_algorithms(
            access_token_validator(
                issuer if token_issuer is None else token_issuer,
                audience,
                algorithms=algorithms,
                rules=claim_rules,
                leeway=leeway,
                max_size=max_size,
            )
        ),
    )
