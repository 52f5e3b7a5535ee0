"""The metadata that an issuer publishes about itself."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import one_line, quoted

from .._http.client import FetchedDocument
from .._http.errors import FetchError
from .._http.urls import without_secrets

__all__ = [
    "LONGEST_SHOWN",
    "check_issuer_url",
    "content_of",
    "issuer_in",
    "lifetime_of",
    "shown_source",
    "well_known_urls",
]

LONGEST_SHOWN = 200
"""Maximum length of a URL or an issuer in an error, in characters."""

# Seconds that metadata is used: as its headers say, within these bounds.
_SHORTEST_LIFETIME = 60
_LONGEST_LIFETIME = 3600


def check_issuer_url(issuer: str) -> None:
    """Check an issuer whose metadata is looked up below its URL.

    Raises:
        ConfigurationError: The URL can't be an issuer's.
    """
    shown = quoted(without_secrets(issuer), 300)
    if "?" in issuer or "#" in issuer:
        # OpenID Connect Core §1.2, RFC 8414 §2.
        raise ConfigurationError(
            f"an issuer has neither query nor fragment; expected {shown}. "
            "If the URL of its metadata has one, pass that URL as metadata_url="
        )
    if "/.well-known/" in issuer:
        raise ConfigurationError(
            f"{shown} is the URL of an issuer's metadata; expected the issuer, as in the tokens' iss. "
            "Pass the URL as metadata_url= if it isn't below the issuer's URL"
        )


def well_known_urls(issuer: str) -> tuple[str, str]:
    """Return the metadata's URLs by OpenID Connect Discovery 1.0 §4.1 and by RFC 8414 §3.1."""
    parts = urlsplit(issuer)
    host, path = f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix("/")
    return (
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server{path}",
    )


def content_of(document: FetchedDocument) -> dict[str, Any]:
    """Return the members of fetched metadata."""
    return cast("dict[str, Any]", document.content)


def issuer_in(document: FetchedDocument, source: str, *, expected: str) -> str:
    """Return the issuer that fetched metadata names.

    Raises:
        FetchError: The document names none, so it isn't the metadata of an issuer.
    """
    issuer = content_of(document).get("issuer")
    if not isinstance(issuer, str):
        raise FetchError(
            f"{shown_source(source)}: the metadata's issuer is not a string; "
            f"expected {quoted(expected, LONGEST_SHOWN)}"
        )
    return issuer


def lifetime_of(document: FetchedDocument) -> float:
    """Return how long fetched metadata is used, in seconds."""
    lifetime = _LONGEST_LIFETIME if document.lifetime is None else document.lifetime
    return min(max(lifetime, _SHORTEST_LIFETIME), _LONGEST_LIFETIME)


def shown_source(source: str) -> str:
    """Name the URL of fetched metadata for an error."""
    return f"GET {one_line(without_secrets(source), LONGEST_SHOWN)}"
