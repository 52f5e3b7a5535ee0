"""The requests that deny-by-default lets pass: to public endpoints and to optional views."""

from __future__ import annotations

import re
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from flask import Flask

from ..audit import view_access
from ..errors import ConfigurationError
from ..log_text import library_logger

if TYPE_CHECKING:
    from flask import Request

__all__ = ["LetPass", "as_patterns"]

_logger = library_logger("flask_jwtlib")
# A part of an endpoint's name between two dots: "*", or a name without wildcards.
_PART = re.compile(r"\*|[^*?\[\].]+")


def as_patterns(public: Any) -> tuple[str, ...]:
    """Return patterns of endpoints.

    Raises:
        ConfigurationError: One isn't the name of an endpoint, with or without ``*`` in place of whole parts;
            or it matches every endpoint.
    """
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


class LetPass:
    """Whether a request needs no authentication by an app's guard.

    Args:
        app: The app.
        authenticator: The authenticator that protects it. A view, or a method of a view class, for which
            its ``optional_authentication`` certainly decides is left to that decorator.
        patterns: The endpoints that are public.
    """

    def __init__(self, app: Flask, authenticator: Any, patterns: tuple[str, ...]) -> None:
        self._app = app
        self._authenticator = authenticator
        self._patterns = patterns
        # The view is kept, too: another one may be registered for the endpoint.
        self._known: dict[tuple[str, str], tuple[Any, bool]] = {}
        self._unreported = bool(patterns)
        self._lock = Lock()

    def __call__(self, request: Request) -> bool:
        if self._unreported:
            self._report_unmatched()
        return request.endpoint is not None and self.passes(request.endpoint, request.method)

    def passes(self, endpoint: str, method: str) -> bool:
        """Whether requests to an endpoint need no authentication."""
        view = self._app.view_functions.get(endpoint)
        known = self._known.get((endpoint, method))
        if known is None or known[0] is not view:
            known = view, self._passes(endpoint, view, method)
            if len(self._known) < _MOST_KNOWN:
                self._known[endpoint, method] = known
        return known[1]

    def is_public(self, endpoint: str) -> bool:
        """Whether one of the patterns matches an endpoint."""
        return any(_matches(endpoint, pattern) for pattern in self._patterns)

    def unmatched(self) -> list[str]:
        """Return the patterns that match no endpoint."""
        return [
            pattern
            for pattern in self._patterns
            if not any(_matches(endpoint, pattern) for endpoint in self._app.view_functions)
        ]

    def _passes(self, endpoint: str, view: Any, method: str) -> bool:
        if self.is_public(endpoint):
            return True
        if view is None:
            return False
        access = view_access(view, method)
        return access.word == "optional" and any(
            by is self._authenticator for by in access.by_optional
        )

    def _report_unmatched(self) -> None:
        with self._lock:
            unreported, self._unreported = self._unreported, False
        if unreported and (unmatched := self.unmatched()):
            _logger.warning(
                "public=[…] of protect matches no endpoint of the app %s with %s; its endpoints are "
                "listed by `flask routes`",
                self._app.name,
                ", ".join(map(repr, unmatched)),
            )


def _matches(endpoint: str, pattern: str) -> bool:
    """Whether an endpoint has the parts of a pattern, in which ``*`` stands for any one part."""
    parts, expected = endpoint.split("."), pattern.split(".")
    return len(parts) == len(expected) and all(
        part in (name, "*") for name, part in zip(parts, expected, strict=True)
    )


# Methods are the client's words. An app has fewer endpoints and methods.
_MOST_KNOWN = 10_000
