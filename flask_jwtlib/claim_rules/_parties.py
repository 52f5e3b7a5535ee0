"""Rules about the parties that a token names: issuer, audience, client and subject."""

from __future__ import annotations

from typing import Any, cast

from attrs import frozen

from .._options import as_strings
from ..errors import (
    ClaimError,
    MissingClaimError,
    UnacceptedAudienceError,
    WrongAudienceError,
    WrongIssuerError,
)
from ..log_text import quoted
from ..values import Claims
from ._accepted import at_least_one, listed

__all__ = ["Audience", "Client", "Issuer", "Subject"]

_CLIENT_CLAIMS = ("azp", "appid", "client_id", "cid")


@frozen(init=False)
class Issuer:
    """Refuses a token of another issuer: ``iss`` must equal one of these (RFC 7519 §4.1.1).

    Args:
        accepted: The issuers, compared exactly: ``https://a`` and ``https://a/`` are different.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        cast("Any", self).__attrs_init__(at_least_one("Issuer", accepted, "issuer"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another issuer."""
        if "iss" not in claims:
            raise MissingClaimError("iss")
        issuer = claims["iss"]
        if issuer not in self.accepted:
            raise WrongIssuerError(
                "iss", f"iss is {quoted(issuer)}, expected {listed(self.accepted)}"
            )


@frozen(init=False)
class Audience:
    """Refuses a token for another API: ``aud`` must contain one of these (RFC 7519 §4.1.3).

    Args:
        accepted: The names of this API in ``aud``. If there are none, a token that has an ``aud`` is
            refused, and one without is accepted.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        cast("Any", self).__attrs_init__(as_strings("Audience", accepted))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token for another API."""
        if not self.accepted:
            if "aud" in claims:
                raise UnacceptedAudienceError(
                    "aud",
                    f"the token is for {quoted(claims['aud'])} but no audience is configured; "
                    "if it names this API, set JWT_AUDIENCE or pass rules=[Audience(…)] to the validator",
                )
            return
        if "aud" not in claims:
            raise MissingClaimError("aud")
        audience = claims["aud"]
        if audience not in self.accepted and (
            type(audience) is str or set(claims.audience).isdisjoint(self.accepted)
        ):
            raise WrongAudienceError(
                "aud", f"aud is {quoted(audience)}, expected {listed(self.accepted)}"
            )


@frozen(init=False)
class Client:
    """Refuses a token that was issued to another client.

    Use it where ``aud`` doesn't name your API: Amazon Cognito's access tokens have no ``aud``, and
    Keycloak's have ``account`` unless an audience is configured.

    Issuers name the client that requested the token in ``azp``, ``appid``, ``client_id`` or ``cid``. The
    token must have one of these claims, and each that it has must be an accepted client.

    Args:
        accepted: The clients' identifiers, compared exactly.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        cast("Any", self).__attrs_init__(at_least_one("Client", accepted, "client"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that was issued to another client."""
        named = False
        for claim in _CLIENT_CLAIMS:
            if claim in claims:
                client = claims[claim]
                if client not in self.accepted:
                    raise ClaimError(
                        claim,
                        f"{claim} is {quoted(client)}, expected {listed(self.accepted)}",
                        description="The access token was issued to another client",
                    )
                named = True
        if not named:
            raise MissingClaimError(
                "azp", f"no claim names the client: {', '.join(_CLIENT_CLAIMS)} are all missing"
            )


@frozen(init=False)
class Subject:
    """Refuses a token about another subject: ``sub`` must equal one of these (RFC 7519 §4.1.2).

    Args:
        accepted: The accepted subjects, compared exactly. To accept any subject, use
            ``RequiredClaims("sub")``.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        cast("Any", self).__attrs_init__(at_least_one("Subject", accepted, "subject"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token about another subject."""
        if "sub" not in claims:
            raise MissingClaimError("sub")
        subject = claims["sub"]
        if subject not in self.accepted:
            raise ClaimError("sub", f"sub is {quoted(subject)}, which is not accepted")
