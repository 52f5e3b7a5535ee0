"""Foreign text in log lines and messages: on one line, shortened, without the secrets in URLs."""

from __future__ import annotations

import ast
import builtins
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_jwtlib
import flask_jwtlib_strategies
from flask_jwtlib.log_text import library_logger, one_line, quoted

NAME = "flask_jwtlib.tests.log_text"
EVIL = "good\nFORGED: all is well\x1b[2J\x9b31m\u2028\u202eback"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what a log file has after logging to ``library_logger(NAME)``."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
    logger = library_logger(NAME)
    logger.addHandler(handler)
    logger.propagate = False
    yield text
    logger.removeHandler(handler)


def raised(error: Exception) -> Exception:
    """Raise and catch an exception, and return it with its traceback."""

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        fail()
    return error


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("plain", "'plain'", id="plain"),
        pytest.param("line\r\nbreak", r"'line\r\nbreak'", id="line break"),
        pytest.param("snow\N{SNOWMAN}", r"'snow\u2603'", id="non-ASCII"),
        pytest.param("\x1b[31m", r"'\x1b[31m'", id="escape sequence"),
        pytest.param(None, "None", id="None"),
        pytest.param(["a", 1], "['a', 1]", id="list"),
        pytest.param(b"\xff", r"b'\xff'", id="bytes"),
        pytest.param("https://a.example/k?key=1", "'https://a.example/k?***'", id="query"),
    ],
)
def test_quoted_shows_the_repr(value: object, shown: str) -> None:
    """A value from a token is logged as ASCII on one line."""
    assert quoted(value) == shown


@pytest.mark.parametrize("length", [0, 117, 118, 119, 10_000])
def test_quoted_is_bounded(length: int) -> None:
    """A quoted value has at most 120 characters, and dots where it was cut."""
    shown = quoted("x" * length)

    assert len(shown) == min(length + 2, 120)
    assert shown.endswith("...") is (length + 2 > 120)


def test_quoted_survives_a_repr_that_raises() -> None:
    """A value whose ``repr`` raises is shown by its class."""

    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    assert quoted(Odd()) == "<Odd>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain words", "plain words", id="plain"),
        pytest.param("Grüße", "Grüße", id="printable letters stay"),
        pytest.param("a\nb\tc\x7f", r"a\nb\tc\x7f", id="control characters"),
        pytest.param("\u2028\u202e", r"\u2028\u202e", id="separators and overrides"),
        pytest.param(
            "GET https://u:p@a.example/k?key=1#f failed",
            "GET https://***@a.example/k?*** failed",
            id="URL",
        ),
        pytest.param("GET https://a.example#f", "GET https://a.example#***", id="fragment"),
        pytest.param("broken: '/jwks?api_key=1' again", "broken: '/jwks?***' again", id="path"),
        pytest.param("url=/jwks?api_key=1", "url=/jwks?***", id="path in a parameter"),
        pytest.param("GET https://u:it's@a.example/", "GET https://***@a.example/", id="quote"),
        pytest.param("GET //u:p@a.example/", "GET //***@a.example/", id="no scheme"),
        pytest.param("'jwks?api_key=1'", "'jwks?***'", id="relative"),
        pytest.param("(/it's?a='1',\"2\"<3>.)", "(/it's?***>.)", id="quotes in a URL"),
        pytest.param("'/jwks?' or /jwks?, ok", "'/jwks?' or /jwks?, ok", id="empty query"),
        pytest.param("is that so? and/or not?", "is that so? and/or not?", id="a question"),
    ],
)
def test_one_line_makes_a_text_safe(text: str, shown: str) -> None:
    """The text can't control a terminal, forge a line or show a URL's secrets."""
    assert one_line(text) == shown


@given(text=st.text(), limit=st.integers(3, 50))
def test_one_line_is_printable_and_bounded(text: str, limit: int) -> None:
    """Any text becomes printable and no longer than allowed."""
    shown = one_line(text, limit)

    assert shown.isprintable()
    assert len(shown) <= limit


