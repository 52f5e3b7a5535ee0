"""Strategies for ``flask_jwtlib`` that not every application needs.

Import a strategy from its module, such as ``flask_jwtlib_strategies.key_providers.jwks``, so that an
application loads only what it uses. There is a folder for each role:

- ``extractors``: where a token is found. ``composite`` tries several places. ``cookie``: a cookie, and how to
  set it. ``session``: the server-side session. ``cross_site`` checks that no other site made the browser send
  what another extractor finds. ``origin`` refuses pages of other origins, whatever they send.
  ``api_key``: an API key in a header. ``json_body``: JSON. ``websocket``: the handshake of a WebSocket.
- ``key_providers``: where keys come from. ``oidc``: an OpenID provider. ``jwks``: a URL. ``per_kid``: one URL
  for each key ID. ``files``: files and directories. ``composite``: several sources. ``warm_up`` fetches the
  keys of several providers in advance.
- ``validators``: whether a token is valid. ``issuers``: several issuers, each with its own keys and rules.
  ``access_tokens``: checks of the access tokens of one issuer. ``caching`` remembers verified signatures.
  ``api_keys``: API keys, of which only digests are stored. ``per_scheme``: a validator for each scheme, such
  as ``Bearer`` and ``ApiKey``.
- ``failure_handlers``: the response to a refused request. ``problem_details``: JSON (RFC 9457).
  ``json_template``: JSON in the application's own format. ``login_redirect`` redirects browsers to a log-in
  page. ``routed`` chooses a handler by blueprint or path.
- ``metadata``: documents for clients. ``protected_resource``: where to get a token for a resource (RFC 9728).
- ``identity``: the application's own object for a caller. ``users``: a row of its database. ``async_users``:
  the same with ``await``. ``typed_claims``: the claims as an object of a class.
- ``authenticators``: functions that return an ``Authenticator``. ``oidc``: for an OpenID provider.
  ``configured``: for an issuer that is configured in ``app.config``. ``mcp``: for an MCP server's endpoint.
- ``csrf``: protection from forged requests. ``double_submit``: a signed token in addition to the cookie.
- ``development``: tokens that a developer makes for an app in debug mode. ``tokens`` accepts them, and
  ``issue`` makes one.
- ``cli``: commands of ``flask jwtlib``. ``api_key`` generates an API key. ``doctor`` examines an app.
  ``token`` makes a development token.
- ``causes``: the causes of refusals that ``flask jwtlib explain`` names, with their cures.
- ``doctor``: the checks of that command, ``examine`` and its ``Finding``.
- ``integrations``: bridges to other libraries. ``flask_login``: ``current_user`` for callers with a token.
  ``flask_socketio``: refused connections and events of Socket.IO.
  ``mcp`` and ``fastmcp``: token verifiers for servers that are built with the MCP SDK and FastMCP.
  ``openapi``: documents of apispec, flask-smorest and APIFlask say what each operation requires.

To add a strategy, put it into the folder of its role. A preset for one provider is an authenticator. Folders
for these roles get created with their first module:

- ``claim_rules``: checks of a token's claims, such as those of one provider.
- ``policies``: what a single route requires of its callers.
- ``stores``: storage that several strategies share, such as Redis.

Parts that only work together, such as an extractor and the validator of what it extracts, share a folder that
is named after the feature instead.

Modules that fetch over HTTP use ``requests``, which the extra ``http`` installs. All modules use only the
public API of ``flask_jwtlib``, as an application's own strategies do.
"""

from __future__ import annotations

__all__: list[str] = []
