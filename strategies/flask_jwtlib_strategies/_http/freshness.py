"""What the headers of an HTTP response say about time: how long it is fresh, and when to retry."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

__all__ = ["lifetime", "retry_after"]

_DIGITS = re.compile(r"[0-9]+")
# RFC 9111 §1.2.2: a larger number counts as this one.
_LARGEST = 2**31
# RFC 9111 §5.2: a directive's value is a token or a quoted string.
_DIRECTIVE = re.compile(
    r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?'
)


def lifetime(headers: Mapping[str, str]) -> float | None:
    """Return how long a response is fresh, by RFC 9111 §4.2 as a private cache reads it.

    That is ``max-age`` less ``Age``, else ``Expires`` less ``Date``. It is 0 where the response must not be
    stored or reused, and may be negative.

    Args:
        headers: The response's headers. Looking a name up must ignore its case.

    Returns:
        Seconds, or None if the headers don't say.
    """
    directives: dict[str, str] = {}
    for name, quoted, token in _DIRECTIVE.findall(headers.get("Cache-Control", "")):
        # RFC 9111 §4.2.1: the first of several counts.
        directives.setdefault(name.lower(), quoted or token)
    if not directives.keys().isdisjoint(("no-store", "no-cache")):
        return 0
    if "max-age" in directives:
        # RFC 9111 §5.1: of a list of ages, the first counts.
        age = headers.get("Age", "").partition(",")[0]
        return (_seconds(directives["max-age"]) or 0) - (_seconds(age) or 0)
    if "Expires" in headers:
        # RFC 9111 §5.3: an invalid date, such as 0, is in the past.
        expires = _timestamp(headers["Expires"])
        return 0 if expires is None else expires - _sent_at(headers)
    return None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return after how many seconds to retry, by RFC 9110 §10.2.3, or None if the headers don't say."""
    value = headers.get("Retry-After", "")
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    at = _timestamp(value)
    return None if at is None else max(0, round(at - _sent_at(headers)))


def _seconds(text: str) -> int | None:
    """Read a count of seconds of any length; None if it isn't one."""
    text = text.strip()
    if not _DIGITS.fullmatch(text):
        return None
    digits = text.lstrip("0")
    # Python refuses to read a number of thousands of digits.
    return _LARGEST if len(digits) > len(str(_LARGEST)) else min(int(digits or "0"), _LARGEST)


def _sent_at(headers: Mapping[str, str]) -> float:
    date = _timestamp(headers.get("Date", ""))
    return time.time() if date is None else date


def _timestamp(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    # RFC 9110 §5.6.7: a date in HTTP is in GMT, whether it says so or not.
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return date.timestamp()
