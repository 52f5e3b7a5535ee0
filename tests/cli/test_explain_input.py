"""How ``flask jwtlib explain`` reads a token: from a pipe, and never from the command line."""

from __future__ import annotations

import io
import sys

import click
import pytest
from flask import Flask

from flask_jwtlib.cli import jwtlib
from flask_jwtlib.cli._token_input import read_token
from flask_jwtlib.testing import TokenIssuer

from .explain_kit import API, authenticator, run


@pytest.fixture
def guarded(app: Flask, issuer: TokenIssuer) -> Flask:
    """An app with one guarded view."""
    app.add_url_rule("/", "it", authenticator(issuer).requires_authentication(lambda: ""))
    return app


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["none", "LF", "CRLF"])
def test_one_line_break_at_the_end_is_dropped(
    guarded: Flask, issuer: TokenIssuer, end: str
) -> None:
    """``echo`` and editors add it."""
    assert run(guarded, issuer.token(aud=API) + end).exit_code == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [(" ", ""), ("", " "), ('"', '"'), ("", "\n\n"), ("\ufeff", "")],
    ids=["space before", "space after", "quotes", "two line breaks", "byte order mark"],
)
def test_everything_else_is_kept(monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    """White space and quotes may be why a token is refused."""
    given = f"{before}a.b.c{after}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))

    assert read_token() == given.removesuffix("\n")


def test_without_a_dash_a_pipe_is_read_too(guarded: Flask, issuer: TokenIssuer) -> None:
    """If stdin isn't a terminal, ``-`` can be left out."""
    token = issuer.token(aud=API)

    result = guarded.test_cli_runner().invoke(jwtlib, ["explain"], input=token)

    assert result.exit_code == 0


def test_a_whole_header_is_accepted(guarded: Flask, issuer: TokenIssuer) -> None:
    """The value of an Authorization header can be pasted as it is."""
    assert run(guarded, f"Authorization: Bearer {issuer.token(aud=API)}").exit_code == 0


@pytest.mark.parametrize("scheme", ["Bearer", "Bearer Bearer", "Basic", ""])
@pytest.mark.parametrize("value", ["{}", "{} {}", "'{}"], ids=["once", "twice", "a quote"])
def test_the_name_of_a_pasted_header_is_shown(
    guarded: Flask, issuer: TokenIssuer, scheme: str, value: str
) -> None:
    """Only the token in it is secret."""
    token = issuer.token(aud="other")

    shown = run(guarded, f"Authorization: {scheme} {value.format(token, token)}").stdout

    assert "Vary: Authorization" in shown
    assert "<token> header" not in shown
    assert not any(part in shown for part in token.split("."))


@pytest.mark.parametrize("given", ["Authorization: ", "Authorization: Bearer "])
def test_a_header_without_a_token_has_no_secret(guarded: Flask, given: str) -> None:
    """Its text may be in the cure."""
    shown = run(guarded, given).stdout

    assert "Authorization: Bearer TOKEN" in " ".join(shown.split())


BAD_INPUT: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no token was given"),
    "a line break": (b"\n", "no token was given"),
    "too much": (b"x" * 65_537, "found more than 65536 bytes"),
    "UTF-16": ("a.b.c\n".encode("utf-16"), "use 'Set-Content -Encoding ascii'"),
}


@pytest.mark.parametrize(("given", "text"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_other_input_is_wrong_usage(guarded: Flask, given: bytes, text: str) -> None:
    """It exits with 2 and says what is expected."""
    result = run(guarded, given)

    assert result.exit_code == 2
    assert text in result.stderr


def test_the_most_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 kB are read, and refused as any token of that size is."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 65_536)))

    assert len(read_token()) == 65_536


def test_closed_stdin_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python sets ``sys.stdin`` to None then."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(click.UsageError, match="stdin can't be read"):
        read_token()


SECRET = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2VjcmV0"
ON_THE_COMMAND_LINE: dict[str, tuple[str, ...]] = {
    "a token": (SECRET,),
    "a token after a dash": ("-", SECRET),
    "a token after dashes": ("--", SECRET),
    "a token in quotes": (f'"{SECRET}"',),
    "a header": ("Bearer", SECRET),
    "an option with a token": ("--token", SECRET),
    "an option that is a token": (f"--token={SECRET}",),
    "a token like an option": (f"--{SECRET}",),
    "a token like short options": (f"-{SECRET}",),
}


@pytest.mark.parametrize("arguments", ON_THE_COMMAND_LINE.values(), ids=ON_THE_COMMAND_LINE)
def test_the_token_is_not_taken_from_the_command_line(
    guarded: Flask, arguments: tuple[str, ...]
) -> None:
    """It is wrong usage, and the message doesn't repeat it."""
    result = guarded.test_cli_runner().invoke(jwtlib, ["explain", *arguments], input="a.b.c")

    assert result.exit_code == 2
    assert "not taken from the command line" in result.stderr or "unknown option" in result.stderr
    assert not any(part in result.output + result.stderr for part in SECRET.split("."))
