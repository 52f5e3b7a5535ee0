"""Parts of URLs that are compared, such as those of issuers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from attrs import frozen

__all__ = ["Place", "place_of", "same_but_environment"]

_WORD = re.compile(r"[a-z]+|[0-9]+")
_ENVIRONMENTS = frozenset(
    {
        "dev",
        "develop",
        "development",
        "test",
        "tests",
        "testing",
        "tst",
        "qa",
        "uat",
        "int",
        "integration",
    }
    | {
        "stage",
        "staging",
        "stg",
        "preprod",
        "pre",
        "preview",
        "prd",
        "prod",
        "production",
        "live",
        "sandbox",
    }
    | {"demo", "local", "nonprod", "non", "acc", "acceptance", "canary", "beta"}
)
_INTERNAL = re.compile(
    r"localhost|[^.]+|(?:127|10)\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|.*:.*"
    r"|.*\.(?:local|localhost|internal|lan|test|svc)|.*\.svc\..*"
)


@frozen
class Place:
    """The parts of a URL.

    Attributes:
        scheme: Its scheme, in lower case.
        host: Its host, in lower case.
        port: Its port; the scheme's by default.
        path: Its path without slashes at the end.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def is_internal(self) -> bool:
        """Whether only machines of one network know the host, such as ``localhost`` or ``keycloak``."""
        return _INTERNAL.fullmatch(self.host) is not None

    def within(self, *domains: str) -> bool:
        """Whether the host is one of these domains, or below one."""
        return any(self.host == domain or self.host.endswith(f".{domain}") for domain in domains)


def place_of(url: str) -> Place | None:
    """Return the parts of a URL; None if the text isn't one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not (parts.scheme and parts.hostname):
        return None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return Place(parts.scheme, parts.hostname, port or default, parts.path.rstrip("/"))


def same_but_environment(one: str, other: str) -> bool:
    """Whether two names differ only in words for environments, such as ``dev`` and ``prod``."""
    ours, theirs = _WORD.findall(one.lower()), _WORD.findall(other.lower())
    if ours == theirs:
        return False
    return _without_environment(ours) == _without_environment(theirs)


def _without_environment(words: list[str]) -> list[str]:
    return [word for word in words if word not in _ENVIRONMENTS]
