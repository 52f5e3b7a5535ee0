"""``python -m examples.demo`` runs its session and ends; with ``--serve`` it runs until stopped."""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

DEMO = "examples.demo"


@pytest.fixture(scope="module")
def lines(command: Command) -> list[str]:
    """The lines that one run of the demo wrote, having ended with 0."""
    result = command(DEMO)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not result.stderr
    return result.stdout.splitlines()


class TestSession:
    @pytest.mark.parametrize(
        ("title", "status", "challenge"),
        [
            pytest.param("No token", 401, "Bearer", id="none"),
            pytest.param("A valid token", 200, None, id="valid"),
            pytest.param("An expired token", 401, "The access token expired", id="expired"),
            pytest.param("A forged token", 401, "signature is invalid", id="forged"),
            pytest.param("A token for another audience", 401, "another audience", id="audience"),
            pytest.param("A token without the scope", 403, 'scope="reports:delete"', id="scope"),
            pytest.param("The new key", 200, None, id="new-key"),
            pytest.param("The old key, still published", 200, None, id="old-key"),
            pytest.param("The old key, withdrawn", 401, "signing key is unknown", id="withdrawn"),
            pytest.param("The new key, again", 200, None, id="new-key-again"),
        ],
    )
    def test_it_shows_request_status_challenge_and_body(
        self, lines: list[str], title: str, status: int, challenge: str | None
    ) -> None:
        """Each step has a title, an explanation, the request, the status, the challenge and the body."""
        (start,) = (n for n, line in enumerate(lines) if re.fullmatch(rf" ?\d+\. {title}", line))
        step = lines[start : lines.index("", start)]
        assert re.fullmatch(r"    [A-Z].*\.", step[1])
        assert re.fullmatch(r"    > (GET|DELETE) /reports\S* HTTP/1\.1", step[2])
        assert any(line.startswith(f"    < HTTP/1.1 {status} ") for line in step)
        _, found, output = "\n".join(step).partition("    < WWW-Authenticate: Bearer")
        assert bool(found) == (challenge is not None)
        assert (challenge or "") in f"Bearer{output}"
        assert step[-1].startswith("    < ")
        body = step[-1][6:]
        if status == 200:
            assert json.loads(body) == {"reader": "alice", "reports": ["2024", "2025"]}
        else:
            assert body.isprintable()
            assert body.startswith(("The access token", "Authentication is required"))

    def test_it_fits_a_terminal(self, lines: list[str]) -> None:
        """Every line is shorter than 100 columns."""
        assert max(map(len, lines)) < 100

    @pytest.mark.usefixtures("workplace")
    def test_it_escapes_any_body(self) -> None:
        """Any response body is escaped, and wrapped into lines that fit."""
        servers, session, issuer, demo_terminal = (
            import_module(name)
            for name in (
                f"{DEMO}.servers",
                f"{DEMO}.session",
                "examples.issuer",
                f"{DEMO}.terminal",
            )
        )
        strange = Flask("strange")
        strange.add_url_rule(
            "/<path:path>",
            view_func=lambda path: (
                b"\xff" + b"x" * 300 + b"\x1b[31m\nlast",
                401,
                {"WWW-Authenticate": "Bearer " + "y" * 300},
            ),
            methods=["GET", "DELETE"],
        )
        stream = io.StringIO()
        with servers.serving(strange) as port:
            session.Session(
                issuer.RotatingIssuer("https://issuer.example"),
                port,
                demo_terminal.Terminal(stream),
            ).run()
        text = stream.getvalue()
        assert text.isascii()
        assert "\x1b" not in text
        assert "    < last\n" in text
        assert max(map(len, text.splitlines())) < 100

    def test_it_ends_with_a_summary(self, lines: list[str]) -> None:
        """The end has a summary, and says what to try next."""
        assert "All 10 responses are as expected." in lines
        assert "make serve" in lines[-1]

    def test_it_shows_no_complete_token(self, lines: list[str]) -> None:
        """The part of a token that is shown can't be used."""
        assert not any(re.search(r"eyJ\S+\.\S+\.\S{20}", line) for line in lines)

    def test_it_is_plain_text_outside_of_a_terminal(self, lines: list[str]) -> None:
        """Output to a file or a pipe has no colours, and is ASCII."""
        text = "\n".join(lines)
        assert "\x1b" not in text
        assert text.isascii()

    @pytest.mark.usefixtures("workplace")
    def test_it_detects_wrong_responses(self) -> None:
        """The session reports an API that accepts every request."""
        servers, session, issuer = (
            import_module(name)
            for name in (f"{DEMO}.servers", f"{DEMO}.session", "examples.issuer")
        )
        open_to_all = Flask("open")
        open_to_all.add_url_rule(
            "/<path:path>", view_func=lambda path: path, methods=["GET", "DELETE"]
        )
        stream = io.StringIO()
        terminal = import_module(f"{DEMO}.terminal").Terminal(stream)
        with servers.serving(open_to_all) as port:
            running = session.Session(
                issuer.RotatingIssuer("https://issuer.example"), port, terminal
            )
            running.run()
        assert (running.sent, running.unexpected) == (10, 6)
        assert "Unexpected response. Expected: 401 and Bearer" in stream.getvalue()

    def test_a_wrong_response_changes_the_exit_status(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a wrong response, the exit status isn't 0."""
        main = import_module(f"{DEMO}.__main__")

        class FailingSession:
            sent = 10
            unexpected = 1

            def __init__(self, *_: object) -> None: ...

            def run(self) -> None: ...

        monkeypatch.setattr(main, "Session", FailingSession)
        assert main.main([]) == 1


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestColour:
    @pytest.mark.parametrize(
        ("stream", "environ", "coloured"),
        [
            pytest.param(Screen(), {}, True, id="terminal"),
            pytest.param(io.StringIO(), {}, False, id="pipe"),
            pytest.param(Screen(), {"NO_COLOR": "1"}, False, id="no-color"),
            pytest.param(Screen(), {"NO_COLOR": ""}, True, id="no-color-empty"),
            pytest.param(Screen(), {"TERM": "dumb"}, False, id="dumb"),
            pytest.param(io.StringIO(), {"FORCE_COLOR": "1"}, True, id="force-color"),
            pytest.param(io.StringIO(), {"FORCE_COLOR": ""}, False, id="force-color-empty"),
            pytest.param(io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="both"),
        ],
    )
    def test_when_output_is_coloured(
        self, stream: io.StringIO, environ: dict[str, str], coloured: bool
    ) -> None:
        """A terminal has colours; ``FORCE_COLOR`` enables them elsewhere, ``NO_COLOR`` disables them."""
        terminal = import_module(f"{DEMO}.terminal")
        assert terminal.wants_colour(stream, environ) is coloured

    def test_a_coloured_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A coloured line starts with its style, and ends by resetting it."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = io.StringIO()
        import_module(f"{DEMO}.terminal").Terminal(stream).line("ok", "green", "bold")
        assert stream.getvalue() == "\x1b[32;1mok\x1b[0m\n"


class TestServe:
    @staticmethod
    def lines_until_ready(process: subprocess.Popen[str]) -> list[str]:
        """Return what the process writes until its servers are up."""
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                return lines
        raise AssertionError(f"it ended with {process.wait()}: {lines}")

    @staticmethod
    def ask(curl_line: str) -> tuple[int, bytes]:
        """Send the request of a curl line."""
        words = shlex.split(curl_line)
        assert words[0] == "curl"
        method, headers, fields, url = "GET", {}, [], ""
        arguments = iter(words[1:])
        for word in arguments:
            if word == "-X":
                method = next(arguments)
            elif word == "-H":
                name, _, value = next(arguments).partition(": ")
                headers[name] = value
            elif word == "-d":
                fields.append(next(arguments).replace(" ", "+"))
            elif word != "-i":
                url = word
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        parts = urlsplit(url)
        assert parts.hostname == "127.0.0.1"
        with closing(HTTPConnection(parts.hostname, parts.port, timeout=10)) as connection:
            connection.request(method, parts.path, "&".join(fields) or None, headers)
            response = connection.getresponse()
            return response.status, response.read()

    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
    def test_it_serves_until_it_is_stopped(self, start: Start, stop: signal.Signals) -> None:
        """The printed curl lines work as announced, and a signal ends it with 0."""
        process = start(DEMO, "--serve")
        lines = self.lines_until_ready(process)
        announced: dict[str, Any] = {
            title: line for title, line in itertools.pairwise(lines) if title[:1] == "#"
        }
        assert len(announced) == 7
        checked = 0
        for title, line in announced.items():
            if match := re.search(r": (\d{3})$", title):
                assert self.ask(line)[0] == int(match[1]), title
                checked += 1
        assert checked == 5

        status, token = self.ask(announced["# A token with claims of your choice"])
        assert status == 200
        delete = re.sub(
            r"Bearer \S+'", f"Bearer {token.decode()}'", announced["# Without the scope: 403"]
        )
        assert self.ask(delete)[0] == 200

        process.send_signal(stop)
        assert process.wait(timeout=10) == 0

    def test_it_prints_why_it_refused_a_request(self, start: Start) -> None:
        """Each refusal is one line with the request and the reason, and without a token."""
        process = start(DEMO, "--serve")
        lines = self.lines_until_ready(process)
        assert process.stdout is not None
        reasons = {
            "# No token: 401": "GET /reports was refused with 401: MissingTokenError: ",
            "# Without the scope: 403": "DELETE /reports/2024 was refused with 403: InsufficientScopeError: ",
            "# Expired: 401": "GET /reports was refused with 401: ExpiredTokenError: ",
            "# Another audience: 401": "WrongAudienceError: aud is 'https://payroll.example', ",
        }
        for title, reason in reasons.items():
            line = lines[lines.index(title) + 1]
            self.ask(line)
            token = re.search(r"Bearer (\S+)'", line)
            while not (output := process.stdout.readline()).strip() or "prints here" in output:
                pass
            assert reason in output
            assert token is None or token[1].rpartition(".")[2] not in output
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0

    def test_a_key_can_be_rotated_by_hand(self, start: Start) -> None:
        """The lines for a new key work: its tokens are accepted at once, while the server runs."""
        process = start(DEMO, "--serve")
        lines = self.lines_until_ready(process)
        (steps,) = (line.split("; ") for line in lines if "keys/publish" in line)
        (token_line,) = (line for line in lines if "/token" in line)
        good = lines[lines.index("# A valid token: 200") + 1]
        assert self.ask(good)[0] == 200
        for step in steps:
            assert self.ask(step)[0] == 200
        token = self.ask(token_line)[1].decode()
        assert self.ask(re.sub(r"Bearer \S+'", f"Bearer {token}'", good))[0] == 200
        # The set that was fetched for the new key lacks the old one.
        assert self.ask(good)[0] == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
