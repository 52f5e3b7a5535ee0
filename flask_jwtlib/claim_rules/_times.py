"""Rules about a token's time: ``exp``, ``nbf`` and ``iat`` (RFC 7519 §4.1.4 to §4.1.6)."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen
from attrs.validators import optional

from .._options import check_leeway
from ..errors import ClaimError, ExpiredTokenError, MissingClaimError, NotYetValidError
from ..values import Claims

__all__ = ["Expiry", "IssuedAt", "MaxLifetime", "NotBefore"]

# A whole number up to this one (RFC 7493 §2.2) can be compared with the clock without converting it.
EXACT = 2**53


def numeric_date(claims: Claims, claim: str) -> float | None:
    """Return a NumericDate claim (RFC 7519 §2) in seconds since the epoch, or None if it is absent.

    Raises:
        ClaimError: It isn't a finite number.
    """
    value: Any = claims.get(claim)
    if type(value) is int or type(value) is float:
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if math.isfinite(seconds):
            return seconds
        raise ClaimError(claim, f"{claim} is out of range: expected a finite number of seconds")
    if claim in claims:
        raise ClaimError(claim, f"{claim} is not a number")
    return None


def _shown(seconds: float) -> str:
    """Show a duration in whole seconds, and a huge one with three digits only."""
    return f"{seconds:.0f} s" if abs(seconds) <= EXACT else f"{seconds:.3g} s"


@frozen
class Expiry:
    """Refuses an expired token: ``exp`` <= now - leeway (RFC 7519 §4.1.4).

    Any finite ``exp`` in the future is accepted. To refuse tokens that live too long, use ``MaxLifetime``.

    Args:
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
        required: Whether to refuse a token without ``exp`` too.
    """

    leeway: float = field(default=0, validator=check_leeway)
    required: bool = field(default=False, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse an expired token."""
        expiry = claims.get("exp")
        if type(expiry) is int and claims.checked_at - self.leeway < expiry <= EXACT:
            return
        expiry = numeric_date(claims, "exp")
        if expiry is None:
            if self.required:
                raise MissingClaimError("exp")
        elif expiry <= claims.checked_at - self.leeway:
            raise ExpiredTokenError("exp", f"expired {_shown(claims.checked_at - expiry)} ago")


@frozen
class NotBefore:
    """Refuses a token that is not valid yet: ``nbf`` > now + leeway (RFC 7519 §4.1.5).

    Args:
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
    """

    leeway: float = field(default=0, validator=check_leeway)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that is not valid yet."""
        start = claims.get("nbf")
        if type(start) is int and -EXACT <= start <= claims.checked_at + self.leeway:
            return
        start = numeric_date(claims, "nbf")
        if start is not None and start > claims.checked_at + self.leeway:
            raise NotYetValidError(
                "nbf", f"not valid for another {_shown(start - claims.checked_at)}"
            )


@frozen
class IssuedAt:
    """Refuses a token that was issued in the future or, with ``max_age``, too long ago (RFC 7519 §4.1.6).

    Args:
        max_age: Longest time since ``iat``, in seconds. If set, a token without ``iat`` is refused too.
        leeway: Accepted difference between the issuer's clock and this server's, in seconds.
    """

    max_age: float | None = field(default=None, validator=optional(check_leeway))
    leeway: float = field(default=0, validator=check_leeway, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token from the future, or one that is too old."""
        issued = numeric_date(claims, "iat")
        if issued is None:
            if self.max_age is not None:
                raise MissingClaimError("iat")
            return
        if issued > claims.checked_at + self.leeway:
            raise NotYetValidError("iat", "issued in the future")
        if self.max_age is not None and issued < claims.checked_at - self.max_age - self.leeway:
            raise ExpiredTokenError(
                "iat",
                f"issued more than {self.max_age} s ago",
                description="The access token is too old",
            )


@frozen
class MaxLifetime:
    """Refuses a token that lives too long: ``exp`` - ``iat`` > ``seconds``.

    A token without ``exp`` or ``iat`` is refused. The time from now until ``exp`` is limited too, so an
    ``iat`` in the future doesn't make a token live longer.

    Args:
        seconds: The longest accepted lifetime.
        leeway: Seconds by which the issuer's clock may be ahead of this server's.
    """

    seconds: float = field(validator=check_leeway)
    leeway: float = field(default=60, validator=check_leeway, kw_only=True)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lives too long."""
        expiry, issued = numeric_date(claims, "exp"), numeric_date(claims, "iat")
        if expiry is None or issued is None:
            raise MissingClaimError("exp" if expiry is None else "iat")
        lifetime = max(expiry - issued, expiry - claims.checked_at - self.leeway)
        if lifetime > self.seconds:
            raise ClaimError(
                "exp",
                f"the token lives for {_shown(lifetime)}, longer than the accepted {self.seconds} s",
                description="The access token's lifetime is too long",
            )
