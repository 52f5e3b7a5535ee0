"""The outcome of a decision: a caller, or a refused request."""

from __future__ import annotations

from attrs import frozen

from ..errors import AuthenticationError, VerificationUnavailable
from ..values import BearerToken, Principal

__all__ = ["Outcome", "Refused"]


@frozen(eq=False)
class Refused:
    """A refused request.

    Attributes:
        error: Why. Several requests may share it.
        token: The refused token, if one was found.
        principal: The caller, who lacks a permission; None for an unauthenticated one.
        scopes: Scopes that were needed, beside those of the route's policies.
        by_policy: Whether a policy refused. No route accepts such a request.
    """

    error: AuthenticationError | VerificationUnavailable
    token: BearerToken | None = None
    principal: Principal | None = None
    scopes: tuple[str, ...] = ()
    by_policy: bool = False


Outcome = Principal | Refused
