"""A catalogue of strategies for ``flask_jwtlib``, for what not every application needs.

Each module stands for itself and is imported by its name, such as
``flask_jwtlib_strategies.problem_details``, so that an application loads what it uses and no more.

- ``oidc``: an OpenID provider by its issuer URL: ``oidc_authenticator``, ``OIDCKeyProvider``
- ``configured``: an issuer that ``app.config`` names: ``configured_authenticator``
- ``jwks``: keys at a URL: ``JWKSKeyProvider``
- ``per_kid``: one key for each key ID, at a URL of its own: ``PerKidKeyProvider``
- ``files``: keys in files and directories: ``FileKeyProvider``
- ``composite``: one issuer's keys from several sources: ``CompositeKeyProvider``
- ``issuers``: several issuers, each with its own keys and rules: ``IssuerRouter``, ``TrustedIssuer``
- ``caching``: signatures that need not be checked again: ``CachingValidator``
- ``first_of``: a token in one of several places: ``FirstOfTokenExtractor``
- ``problem_details``: refusals as RFC 9457 problem details: ``ProblemDetailsHandler``

The first four fetch over HTTP, by ``requests``, which the extra ``http`` brings.

All of them are written against the public modules of ``flask_jwtlib``, as any application's own
strategies are.
"""

from __future__ import annotations

__all__: list[str] = []
