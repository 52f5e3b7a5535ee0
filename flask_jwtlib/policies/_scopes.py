"""Policies about the scopes of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from .._options import as_strings
from ..errors import ConfigurationError, InsufficientScopeError
from ._policy import Call, Policy, Verdict

if TYPE_CHECKING:
    from ..values import Claims

__all__ = ["AnyScope", "Scope"]


def _words(owner: str, given: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word for value in as_strings(owner, given) for word in value.split())
    if not words:
        raise ConfigurationError(
            f"{owner} was given no scope: expected at least one, as in {owner}('…')"
        )
    return words


def _advertised(owner: str, advertise: Any) -> tuple[str, ...] | None:
    return None if advertise is None else _words(f"advertise of {owner}", (advertise,))


def _without(claims: Claims) -> Verdict:
    """Return the verdict about claims without the scope: unknown if their scopes can't be read."""
    granted: object = claims.get("scope" if "scope" in claims else "scp")
    if isinstance(granted, str):
        if granted.isascii() and granted.isprintable():
            # Its only white space is the space.
            return Verdict.REFUSED
        words: list[object] = [*granted.split(" ")]
    else:
        words = cast("list[object]", granted) if isinstance(granted, list) else [granted]
    # RFC 6749 §3.3: a scope has no white space. A member of an array may be meant as several.
    readable = all(isinstance(word, str) and word.split() in ([], [word]) for word in words)
    return Verdict.REFUSED if readable else Verdict.UNKNOWN


@frozen(init=False)
class Scope(Policy):
    """Requires that the token has all of these scopes (RFC 6750 §3.1).

    The scopes are those of ``scope`` or else ``scp``, and those that they imply by the ``Authenticator``'s
    ``scope_hierarchy``.

    Args:
        *needed: The scopes, one per string or several separated by spaces.
        advertise: What clients should ask for, if their authorization server calls these scopes otherwise:
            ``Scope("read", advertise="api://reports/read")``.
    """

    needed: tuple[str, ...]
    advertise: tuple[str, ...] | None = field(default=None, kw_only=True)

    def __init__(self, *needed: str, advertise: str | None = None) -> None:
        cast("Any", self).__attrs_init__(
            _words("Scope", needed), advertise=_advertised("Scope", advertise)
        )

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Compare the scopes."""
        return Verdict.SATISFIED if claims.scopes.issuperset(self.needed) else _without(claims)

    def refusal(self, claims: Claims) -> InsufficientScopeError:
        """Return an error that names the missing scopes."""
        return _insufficient(self, [word for word in self.needed if word not in claims.scopes])

    @property
    def scopes(self) -> tuple[str, ...]:
        """The needed scopes, or what to advertise instead."""
        return self.advertise or self.needed

    def __str__(self) -> str:
        return _described(self.needed, "and")


@frozen(init=False)
class AnyScope(Policy):
    """Requires that the token has at least one of these scopes. Clients are told to ask for the first.

    Args:
        *accepted: The scopes, one per string or several separated by spaces.
        advertise: What clients should ask for, in place of the first scope.
    """

    accepted: tuple[str, ...]
    advertise: tuple[str, ...] | None = field(default=None, kw_only=True)

    def __init__(self, *accepted: str, advertise: str | None = None) -> None:
        cast("Any", self).__attrs_init__(
            _words("AnyScope", accepted), advertise=_advertised("AnyScope", advertise)
        )

    def verdict(self, claims: Claims, call: Call) -> Verdict:
        """Compare the scopes."""
        has_one = not claims.scopes.isdisjoint(self.accepted)
        return Verdict.SATISFIED if has_one else _without(claims)

    def refusal(self, claims: Claims) -> InsufficientScopeError:
        """Return an error that names the first scope."""
        return _insufficient(self, self.accepted[:1])

    @property
    def scopes(self) -> tuple[str, ...]:
        """The first scope, or what to advertise instead."""
        return self.advertise or self.accepted[:1]

    @property
    def scope_alternatives(self) -> tuple[tuple[str, ...], ...]:
        """Each of the scopes alone, or what to advertise instead."""
        if self.advertise is not None:
            return (self.advertise,)
        return tuple((word,) for word in dict.fromkeys(self.accepted))

    def __str__(self) -> str:
        return _described(self.accepted, "or")


def _described(words: tuple[str, ...], conjunction: str) -> str:
    text = f" {conjunction} ".join(f"scope {word}" for word in words)
    return text if len(words) == 1 else f"({text})"


def _insufficient(needing: Scope | AnyScope, missing: Any) -> InsufficientScopeError:
    advertised = needing.advertise or missing
    return InsufficientScopeError(" ".join(advertised), f"required: {needing}")
