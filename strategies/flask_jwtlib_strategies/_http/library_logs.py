"""Keeps the query of a fetched URL out of what the HTTP libraries log about it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from flask_jwtlib.log_text import one_line

__all__ = ["safe_library_logs"]

# Every logger of urllib3 that names URLs, in all versions that requests works with.
_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)
# The query of the URL that is being fetched, None outside of our fetches.
_query: ContextVar[str | None] = ContextVar("flask_jwtlib_query", default=None)


@contextmanager
def safe_library_logs(url: str) -> Generator[None, None, None]:
    """Make urllib3's log records about our requests safe while we fetch a URL.

    Other requests of the application, in other threads and afterwards, are logged as they were.

    Args:
        url: The URL. Its query may hold an API key.
    """
    for name in _LOGGERS:
        # Does nothing if the logger has the filter.
        logging.getLogger(name).addFilter(_make_safe)
    token = _query.set(urlsplit(url).query)
    try:
        yield
    finally:
        _query.reset(token)


def _make_safe(record: logging.LogRecord) -> bool:
    """Make a record of our fetch safe: a filter that lets every record pass."""
    query = _query.get()
    if query is not None:
        text = record.getMessage()
        record.msg = one_line(text.replace(query, "***") if query else text)
        # The message tells what is in them; a traceback of the library's would repeat the server's text.
        record.args = record.exc_info = record.exc_text = None
    return True
