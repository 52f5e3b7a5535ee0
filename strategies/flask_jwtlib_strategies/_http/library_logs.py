"""Keeps the query of a fetched URL out of the HTTP libraries' log records."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from flask_jwtlib.log_text import one_line

__all__ = ["safe_library_logs"]

# The loggers of urllib3 that log URLs, in all versions that requests works with.
_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)
# The query of the URL that this context is fetching, None when it isn't fetching.
_query: ContextVar[str | None] = ContextVar("flask_jwtlib_query", default=None)


@contextmanager
def safe_library_logs(url: str) -> Generator[None, None, None]:
    """Remove the query from urllib3's log records while a URL is fetched.

    The application's other requests, such as those in other threads, are logged unchanged.

    Args:
        url: The URL. Its query may contain an API key.
    """
    for name in _LOGGERS:
        # A logger adds a filter only once.
        logging.getLogger(name).addFilter(_make_safe)
    token = _query.set(urlsplit(url).query)
    try:
        yield
    finally:
        _query.reset(token)


def _make_safe(record: logging.LogRecord) -> bool:
    """Remove the query from a record of our fetch. A filter that drops no record."""
    query = _query.get()
    if query is not None:
        text = record.getMessage()
        record.msg = one_line(text.replace(query, "***") if query else text)
        # The message has the arguments' text. A traceback would repeat the server's text.
        record.args = record.exc_info = record.exc_text = None
    return True
