"""The base class of policies, and the values that judging one takes and returns."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from ..errors import AuthenticationError, ConfigurationError, ForbiddenError

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["NO_CALL", "Call", "CallNeeded", "Judgement", "Policy", "Verdict"]


class Verdict(Enum):
    """What a policy says about a caller. Only ``SATISFIED`` lets the caller in."""

    SATISFIED = "satisfied"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The claim is absent or has another type. The negation of unknown is unknown, so it refuses, too."""


def _read_only(view_args: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(view_args or {}))


@frozen
class Call:
    """The view that a request calls.

    Attributes:
        endpoint: Flask's name of the view; None for an unknown path.
        method: The request's method, in upper case.
        view_args: The arguments from the URL, as a read-only mapping.
    """

    endpoint: str | None
    method: str
    view_args: Mapping[str, Any] = field(factory=dict[str, Any], converter=_read_only)


class CallNeeded(Exception):
    """A policy asked which view is called, and none is."""


class _NoCall:
    """Stands for the call where no view is called, as in ``Authenticator.verify``."""

    # pydoc reads this attribute. Without it, pydoc would ask for a call, which raises an error.
    __origin__ = Call

    def __getattr__(self, name: str) -> Any:
        raise CallNeeded

    def __repr__(self) -> str:
        return "<no call>"


NO_CALL = cast("Call", _NoCall())


@frozen
class Judgement:
    """What a policy, or a combination of policies, says about a caller.

    Attributes:
        verdict: The verdict.
        refusals: Everything that is missing, each as the error that would refuse the request.
    """

    verdict: Verdict
    refusals: tuple[AuthenticationError, ...] = ()


class Policy:
    """Something that a route requires of an authenticated caller.

    Subclass it as an ``attrs.frozen`` class and override ``verdict``. Combine policies by ``&``, ``|`` and
    ``~``.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if inspect.iscoroutinefunction(cls.verdict):
            raise ConfigurationError(
                f"{cls.__name__}.verdict is async, expected a plain method: let it compare claims, and ask "
                "other services in the view"
            )

    def verdict(self, claims: Claims, call: Call) -> Verdict | bool:
        """Say whether the caller satisfies the policy.

        Reading an absent claim, as in ``claims["groups"]``, makes the verdict unknown. So does reading an
        attribute of ``call`` where no view is called, and raising an ``AuthenticationError``, which is then
        the refusal.

        Args:
            claims: The verified claims.
            call: The view that is called.

        Returns:
            A ``Verdict``. True is the same as ``SATISFIED``, False as ``REFUSED``, and anything else as
            ``UNKNOWN``.
        """
        raise NotImplementedError

    def refusal(self, claims: Claims) -> AuthenticationError:
        """Return the error for a caller who doesn't satisfy the policy: a ``ForbiddenError`` by default."""
        return ForbiddenError(f"required: {self}")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a client should ask for, for ``WWW-Authenticate`` and for documentation."""
        return ()

    @property
    def scope_alternatives(self) -> tuple[tuple[str, ...], ...]:
        """Each set of scopes with which a token may satisfy it, for documentation.

        The first one is ``scopes``. An alternative that needs no scope, such as a role, is empty.
        """
        return (self.scopes,)

    @property
    def negatable(self) -> bool:
        """Whether ``~`` accepts it."""
        return True

    def __bool__(self) -> bool:
        """Raise an error: ``Scope("a") and Role("b")`` would be ``Role("b")`` alone.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            "a policy is neither true nor false: combine policies by &, | and ~, in place of and, or and not"
        )

    # Combinations are policies, too, so their module imports this one.
    def __and__(self, other: Any) -> Policy:
        from ._combining import all_of  # noqa: PLC0415 - see above

        return all_of(self, other)

    def __rand__(self, other: Any) -> Policy:
        from ._combining import all_of  # noqa: PLC0415 - see above

        return all_of(other, self)

    def __or__(self, other: Any) -> Policy:
        from ._combining import any_of  # noqa: PLC0415 - see above

        return any_of(self, other)

    def __ror__(self, other: Any) -> Policy:
        from ._combining import any_of  # noqa: PLC0415 - see above

        return any_of(other, self)

    def __invert__(self) -> Policy:
        from ._combining import negated  # noqa: PLC0415 - see above

        return negated(self)

    def __call__(self, claims: Claims, call: Call | None = None) -> None:
        """Check a caller, also within a view: ``Scope("write")(current_principal.claims)``.

        Raises:
            AuthenticationError: The caller doesn't satisfy the policy.
        """
        from ._combining import check  # noqa: PLC0415 - see above

        check(self, claims, call)
