"""What a verified token must say to be accepted: the claim rules that RFCs define."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from attrs import field, frozen
from attrs.validators import optional

from ._options import as_strings, check_leeway
from .errors import (
    ClaimError,
    ConfigurationError,
    ExpiredTokenError,
    InsufficientScopeError,
    MissingClaimError,
    UnacceptedAudienceError,
)
from .log_text import quoted
from .values import Claims

__all__ = [
    "Audience",
    "ClaimTypes",
    "Expiry",
    "IssuedAt",
    "Issuer",
    "NotBefore",
    "RequiredClaims",
    "Scope",
    "Subject",
    "TokenType",
]

# I-JSON's range of whole numbers (RFC 7493 §2.2): beyond it arithmetic with the clock could
# overflow.
_FARTHEST = 2**53


def _seconds(claims: Claims, claim: str) -> float | None:
    """Read a NumericDate (RFC 7519 §2): a number, of a size that dates have."""
    value: Any = claims.get(claim)
    if type(value) is int or type(value) is float:
        if -_FARTHEST <= value <= _FARTHEST:
            seconds: float = value
            return seconds
        raise ClaimError(claim, f"{claim} is out of range")
    if claim in claims:
        raise ClaimError(claim, f"{claim} is not a number")
    return None


@lru_cache(maxsize=64)
def _listed(accepted: tuple[str, ...]) -> str:
    """Show what a rule accepts, which is the same in each of its refusals."""
    return " or ".join(map(repr, accepted))


@frozen
class ClaimTypes:
    """The registered claims, where present, are of the type that RFC 7519 §4.1 gives them."""

    def __call__(self, claims: Claims) -> None:
        """Refuse a claim of another type."""
        get = claims.get
        if not (type(get("iss", "")) is type(get("sub", "")) is type(get("jti", "")) is str):
            claim = next(name for name in ("iss", "sub", "jti") if type(get(name, "")) is not str)
            raise ClaimError(claim, f"{claim} is not a string")
        audience = get("aud", "")
        if type(audience) is not str and list(claims.audience) != audience:
            raise ClaimError("aud", "aud is neither a string nor an array of strings")
        issued = get("iat", 0)
        if type(issued) is not int or not -_FARTHEST <= issued <= _FARTHEST:
            _seconds(claims, "iat")


@frozen
class Expiry:
    """The token's time is not over: refused at ``exp`` <= now - leeway (RFC 7519 §4.1.4).

    Args:
        leeway: Seconds of allowance for clocks that differ.
        required: Refuse a token without ``exp`` too.
    """

    leeway: float = field(default=0, validator=check_leeway)
    required: bool = field(default=False, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse an expired token."""
        expiry = claims.get("exp")
        if type(expiry) is int and claims.checked_at - self.leeway < expiry <= _FARTHEST:
            return
        expiry = _seconds(claims, "exp")
        if expiry is None:
            if self.required:
                raise MissingClaimError("exp")
        elif expiry <= claims.checked_at - self.leeway:
            raise ExpiredTokenError("exp", f"expired {claims.checked_at - expiry:.0f} s ago")


@frozen
class NotBefore:
    """The token's time has come: refused while ``nbf`` > now + leeway (RFC 7519 §4.1.5).

    Args:
        leeway: Seconds of allowance for clocks that differ.
    """

    leeway: float = field(default=0, validator=check_leeway)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token before its time."""
        start = claims.get("nbf")
        if type(start) is int and -_FARTHEST <= start <= claims.checked_at + self.leeway:
            return
        start = _seconds(claims, "nbf")
        if start is not None and start > claims.checked_at + self.leeway:
            raise ClaimError(
                "nbf",
                f"valid only in {start - claims.checked_at:.0f} s",
                description=_NOT_YET_VALID,
            )


_NOT_YET_VALID = "The access token is not valid yet"


@frozen
class IssuedAt:
    """The token was not issued in the future, nor, if ``max_age`` is given, too long ago (RFC 7519 §4.1.6).

    Args:
        max_age: Seconds that a token may be old; one without ``iat`` is refused then.
        leeway: Seconds of allowance for clocks that differ.
    """

    max_age: float | None = field(default=None, validator=optional(check_leeway))
    leeway: float = field(default=0, validator=check_leeway, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token from the future, or one that is too old."""
        issued = _seconds(claims, "iat")
        if issued is None:
            if self.max_age is not None:
                raise MissingClaimError("iat")
            return
        if issued > claims.checked_at + self.leeway:
            raise ClaimError("iat", "issued in the future", description=_NOT_YET_VALID)
        if self.max_age is not None and issued < claims.checked_at - self.max_age - self.leeway:
            raise ClaimError(
                "iat",
                f"issued more than {self.max_age} s ago",
                description="The access token is too old",
            )


