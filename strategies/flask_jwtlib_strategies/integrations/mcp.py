"""A token verifier for servers that are built with the MCP SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from ._mcp_tokens import AccessTokens
from ._peers import peer

if TYPE_CHECKING:
    from mcp.server.auth.provider import AccessToken

    from flask_jwtlib import Authenticator

__all__ = ["MCPTokenVerifier"]


def _access_token_class(_: MCPTokenVerifier) -> Any:
    return peer("mcp.server.auth.provider", "mcp").AccessToken


@frozen
class MCPTokenVerifier:
    """Lets an ``Authenticator`` verify the tokens of a server that is built with the SDK ``mcp``.

    ::

        MCPServer(
            "notes",
            token_verifier=MCPTokenVerifier(auth, resource="https://api.example/mcp"),
            auth=AuthSettings(
                issuer_url="https://login.example",
                resource_server_url="https://api.example/mcp",
                validate_token_resource=True,
                required_scopes=["notes:read"],
            ),
        )

    It verifies tokens as ``auth.verify`` does, in a thread. The policies of the ``Authenticator`` apply, and
    a token that is bound to a key is refused. The SDK sends a 401 for every refusal; leave scopes to its
    ``required_scopes``, for which it sends a 403. While the keys are unavailable, the SDK sends a 500. The
    logger ``flask_jwtlib`` says why a token was refused.

    The SDK compares ``exp`` once more, without a leeway. A token that names no client has an empty
    ``client_id``.

    Args:
        auth: The ``Authenticator``. Of an ``AppAuthenticator`` pass ``auth.authenticator(app)``.
        resource: The URL of the MCP server: tokens without it in ``aud`` are refused. By default, what the
            ``Authenticator`` accepts is accepted.

    Raises:
        ModuleNotFoundError: The package ``mcp`` isn't installed.
        ConfigurationError: ``auth`` isn't an ``Authenticator``, or ``resource`` isn't a string.
    """

    auth: Authenticator = field()
    resource: str | None = field(default=None, kw_only=True)
    _tokens: AccessTokens = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: AccessTokens(self.auth, self.resource), takes_self=True),
    )
    _access_token: Any = field(
        init=False, repr=False, eq=False, default=Factory(_access_token_class, takes_self=True)
    )

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token says; None if it is refused.

        Raises:
            VerificationUnavailable: The token can't be verified at the moment.
        """
        members = await self._tokens.members_of(token)
        return None if members is None else cast("AccessToken", self._access_token(**members))
