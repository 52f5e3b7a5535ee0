"""Shows errors of this package as one sentence, not as a traceback."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

import click

from ..errors import JWTLibError
from ..log_text import error_text, one_line

__all__ = ["short_errors", "text_with_causes"]


@contextmanager
def short_errors() -> Generator[None, None, None]:
    """Turn this package's errors into errors of ``click``, and show its log records on one line.

    The app is created while a command runs, so this includes what the app's factory raises. Log records that
    the app's own handlers show are left to them.

    Raises:
        click.ClickException: An error of this package was raised. The text has its causes.
    """
    before = logging.lastResort
    logging.lastResort = _OneLineHandler(before)
    try:
        yield
    except JWTLibError as error:
        raise click.ClickException(text_with_causes(error)) from error
    finally:
        logging.lastResort = before


class _OneLineHandler(logging.Handler):
    """Handles records if the app has no handler for them: those of this package get one line each."""

    def __init__(self, before: logging.Handler | None) -> None:
        super().__init__(logging.WARNING)
        self._before = before

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        if record.name.startswith("flask_jwtlib"):
            click.echo(_line_of(record), err=True)
        elif self._before is not None:
            self._before.handle(record)


def _line_of(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    # The last line of a traceback names the exception.
    causes = (
        (record.exc_text or "").rpartition("\n")[2] if error is None else text_with_causes(error)
    )
    return one_line(": ".join(filter(None, (record.getMessage(), causes))))


def text_with_causes(error: BaseException) -> str:
    """Return the texts of an error and of the errors of this package that caused it."""
    texts = [error_text(error)]
    while isinstance(error.__cause__, JWTLibError):
        error = error.__cause__
        texts.append(error_text(error))
    # A text often quotes its cause's.
    told = [
        text for place, text in enumerate(texts) if not any(text in each for each in texts[:place])
    ]
    return one_line(": ".join(told))
