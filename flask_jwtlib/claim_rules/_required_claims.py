"""A rule about claims that a token must have."""

from __future__ import annotations

from typing import Any, cast

from attrs import frozen

from ..errors import MissingClaimError
from ..values import Claims
from ._accepted import at_least_one, required

__all__ = ["RequiredClaims"]


@frozen(init=False)
class RequiredClaims:
    """Refuses a token that lacks one of these claims, or has null in its place.

    Args:
        claims: The claims' names.
    """

    claims: tuple[str, ...]

    def __init__(self, *claims: str) -> None:
        cast("Any", self).__attrs_init__(at_least_one("RequiredClaims", claims, "claim"))

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one of the claims."""
        for claim in self.claims:
            if required(claims, claim) is None:
                raise MissingClaimError(claim)
