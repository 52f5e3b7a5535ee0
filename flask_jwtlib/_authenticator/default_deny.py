"""The requests that deny-by-default lets pass: to public endpoints and to optional views."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask

from ..audit import EndpointPatterns, view_access
from ..dry_run import is_dry_run
from ..log_text import library_logger

if TYPE_CHECKING:
    from flask import Request

__all__ = ["LetPass"]

_logger = library_logger("flask_jwtlib")


class LetPass:
    """Whether a request needs no authentication by an app's guard.

    Args:
        app: The app.
        authenticator: The authenticator that protects it. A view, or a method of a view class, for which
            its ``optional_authentication`` certainly decides is left to that decorator.
        patterns: The endpoints that are public.
    """

    def __init__(self, app: Flask, authenticator: Any, patterns: EndpointPatterns) -> None:
        self._app = app
        self._authenticator = authenticator
        self._patterns = patterns
        # The view is kept, too: another one may be registered for the endpoint.
        self._known: dict[tuple[str, str], tuple[Any, bool]] = {}
        self._unreported = bool(patterns.patterns)
        self._lock = Lock()

    def __call__(self, request: Request) -> bool:
        if self._unreported and not is_dry_run():
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
        return self._patterns.match(endpoint)

    def unmatched(self) -> list[str]:
        """Return the patterns that match no endpoint."""
        found = self._patterns.matched_by(self._app.view_functions)
        return [pattern for pattern, endpoints in found.items() if not endpoints]

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


# Methods are the client's words. An app has fewer endpoints and methods.
_MOST_KNOWN = 10_000
