"""An authenticated caller."""

from __future__ import annotations

from attrs import field, frozen

from ._claims import Claims
from ._tokens import BearerToken

__all__ = ["Principal"]


@frozen
class Principal:
    """The authenticated caller: an accepted token and its claims.

    Attributes:
        token: The token as sent.
        claims: The verified claims.
    """

    token: BearerToken
    claims: Claims = field(repr=False)

    @property
    def subject(self) -> str | None:
        """The caller's identifier: the claim ``sub``."""
        return self.claims.subject

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the caller was granted."""
        return self.claims.scopes

    def __bool__(self) -> bool:
        """Return True. ``current_principal`` is falsy if there is no caller."""
        return True

    def __str__(self) -> str:
        return str(self.subject or "a caller without a subject")
