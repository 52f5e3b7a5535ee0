"""Strategies for ``flask_jwtlib`` that not every application needs.

Import a strategy from its module, such as ``flask_jwtlib_strategies.key_providers.jwks``, so that an
application loads only what it uses. There is a folder for each role:

- ``extractors``: where a token is found. ``composite`` tries several places. ``cross_site`` checks that no
  other site made the browser send a cookie.
- ``key_providers``: where keys come from. ``oidc``: an OpenID provider. ``jwks``: a URL. ``per_kid``: one URL
  for each key ID. ``files``: files and directories. ``composite``: several sources. ``warm_up`` fetches the
  keys of several providers in advance.
- ``validators``: whether a token is valid. ``issuers``: several issuers, each with its own keys and rules.
  ``access_tokens``: checks of the access tokens of one issuer. ``caching`` remembers verified signatures.
- ``failure_handlers``: the response to a refused request. ``problem_details``: JSON (RFC 9457).
- ``authenticators``: functions that return an ``Authenticator``. ``oidc``: for an OpenID provider.
  ``configured``: for an issuer that is configured in ``app.config``.

To add a strategy, put it into the folder of its role. A preset for one provider is an authenticator. Folders
for these roles get created with their first module:

- ``claim_rules``: checks of a token's claims, such as those of one provider.
- ``policies``: what a single route requires of its callers.
- ``identity``: the application's own user for a caller.
- ``stores``: storage that several strategies share, such as Redis.
- ``integrations``: bridges to other libraries, such as Flask-Login.

Parts that only work together, such as an extractor and the validator of what it extracts, share a folder that
is named after the feature instead.

Modules that fetch over HTTP use ``requests``, which the extra ``http`` installs. All modules use only the
public API of ``flask_jwtlib``, as an application's own strategies do.
"""

from __future__ import annotations

__all__: list[str] = []