@given(
    secret=st.text("abcdefSECRET0123456789%&=", min_size=8),
    around=st.sampled_from(["{}", "GET {} failed", "'{}'", "({})", "url={}", "<{}>"]),
    url=st.sampled_from(["https://a.example/k?key=", "http://a/k#", "/jwks?k=", "ftp://a?"]),
)
def test_no_query_or_fragment_is_shown(secret: str, around: str, url: str) -> None:
    """A URL in a library's text loses everything after its path."""
    assert secret not in one_line(around.format(url + secret))


@given(secret=st.text("SECRET:'!0123456789", min_size=8), limit=st.integers(12, 60))
@pytest.mark.parametrize("show", [one_line, quoted])
def test_truncated_credentials_are_not_shown(
    show: Callable[[str, int], str], secret: str, limit: int
) -> None:
    """A URL's credentials are hidden even if the text ends before the host begins."""
    shown = show(f"at https://{secret * 10}@a.example/k", limit)

    assert not set("SECRT0123456789").intersection(shown)


@pytest.mark.parametrize(
    "argument", [EVIL, ValueError(EVIL), {"kid": EVIL}], ids=["str", "error", "dict"]
)
def test_log_arguments_stay_on_one_line(log: io.StringIO, argument: object) -> None:
    """A record's arguments can't start a new line or hold control characters."""
    library_logger(NAME).warning("the name is %s (%d)", argument, 3)

    line, end = log.getvalue().split("\n")
    assert line.startswith(f"WARNING:{NAME}:the name is ")
    assert line.isprintable()
    assert line.endswith("(3)")
    assert end == ""


def test_a_long_argument_is_cut(log: io.StringIO) -> None:
    """One argument adds at most 2,000 characters to a line."""
    library_logger(NAME).warning("%s", "K" * 200_000)

    assert len(log.getvalue()) < 2_100


def test_an_exception_with_an_unsafe_text_is_logged_safely(log: io.StringIO) -> None:
    """Neither an exception nor its cause can write its own lines; frames stay readable."""
    error = ValueError("outer https://a.example/k?api_key=QUERY-SECRET")
    error.__cause__ = raised(OSError(EVIL))

    library_logger(NAME).error("failed", exc_info=error)

    text = log.getvalue()
    assert "builtins.OSError: good\\nFORGED" in text
    assert "builtins.ValueError: outer https://a.example/k?***" in text
    assert "QUERY-SECRET" not in text
    assert "in fail" in text
    assert not [line for line in text.split("\n") if line.startswith("FORGED")]
    assert all(line.isprintable() for line in text.split("\n"))


def test_an_exception_with_a_safe_text_stays_on_the_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Handlers that read ``exc_info`` get the exception itself if nothing in it is unsafe."""
    logger = library_logger(NAME)
    logger.addHandler(caplog.handler)
    error = raised(ValueError("plain"))

    logger.error("failed", exc_info=error)

    assert caplog.records[-1].exc_info == (ValueError, error, error.__traceback__)
    logger.removeHandler(caplog.handler)


@pytest.mark.parametrize("make", ["cycle", "long", "unprintable"])
def test_unusual_exception_chains_are_logged(log: io.StringIO, make: str) -> None:
    """A chain that is circular, endless or can't be shown doesn't break logging."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    error = ValueError("bad\ntext")
    if make == "cycle":
        error.__cause__ = KeyError("other")
        error.__cause__.__context__ = error
    elif make == "long":
        each: BaseException = error
        for number in range(50):
            each.__context__ = ValueError(str(number))
            each = each.__context__
    else:
        error.__cause__ = Odd()

    library_logger(NAME).error("failed", exc_info=error)

    assert "ValueError: bad\\ntext" in log.getvalue()
    assert log.getvalue().count("Error: ") <= 10


def with_notes(*notes: str) -> Exception:
    """Return an exception with notes, as ``add_note`` of Python 3.11 leaves them."""
    error = ValueError("plain")
    error.__notes__ = list(notes)  # type: ignore[attr-defined,unused-ignore]
    return error


