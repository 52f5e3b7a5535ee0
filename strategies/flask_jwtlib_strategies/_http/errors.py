"""The error of a fetch that fails, and the cause that it may show."""

from __future__ import annotations

from flask_jwtlib.errors import JWTLibError
from flask_jwtlib.log_text import one_line

from .client_library import requests

__all__ = ["FetchError", "loggable_cause", "system_error_behind"]

_LONGEST_CAUSE = 300


class FetchError(JWTLibError):
    """A document can't be fetched or used. The text shows neither the URL's query nor the document.

    Attributes:
        status: The HTTP status, if it is the reason.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def system_error_behind(error: BaseException | None) -> OSError | None:
    """Return the system's or TLS's error that caused an error of ``requests``, whose text shows the URL."""
    while error is not None:
        # In some cases, urllib3 has the error it caught only as an argument of its own.
        for each in (error, *error.args):
            if isinstance(each, OSError) and not isinstance(each, requests.RequestException):
                return each
        error = error.__cause__ or error.__context__
    return None


def loggable_cause(error: OSError | None) -> OSError | None:
    """Return an error that may be logged as the cause of ours, None if it may show a query.

    A text that quotes a proxy is put on one line and shortened.
    """
    text = str(error)
    if error is None or "?" in text:
        return None
    safe = one_line(text, _LONGEST_CAUSE)
    return error if safe == text else OSError(safe)
