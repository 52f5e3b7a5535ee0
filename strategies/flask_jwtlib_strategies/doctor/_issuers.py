"""Compares the spelling of issuers."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask_jwtlib.log_text import quoted

from .._http.urls import origin_of, without_secrets
from ._connection_faults import Fault
from ._words import Words

__all__ = ["difference", "issuer_fault", "only_spelling"]

_LONGEST = 200


def difference(one: str, other: str) -> list[str]:
    """Return in what two issuers differ, such as ``["a slash at the end"]`` or ``["the host"]``."""
    if one.rstrip("/") == other.rstrip("/"):
        return ["a slash at the end"]
    if one.lower() == other.lower():
        return ["upper and lower case"]
    first, second = _parts(one), _parts(other)
    if first is None or second is None:
        return ["the text"]
    names = ("the scheme", "the host", "the port", "the path")
    pairs = zip(names, first, second, strict=True)
    found = [name for name, mine, theirs in pairs if mine != theirs]
    if "the scheme" in found and "the host" not in found and not _has_port(one, other):
        # The default port follows the scheme.
        found.remove("the port")
    return found or ["the text"]


def only_spelling(one: str, other: str) -> bool:
    """Whether two issuers differ only by a slash at the end, or by upper and lower case."""
    return difference(one, other) in (["a slash at the end"], ["upper and lower case"])


def issuer_fault(configured: str, found: str, source: str, words: Words, *, located: bool) -> Fault:
    """Explain that the metadata names another issuer than the configured one.

    Args:
        configured: Our issuer.
        found: The metadata's issuer.
        source: The URL of the metadata.
        words: The names of the app's settings.
        located: Whether ``metadata_url`` is configured.
    """
    differs = difference(configured, found)
    text = (
        f"the metadata's issuer is {quoted(found, _LONGEST)}, configured is {quoted(configured, _LONGEST)}; "
        f"they differ in {' and '.join(differs)}"
    )
    if "{" in found:
        return Fault(
            text,
            f"Name one tenant in {words.name('issuer')}, by its ID: this is the metadata of all tenants.",
        )
    if differs == ["the scheme"] and found.startswith("http:"):
        return Fault(
            text,
            "Set the provider's public URL to https (Keycloak: hostname; behind a proxy also proxy-headers), "
            "since its tokens have the same issuer as its metadata.",
        )
    set_issuer = words.set("issuer", found)
    if "the host" not in differs:
        return Fault(text, f"Set {set_issuer}, exactly so.")
    if not located:
        # Read at an internal address, and names the public issuer.
        return Fault(
            text,
            f"If {quoted(found, _LONGEST)} is in the tokens' iss, set {set_issuer} and "
            f"{words.set('metadata_url', without_secrets(source))}.",
        )
    if origin_of(found)[1] == origin_of(source)[1]:
        # The provider knows only the internal address by which it was asked.
        return Fault(
            text,
            f"If {quoted(configured, _LONGEST)} is in the tokens' iss, set {set_issuer} and "
            f"{words.set('token_issuer', configured)} instead of {words.name('metadata_url')}.",
        )
    return Fault(text, f"Set {set_issuer}, or correct {words.name('metadata_url')}.")


def _parts(issuer: str) -> tuple[str, str, int, str] | None:
    try:
        scheme, host, port = origin_of(issuer)
    except ValueError:
        return None
    return (scheme, host, port, urlsplit(issuer).path) if scheme and host else None


def _has_port(*issuers: str) -> bool:
    return any(urlsplit(issuer).port is not None for issuer in issuers)
