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
from typing import Any, cast

__all__ = ["library_logger", "one_line", "quoted"]

_LONGEST_VALUE = 120
_LONGEST_LINE = 2000
# A chain of exceptions that is longer than this tells nothing more.
_LONGEST_CHAIN = 10
_CUT = "..."
_CREDENTIALS = re.compile(r"(?<=//)[^\s/?#]*@")
# The end of a text that was cut off within a URL's host, or within the credentials before it.
_CUT_AUTHORITY = re.compile(r"(?<=//)[^\s/?#]+\Z")
_WORD = re.compile(r"\S+")
# What begins a query or a fragment, after a path such as "/keys", and what is a query wherever it stands.
_MARK = re.compile(r"[?#]")
_PARAMETER = re.compile(r"\?(?=[\w%.~+-]+=)")
# These end a sentence or what a URL stands in.
_CLOSING = "'\")]}>,;:."


def one_line(text: str, limit: int = _LONGEST_LINE) -> str:
    r"""Make a text safe to show as a part of one log line.

    Characters that can't be printed are escaped, such as ``\n`` and ``\x1b``; the query, the fragment and the
    credentials of a URL become ``***``; and what is longer than ``limit`` characters is cut.

    Args:
        text: The text.
        limit: The most characters that are returned.
    """
    # Cut first, so that a text of any length costs little; it may grow when it is escaped.
    is_cut = len(text) > limit
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else ascii(character)[1:-1] for character in text
        )
    if "?" in text or "#" in text:
        text = _WORD.sub(_without_query, text)
    if "@" in text:
        text = _CREDENTIALS.sub("***@", text)
    if is_cut:
        text = _CUT_AUTHORITY.sub("***", text) + _CUT
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def _without_query(found: re.Match[str]) -> str:
    """Replace the query or the fragment in a word. Any character but white space may belong to it."""
    word = found[0]
    slash = word.find("/")
    marks = [_PARAMETER.search(word), _MARK.search(word, slash) if slash >= 0 else None]
    begin = min((mark.end() for mark in marks if mark is not None), default=len(word))
    bare = word[begin:].rstrip(_CLOSING)
    return f"{word[:begin]}***{word[begin + len(bare) :]}" if bare else word


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
    if error is not None:
        chain = list(_chain(error))
        if len(chain) > _LONGEST_CHAIN or not all(map(_is_safe, chain)):
            shown = reversed(chain[:_LONGEST_CHAIN])
            record.exc_text = "\n\n".join(map(_described, shown))
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


def _text_of(error: object) -> str:
    return one_line(_raw_text_of(error))


def _is_safe(error: BaseException) -> bool:
    """Whether ``traceback`` shows nothing of an exception but its frames and a safe text."""
    # A SyntaxError shows the line at fault, which isn't a part of its text.
    return (
        not isinstance(error, SyntaxError)
        and not _additions(error)
        and _text_of(error) == _raw_text_of(error)
    )


def _additions(error: BaseException) -> list[str]:
    """Return what ``traceback`` shows below an exception: its notes, and what an ExceptionGroup holds."""
    notes: Any = getattr(error, "__notes__", ())
    members: Any = getattr(error, "exceptions", ())
    return [
        *(one_line(_raw_text_of(note)) for note in _listed(notes)),
        *(_named(member) for member in _listed(members)),
    ]


def _listed(value: object) -> list[object]:
    """Return as many of several objects as are shown, or the only one."""
    several = isinstance(value, list | tuple)
    return list(cast("Any", value))[:_LONGEST_CHAIN] if several else [value]


def _named(error: object) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}: {_text_of(error)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it came of, the latest first, up to one more than are shown."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) <= _LONGEST_CHAIN:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _described(error: BaseException) -> str:
    """An exception as ``traceback`` shows it, with safe texts."""
    frames = traceback.format_tb(error.__traceback__)
    heading = ["Traceback (most recent call last):\n", *frames] if frames else []
    return "".join(heading) + "\n  ".join([_named(error), *_additions(error)])
