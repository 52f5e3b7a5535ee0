"""Rules about what a token says: issuer, audience, client, subject, scopes and the types of claims."""

from __future__ import annotations

from attrs import field, frozen

from .._options import as_strings, check_flag
from ..errors import (
    ClaimError,
    ConfigurationError,
    InsufficientScopeError,
    MissingClaimError,
    UnacceptedAudienceError,
)
from ..log_text import quoted
from ..values import Claims
from ._accepted import at_least_one, listed
from ._times import EXACT, numeric_date

__all__ = ["Audience", "ClaimTypes", "Client", "Issuer", "RequiredClaims", "Scope", "Subject"]


@frozen
class ClaimTypes:
    """Refuses a token whose registered claims have another type than RFC 7519 §4.1 gives them.

    ``iss``, ``sub`` and ``jti`` must be strings, ``aud`` a string or an array of strings, ``iat`` a
    finite number. A claim that is absent passes.

    Args:
        numeric_subject: Accept a whole number as ``sub``, where RFC 7519 §4.1.2 requires a string,
            and turn it into text: ``42`` becomes ``"42"``. Use it for an issuer that you can't
            change, and only if that issuer doesn't give the text ``"42"`` to somebody else.
    """

    numeric_subject: bool = field(default=False, validator=check_flag, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse a claim of another type."""
        get = claims.get
        if not (type(get("iss", "")) is type(get("sub", "")) is type(get("jti", "")) is str):
            self._check_strings(claims)
        audience = get("aud", "")
        if type(audience) is not str and list(claims.audience) != audience:
            raise ClaimError("aud", "aud is neither a string nor an array of strings")
        issued = get("iat", 0)
        if type(issued) is not int or not -EXACT <= issued <= EXACT:
            numeric_date(claims, "iat")

    def _check_strings(self, claims: Claims) -> None:
        for claim in ("iss", "sub", "jti"):
            value = claims.get(claim, "")
            if type(value) is str:
                continue
            if claim != "sub" or type(value) is not int:
                raise ClaimError(claim, f"{claim} is not a string")
            if not self.numeric_subject:
                raise ClaimError(
                    "sub",
                    "sub is not a string but a number (RFC 7519 §4.1.2); to accept whole numbers, "
                    "use ClaimTypes(numeric_subject=True) or set JWT_NUMERIC_SUBJECT = True",
                )
            claims["sub"] = str(value)


@frozen(init=False)
class Issuer:
    """Refuses a token of another issuer: ``iss`` must equal one of these exactly (RFC 7519 §4.1.1).

    Args:
        accepted: The issuers, letter for letter. ``https://a`` and ``https://a/`` are different.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", at_least_one("Issuer", accepted, "issuer"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another issuer."""
        issuer = claims["iss"]
        if issuer not in self.accepted:
            raise ClaimError(
                "iss",
                f"iss is {quoted(issuer)}, accepted is {listed(self.accepted)}",
                description="The access token is from another issuer",
            )


@frozen(init=False)
class Audience:
    """Refuses a token for somebody else: one of the values of ``aud`` must be ours (RFC 7519 §4.1.3).

    Args:
        accepted: Our names in ``aud``. With none, a token that has an ``aud`` is refused, and only
            one without passes.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", as_strings("Audience", accepted))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token for somebody else."""
        if not self.accepted:
            if "aud" in claims:
                raise UnacceptedAudienceError(
                    "aud",
                    f"the token is for {quoted(claims['aud'])} and no audience is configured here; "
                    "if it names this API, set JWT_AUDIENCE or give the validator rules=[Audience(…)]",
                )
            return
        audience = claims["aud"]
        if audience not in self.accepted and (
            type(audience) is str or set(claims.audience).isdisjoint(self.accepted)
        ):
            raise ClaimError(
                "aud",
                f"aud is {quoted(audience)}, ours is {listed(self.accepted)}",
                description=UnacceptedAudienceError.description,
            )


_CLIENT_CLAIMS = ("azp", "appid", "client_id", "cid")


@frozen(init=False)
class Client:
    """Refuses a token that was issued to another client.

    Issuers name the client that asked for the token in ``azp``, ``appid``, ``client_id`` or ``cid``.
    Each of these that the token has must be one of the accepted clients; a token that has none of
    them is refused.

    You need this rule where ``aud`` doesn't say who the token is for: Amazon Cognito's access tokens
    have no ``aud``, and Keycloak's have ``account`` unless an audience is configured.

    Args:
        accepted: The clients' identifiers, letter for letter.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", at_least_one("Client", accepted, "client"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another client."""
        named = False
        for claim in _CLIENT_CLAIMS:
            if claim in claims:
                client = claims[claim]
                if client not in self.accepted:
                    raise ClaimError(
                        claim,
                        f"{claim} is {quoted(client)}, accepted is {listed(self.accepted)}",
                        description="The access token was issued to another client",
                    )
                named = True
        if not named:
            raise MissingClaimError(
                "azp", f"no claim names the client: {', '.join(_CLIENT_CLAIMS)} are all missing"
            )


@frozen(init=False)
class Subject:
    """Refuses a token about somebody else: ``sub`` must equal one of these exactly (RFC 7519 §4.1.2).

    Args:
        accepted: The subjects to let in. To require just any subject, use ``RequiredClaims("sub")``.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", at_least_one("Subject", accepted, "subject"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token about somebody else."""
        subject = claims["sub"]
        if subject not in self.accepted:
            raise ClaimError("sub", f"sub is {quoted(subject)}, which is not accepted")


@frozen(init=False)
class RequiredClaims:
    """Refuses a token that lacks one of these claims, or has null there.

    Args:
        claims: The claims' names.
    """

    claims: tuple[str, ...]

    def __init__(self, *claims: str) -> None:
        object.__setattr__(self, "claims", at_least_one("RequiredClaims", claims, "claim"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one."""
        for claim in self.claims:
            if claims[claim] is None:
                raise MissingClaimError(claim)


@frozen(init=False)
class Scope:
    """Refuses a caller whose token lacks one of these scopes, with 403 on every route (RFC 6750 §3.1).

    Args:
        needed: The scopes, one word each.
    """

    needed: tuple[str, ...]

    def __init__(self, *needed: str) -> None:
        words = tuple(word for value in as_strings("Scope", needed) for word in value.split())
        if not words:
            raise ConfigurationError(
                "Scope was given no scope: expected at least one, as in Scope('…')"
            )
        object.__setattr__(self, "needed", words)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one."""
        if not claims.scopes.issuperset(self.needed):
            raise InsufficientScopeError(" ".join(self.needed))
