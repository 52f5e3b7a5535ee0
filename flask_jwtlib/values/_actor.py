"""The party that acts for a token's subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attrs import field, frozen

from ..errors import ClaimError

__all__ = ["Actor", "actor_in"]

# Real chains have two or three actors.
_MOST_ACTORS = 8


@frozen
class Actor:
    """The party that acts for a token's subject, such as a service that passes a request on (RFC 8693 §4.1).

    Attributes:
        subject: Who acts: ``act.sub``.
        issuer: Who named the actor: ``act.iss``, or else the token's issuer. None without either.
        claims: The members of ``act``.
        actor: The actor before this one, if there was one. It is history, and must decide nothing.
    """

    subject: str
    issuer: str | None = None
    claims: Mapping[str, Any] = field(factory=dict[str, Any], repr=False, hash=False)
    actor: Actor | None = None

    def __str__(self) -> str:
        return self.subject


def actor_in(claims: Mapping[str, Any]) -> Actor | None:
    """Return the current actor of a token; None without ``act``.

    Raises:
        ClaimError: ``act`` is not an object with a ``sub``, the actors before it are not, or there are more
            than eight.
    """
    if "act" not in claims:
        return None
    issuer = claims.get("iss")
    default = issuer if isinstance(issuer, str) else None
    objects: list[dict[str, Any]] = []
    holder = claims
    while "act" in holder:
        if len(objects) == _MOST_ACTORS:
            raise ClaimError("act", f"act names more than {_MOST_ACTORS} actors (RFC 8693 §4.1)")
        holder = _checked(holder["act"])
        objects.append(holder)
    actor: Actor | None = None
    for each in reversed(objects):
        actor = Actor(each["sub"], each.get("iss", default), each, actor)
    return actor


def _checked(act: object) -> dict[str, Any]:
    """Return a value of ``act`` that identifies an actor.

    Raises:
        ClaimError: It doesn't.
    """
    if not isinstance(act, dict):
        raise ClaimError("act", "act is not an object (RFC 8693 §4.1)")
    members = cast("dict[str, Any]", act)
    for name in ("sub", "iss"):
        value = members.get(name, "" if name == "sub" else "absent")
        if not (isinstance(value, str) and value.strip()):
            raise ClaimError(
                "act", f"the {name} in act is not a string that names somebody (RFC 8693 §4.1)"
            )
    return members
