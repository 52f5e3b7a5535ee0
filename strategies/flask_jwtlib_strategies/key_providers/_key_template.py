"""A URL with a placeholder for a key ID."""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import quote, urlsplit

from attrs import field, frozen

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import quoted

from .._http.client import HTTPClient
from .._http.urls import without_secrets

__all__ = ["KeyTemplate"]

_PLACE = "{kid}"
# Applies to every pattern, so that no key ID can change another part of the URL.
_SAFE = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~:@=+-]{1,256}")


def _as_pattern(value: Any) -> re.Pattern[str]:
    if isinstance(value, str):
        try:
            return re.compile(str(value))
        except re.error as error:
            raise ConfigurationError(
                f"kid_pattern isn't a valid regular expression: {quoted(str(error))}"
            ) from None
    pattern = cast("re.Pattern[Any]", value)
    if isinstance(value, re.Pattern) and isinstance(pattern.pattern, str):
        return pattern
    raise ConfigurationError(
        f"kid_pattern must be a regular expression as a string, not {type(pattern).__name__}"
    )


@frozen
class KeyTemplate:
    """Makes the URL of a key from its key ID.

    Args:
        url: The URL, with ``{kid}`` once in its path or query.
        pattern: A regular expression that the whole key ID must match.

    Raises:
        ConfigurationError: ``url`` has no such placeholder, or ``pattern`` isn't a regular expression.
    """

    url: str
    pattern: re.Pattern[str] = field(converter=_as_pattern)

    def __attrs_post_init__(self) -> None:
        url: Any = self.url
        if not isinstance(url, str) or url.count(_PLACE) != 1:
            raise ConfigurationError(
                f"the URL must have {_PLACE} once, as in 'https://keys.example/{_PLACE}'"
            )
        before, _, after = url.partition(_PLACE)
        host = urlsplit(before).netloc
        if not host or "#" in before or urlsplit(f"{before}x{after}").netloc != host:
            raise ConfigurationError(f"{_PLACE} must be in the URL's path or query")

    def check(self, client: HTTPClient) -> None:
        """Check that a client may fetch the URL.

        Raises:
            ConfigurationError: The client may not fetch it.
        """
        client.check(self.url.replace(_PLACE, "kid"))

    def accepts(self, kid: str) -> bool:
        """Return whether a key ID may be put into the URL."""
        return _SAFE.fullmatch(kid) is not None and self.pattern.fullmatch(kid) is not None

    def url_of(self, kid: str) -> str:
        """Return the URL of the key with an accepted key ID."""
        return self.url.replace(_PLACE, quote(kid, safe=""))

    def shown(self) -> str:
        """Return the URL for a log or an error."""
        return without_secrets(self.url.replace(_PLACE, "KID")).replace("KID", _PLACE)
