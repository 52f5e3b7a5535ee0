"""What an HTTP answer's headers say about time: how long it is fresh, and when to ask again."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

__all__ = ["freshness", "retry_after"]

_DEFAULT = 300.0
_SHORTEST = 60.0
_LONGEST = 3600.0
# RFC 9111 §1.2.2: a count of seconds is whole, and of any number above 2**31 only its size matters.
_SECONDS = re.compile(r"[0-9]{1,10}")
# RFC 9111 §5.2: a directive's value is a token or a quoted string.
_DIRECTIVE = re.compile(
    r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?'
)


def freshness(headers: Mapping[str, str]) -> float:
    """How long an answer is fresh, by RFC 9111 §4.2 as a private cache reads it.

    That is ``max-age`` less ``Age``, else ``Expires`` less ``Date``, else 300 s. It is never less
    than 60 s, also where nothing may be stored or the answer expired before it came, and never more
    than an hour.

    Args:
        headers: The answer's headers; their names may be asked for in any case.

    Returns:
        Seconds.
    """
    return min(max(_lifetime(headers), _SHORTEST), _LONGEST)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """After how many seconds to ask again, by RFC 9110 §10.2.3; None if the answer does not say."""
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return int(value)
    at = _timestamp(value)
    return None if at is None else max(0, round(at - _sent_at(headers)))


def _lifetime(headers: Mapping[str, str]) -> float:
    directives: dict[str, str] = {}
    for name, quoted, token in _DIRECTIVE.findall(headers.get("Cache-Control", "")):
        # RFC 9111 §4.2.1: of several, the first counts.
        directives.setdefault(name.lower(), quoted or token)
    if not directives.keys().isdisjoint(("no-store", "no-cache")):
        return 0
    if "max-age" in directives:
        return _seconds(directives["max-age"]) - _seconds(headers.get("Age", ""))
    if "Expires" in headers:
        # RFC 9111 §5.3: what is no date, such as 0, expired in the past.
        expires = _timestamp(headers["Expires"])
        return 0 if expires is None else expires - _sent_at(headers)
    return _DEFAULT


def _seconds(text: str) -> int:
    return int(text) if _SECONDS.fullmatch(text) else 0


def _sent_at(headers: Mapping[str, str]) -> float:
    date = _timestamp(headers.get("Date", ""))
    return time.time() if date is None else date


def _timestamp(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    # RFC 9110 §5.6.7: a date of HTTP is in GMT, whether it says so or not.
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return date.timestamp()
