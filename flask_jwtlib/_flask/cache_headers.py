"""Response headers for caches, so that no caller gets another caller's response from a shared cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.http import parse_set_header

if TYPE_CHECKING:
    from ..values import BearerToken

__all__ = ["CacheHeaders", "cache_headers_of"]

_AUTHORIZATION = ("Authorization",)


def cache_headers_of(extractor: object) -> CacheHeaders:
    """Return what marks the responses to requests in which an extractor looks for a token."""
    vary: Any = getattr(extractor, "vary", None)
    return _made(None if vary is None else tuple(vary))


class CacheHeaders:
    """Marks responses, so that a cache keeps them apart by what could have identified a caller.

    Args:
        vary: The request headers that an extractor reads; None if it doesn't say. Responses vary by them
            (RFC 9110 §12.5.5). All but ``Authorization`` make them ``private``, too, since caches don't
            recognise other credentials.

    Attributes:
        always_private: Whether every response is private.
    """

    def __init__(self, vary: Sequence[str] | None) -> None:
        self.names = _AUTHORIZATION if vary is None else tuple(vary)
        self.always_private = [name.lower() for name in vary or ("",)] != ["authorization"]
        self._value = ", ".join(self.names)

    def mark_for(self, token: BearerToken | None) -> Callable[[Response], Response]:
        """Return what marks the response to a request with this token, or without one."""
        if self.always_private or (token is not None and token.source != "header"):
            return self.make_private
        return self.add_vary

    def add_vary(self, response: Response) -> Response:
        """Add ``Vary``."""
        headers = response.headers
        for name, _ in headers:
            if name.lower() == "vary":
                break
        else:
            if self._value:
                headers.add("Vary", self._value)
            return response
        lines = headers.getlist("Vary")
        present = parse_set_header(", ".join(lines))
        missing = [name for name in self.names if name not in present]
        if missing and "*" not in present:
            headers["Vary"] = ", ".join((*lines, *missing))
        return response

    def make_private(self, response: Response) -> Response:
        """Add ``Cache-Control: private`` (RFC 6750 §2.3) and ``Vary``."""
        headers = response.headers
        for name, _ in headers:
            if name.lower() == "cache-control":
                if not response.cache_control.no_store:
                    response.cache_control.private = True
                    response.cache_control.public = False
                break
        else:
            # Parsing and changing an absent header takes longer than everything else here.
            headers.add("Cache-Control", "private")
        return self.add_vary(response)


@lru_cache(maxsize=256)
def _made(vary: tuple[str, ...] | None) -> CacheHeaders:
    return CacheHeaders(vary)
