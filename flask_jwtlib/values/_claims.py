"""The verified claims of a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from ..errors import AbsentClaimError, ConfigurationError
from ..evidence import NO_EVIDENCE, Evidence, MustBeConfirmed, offered_evidence
from ._actor import Actor, actor_in

__all__ = ["Claims"]

# RFC 9110 §5.6.2 and §5.5.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7E\x80-\xFF]*")
_NO_HEADER: Mapping[str, Any] = MappingProxyType({})
_NOTHING: frozenset[str | type[MustBeConfirmed]] = frozenset()


class Claims(dict[str, Any]):
    """The verified claims of a token: a ``dict`` with attributes for the common claims (RFC 7519 §4.1).

    Reading an absent claim, as in ``claims["tenant"]``, raises ``AbsentClaimError``, a ``KeyError``. In a
    claim rule, this refuses the token. ``claims.get("tenant")`` returns None, as for any dict.

    What ``confirming`` and ``with_response_header`` add belongs to one request. A copy, pickled or not,
    doesn't have it, and it doesn't count for another request that a cache returns the object to.

    Attributes:
        header: The verified header. It is empty if the token has none (RFC 7662).
        checked_at: The time of verification, in seconds since the epoch. Use it as "now" in a claim rule.
        confirmed: The members of ``cnf`` that a validator confirmed (RFC 7800 §3.1), and the types of the
            evidence that it has checked.
        response_headers: Headers for the response to the caller, as pairs of name and value.
    """

    __slots__ = ("_evidence", "_implied", "checked_at", "confirmed", "header", "response_headers")

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
        self.confirmed = _NOTHING
        self.response_headers: tuple[tuple[str, str], ...] = ()
        self._implied: Mapping[str, frozenset[str]] = _NO_HEADER
        # The evidence of the request for which `confirmed` and `response_headers` were added.
        self._evidence = NO_EVIDENCE

    def __missing__(self, claim: str) -> Any:
        raise AbsentClaimError(claim)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mappingproxy can be neither copied nor pickled.
        return _revived, (dict(self), self.checked_at, dict(self.header), dict(self._implied))

    def confirming(self, *members: str | type[MustBeConfirmed]) -> Claims:
        """Return claims of which these members of ``cnf`` are confirmed (RFC 7800 §3.1, RFC 8705 §3.1).

        A validator that has checked what the token is bound to, such as ``"jkt"`` or ``"x5t#S256"``, returns
        them. The ``Authenticator`` refuses a token unless every member of its ``cnf`` is confirmed. Evidence
        that is a ``MustBeConfirmed`` is confirmed by its type.

        They are confirmed for the evidence of the token that is being validated, and for no other. So call
        it in the thread in which ``validate`` was called, and check the evidence: a token without evidence
        can't be confirmed.
        """
        copied = self._copied_for_this_request()
        copied.confirmed = copied.confirmed.union(members)
        return copied

    def with_response_header(self, name: str, value: str) -> Claims:
        """Return claims with a header for the response to the caller, such as a fresh DPoP nonce.

        Call it in the thread in which ``validate`` was called, as ``confirming``. A validator that keeps
        claims for other requests must keep those without the header.

        Raises:
            ConfigurationError: The name or the value can't be sent, such as a text with a line break.
        """
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ConfigurationError(
                f"the response header {name!r} is not one line of Latin-1 text with a valid name"
            )
        copied = self._copied_for_this_request()
        copied.response_headers = (*copied.response_headers, (name, value))
        return copied

    def made_for(self, evidence: Evidence) -> bool:
        """Whether ``confirmed`` and ``response_headers`` belong to a request with this evidence."""
        return self._evidence == evidence

    def implying(self, implied: Mapping[str, frozenset[str]]) -> Claims:
        """Return claims whose ``scopes`` include those that a granted scope implies.

        Args:
            implied: For each scope, all scopes that it implies.
        """
        copied = self._copied()
        copied._implied = implied  # noqa: SLF001 - a copy of this object
        return copied

    def _copied(self) -> Claims:
        copied = Claims(self, checked_at=self.checked_at, header=self.header)
        copied.confirmed = self.confirmed
        copied.response_headers = self.response_headers
        copied._implied = self._implied
        copied._evidence = self._evidence
        return copied

    def _copied_for_this_request(self) -> Claims:
        copied = self._copied()
        evidence = offered_evidence.get()
        if not copied.made_for(evidence):
            copied.confirmed, copied.response_headers = _NOTHING, ()
            copied._evidence = evidence  # noqa: SLF001 - a copy of this object
        return copied

    @property
    def subject(self) -> str | None:
        """The subject: ``sub``."""
        return self.get("sub")

    @property
    def issuer(self) -> str | None:
        """The issuer: ``iss``."""
        return self.get("iss")

    @property
    def actor(self) -> Actor | None:
        """The party that acts for the subject: ``act`` (RFC 8693 §4.1). None without one.

        Raises:
            ClaimError: ``act`` is malformed. The ``Authenticator`` refuses such a token.
        """
        return actor_in(self)

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
        """The granted scopes: ``scope`` or else ``scp``, a string (RFC 8693 §4.2) or an array.

        The ``Authenticator``'s scope hierarchy adds those that they imply.
        """
        name = "scope" if "scope" in self else "scp"
        granted = self.get(name)
        words = granted.split(" ") if isinstance(granted, str) else self.strings(name)
        scopes = frozenset(words).difference(("",))
        implied = self._implied
        if implied:
            return scopes.union(*(implied[scope] for scope in scopes if scope in implied))
        return scopes

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


def _revived(
    claims: dict[str, Any],
    checked_at: float,
    header: dict[str, Any],
    implied: dict[str, frozenset[str]],
) -> Claims:
    revived = Claims(claims, checked_at=checked_at, header=header)
    return revived.implying(implied) if implied else revived
