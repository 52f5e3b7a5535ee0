"""The URLs in protected-resource metadata (RFC 9728 §1.2, §2, §3.1)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import quoted

from .._http.urls import is_loopback

__all__ = ["check_issuer", "check_url", "metadata_url_of", "path_and_query_of"]

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
# RFC 3986 §3.3
_CHARACTER = r"(?:[A-Za-z0-9\-._~:@!$&'()*+,;=/]|%[0-9A-Fa-f]{2})"
_URL = re.compile(
    r"(?P<origin>(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?)"
    rf"(?P<path>(?:/{_CHARACTER}*)?)(?P<query>(?:\?(?:{_CHARACTER}|\?)*)?)"
    rf"(?P<fragment>(?:#(?:{_CHARACTER}|\?)*)?)",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HIGHEST_PORT = 65535


def metadata_url_of(url: Any) -> str:
    """Return the URL of a resource's metadata (RFC 9728 §3.1).

    Raises:
        ConfigurationError: The URL can't be a resource's.
    """
    name = "the URL of a ProtectedResource"
    parts = _parts(name, url, "https://api.example/mcp")
    origin, scheme = parts["origin"], parts["scheme"].lower()
    if origin != origin.lower() or parts["port"] == _DEFAULT_PORTS[scheme]:
        raise _refused(
            name,
            url,
            f"scheme and host in lower case and without the default port, as clients compare them: "
            f"'{scheme}://{parts['host'].lower()}'",
        )
    if parts["fragment"]:
        raise _refused(name, url, "a URL without a fragment (RFC 9728 §1.2)")
    # The slash of an empty path is removed.
    path = "" if parts["path"] == "/" else parts["path"]
    metadata_url = f"{origin}{_WELL_KNOWN}{path}{parts['query']}"
    if not _is_servable(path):
        raise _refused(
            name,
            url,
            "a path of printable UTF-8 without '.', '..', '<', '>' and empty segments",
        )
    return metadata_url


def path_and_query_of(metadata_url: str) -> tuple[str, str]:
    """Return the path of a URL as a WSGI server decodes it, and the query as it is sent."""
    parts = urlsplit(metadata_url)
    return unquote(parts.path), parts.query


def check_issuer(url: Any) -> str:
    """Check the issuer of an authorization server, and return it.

    Raises:
        ConfigurationError: It can't be an issuer's URL.
    """
    name = "a member of authorization_servers"
    parts = _parts(name, url, "https://login.example")
    if parts["query"] or parts["fragment"]:
        raise _refused(name, url, "a URL without query and fragment (RFC 8414 §2)")
    return parts[0]


def check_url(name: str, url: Any) -> None:
    """Check the URL of a page.

    Raises:
        ConfigurationError: It isn't an https URL.
    """
    _parts(name, url, "https://api.example/docs")


def _parts(name: str, url: Any, example: str) -> re.Match[str]:
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        raise _refused(
            name,
            url,
            f"a URL such as {example!r}, in the characters of RFC 3986 and without credentials",
        )
    if found["scheme"].lower() == "http" and not is_loopback(found["host"].strip("[]").lower()):
        raise _refused(
            name,
            url,
            f"an https URL such as {example!r}: only localhost and loopback addresses may have http",
        )
    return found


def _refused(name: str, url: Any, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is {quoted(url, 300)}, expected {expected}")


def _is_servable(path: str) -> bool:
    """Whether a path reaches the app as it is, and can be a rule of Flask's."""
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    *before, last = decoded.split("/")[1:] or ["last"]
    # Clients remove dots, and servers join empty segments. Flask's rules have variables in angle brackets.
    return (
        decoded.isprintable()
        and {"", ".", ".."}.isdisjoint(before)
        and last not in (".", "..")
        and {"<", ">"}.isdisjoint(decoded)
    )
