"""Untrusted text, made safe for log lines and error messages.

Text from clients, issuers, proxies, file names and libraries may contain line breaks that forge log
entries, control characters that affect a terminal, URLs with secrets, and any amount of characters. All
such text passes ``quoted`` or ``one_line``. The loggers from ``library_logger`` apply ``one_line`` to every
argument and exception.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, cast

from .dry_run import is_dry_run

__all__ = ["error_text", "library_logger", "one_line", "quoted"]

_LONGEST_VALUE = 120
_LONGEST_LINE = 2000
# Maximum number of exceptions of a chain that are shown.
_LONGEST_CHAIN = 10
_CUT = "..."
_CREDENTIALS = re.compile(r"(?<=//)[^\s/?#]*@")
# The end of a text that was cut within a URL's host, or within the credentials before it.
_CUT_AUTHORITY = re.compile(r"(?<=//)[^\s/?#]+\Z")
_WORD = re.compile(r"\S+")
# Begins a query or a fragment after a path such as "/keys"; and a query anywhere in a word.
_MARK = re.compile(r"[?#]")
_PARAMETER = re.compile(r"\?(?=[\w%.~+-]+=)")
# Characters that may follow a URL in a sentence.
_CLOSING = "'\")]}>,;:."


def one_line(text: str, limit: int = _LONGEST_LINE) -> str:
    r"""Return a text in a form that is safe as a part of one log line.

    Unprintable characters such as ``\n`` and ``\x1b`` are escaped. The query, the fragment and the
    credentials of a URL become ``***``. A longer text than ``limit`` is cut.

    Args:
        text: The text.
        limit: Maximum length of the returned text, in characters.
    """
    # Cut before escaping, so that a long text costs little, and once more afterwards.
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
    """Replace the query or the fragment in a word. Any character except white space may belong to it."""
    word = found[0]
    slash = word.find("/")
    marks = [_PARAMETER.search(word), _MARK.search(word, slash) if slash >= 0 else None]
    begin = min((mark.end() for mark in marks if mark is not None), default=len(word))
    bare = word[begin:].rstrip(_CLOSING)
    return f"{word[:begin]}***{word[begin + len(bare) :]}" if bare else word


def quoted(value: object, limit: int = _LONGEST_VALUE) -> str:
    """Return the ``ascii`` text of an untrusted value, such as a claim, made safe as by ``one_line``.

    Args:
        value: The value. If its ``repr`` raises, the text is the name of its class.
        limit: Maximum length of the returned text, in characters.
    """
    if isinstance(value, str | bytes):
        # This text is always printable, and nearly every value takes this fast path.
        text = ascii(value[:limit])
        if len(text) <= limit and "?" not in text and "#" not in text and "@" not in text:
            return text
    else:
        try:
            text = ascii(value)
        except Exception:  # noqa: BLE001 - another's repr may raise anything
            text = f"<{type(value).__name__}>"
    return one_line(text, limit)


def library_logger(name: str) -> logging.Logger:
    """Return a logger that applies ``one_line`` to everything that is logged through it.

    While a token is only being explained, it logs nothing.

    It does so by a filter of the logger, so every handler gets the safe text. If an exception and its causes
    have safe texts, the record keeps it as ``exc_info``. Otherwise it has a safe ``exc_text`` instead, which
    formatters print. With a refusal among them, it has an ``exc_text`` in any case, with the text for the
    log.

    Args:
        name: The logger's name. The same name returns the same logger.
    """
    logger = logging.getLogger(name)
    if _make_safe not in logger.filters:
        logger.addFilter(_make_safe)
    return logger


def _make_safe(record: logging.LogRecord) -> bool:
    """Make a record safe. This is a filter that passes every record, but none while a token is explained."""
    if is_dry_run():
        return False
    arguments = record.args
    if isinstance(arguments, Mapping):
        record.args = {name: _safe_argument(value) for name, value in arguments.items()}
    elif arguments:
        record.args = tuple(map(_safe_argument, arguments))
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        chain = list(_chain(error))
        is_safe = len(chain) <= _LONGEST_CHAIN and all(map(_is_safe, chain))
        if not (is_safe and all(_raw_text_of(each) == _str_of(each) for each in chain)):
            shown = reversed(chain[:_LONGEST_CHAIN])
            record.exc_text = "\n\n".join(map(_described, shown))
        if not is_safe:
            record.exc_info = None
    return True


def _safe_argument(argument: object) -> object:
    if isinstance(argument, int | float):
        return argument
    return one_line(_raw_text_of(argument))


def error_text(error: BaseException) -> str:
    """Return an exception's text for the log.

    It is its ``log_message``, if it has one, or else what ``str`` returns. The text isn't made safe. If
    ``str`` raises, it is the name of the exception's class.
    """
    return _raw_text_of(error)


def _raw_text_of(value: object) -> str:
    try:
        # A refusal's `str` is its text for the client.
        text: object = getattr(value, "log_message", None)
    except Exception:  # noqa: BLE001 - another's attribute, or a proxy without an object, may raise anything
        text = None
    return _str_of(value if text is None else text)


def _str_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - another's __str__ may raise anything
        return f"<{type(value).__name__}>"


def _text_of(error: object) -> str:
    return one_line(_raw_text_of(error))


def _is_safe(error: BaseException) -> bool:
    """Whether ``traceback`` shows only the frames of an exception and a safe text."""
    # For a SyntaxError, it also shows the line of code, which isn't a part of the text.
    return (
        not isinstance(error, SyntaxError)
        and not _additions(error)
        and all(one_line(text) == text for text in (_raw_text_of(error), _str_of(error)))
    )


def _additions(error: BaseException) -> list[str]:
    """Return what ``traceback`` shows below an exception: its notes, and the members of an ExceptionGroup."""
    notes: Any = getattr(error, "__notes__", ())
    members: Any = getattr(error, "exceptions", ())
    return [
        *(one_line(_raw_text_of(note)) for note in _listed(notes)),
        *(_named(member) for member in _listed(members)),
    ]


def _listed(value: object) -> list[object]:
    """Return the first members of a list or tuple, or any other object as the only member."""
    several = isinstance(value, list | tuple)
    return list(cast("Any", value))[:_LONGEST_CHAIN] if several else [value]


def _named(error: object) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}: {_text_of(error)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, the latest first, up to one more than are shown."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) <= _LONGEST_CHAIN:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _described(error: BaseException) -> str:
    """Return an exception as ``traceback`` shows it, with safe texts."""
    frames = traceback.format_tb(error.__traceback__)
    heading = ["Traceback (most recent call last):\n", *frames] if frames else []
    return "".join(heading) + "\n  ".join([_named(error), *_additions(error)])
