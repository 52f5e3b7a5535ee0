"""A token verifier for servers that are built with FastMCP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask_jwtlib import VerificationUnavailable

from ._mcp_tokens import AccessTokens
from ._peers import peer

if TYPE_CHECKING:
    from fastmcp.server.auth import AccessToken, TokenVerifier

    from flask_jwtlib import Authenticator

__all__ = ["fastmcp_token_verifier"]


def fastmcp_token_verifier(
    auth: Authenticator,
    *,
    resource: str | None = None,
    required_scopes: Iterable[str] = (),
    base_url: str | None = None,
) -> TokenVerifier:
    """Let an ``Authenticator`` verify the tokens of a server that is built with FastMCP.

    ::

        FastMCP(
            "notes",
            auth=RemoteAuthProvider(
                token_verifier=fastmcp_token_verifier(
                    auth, resource="https://api.example/mcp", required_scopes=["notes:read"]
                ),
                authorization_servers=["https://login.example"],
                base_url="https://api.example",
            ),
        )

    It verifies tokens as ``auth.verify`` does, in a thread. The policies of the ``Authenticator`` apply, and
    a token that is bound to a key is refused. FastMCP sends a 401 for every refusal; leave scopes to
    ``required_scopes``, for which it sends a 403. While the keys are unavailable, FastMCP sends a 500. The
    logger ``flask_jwtlib`` says why a token was refused.

    FastMCP compares ``exp`` once more, without a leeway. A token that names no client has an empty
    ``client_id``.

    Args:
        auth: The ``Authenticator``. Of an ``AppAuthenticator`` pass ``auth.authenticator(app)``.
        resource: The URL of the MCP server: tokens without it in ``aud`` are refused. By default, what the
            ``Authenticator`` accepts is accepted.
        required_scopes: The scopes that every request needs.
        base_url: The URL of the server, for a verifier that is used without a ``RemoteAuthProvider``.

    Raises:
        ModuleNotFoundError: The package ``fastmcp`` isn't installed.
        ConfigurationError: ``auth`` isn't an ``Authenticator``, or ``resource`` isn't a string.
    """
    tokens = AccessTokens(auth, resource)
    library: Any = peer("fastmcp.server.auth", "fastmcp")

    class Verifier(library.TokenVerifier):  # type: ignore[misc]
        async def verify_token(self, token: str) -> AccessToken | None:
            try:
                members = await tokens.members_of(token)
            except VerificationUnavailable as error:
                raise library.TokenVerificationError(str(error)) from error
            return None if members is None else library.AccessToken(**members)

    verifier: TokenVerifier = Verifier(base_url=base_url, required_scopes=[*required_scopes])
    return verifier
