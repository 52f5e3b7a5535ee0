"""A rule about a token's scopes."""

from __future__ import annotations

from typing import Any, cast

from attrs import frozen

from .._options import as_strings
from ..errors import ConfigurationError, InsufficientScopeError
from ..values import Claims

__all__ = ["Scope"]


@frozen(init=False)
class Scope:
    """Refuses a token that lacks one of these scopes, with 403 on every route (RFC 6750 §3.1).

    Args:
        needed: The scopes, one per string or several separated by spaces.
    """

    needed: tuple[str, ...]

    def __init__(self, *needed: str) -> None:
        words = tuple(word for value in as_strings("Scope", needed) for word in value.split())
        if not words:
            raise ConfigurationError(
                "Scope was given no scope: expected at least one, as in Scope('…')"
            )
        cast("Any", self).__attrs_init__(words)

    def __call__(self, claims: Claims) -> None:
        """Refuse a token that lacks one of the scopes."""
        if not claims.scopes.issuperset(self.needed):
            raise InsufficientScopeError(" ".join(self.needed))
