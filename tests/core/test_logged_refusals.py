"""What a log record shows of a refusal, whose ``str`` is not meant for the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from flask_jwtlib import InvalidTokenError, current_principal
from flask_jwtlib.log_text import error_text, library_logger

NAME = "flask_jwtlib.a_test_of_refusals"
EVIL = "good\nFORGED: all is well\x1b[2J"


class Kept(logging.Handler):
    """Keeps the records, and their text as printed."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A handler of one of the library's loggers."""
    logger, handler = library_logger(NAME), Kept()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def raised(error: Exception) -> Exception:
    """Raise and catch an exception, and return it with its traceback."""

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        fail()
    return error


@pytest.mark.parametrize("place", ["itself", "cause"])
def test_a_refusals_text_for_the_log_is_logged(kept: Kept, place: str) -> None:
    """The formatted record shows the message, not the client's text, and still has its exception."""
    refusal = raised(InvalidTokenError("signed by another key"))
    error = refusal if place == "itself" else ValueError("outer")
    if place == "cause":
        error.__cause__ = refusal

    library_logger(NAME).error("failed", exc_info=error)

    (record,), (text,) = kept.records, kept.texts
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert "flask_jwtlib.errors._reasons.InvalidTokenError: signed by another key" in text.split(
        "\n"
    )
    assert "The access token is invalid" not in text
    assert "in fail" in text


@pytest.mark.parametrize(
    "refusal",
    [InvalidTokenError(EVIL), InvalidTokenError("plain", description=EVIL)],
    ids=["message", "description"],
)
def test_a_refusal_with_an_unsafe_text_is_logged_safely(
    kept: Kept, refusal: InvalidTokenError
) -> None:
    """A handler that formats the exception itself can't show either text if one of them is unsafe."""
    library_logger(NAME).error("failed: %s", refusal, exc_info=refusal)

    (record,), (text,) = kept.records, kept.texts
    assert record.exc_info is None
    assert all(line.isprintable() for line in text.split("\n"))
    assert not [line for line in text.split("\n") if line.startswith("FORGED")]


def test_the_text_of_an_error_is_that_for_the_log() -> None:
    """``error_text`` returns a refusal's ``log_message``, and what ``str`` returns of any other error."""
    assert error_text(InvalidTokenError("log", description="wire")) == "log"
    assert error_text(ValueError("plain")) == "plain"


def test_a_proxy_without_an_object_is_logged(kept: Kept) -> None:
    """An argument whose attributes raise, such as ``current_principal`` without a caller, is shown anyway."""
    library_logger(NAME).warning("the caller is %s", current_principal)

    assert kept.texts == ["the caller is <_CurrentPrincipal>"]