def group_of(*errors: Exception) -> Exception:
    """Return an ExceptionGroup, or its substitute on Python 3.10."""
    group: type[Exception] = getattr(builtins, "ExceptionGroup", Group)
    return group("several", errors)


class Group(Exception):
    """Replaces ExceptionGroup on Python 3.10."""

    def __init__(self, text: str, errors: tuple[Exception, ...]) -> None:
        super().__init__(text)
        self.exceptions = errors


def chain_of(length: int, last: Exception) -> Exception:
    """Return an exception with a cause, which has a cause, and so on."""
    for number in range(length):
        following = ValueError(str(number))
        following.__cause__ = last
        last = following
    return last


def wrong_source() -> Exception:
    """Return the SyntaxError for an invalid line of Python."""
    line = "'QUERY-{}' $ FORGED".format("SECRET")
    with pytest.raises(SyntaxError) as caught:
        ast.literal_eval(line)
    return caught.value


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        pytest.param(with_notes("/k?QUERY-SECRET", EVIL), "/k?***\n  good\\nFORGED", id="notes"),
        pytest.param(
            group_of(ValueError(f"/k?QUERY-SECRET {EVIL}")),
            "ValueError: /k?*** good\\nFORGED",
            id="group",
        ),
        pytest.param(chain_of(1, with_notes(EVIL)), "ValueError: 0\n", id="cause with a note"),
        pytest.param(chain_of(30, OSError("/k?QUERY-SECRET")), "ValueError: 29", id="long chain"),
        pytest.param(wrong_source(), "SyntaxError: invalid syntax", id="syntax error"),
    ],
)
def test_everything_in_a_traceback_is_made_safe(
    log: io.StringIO, error: Exception, shown: str
) -> None:
    """Notes, members of a group, source text and the far end of a chain are foreign text, too."""
    library_logger(NAME).error("failed", exc_info=error)

    text = log.getvalue()
    assert shown in text
    assert "QUERY-SECRET" not in text
    assert not [line for line in text.split("\n") if line.strip().startswith("FORGED")]
    assert all(line.isprintable() for line in text.split("\n"))


def test_notes_of_any_kind_are_logged(log: io.StringIO) -> None:
    """``__notes__`` may be any object, and is shown."""
    error = ValueError("plain")
    error.__notes__ = "a\nb"  # type: ignore[attr-defined,unused-ignore]

    library_logger(NAME).error("failed", exc_info=error)

    assert "ValueError: plain\n  a\\nb" in log.getvalue()


def test_a_suppressed_context_stays_out(log: io.StringIO) -> None:
    """``raise … from None`` keeps the earlier exception out of the log, as Python does."""
    error = ValueError("bad\ntext")
    error.__context__ = KeyError("hidden")
    error.__suppress_context__ = True

    library_logger(NAME).error("failed", exc_info=error)

    assert "hidden" not in log.getvalue()


def test_a_logger_has_one_filter() -> None:
    """Getting a logger again adds no second filter."""
    library_logger(NAME)

    assert library_logger(NAME) is logging.getLogger(NAME)
    assert len(logging.getLogger(NAME).filters) == 1


def test_a_mapping_of_arguments_is_supported(log: io.StringIO) -> None:
    """``%(name)s`` works as usual, and is made safe, too."""
    library_logger(NAME).warning("%(who)s", {"who": "a\nb"})

    assert log.getvalue() == f"WARNING:{NAME}:a\\nb\n"


def test_every_logger_of_the_package_is_safe() -> None:
    """Every module gets its logger from ``library_logger``, so every log call is made safe."""
    roots = [
        Path(package.__file__ or "").parent for package in (flask_jwtlib, flask_jwtlib_strategies)
    ]
    modules = {path: path.read_text() for root in roots for path in root.rglob("*.py")}
    direct = sorted(path.name for path, source in modules.items() if "logging.getLogger" in source)

    # library_logs makes urllib3's loggers safe, and logs nothing.
    assert direct == ["library_logs.py", "log_text.py"]
    assert any("library_logger(" in source for source in modules.values())
