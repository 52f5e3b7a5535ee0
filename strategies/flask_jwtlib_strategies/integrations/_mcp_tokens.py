"""What the token verifiers of the MCP SDK and of FastMCP have in common."""

from __future__ import annotations

from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    Principal,
    VerificationUnavailable,
)
from flask_jwtlib.log_text import library_logger

from ._peers import peer

__all__ = ["AccessTokens"]

_logger = library_logger("flask_jwtlib")
# RFC 9068 §2.2, OpenID Connect Core §2, Entra ID and Okta.
_CLIENT_CLAIMS = ("client_id", "azp", "appid", "cid")


def _as_authenticator(given: Any) -> Authenticator:
    if not isinstance(given, Authenticator):
        raise ConfigurationError(
            f"a token verifier takes an Authenticator, not {given!r}; of an AppAuthenticator pass "
            "auth.authenticator(app)"
        )
    return given


def _as_resource(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or not given):
        raise ConfigurationError(
            f"resource is {given!r}, expected the URL of the MCP server, such as 'https://api.example/mcp'"
        )
    return given


@frozen
class AccessTokens:
    """Verifies tokens, and describes them as ``AccessToken`` of the MCP SDK does.

    Args:
        auth: The ``Authenticator``.
        resource: The URL of the MCP server, which tokens must have in ``aud``; None for any.
    """

    auth: Authenticator = field(converter=_as_authenticator)
    resource: str | None = field(converter=_as_resource)

    async def members_of(self, token: str) -> dict[str, Any] | None:
        """Return the members of a token's ``AccessToken``; None if it is refused.

        Raises:
            VerificationUnavailable: The token can't be verified at the moment.
        """
        # Which the SDK and FastMCP depend on.
        to_thread = peer("anyio.to_thread", "anyio")
        try:
            principal = cast("Principal", await to_thread.run_sync(self.auth.verify, token))
        except (AuthenticationError, VerificationUnavailable) as error:
            _logger.log(error.log_level, "%s: %s", type(error).__name__, error.log_message)
            if isinstance(error, VerificationUnavailable):
                raise
            return None
        audience: object = principal.claims.get("aud")
        audiences = cast("list[object]", audience) if isinstance(audience, list) else [audience]
        if self.resource is not None and self.resource not in audiences:
            _logger.info("the token is not for the resource %s", self.resource)
            return None
        return self._members(token, principal, audiences)

    def _members(self, token: str, principal: Principal, audiences: list[object]) -> dict[str, Any]:
        claims = principal.claims
        clients = (claims.get(name) for name in _CLIENT_CLAIMS)
        only = audiences[0] if len(audiences) == 1 and isinstance(audiences[0], str) else None
        exp: object = claims.get("exp")
        return {
            "token": token,
            # Not the subject, which another client may have as its identifier (RFC 9068 §5).
            "client_id": next((each for each in clients if isinstance(each, str)), ""),
            "scopes": sorted(principal.scopes),
            "expires_at": int(exp) if isinstance(exp, int | float) else None,
            "resource": self.resource or only,
            "subject": principal.subject,
            "claims": dict(claims),
        }
