"""Policies about other claims: roles, values, and claims that must be absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from .._options import as_strings
from ..errors import ConfigurationError
from ._policy import Call, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["ClaimAbsent", "ClaimEquals", "Role"]

_ABSENT, _NO_OBJECT = object(), object()
_SCALARS = (str, bool, int, float)


def _path(at: Any) -> tuple[str, ...]:
    """Return the path to a claim. A name with ``/`` or ``:`` is a URL, as Auth0's, and has no path."""
    if isinstance(at, str):
        return as_strings(
            "the path of a claim", (at,) if "/" in at or ":" in at else (*at.split("."),)
        )
    path: Any = cast("Any", at) if isinstance(at, tuple) else (at,)
    if not path:
        raise ConfigurationError("a claim's path is empty: expected at least one name")
    return as_strings("the path of a claim", path)


def _value_at(claims: Claims, path: tuple[str, ...]) -> object:
    """Return the value at a path, or ``_ABSENT``. A value of another type than an object has no members."""
    value: object = claims
    for name in path:
        if not isinstance(value, dict):
            return _NO_OBJECT
        if name not in value:
            return _ABSENT
        value = cast("dict[str, object]", value)[name]
    return value


def _typed(value: object) -> tuple[object, object]:
    return type(value), value


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path)


@frozen
class Role(Policy):
    """Requires a role: one of the strings in a claim, or the claim's only string.

    Args:
        role: The role, compared exactly.
        at: The claim's name, or the path to a nested one: ``"realm_access.roles"`` is the same as
            ``("realm_access", "roles")``. A name with ``/`` or ``:`` isn't split at dots.
    """

    role: str = field()
    at: tuple[str, ...] = field(default=("roles",), converter=_path, kw_only=True)

    def __attrs_post_init__(self) -> None:
        as_strings("Role", (self.role,))

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Look for the role."""
        value = _value_at(claims, self.at)
        roles = cast("list[object]", value) if isinstance(value, list) else [value]
        if self.role in roles:
            return Verdict.SATISFIED
        readable = all(isinstance(each, str) for each in roles)
        return Verdict.REFUSED if readable else Verdict.UNKNOWN

    def __str__(self) -> str:
        return f"role {self.role} in {_shown(self.at)}"


@frozen
class ClaimEquals(Policy):
    """Requires that a claim has exactly this value.

    A claim of another type is unknown, so that ``~ClaimEquals("blocked", True)`` refuses callers whose claim
    is absent or ``"true"``.

    Args:
        claim: The claim's name, or the path to a nested one, as for ``Role``.
        value: A string, a number, True or False.
    """

    claim: tuple[str, ...] = field(converter=_path)
    # True equals 1 and 1.0 in Python, but not in a token.
    value: Any = field(eq=cast("Any", _typed))

    def __attrs_post_init__(self) -> None:
        if type(self.value) not in _SCALARS:
            raise ConfigurationError(
                f"ClaimEquals compares with a string, a number, True or False, not {self.value!r}: "
                "for an array of strings, use Role(…, at=…)"
            )

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Compare the claim."""
        value = _value_at(claims, self.claim)
        if type(value) is not type(self.value):
            return Verdict.UNKNOWN
        return Verdict.SATISFIED if value == self.value else Verdict.REFUSED

    def __str__(self) -> str:
        return f"{_shown(self.claim)} = {self.value!r}"


@frozen
class ClaimAbsent(Policy):
    """Requires that the token doesn't have a claim, not even with null as its value.

    It is a policy about absence: only such a policy is satisfied by a claim that isn't there.

    Args:
        claim: The claim's name, or the path to a nested one, as for ``Role``.
    """

    claim: tuple[str, ...] = field(converter=_path)

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Look for the claim."""
        if _shown(self.claim) in claims:
            # Its name has dots.
            return Verdict.REFUSED
        outer = _value_at(claims, self.claim[:-1])
        if outer is _ABSENT:
            return Verdict.SATISFIED
        if not isinstance(outer, dict):
            return Verdict.UNKNOWN
        return Verdict.REFUSED if self.claim[-1] in outer else Verdict.SATISFIED

    def __str__(self) -> str:
        return f"no claim {_shown(self.claim)}"