@frozen(init=False)
class Issuer:
    """The token comes from one of these issuers: ``iss`` equals one exactly (RFC 7519 §4.1.1).

    Args:
        accepted: The issuers, letter for letter. ``https://a`` and ``https://a/`` are two.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        if not accepted:
            raise ConfigurationError("Issuer needs the issuers that are accepted")
        object.__setattr__(self, "accepted", as_strings("Issuer", accepted))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another issuer."""
        issuer = claims["iss"]
        if issuer not in self.accepted:
            raise ClaimError(
                "iss",
                f"iss is {quoted(issuer)}, accepted is {_listed(self.accepted)}",
                description="The access token is from another issuer",
            )


@frozen(init=False)
class Audience:
    """The token is meant for us: ``aud`` is present and one of its values is ours (RFC 7519 §4.1.3).

    Args:
        accepted: The audiences that are ours. With none, every token that names an audience is
            refused, and only those that name none pass.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        object.__setattr__(self, "accepted", as_strings("Audience", accepted))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that is meant for others."""
        if not self.accepted:
            if "aud" in claims:
                raise UnacceptedAudienceError(
                    "aud",
                    f"the token is for {quoted(claims['aud'])} and no audience is configured here: "
                    "set JWT_AUDIENCE, or give the validator rules=[Audience(…)]",
                )
            return
        audience = claims["aud"]
        if audience not in self.accepted and (
            type(audience) is str or set(claims.audience).isdisjoint(self.accepted)
        ):
            raise ClaimError(
                "aud",
                f"aud is {quoted(audience)}, ours is {_listed(self.accepted)}",
                description=UnacceptedAudienceError.description,
            )


@frozen(init=False)
class Subject:
    """The token is about one of these subjects: ``sub`` equals one exactly (RFC 7519 §4.1.2).

    Args:
        accepted: The subjects to let in. That there is a subject, ``RequiredClaims("sub")`` says.
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        if not accepted:
            raise ConfigurationError("Subject needs the subjects that are accepted")
        object.__setattr__(self, "accepted", as_strings("Subject", accepted))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token without a subject, or of another."""
        subject = claims["sub"]
        if subject not in self.accepted:
            raise ClaimError("sub", f"sub is {quoted(subject)}, which is not accepted")


@frozen(init=False)
class RequiredClaims:
    """The token has these claims, and none of them is null.

    Args:
        claims: Their names.
    """

    claims: tuple[str, ...]

    def __init__(self, *claims: str) -> None:
        if not claims:
            raise ConfigurationError("RequiredClaims needs the claims that are asked for")
        object.__setattr__(self, "claims", as_strings("RequiredClaims", claims))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one."""
        for claim in self.claims:
            if claims[claim] is None:
                raise MissingClaimError(claim)


@frozen(init=False)
class TokenType:
    """The token is of one of these types: its header's ``typ`` (RFC 7515 §4.1.9, RFC 8725 §3.11).

    Types are compared without case and without the prefix ``application/``. A token that has no
    header, such as an introspected one, has no type and is refused.

    Args:
        accepted: Media types, such as ``"at+jwt"`` (RFC 9068 §2.1).
    """

    accepted: tuple[str, ...]

    def __init__(self, *accepted: str) -> None:
        if not accepted:
            raise ConfigurationError("TokenType needs the types that are accepted")
        object.__setattr__(
            self, "accepted", tuple(map(_media_type, as_strings("TokenType", accepted)))
        )

    def __call__(self, claims: Claims) -> None:
        """Refuse a token of another type."""
        typ = claims.header.get("typ")
        if not isinstance(typ, str) or _media_type(typ) not in self.accepted:
            raise ClaimError("typ", f"typ is {quoted(typ)}, accepted is {_listed(self.accepted)}")


def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


@frozen(init=False)
class Scope:
    """The token grants all of these scopes; else it is answered 403, on every route (RFC 6750 §3.1).

    Args:
        needed: The scopes, one word each.
    """

    needed: tuple[str, ...]

    def __init__(self, *needed: str) -> None:
        words = tuple(word for value in as_strings("Scope", needed) for word in value.split())
        if not words:
            raise ConfigurationError("Scope needs the scopes that are asked for")
        object.__setattr__(self, "needed", words)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one."""
        if not claims.scopes.issuperset(self.needed):
            raise InsufficientScopeError(" ".join(self.needed))
