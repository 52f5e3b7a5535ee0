"""Causes in the token's times, and in clocks."""

from __future__ import annotations

import math
from typing import Any

from flask_jwtlib.errors import ExpiredTokenError, MissingClaimError, NotYetValidError
from flask_jwtlib.explain import Facts, Found, recognises

from ._settings import setting

__all__ = ["FINDERS", "duration"]

_SKEW = 600
_MOMENT = 60
_HOUR = 3600
_DAY = 24 * _HOUR
# A number of milliseconds since 1990, read as seconds, is in the year 21,970.
_MILLISECONDS = 631_152_000_000


def duration(seconds: float) -> str:
    """Return a duration in words, such as ``3 hours``."""
    for size, unit in ((365 * _DAY, "year"), (_DAY, "day"), (_HOUR, "hour"), (60, "minute")):
        if seconds >= 1.95 * size:
            return f"{seconds / size:,.0f} {unit}s" if seconds < 1e15 else "very long"
    return f"{max(seconds, 0):.0f} seconds"


def _number(value: Any) -> float | None:
    if type(value) is not int and type(value) is not float:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _ahead(facts: Facts) -> float | None:
    """Return by how many seconds the refused claim is in the future; None if that isn't the cause."""
    if not isinstance(facts.error, NotYetValidError):
        return None
    time = _number(facts.claims.get(facts.error.claim))
    return None if time is None else time - facts.now


@recognises("time-in-milliseconds", by_claims=True)
def milliseconds(facts: Facts) -> Found | None:
    """``exp``, ``nbf`` or ``iat`` is in milliseconds, where the standard says seconds."""
    claims = [
        name
        for name in ("nbf", "iat", "exp")
        if (_number(facts.claims.get(name)) or 0) > _MILLISECONDS
    ]
    if not (
        claims
        and facts.error.reason in {"token-not-yet-valid", "unaccepted-claim", "expired-token"}
    ):
        return None
    return Found(
        f"{claims[0]} is in milliseconds, and a token's times are in seconds (RFC 7519 §2).",
        "In the program that issues the token, divide its times by 1000, as JavaScript's "
        "Date.now() is in milliseconds.",
    )


@recognises("time-zone", by_claims=True)
def time_zone(facts: Facts) -> Found | None:
    """``nbf`` or ``iat`` is whole hours in the future: local time was taken for UTC."""
    ahead = _ahead(facts)
    if ahead is None or ahead < _HOUR - _SKEW or ahead > 14 * _HOUR + _SKEW:
        return None
    if abs(ahead - round(ahead / 1800) * 1800) > 120:
        return None
    return Found(
        f"The token is valid only in {round(ahead / 1800) / 2:g} hours, as if its issuer took the "
        "local time for UTC.",
        "In the program that issues the token, use time.time() or an aware datetime, not "
        "datetime.utcnow().timestamp(); on machines, set the time zone and not the clock.",
    )


@recognises("clock-skew", by_claims=True)
def clock_skew(facts: Facts) -> Found | None:
    """``nbf`` or ``iat`` is a little in the future: the issuer's clock and this server's differ."""
    ahead = _ahead(facts)
    if ahead is None or ahead > _SKEW:
        return None
    return Found(
        f"The token is valid only in {duration(ahead)}: the issuer's clock is ahead of this "
        "server's by at least that.",
        "Synchronise the clocks by NTP, as `timedatectl` shows; to accept small differences, set "
        f"{setting(facts, 'leeway')} to at most 60 seconds.",
    )


@recognises("not-yet-valid", by_claims=True)
def not_yet_valid(facts: Facts) -> Found | None:
    """The token is valid only later."""
    if not isinstance(facts.error, NotYetValidError):
        return None
    ahead = _ahead(facts)
    when = "later" if ahead is None else f"in {duration(ahead)}"
    return Found(
        f"The token is valid only {when}.",
        "Use a token that is valid now; if it was issued just now, correct the clock of this "
        "server or of the issuer.",
    )


@recognises("token-too-old", by_claims=True)
def too_old(facts: Facts) -> Found | None:
    """The token was issued longer ago than the app's ``IssuedAt(max_age=…)`` accepts."""
    if not (isinstance(facts.error, ExpiredTokenError) and facts.error.claim == "iat"):
        return None
    return Found(
        "The token was issued too long ago for this app, though it may not have expired.",
        "Let the client get a new token, and the user log in again if needed; "
        "IssuedAt(max_age=…) in the rules says how old a token may be.",
    )


def _expired_for(facts: Facts) -> float | None:
    expiry = _number(facts.claims.get("exp"))
    if not (isinstance(facts.error, ExpiredTokenError) and expiry is not None):
        return None
    return facts.now - expiry


@recognises("expired-just-now", by_claims=True)
def just_expired(facts: Facts) -> Found | None:
    """The token expired a moment ago: it wasn't refreshed in time, or the clocks differ."""
    ago = _expired_for(facts)
    if ago is None or ago > _MOMENT:
        return None
    return Found(
        f"The token expired {duration(ago)} ago.",
        "Let the client refresh its token a minute before exp; if it was issued just now, the "
        f"clocks differ: synchronise them by NTP, or set {setting(facts, 'leeway')} to at most 60 "
        "seconds.",
    )


@recognises("expired-long-ago", by_claims=True)
def long_expired(facts: Facts) -> Found | None:
    """The token expired more than a week ago, so it comes from a file, a test or a log."""
    ago = _expired_for(facts)
    if ago is None or ago < 7 * _DAY:
        return None
    return Found(
        f"The token expired {duration(ago)} ago, so it is an old one, as from a file, a test or a "
        "note.",
        "Get a new token from the provider and replace the old one where the client keeps it.",
    )


@recognises("expired", by_claims=True)
def expired(facts: Facts) -> Found | None:
    """The token has expired."""
    if not isinstance(facts.error, ExpiredTokenError):
        return None
    ago = _expired_for(facts)
    since = "" if ago is None else f" {duration(ago)} ago"
    return Found(
        f"The token expired{since}.",
        "Let the client get a new token before exp, with its refresh token or by logging in "
        "again, and try once more after a 401.",
    )


@recognises("expiry-missing", by_claims=True)
def no_expiry(facts: Facts) -> Found | None:
    """The token has no ``exp``, and the app requires one."""
    if not (isinstance(facts.error, MissingClaimError) and facts.error.claim == "exp"):
        return None
    return Found(
        "The token has no exp, so it would be valid for ever, and the app requires one.",
        "Let the issuer set exp, such as an hour from now: providers always do, so the token may "
        "come from a program of your own or a test tool.",
    )


FINDERS = (
    milliseconds,
    time_zone,
    clock_skew,
    not_yet_valid,
    too_old,
    just_expired,
    long_expired,
    expired,
    no_expiry,
)
