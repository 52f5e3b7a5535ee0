"""Text from elsewhere, made safe to show in log lines and error messages.

What clients, issuers, proxies, file names and libraries say may hold line breaks that forge log entries,
control characters that steer a terminal, any amount of text, and URLs with secrets in them. Everything of
that kind passes ``quoted`` or ``one_line``; the loggers from ``library_logger`` apply ``one_line`` to
whatever is logged through them, exceptions included.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator, Mapping

__all__ = ["library_logger", "one_line", "quoted"]

_LONGEST_VALUE = 120
_LONGEST_LINE = 2000
# A chain of exceptions that is longer than this tells nothing more.
_LONGEST_CHAIN = 10
_CUT = "..."
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#'\"]*@")
# A URL, or a path such as "/keys?token=…", up to its query or fragment.
_QUERY = re.compile(r"((?:[\w.+-]+://|/)[^\s?#'\"<>]*[?#])[^\s'\"<>]+")


def one_line(text: str, limit: int = _LONGEST_LINE) -> str:
    r"""Make a text safe to show as a part of one log line.

    Characters that can't be printed are escaped, such as ``\n`` and ``\x1b``; the query, the fragment and the
    credentials of a URL become ``***``; and what is longer than ``limit`` characters is cut.

    Args:
        text: The text.
        limit: The most characters that are returned.
    """
    # Cut first, so that a text of any length costs little; it may grow when it is escaped.
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else ascii(character)[1:-1] for character in text
        )
    if "?" in text or "#" in text:
        text = _QUERY.sub(r"\1***", text)
    if "@" in text:
        text = _CREDENTIALS.sub("***@", text)
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def quoted(value: object, limit: int = _LONGEST_VALUE) -> str:
    """Show a value from elsewhere, such as a claim, as ``ascii`` does, and as safely as ``one_line``.

    Args:
        value: The value. One whose ``repr`` raises is shown by the name of its class.
        limit: The most characters that are returned.
    """
    if isinstance(value, str | bytes):
        # Always printable. Nearly every value is this plain, and refusals are to be cheap.
        text = ascii(value[:limit])
        if len(text) <= limit and "?" not in text and "#" not in text and "@" not in text:
            return text
    else:
        try:
            text = ascii(value)
        except Exception:  # noqa: BLE001 - a repr of somebody else's may raise anything
            text = f"<{type(value).__name__}>"
    return one_line(text, limit)


def library_logger(name: str) -> logging.Logger:
    """Return a logger that makes what is logged through it safe, as ``one_line`` does.

    The filter belongs to the logger, so every handler gets the safe text. An exception whose text is safe as
    it is, with those that caused it, stays the record's ``exc_info``. For any other, the record has
    ``exc_text``, which formatters print in its place.

    Args:
        name: The logger's name. Each call with one name returns the same logger.
    """
    logger = logging.getLogger(name)
    if _make_safe not in logger.filters:
        logger.addFilter(_make_safe)
    return logger


def _make_safe(record: logging.LogRecord) -> bool:
    """Make a record safe: a filter that lets every record pass."""
    arguments = record.args
    if isinstance(arguments, Mapping):
        record.args = {name: _safe_argument(value) for name, value in arguments.items()}
    elif arguments:
        record.args = tuple(map(_safe_argument, arguments))
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and any(_text_of(each) != _raw_text_of(each) for each in _chain(error)):
        record.exc_text = "\n\n".join(_described(each) for each in reversed(list(_chain(error))))
        record.exc_info = None
    return True


def _safe_argument(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    return one_line(_raw_text_of(argument))


def _raw_text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an exception of somebody else's may have any __str__
        return f"<{type(value).__name__}>"


def _text_of(error: BaseException) -> str:
    return one_line(_raw_text_of(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it came of, the latest first."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < _LONGEST_CHAIN:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _described(error: BaseException) -> str:
    """An exception as ``traceback`` shows it, with a safe text."""
    kind = type(error)
    frames = traceback.format_tb(error.__traceback__)
    heading = ["Traceback (most recent call last):\n", *frames] if frames else []
    return f"{''.join(heading)}{kind.__module__}.{kind.__qualname__}: {_text_of(error)}"
