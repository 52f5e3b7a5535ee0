"""``flask jwtlib explain``: the steps, the response, the cause and its cure, and the exit status."""

from __future__ import annotations

import logging
from typing import Any

import click
import pytest
from attrs import evolve
from flask import Flask

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    JWTValidator,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.cli._explanation_text import text_of
from flask_jwtlib.errors import Refusal
from flask_jwtlib.explain import Cause, explain
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer

from .explain_kit import API, URL, authenticator, document, rows_of, run


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator that accepts the issuer's tokens for the API."""
    return authenticator(issuer)


@pytest.fixture
def guarded(app: Flask, auth: Authenticator) -> Flask:
    """An app with one guarded view, which must not be called."""

    @app.get("/reports")
    @auth.requires_authentication(rules=[Scope("reports:read")])
    def reports() -> str:
        raise AssertionError("the view was called")

    return app


def test_every_rule_is_listed_not_only_the_first_that_refuses(
    guarded: Flask, issuer: TokenIssuer
) -> None:
    """A token with three faults has three rows that are marked, with what was expected and what was there."""
    token = issuer.token(iss="https://other.example", aud="other", exp=1)

    rows = rows_of(run(guarded, token).stdout, "claims")

    refused = {expected: found for mark, expected, found, _ in rows if mark == "✗"}
    assert refused == {
        "Expiry(leeway=0, required=False)": "exp = 1 (1970-01-01 00:00:01 UTC)",
        f"Issuer('{URL}')": "iss = 'https://other.example'",
        f"Audience('{API}')": "aud = 'other'",
    }
    assert len(rows) > 3


def test_the_steps_are_shown_in_order(guarded: Flask, issuer: TokenIssuer) -> None:
    """Request, header, algorithm, keys and signature come before the claims, and policies come last."""
    output = run(guarded, issuer.token(aud=API), "--endpoint", "reports").stdout
    found = {
        stage: rows_of(output, stage)
        for stage in ("request", "token", "algorithm", "keys", "signature", "claims", "policies")
    }

    assert all(found.values())
    assert found["request"] == [["✓", "BearerTokenExtractor", "in the header, scheme Bearer", ""]]
    assert found["algorithm"] == [["✓", "alg: RS256", "'RS256'", ""]]
    assert found["signature"] == [["✓", "key 'key-1' (RSA, RS256)", "verifies", ""]]
    assert [row[:2] for row in found["policies"]] == [["✗", "scope reports:read"]]
    places = [output.index(f" {stage} ") for stage in found]
    assert places == sorted(places)


def test_the_response_is_that_of_a_request(guarded: Flask, issuer: TokenIssuer) -> None:
    """It shows the status, the headers and the body that a client gets."""
    token = issuer.token(aud="other")
    sent = guarded.test_client().get("/reports", headers={"Authorization": f"Bearer {token}"})

    lines = run(guarded, token, "--endpoint", "reports").stdout.splitlines()

    start = lines.index("The client gets:")
    shown = lines[start + 1 : lines.index("Refused.") - 1]
    assert shown == [
        "  HTTP 401 Unauthorized",
        *(f"  {name}: {value}" for name, value in sent.headers),
        "",
        *(f"  {line}" for line in sent.text.splitlines()),
    ]


def test_the_cause_and_the_cure_come_last(guarded: Flask, issuer: TokenIssuer) -> None:
    """A refusal ends with one line each."""
    lines = run(guarded, issuer.token(aud="other")).stdout.splitlines()

    labels = [line.partition(" ")[0] for line in lines[-2:]]
    assert labels == ["Cause:", "Cure:"] or "Perhaps also:" in "\n".join(lines)


def test_an_accepted_token_names_the_caller(guarded: Flask, issuer: TokenIssuer) -> None:
    """Without an endpoint, it says that a view may require more."""
    token = issuer.token(aud=API, scope="reports:read", sub="ada")

    alone = run(guarded, token)
    at_endpoint = run(guarded, token, "--endpoint", "reports")

    assert alone.exit_code == at_endpoint.exit_code == 0
    assert at_endpoint.stdout.endswith("\nAccepted. The caller is 'ada'.\n")
    assert alone.stdout.endswith("A view may require more: name its endpoint by --endpoint.\n")
    assert "The client gets:" not in alone.stdout + at_endpoint.stdout


def test_a_caller_without_a_subject_has_no_name(guarded: Flask, issuer: TokenIssuer) -> None:
    """A token without ``sub`` is accepted without naming anybody."""
    output = run(
        guarded, issuer.token(aud=API, scope="reports:read", sub=None), "--endpoint", "reports"
    ).stdout

    assert output.endswith("\nAccepted.\n")


EXITS: dict[str, tuple[dict[str, Any], tuple[str, ...], int]] = {
    "accepted": ({"aud": API}, (), 0),
    "accepted at an endpoint": (
        {"aud": API, "scope": "reports:read"},
        ("--endpoint", "reports"),
        0,
    ),
    "accepted at an optional endpoint": ({"aud": API}, ("--endpoint", "news"), 0),
    "refused": ({"aud": "other"}, (), 1),
    "refused by a policy": ({"aud": API}, ("--endpoint", "reports"), 1),
    "a guest": ({"aud": "other"}, ("--endpoint", "news"), 1),
    "wrong usage": ({"aud": API}, ("--endpoint", "nothing"), 2),
}


