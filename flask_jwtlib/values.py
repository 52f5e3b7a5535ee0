"""The values that the strategies exchange: token, header, claims and principal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import field, fields, frozen

from .errors import MissingClaimError

__all__ = ["BearerToken", "Claims", "Principal", "UnverifiedHeader"]

_NO_HEADER: Mapping[str, Any] = MappingProxyType({})


@frozen
class BearerToken:
    """A token as the client sent it.

    Attributes:
        value: The token's text. ``repr`` doesn't show it.
        source: The place of the token: ``"header"``, ``"form"`` or ``"query"``, or another word if your own
            extractor found it elsewhere. Except for ``"header"``, the response to such a request is marked
            ``Cache-Control: private``.
        parsed: Used by ``CompactJWS.of`` to keep the parsed token.
    """

    value: str = field(repr=False)
    source: str = field(default="header", kw_only=True)
    parsed: Any = field(default=None, init=False, repr=False, eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # The parsed token can be neither copied nor pickled. It is parsed again.
        given = {each.alias: getattr(self, each.name) for each in fields(type(self)) if each.init}
        return _made, (type(self), given)


@frozen
class UnverifiedHeader:
    """A token's JOSE header before its signature is checked (RFC 7515 §4). The client may have invented it.

    Use it to select one of the configured keys. Don't build a path, a URL or a query from it (RFC 8725
    §3.10).

    Attributes:
        alg: The token's signature algorithm.
        kid: The key ID, or None.
        typ: The token's media type, or None.
        parameters: The whole header, as a read-only mapping.
    """

    alg: str
    kid: str | None = None
    typ: str | None = None
    parameters: Mapping[str, Any] = field(default=_NO_HEADER, repr=False, eq=False, kw_only=True)


def _made(kind: type[BearerToken], given: dict[str, Any]) -> BearerToken:
    return kind(**given)


class Claims(dict[str, Any]):
    """The verified claims of a token: a ``dict`` with attributes for the common claims (RFC 7519 §4.1).

    Reading an absent claim, as in ``claims["tenant"]``, raises ``MissingClaimError``. In a claim rule, this
    refuses the token. ``claims.get("tenant")`` returns None, as for any dict.

    Attributes:
        header: The verified header. It is empty if the token has none (RFC 7662).
        checked_at: The time of verification, in seconds since the epoch. Use it as "now" in a claim rule.
    """

    __slots__ = ("checked_at", "header")

    def __init__(
        self,
        claims: Mapping[str, Any],
        *,
        checked_at: float,
        header: Mapping[str, Any] = _NO_HEADER,
    ) -> None:
        _fill(self, claims)
        self.checked_at = checked_at
        self.header = header

    def __missing__(self, claim: str) -> Any:
        raise MissingClaimError(claim)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mappingproxy can be neither copied nor pickled.
        return _revived, (dict(self), self.checked_at, dict(self.header))

    @property
    def subject(self) -> str | None:
        """The subject: ``sub``."""
        return self.get("sub")

    @property
    def issuer(self) -> str | None:
        """The issuer: ``iss``."""
        return self.get("iss")

    @property
    def audience(self) -> tuple[str, ...]:
        """The audience: ``aud``, one or several strings, as a tuple."""
        return self.strings("aud")

    @property
    def expires_at(self) -> float | None:
        """The time of expiry: ``exp``, in seconds since the epoch."""
        return self.get("exp")

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes: ``scope`` or else ``scp``, a string (RFC 8693 §4.2) or an array."""
        name = "scope" if "scope" in self else "scp"
        granted = self.get(name)
        words = granted.split(" ") if isinstance(granted, str) else self.strings(name)
        return frozenset(words).difference(("",))

    def strings(self, *path: str) -> tuple[str, ...]:
        """Return the strings of a claim, for rules about groups and roles.

        From an array, it returns the members that are strings; from a string, that string; from anything
        else, nothing. So ``"admin" in claims.strings("groups")`` never matches a part of a string.

        Args:
            path: The claim's name, or the path to a nested one: ``strings("realm_access", "roles")``.
        """
        value: Any = self
        for name in path:
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        members = cast("list[object]", value) if isinstance(value, list) else [value]
        return tuple(member for member in members if isinstance(member, str))


# A call of super().__init__ would look it up at each request.
_fill: Callable[[Claims, Mapping[str, Any]], None] = cast("Any", dict).__init__


def _revived(claims: dict[str, Any], checked_at: float, header: dict[str, Any]) -> Claims:
    return Claims(claims, checked_at=checked_at, header=header)


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
