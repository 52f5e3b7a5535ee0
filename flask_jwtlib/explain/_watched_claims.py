"""Claims that note which of them a rule reads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

from ..log_text import one_line, quoted
from ..values import Claims

__all__ = ["reading"]

_LONGEST = 120
_MOST = 12
# In seconds since the epoch (RFC 7519 §4.1, OpenID Connect Core 1.0 §2).
_TIMES = frozenset({"auth_time", "exp", "iat", "nbf"})
_noted: ContextVar[dict[str, None] | None] = ContextVar("flask_jwtlib_read_claims", default=None)


class _WatchedClaims(Claims):
    """Claims that note the names of those that are read. In all else they are ``Claims``."""

    __slots__ = ()

    def __getitem__(self, claim: str) -> Any:
        _note(claim)
        return super().__getitem__(claim)

    def __contains__(self, claim: object) -> bool:
        _note(claim)
        return super().__contains__(claim)

    def get(self, claim: str, default: Any = None) -> Any:
        """Return a claim, or the default."""
        _note(claim)
        return super().get(claim, default)


def _note(claim: object) -> None:
    noted = _noted.get()
    if noted is not None and isinstance(claim, str) and len(noted) <= _MOST:
        noted[claim] = None


class Reading:
    """The claims that were read.

    Attributes:
        names: Their names, in the order of reading.
    """

    def __init__(self, claims: Claims) -> None:
        self.names: dict[str, None] = {}
        self._claims = claims

    def __str__(self) -> str:
        shown = [self._shown(name) for name in list(self.names)[:_MOST]]
        return ", ".join(shown + ["..."] * (len(self.names) > _MOST))

    def _shown(self, name: str) -> str:
        written = one_line(name, _LONGEST)
        present: dict[str, Any] = dict(self._claims)
        if name not in present:
            return f"no {written}"
        time = _time_of(present[name]) if name in _TIMES else ""
        return f"{written} = {quoted(present[name])}{time}"


def _time_of(value: Any) -> str:
    """Return a time for people; empty if it isn't one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        return f" ({datetime.fromtimestamp(value, timezone.utc):%Y-%m-%d %H:%M:%S} UTC)"
    except (OverflowError, OSError, ValueError):
        return ""


@contextmanager
def reading(claims: Claims) -> Generator[Reading, None, None]:
    """Note which claims are read in a ``with`` block.

    The claims are watched in their place, not copied: a rule may change them, or compare their identity.
    """
    noted = Reading(claims)
    token = _noted.set(noted.names)
    is_plain = type(claims) is Claims
    if is_plain:
        claims.__class__ = _WatchedClaims
    try:
        yield noted
    finally:
        if is_plain:
            claims.__class__ = Claims
        _noted.reset(token)
