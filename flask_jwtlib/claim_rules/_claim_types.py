"""A rule about the types of registered claims."""

from __future__ import annotations

from attrs import field, frozen

from .._options import check_flag
from ..errors import ClaimError
from ..values import Claims
from ._times import EXACT, numeric_date

__all__ = ["ClaimTypes"]


@frozen
class ClaimTypes:
    """Refuses a token whose registered claims don't have the types of RFC 7519 §4.1.

    ``iss``, ``sub`` and ``jti`` must be strings, ``aud`` a string or an array of strings, and ``iat`` a
    finite number. Absent claims are accepted.

    Args:
        numeric_subject: Accept a whole number as ``sub``, where RFC 7519 §4.1.2 requires a string, and
            turn it into a string: ``42`` becomes ``"42"``. Use it for an issuer that you can't change,
            and only if that issuer doesn't use the string ``"42"`` for another subject.
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
