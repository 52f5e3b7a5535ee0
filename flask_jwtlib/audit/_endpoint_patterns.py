"""Patterns of endpoints, as in ``Authenticator.protect(public=[…])``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from attrs import field, frozen

from ..errors import ConfigurationError

__all__ = ["EndpointPatterns"]

# A part of an endpoint's name between two dots: "*", or a name without wildcards.
_PART = re.compile(r"\*|[^*?\[\].]+")


def _as_patterns(public: Any) -> tuple[str, ...]:
    if isinstance(public, str | bytes) or not isinstance(public, Iterable):
        raise ConfigurationError(f"public must be a list of endpoints, public=[…], not {public!r}")
    patterns: tuple[Any, ...] = tuple(cast("Iterable[object]", public))
    for pattern in patterns:
        parts = pattern.split(".") if isinstance(pattern, str) else []
        if not parts or not all(_PART.fullmatch(part) for part in parts):
            raise ConfigurationError(
                f"public has {pattern!r}, expected the name of an endpoint, such as 'static', or of a "
                "blueprint's endpoints, as in 'openapi.*'"
            )
        if all(part == "*" for part in parts):
            raise ConfigurationError(
                f"public has {pattern!r}, which would make every endpoint public: name the endpoints"
            )
    return patterns


@frozen
class EndpointPatterns:
    """Endpoints that are meant to be public, as in ``protect(public=["static", "openapi.*"])``.

    Args:
        patterns: Names of endpoints. ``*`` stands for any one part between two dots, so ``"openapi.*"``
            matches all endpoints of a blueprint, but not those of blueprints within it.

    Raises:
        ConfigurationError: One isn't the name of an endpoint, with or without ``*`` in place of whole parts;
            or it matches every endpoint.
    """

    patterns: tuple[str, ...] = field(default=(), converter=_as_patterns)

    def match(self, endpoint: str) -> bool:
        """Return whether one of the patterns matches an endpoint."""
        return any(_matches(endpoint, pattern) for pattern in self.patterns)

    def matched_by(self, endpoints: Iterable[str]) -> dict[str, list[str]]:
        """Return each pattern with the endpoints that it matches, which may be none."""
        known = list(endpoints)
        return {
            pattern: [endpoint for endpoint in known if _matches(endpoint, pattern)]
            for pattern in self.patterns
        }


def _matches(endpoint: str, pattern: str) -> bool:
    parts, expected = endpoint.split("."), pattern.split(".")
    return len(parts) == len(expected) and all(
        part in (name, "*") for name, part in zip(parts, expected, strict=True)
    )
