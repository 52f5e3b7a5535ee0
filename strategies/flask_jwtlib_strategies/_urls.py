"""Which URLs may be asked for keys, and how they are shown."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from flask_jwtlib import ConfigurationError

__all__ = ["check_url", "is_loopback", "without_secrets"]

# RFC 3986 §2. On other characters, such as a backslash, parsers don't agree.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def check_url(url: Any, *, allow_http_on_loopback: bool = False) -> str:
    """Answer a URL that may be asked: https, or http to this very machine where that is allowed.

    Args:
        url: The URL.
        allow_http_on_loopback: Accept plain HTTP from 127.0.0.0/8, ::1 and localhost.

    Raises:
        ConfigurationError: It may not be asked, or holds credentials. The text shows no secret of it.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"a URL is text, not {type(url).__name__}")
    parts = _split(url)
    if parts is None:
        raise ConfigurationError(
            "want a URL with a scheme and a host, such as 'https://issuer.example/jwks', "
            "in the characters of RFC 3986"
        )
    shown = repr(without_secrets(url))
    if "@" in parts.netloc:
        raise ConfigurationError(f"{shown} came with credentials: hand in a session that has them")
    if parts.scheme == "https":
        return url
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise ConfigurationError(f"want an https URL, not {shown}")
    if not allow_http_on_loopback:
        raise ConfigurationError(
            f"want an https URL, not {shown}; allow_http_on_loopback=True accepts it of this very machine"
        )
    return url


def without_secrets(url: str) -> str:
    """A URL as it may be logged: without user name, password, query and fragment."""
    parts = _split(url)
    if parts is None:
        return "(no URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _split(url: str) -> SplitResult | None:
    if not _CHARACTERS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        # A port that is none shows when it is asked for.
        complete = parts.scheme and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if complete else None


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine by its name or address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