@pytest.mark.parametrize(("claims", "options", "status"), EXITS.values(), ids=EXITS)
def test_the_exit_status(
    guarded: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    claims: dict[str, Any],
    options: tuple[str, ...],
    status: int,
) -> None:
    """It is 0 only if the token is accepted; also a guest's is not."""
    guarded.add_url_rule("/news", "news", auth.optional_authentication(lambda: "news"))

    assert run(guarded, issuer.token(**claims), *options).exit_code == status


def test_a_guest_is_told_apart(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """An optional view accepts a caller with an invalid token as a guest, and the output says why."""
    app.add_url_rule("/", "news", auth.optional_authentication(lambda: "news"))
    token = issuer.token(aud="other")

    assert (
        "Not accepted: the caller is a guest.\nCause: "
        in run(app, token, "--endpoint", "news").stdout
    )
    assert document(app, token, "--endpoint", "news")["outcome"] == "guest"


def test_claims_of_an_invalid_signature_are_marked(
    guarded: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Each rule's row says ``unverified``, and one sentence says what that means."""
    forged = run(guarded, other_issuer.token(aud=API)).stdout
    genuine = run(guarded, issuer.token(aud=API)).stdout

    assert {row[-1] for row in rows_of(forged, "claims")} == {"unverified"}
    assert forged.count("UNVERIFIED: the signature is not known to be valid") == 1
    assert "nverified" not in genuine.replace("UNVERIFIED", "unverified")


def test_a_terminal_gets_colours(guarded: Flask, issuer: TokenIssuer) -> None:
    """Refusals are red in a terminal, and there are no escape sequences elsewhere."""
    token = issuer.token(aud="other")

    assert "\x1b[31m\x1b[1m✗" in run(guarded, token, color=True).stdout
    assert "\x1b" not in run(guarded, token).stdout


def test_marks_are_words_if_the_output_cant_have_them(
    guarded: Flask, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ASCII, outcomes are words, and nothing is escaped."""
    runner = guarded.test_cli_runner(charset="ascii")

    output = runner.invoke(jwtlib, ["explain", "-"], input=issuer.token(aud="other")).stdout

    words = {line.split(" ")[0] for line in output.splitlines()}
    assert {"ok", "REFUSED"} <= words
    assert output.isascii()
    assert "\\u27" not in output


def test_it_fits_the_terminal(
    guarded: Flask, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is wrapped to the width that COLUMNS says."""
    monkeypatch.setenv("COLUMNS", "90")

    output = run(guarded, issuer.token(aud="other")).stdout

    table, _, _ = output.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 90


def test_unprintable_characters_are_escaped(app: Flask, issuer: TokenIssuer) -> None:
    """A claim, and a response that the app makes of an error, can't change the terminal."""

    class Handler(UnauthorizedHandler):
        def deny(self, error: Refusal) -> Any:
            return "first\n\x1b[32mall is well", 499, {"X-Note": "caf\xe9\x9b"}

    app.get("/")(
        authenticator(issuer, failure_handler=Handler()).requires_authentication(lambda: "")
    )

    output = run(app, issuer.token(aud="\x1b[32mok"), "--endpoint", "<lambda>").stdout

    assert "\x1b" not in output
    assert "\x9b" not in output
    assert "  HTTP 499\n" in output
    assert "  X-Note: caf\xe9\\x9b\n" in output
    assert "  first\n  \\x1b[32mall is well\n" in output


def test_nothing_is_logged_or_signalled(
    guarded: Flask, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither an accepted nor a refused token appears in the log or the signals."""
    caplog.set_level(logging.DEBUG)
    heard: list[object] = []

    def hear(*_: object, **details: object) -> None:
        heard.append(details)

    with request_accepted.connected_to(hear), request_refused.connected_to(hear):
        run(guarded, issuer.token(aud=API))
        run(guarded, issuer.token(aud="other"))

    assert heard == []
    assert [record.getMessage() for record in caplog.records] == []


def test_an_unconfigured_app_authenticator_says_what_to_call(app: Flask) -> None:
    """It is refused as by a request, with the log's text."""
    late = AppAuthenticator(lambda app: Authenticator(keys=b"x" * 64))
    app.add_url_rule("/", "it", late.requires_authentication(lambda: ""))

    result = run(app, "some.kind.of")

    assert result.exit_code == 1
    assert "call auth.init_app(app)" in result.stdout


def test_a_broken_validator_is_no_traceback(app: Flask, issuer: TokenIssuer) -> None:
    """A strategy of the app that raises is a step, and the response is a 500."""

    class Broken(JWTValidator):
        def validate(self, token: Any, keys: Any) -> Any:
            raise RuntimeError("no database")

    auth = authenticator(issuer, validator=Broken())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))

    result = run(app, issuer.token(aud=API))

    assert result.exit_code == 1
    assert "it raised RuntimeError: no database" in result.stdout
    assert "HTTP 500 Internal Server Error" in result.stdout


def test_further_causes_are_listed(issuer: TokenIssuer) -> None:
    """Each has its cure below it, and the first is marked as the cause."""
    causes = [Cause(f"cause-{n}", f"It is {n}.", f"Mend {n}.") for n in range(3)]
    explained = explain(authenticator(issuer), issuer.token(aud="other"))

    text = click.unstyle(
        text_of(evolve(explained, cause=causes[0], other_causes=tuple(causes[1:])))
    )

    assert text.splitlines()[-7:] == [
        "Refused.",
        "Cause: It is 0.",
        "Cure: Mend 0.",
        "Perhaps also: It is 1.",
        "Cure: Mend 1.",
        "Perhaps also: It is 2.",
        "Cure: Mend 2.",
    ]
