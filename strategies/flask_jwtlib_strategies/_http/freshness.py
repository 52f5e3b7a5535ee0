"""The times in an HTTP response's headers: how long it is fresh, and when to retry."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

__all__ = ["lifetime", "retry_after", "server_time"]

_DIGITS = re.compile(r"[0-9]+")
# RFC 9111 §1.2.2: any larger number means this one.
_LARGEST = 2**31
# RFC 9111 §5.2: a directive's value is a token or a quoted string.
_DIRECTIVE = re.compile(
    r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?'
)


def lifetime(headers: Mapping[str, str]) -> float | None:
    """Return how long a response is fresh in a private cache (RFC 9111 §4.2).

    Args:
        headers: The response's headers. The mapping must ignore the case of names.

    Returns:
        Seconds: ``max-age`` minus ``Age``, or else ``Expires`` minus ``Date``. 0 for a response that must not
        be stored or reused. The number may be negative. None if the headers don't say.
    """
    directives: dict[str, str] = {}
    for name, quoted, token in _DIRECTIVE.findall(headers.get("Cache-Control", "")):
        # RFC 9111 §4.2.1: the first of duplicate directives applies.
        directives.setdefault(name.lower(), quoted or token)
    if not directives.keys().isdisjoint(("no-store", "no-cache")):
        return 0
    if "max-age" in directives:
        # RFC 9111 §5.1: the first of several ages applies.
        age = headers.get("Age", "").partition(",")[0]
        return (_seconds(directives["max-age"]) or 0) - (_seconds(age) or 0)
    if "Expires" in headers:
        # RFC 9111 §5.3: an invalid date, such as 0, counts as past.
        expires = _timestamp(headers["Expires"])
        return 0 if expires is None else expires - _sent_at(headers)
    return None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return after how many seconds to retry (RFC 9110 §10.2.3), None if the headers don't say."""
    value = headers.get("Retry-After", "")
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    at = _timestamp(value)
    return None if at is None else max(0, round(at - _sent_at(headers)))


def server_time(headers: Mapping[str, str]) -> float | None:
    """Return the time by the server's clock, in seconds since the epoch; None without a valid ``Date``.

    A cache keeps the origin's ``Date`` (RFC 9111 §4.2.3), so ``Age`` is added to it.
    """
    date = _timestamp(headers.get("Date", ""))
    age = _seconds(headers.get("Age", "").partition(",")[0])
    return None if date is None else date + (age or 0)


def _seconds(text: str) -> int | None:
    """Parse a number of seconds with any number of digits; return None for other text."""
    text = text.strip()
    if not _DIGITS.fullmatch(text):
        return None
    digits = text.lstrip("0")
    # int() refuses thousands of digits.
    return _LARGEST if len(digits) > len(str(_LARGEST)) else min(int(digits or "0"), _LARGEST)


def _sent_at(headers: Mapping[str, str]) -> float:
    date = _timestamp(headers.get("Date", ""))
    return time.time() if date is None else date


def _timestamp(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    # RFC 9110 §5.6.7: dates in HTTP are in GMT, also without saying so.
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return date.timestamp()
