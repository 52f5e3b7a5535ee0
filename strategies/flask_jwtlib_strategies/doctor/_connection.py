"""Checks of a response's connection, of its caching headers, and of the server's clock."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

from flask_jwtlib.log_text import quoted

from .._http.urls import is_loopback
from ._asking import Reply
from ._context import Context

__all__ = ["check_caching", "check_clock", "check_connection"]

_DAY = 86_400
# A certificate should be renewed before this part of its lifetime is left, and at the latest at this time.
_LAST_PART = 0.1
_LAST_DAYS = 14 * _DAY
# Seconds. Clocks that are synchronised differ by less.
_PRECISION = 2
# Seconds by which the clocks may differ although tokens are issued for minutes.
_FAR_OFF = 60
_USUAL_MINIMUM = 60
_SYNCHRONISE = "Synchronise the clock of this machine by NTP"


def check_connection(context: Context, reply: Reply) -> None:
    """Check how a response came here."""
    report, route = context.report, reply.route
    via = f", through the proxy {route.proxy}" if route.proxy else ""
    parts = urlsplit(reply.url)
    if parts.scheme == "http":
        if is_loopback(parts.hostname or ""):
            report.ok("connection", f"plain HTTP to this machine{via}")
            return
        report.warn(
            "connection",
            f"plain HTTP to {parts.netloc}{via}: anyone who can change this traffic can replace the keys",
            "Give the provider a certificate and use https://, without "
            f"{context.source.words.name('allow_http')}.",
        )
        return
    if route.trusted is False:
        report.fail(
            "connection",
            f"{reply.protocol or 'TLS'}{via}, but verify of the session is False: anyone in the network can "
            "replace the keys",
            "Set verify of the session to a file with the CA's certificate.",
        )
        return
    certificate = reply.certificate
    if certificate is None:
        report.ok("connection", f"{reply.protocol or 'TLS'}{via}")
        return
    left = certificate.ends - time.time()
    ends = datetime.fromtimestamp(certificate.ends, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    text = f"{reply.protocol}{via}; the certificate is valid until {ends}"
    if left < min(_LAST_DAYS, _LAST_PART * (certificate.ends - certificate.begins)):
        report.warn("connection", text, "Have the server's certificate renewed.")
    else:
        report.ok("connection", text)


def check_caching(context: Context, reply: Reply) -> None:
    """Check how long fetched keys are kept, by the headers of their response."""
    refresh = context.source.keys.refresh
    lifetime = None if reply.document is None else reply.document.lifetime
    kept = refresh.ttl(lifetime)
    headers = [
        f"{name}: {quoted(reply.headers[name], 100)[1:-1]}"
        for name in ("Cache-Control", "Age", "Expires")
        if name in reply.headers
    ]
    said = ", ".join(headers) or "no Cache-Control"
    etag = "with ETag" if reply.document is not None and reply.document.etag else "no ETag"
    text = f"{said}, {etag}: keys are fetched again after {kept:g} s"
    if lifetime is not None and kept > max(lifetime, _USUAL_MINIMUM):
        context.report.warn(
            "caching",
            f"{text}, which is longer than the provider says ({max(lifetime, 0):g} s): a withdrawn key is "
            "accepted for that long",
            f"Lower min_ttl from {refresh.min_ttl:g} to {_USUAL_MINIMUM}.",
        )
        return
    context.report.ok(
        "caching",
        f"{text}, and used for up to {refresh.max_stale:g} s more if that fails",
    )


def check_clock(context: Context, reply: Reply) -> None:
    """Check the difference between the provider's clock and this machine's."""
    ahead = reply.clock_difference
    report, words = context.report, context.source.words
    if ahead is None:
        report.ok("clock", "the response has no valid Date, so the clocks can't be compared")
        return
    leeway = min((each.leeway for each in context.validators), default=0)
    beyond = abs(ahead) - leeway
    side = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) <= _PRECISION:
        report.ok(
            "clock", f"the provider's clock agrees with this machine's; leeway is {leeway:g} s"
        )
        return
    text = (
        f"the provider's clock is {abs(ahead):.0f} s {side} this machine's; leeway is {leeway:g} s"
    )
    if beyond <= _PRECISION:
        report.ok("clock", text)
        return
    effect = (
        "new tokens may be refused as not valid yet, and expired ones are accepted for longer"
        if ahead > 0
        else "tokens expire too early"
    )
    cure = (
        f"{_SYNCHRONISE}; until then, set {words.set('leeway', round(abs(ahead)))}."
        if beyond <= _FAR_OFF
        else f"{_SYNCHRONISE}, and check that of the provider."
    )
    add = report.warn if beyond <= _FAR_OFF else report.fail
    add("clock", f"{text}: {effect}", cure)
