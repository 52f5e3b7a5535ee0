"""Why a response isn't the expected document, and what to do about it."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.log_text import error_text, one_line

from .._http.urls import without_secrets
from ._asking import Reply
from ._connection_faults import Fault, connection_fault
from ._words import Words

__all__ = ["fault_of"]

_LOOK_AT_LOG = "Look at the provider's log or status page."
_HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def fault_of(reply: Reply, words: Words, argument: str) -> Fault | None:
    """Explain why there is no document, or return None if there is.

    Args:
        reply: What came back.
        words: The names of the app's settings.
        argument: The argument that the URL comes from.
    """
    if reply.error is None:
        return None
    if reply.status is None:
        return connection_fault(reply)
    if "Location" in reply.headers and reply.status // 100 == 3:
        return _redirect(reply, words, argument)
    if reply.status != 200:
        return _status(reply, words, argument)
    text = error_text(reply.error).partition(": ")[2]
    if reply.beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_HTML):
        return Fault(
            "the response is an HTML page, such as a log-in page, not JSON",
            f"Correct {words.name(argument)}; if something in front of the provider demands a log-in, exempt "
            "this URL from it.",
        )
    if "no complete response" in text or not reply.beginning:
        return Fault(
            f"the response can't be read: {text}",
            "Look at the log of the provider; if it is that slow, raise fetch_timeout.",
        )
    return Fault(f"the response isn't usable: {text}", f"Correct {words.name(argument)}.")


def _redirect(reply: Reply, words: Words, argument: str) -> Fault:
    try:
        target = urljoin(reply.url, reply.headers["Location"])
        before, after = urlsplit(reply.url), urlsplit(target)
    except ValueError:
        return Fault(f"HTTP status {reply.status}: a redirect to an invalid URL", _LOOK_AT_LOG)
    shown = one_line(without_secrets(target), 300)
    text = f"HTTP status {reply.status}: a redirect to {shown}, and redirects aren't followed"
    if before.scheme == "http" and after.scheme == "https" and before.hostname == after.hostname:
        return Fault(text, f"Use https:// in {words.name(argument)}.")
    return Fault(
        text,
        f"If the provider has moved there, correct {words.name(argument)}; if that is a log-in page, exempt "
        "this URL from the log-in.",
    )


def _status(reply: Reply, words: Words, argument: str) -> Fault:
    status = reply.status or 0
    text = f"HTTP status {status}"
    if isinstance(reply.error, VerificationUnavailable):
        return Fault(
            f"{text}: the provider is busy, and asks to retry after {reply.error.retry_after} s",
            "Wait and run this again; if it stays, ask the provider about its rate limit.",
        )
    if status == 407:
        return Fault(
            f"{text}: the proxy requires credentials",
            "Put a user name and a password into the proxy's URL in proxies of the session.",
        )
    if status in (401, 403):
        return Fault(
            f"{text}: this server isn't allowed to read it",
            "Have the provider or its firewall allow it, or pass a session= with credentials.",
        )
    if status in (404, 410):
        path = urlsplit(reply.url).path
        old = " Keycloak before version 17 has /auth before /realms." if "/realms/" in path else ""
        return Fault(
            f"{text}: there is nothing at this URL", f"Correct {words.name(argument)}.{old}"
        )
    if status == 400 and urlsplit(reply.url).scheme == "http":
        return Fault(
            f"{text}; servers that expect TLS do this",
            f"If the server has TLS at this port, use https:// in {words.name(argument)}.",
        )
    if status >= 500:
        return Fault(f"{text}: the provider fails", _LOOK_AT_LOG)
    return Fault(text, f"Correct {words.name(argument)}.")
