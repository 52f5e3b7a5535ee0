"""An authenticated caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from attrs import field, frozen

from ._actor import Actor
from ._claims import Claims
from ._tokens import BearerToken

__all__ = ["Principal"]

# A call of `dict[object, Any]` takes several times as long.
_new_memory = cast("Callable[[], dict[object, Any]]", dict)


@frozen
class Principal:
    """The authenticated caller: an accepted token and its claims.

    Attributes:
        token: The token as sent.
        claims: The verified claims.
        memory: What strategies remember about this caller, such as the application's user, by a key of their
            own. It belongs to this object: it is not compared, and copies, pickled or not, don't have it.
    """

    token: BearerToken
    claims: Claims = field(repr=False)
    memory: dict[object, Any] = field(factory=_new_memory, init=False, repr=False, eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.token, self.claims)

    @property
    def subject(self) -> str | None:
        """The caller's identifier: the claim ``sub``."""
        return self.claims.subject

    @property
    def actor(self) -> Actor | None:
        """The party that acts for the caller: the claim ``act`` (RFC 8693 §4.1). None without one."""
        return self.claims.actor

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the caller was granted."""
        return self.claims.scopes

    def __bool__(self) -> bool:
        """Return True. ``current_principal`` is falsy if there is no caller."""
        return True

    def __str__(self) -> str:
        return str(self.subject or "a caller without a subject")
