"""The values that travel through one authentication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import field, fields, frozen

from .errors import MissingClaimError

__all__ = ["BearerToken", "Claims", "Principal", "UnverifiedHeader"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@frozen
class BearerToken:
    """A token as the client sent it.

    Attributes:
        value: The token's text, never shown by ``repr``.
        source: Where it stood: ``"header"``, ``"form"`` or ``"query"``, or an own extractor's word
            for its place. An answer to a token from anywhere but a header is marked
            ``Cache-Control: private``.
        parsed: Room for ``CompactJWS.of`` to keep what it read.
    """

    value: str = field(repr=False)
    source: str = field(default="header", kw_only=True)
    parsed: Any = field(default=None, init=False, repr=False, eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # What was read of it can be neither copied nor pickled, and is read again.
        given = {each.alias: getattr(self, each.name) for each in fields(type(self)) if each.init}
        return _made, (type(self), given)


@frozen
class UnverifiedHeader:
    """A token's JOSE header before its signature was checked (RFC 7515 §4): the sender wrote it.

    Use it to look keys up among those configured. Build no path, URL or query from it (RFC 8725
    §3.10).

    Attributes:
        alg: The signature algorithm that the token names.
        kid: The key ID that it names, None if it names none.
        typ: The token's media type, None if it has none.
        parameters: The whole header, as a read-only mapping.
    """

    alg: str
    kid: str | None = None
    typ: str | None = None
    parameters: Mapping[str, Any] = field(default=_NOTHING, repr=False, eq=False, kw_only=True)


def _made(kind: type[BearerToken], given: dict[str, Any]) -> BearerToken:
    return kind(**given)


class Claims(dict[str, Any]):
    """The verified claims of a token: a ``dict``, with the usual ones (RFC 7519 §4.1) as attributes.

    Reading a claim that is absent, ``claims["tenant"]``, raises ``MissingClaimError``: a claim rule
    that does so refuses the token. ``claims.get("tenant")`` answers None, as with any dict.

    Attributes:
        header: The header that was verified along with the claims, empty where a token has none
            (RFC 7662).
        checked_at: The time that they were verified at, in seconds since the epoch: what a rule
            calls "now".
    """

    __slots__ = ("checked_at", "header")

    def __init__(
        self, claims: Mapping[str, Any], *, checked_at: float, header: Mapping[str, Any] = _NOTHING
    ) -> None:
        _fill(self, claims)
        self.checked_at = checked_at
        self.header = header

    def __missing__(self, claim: str) -> Any:
        raise MissingClaimError(claim)

    def __reduce__(self) -> tuple[Any, ...]:
        # The header's read-only view can be neither copied nor pickled.
        return _revived, (dict(self), self.checked_at, dict(self.header))

    @property
    def subject(self) -> str | None:
        """Who the token is about: ``sub``."""
        return self.get("sub")

    @property
    def issuer(self) -> str | None:
        """Who issued it: ``iss``."""
        return self.get("iss")

    @property
    def audience(self) -> tuple[str, ...]:
        """Whom it is meant for: ``aud``, one string or several, as a tuple."""
        return self.strings("aud")

    @property
    def expires_at(self) -> float | None:
        """When it expires: ``exp``, in seconds since the epoch."""
        return self.get("exp")

    @property
    def scopes(self) -> frozenset[str]:
        """What it permits: ``scope``, words parted by spaces (RFC 8693 §4.2) or listed; else ``scp``."""
        name = "scope" if "scope" in self else "scp"
        granted = self.get(name)
        words = granted.split(" ") if isinstance(granted, str) else self.strings(name)
        return frozenset(words).difference(("",))

    def strings(self, *path: str) -> tuple[str, ...]:
        """The strings at a claim, for rules about groups and roles.

        Of an array those members that are strings, of a lone string that one, of anything else none. So
        ``"admin" in claims.strings("groups")`` is never a comparison with a part of a string.

        Args:
            path: The claim's name, and the names within it: ``strings("realm_access", "roles")``.
        """
        value: Any = self
        for name in path:
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        members = cast("list[object]", value) if isinstance(value, list) else [value]
        return tuple(member for member in members if isinstance(member, str))


# As a method of the superclass it would be looked up at each request.
_fill: Callable[[Claims, Mapping[str, Any]], None] = cast("Any", dict).__init__


def _revived(claims: dict[str, Any], checked_at: float, header: dict[str, Any]) -> Claims:
    return Claims(claims, checked_at=checked_at, header=header)


@frozen
class Principal:
    """Who is calling: the token that was accepted and what it says.

    Attributes:
        token: The token as sent.
        claims: Its verified claims.
    """

    token: BearerToken
    claims: Claims = field(repr=False)

    @property
    def subject(self) -> str | None:
        """The caller's identifier at the issuer: the claim ``sub``."""
        return self.claims.subject

    @property
    def scopes(self) -> frozenset[str]:
        """What the caller was granted."""
        return self.claims.scopes

    def __bool__(self) -> bool:
        """True: there is a caller. ``current_principal`` is falsy where there is none."""
        return True

    def __str__(self) -> str:
        return str(self.subject or "a caller without a subject")
