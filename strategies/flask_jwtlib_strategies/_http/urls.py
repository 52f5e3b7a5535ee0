"""URLs that may be fetched, and how they are logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import quoted

__all__ = ["PlainHTTP", "is_loopback", "origin_of", "without_secrets"]

# RFC 3986 §2. Parsers disagree on other characters, such as a backslash.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# A host name or address, or an IPv6 address in brackets, with or without a port.
_LISTED = re.compile(
    r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::([1-9][0-9]{0,4}))?"
)
_PORTS = {"http": 80, "https": 443}
_HIGHEST_PORT = 65535


def _as_hosts(value: Any) -> frozenset[tuple[str, int | None]]:
    """Return the hosts of ``allow_http``, each with its port, or with None for all ports."""
    if isinstance(value, bytes | bool) or not isinstance(value, Iterable):
        raise ConfigurationError(
            f"allow_http must be a list of hosts, such as ('keycloak:8080',), not {quoted(value)}"
        )
    hosts = cast("tuple[Any, ...]", (value,) if isinstance(value, str) else value)
    return frozenset(map(_as_host, hosts))


def _as_host(value: Any) -> tuple[str, int | None]:
    match = _LISTED.fullmatch(value.lower()) if isinstance(value, str) else None
    port = int(match[2]) if match and match[2] else None
    if match is None or (port or 0) > _HIGHEST_PORT:
        raise ConfigurationError(
            f"allow_http has {quoted(value)}; expected a host with or without a port, "
            "such as 'keycloak:8080' or '127.0.0.1', without a scheme, a path or a wildcard"
        )
    return match[1].strip("[]"), port


@frozen
class PlainHTTP:
    """The hosts that plain HTTP is accepted from; none by default.

    Args:
        on_loopback: Accept 127.0.0.0/8, ::1 and localhost.
        hosts: Other hosts, each as ``"host"`` or ``"host:port"``.

    Raises:
        ConfigurationError: ``hosts`` contains something else.
    """

    on_loopback: bool = False
    hosts: frozenset[tuple[str, int | None]] = field(
        factory=frozenset[tuple[str, "int | None"]], converter=_as_hosts
    )

    def lists(self, parts: SplitResult) -> bool:
        """Return whether ``hosts`` contains a URL's host."""
        host = (parts.hostname or "").lower()
        return not self.hosts.isdisjoint({(host, None), (host, parts.port or _PORTS["http"])})

    def check(self, url: Any) -> str:
        """Return a URL that may be fetched: an https URL, or an http URL of an accepted host.

        Raises:
            ConfigurationError: The URL may not be fetched, or contains credentials. The text shows none
                of its secrets.
        """
        if not isinstance(url, str):
            raise ConfigurationError(f"a URL must be a string, not {type(url).__name__}")
        parts = _split(url)
        if parts is None:
            raise ConfigurationError(
                "expected a URL with a scheme and a host, such as 'https://issuer.example/jwks', "
                "in the characters of RFC 3986"
            )
        shown = quoted(without_secrets(url), 300)
        if "@" in parts.netloc:
            raise ConfigurationError(
                f"{shown} has credentials: set them on a requests.Session and pass it as session="
            )
        if parts.scheme == "https" or (parts.scheme == "http" and self.lists(parts)):
            return url
        if parts.scheme != "http":
            raise ConfigurationError(f"expected an https URL, not {shown}")
        if not is_loopback(parts.hostname or ""):
            raise ConfigurationError(
                f"expected an https URL, not {shown}; "
                f"allow_http=({parts.netloc!r},) accepts plain HTTP from this host"
            )
        if not self.on_loopback:
            raise ConfigurationError(
                f"expected an https URL, not {shown}; "
                "allow_http_on_loopback=True accepts plain HTTP from this machine"
            )
        return url

    def check_named(self, url: Any, source: str) -> str:
        """Return a URL that a document names, if it may be fetched.

        Args:
            url: The URL.
            source: The URL of the document.

        Raises:
            ConfigurationError: The URL may not be fetched, or it is one of this machine, over plain HTTP, and
                the document is another machine's.
        """
        checked = self.check(url)
        parts = urlsplit(checked)
        if (
            parts.scheme == "http"
            and not self.lists(parts)
            and not is_loopback(urlsplit(source).hostname or "")
        ):
            # Another machine must not make us send requests to our loopback.
            raise ConfigurationError("it is plain HTTP")
        return checked


def without_secrets(url: str) -> str:
    """Return a URL for a log or an error: without user name, password, query and fragment."""
    parts = _split(url)
    if parts is None:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def origin_of(url: str) -> tuple[str, str, int]:
    """Return a URL's origin: its scheme, host and port in one spelling (RFC 6454 §4)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _split(url: str) -> SplitResult | None:
    if not _CHARACTERS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        # .port raises ValueError for an invalid port.
        complete = parts.scheme and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if complete else None


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
