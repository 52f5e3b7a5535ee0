"""Strategies for ``flask_jwtlib`` that not every application needs.

Import a strategy from its module, such as ``flask_jwtlib_strategies.key_providers.jwks``: an application
loads what it uses and nothing else. The folders are the roles of the core:

- ``extractors``: where a token is found. ``composite``: one of several places.
- ``key_providers``: where keys come from. ``oidc``: an OpenID provider. ``jwks``: a URL. ``per_kid``: a URL
  for each key ID. ``files``: files and directories. ``composite``: several sources together. ``warm_up``:
  fetching the keys of several providers at once.
- ``validators``: what makes a token believable. ``issuers``: several issuers, each with its own keys and
  rules. ``access_tokens``: the rules of one issuer's access tokens. ``caching``: signatures that were
  checked before.
- ``failure_handlers``: how a refusal looks. ``problem_details``: JSON (RFC 9457).
- ``authenticators``: ready compositions of all these. ``oidc``: an OpenID provider. ``configured``: an
  issuer that ``app.config`` names. A preset for one provider, such as Auth0, belongs here.

A new strategy goes into the folder of its role: a rule about claims into ``claim_rules``, a policy of a
route into ``policies``. Parts that are useless apart, such as an extractor and the validator of what it
extracts, share a folder named after the feature. Storage that several features share, such as Redis, goes
into ``stores``. What reads or writes the application's own users goes into ``identity``, and what connects
another library into ``integrations``. Folders appear with their first module.

Modules that fetch over HTTP use ``requests``, which the extra ``http`` installs. All modules use the public
modules of ``flask_jwtlib`` only, as an application's own strategies do.
"""

from __future__ import annotations

__all__: list[str] = []
