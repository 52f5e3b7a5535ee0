"""``flask jwtlib explain --json``, and ``as_dict``."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Claims
from flask_jwtlib.explain import as_dict, explain
from flask_jwtlib.testing import TokenIssuer

from .explain_kit import API, authenticator, document, run

NESTED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLXRoZS1uZXN0ZWQtdG9rZW4"


@pytest.fixture
def guarded(app: Flask, issuer: TokenIssuer) -> Flask:
    """An app with one guarded view."""
    app.add_url_rule("/", "it", authenticator(issuer).requires_authentication(lambda: ""))
    return app


def test_a_refusal_in_json(guarded: Flask, issuer: TokenIssuer) -> None:
    """It has the outcome, each step, the reason, the response and the cause, for programs."""
    shown = document(guarded, issuer.token(aud="other"), "--endpoint", "it")

    assert shown.keys() == {"outcome", "explanations"}
    (explanation,) = shown["explanations"]
    assert shown["outcome"] == explanation["outcome"] == "refused"
    assert (explanation["endpoint"], explanation["verified"]) == ("it", True)
    assert explanation["header"]["alg"] == "RS256"
    assert explanation["claims"]["aud"] == "other"
    refused = [step for step in explanation["steps"] if step["outcome"] == "refused"]
    assert [(step["stage"], step["found"]) for step in refused] == [("claims", "aud = 'other'")]
    assert explanation["error"] == {
        "type": "WrongAudienceError",
        "reason": "wrong-audience",
        "status": 401,
        "error_code": "invalid_token",
        "description": "The access token is meant for another audience",
    }
    assert explanation["response"]["status"] == 401
    assert "WWW-Authenticate" in dict(explanation["response"]["headers"])
    assert explanation["cause"].keys() == {"name", "text", "cure"}
    assert isinstance(explanation["other_causes"], list)


def test_an_accepted_token_in_json(guarded: Flask, issuer: TokenIssuer) -> None:
    """It has no error, no response and no cause."""
    shown = document(guarded, issuer.token(aud=API))

    (explanation,) = shown["explanations"]
    assert shown["outcome"] == "accepted"
    assert [explanation[name] for name in ("error", "response", "cause")] == [None] * 3


def test_stdout_is_json_whatever_is_logged(app: Flask) -> None:
    """If the keys can't be fetched, it is still JSON, and the log is on stderr."""

    def fail() -> Any:
        raise OSError("no key server")

    auth = authenticator(TokenIssuer(), keys=fail)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))

    result = run(app, TokenIssuer().token(aud=API), "--json")

    (explanation,) = json.loads(result.stdout)["explanations"]
    assert explanation["response"]["status"] == 503
    assert result.exit_code == 1


def test_other_tokens_and_keys_are_left_out(issuer: TokenIssuer) -> None:
    """A token in a claim, at any depth, and a key in the header aren't shown."""
    token = issuer.token(
        header={"jwk": {"kty": "oct", "k": "c2VjcmV0"}, "x5c": ["MIIB"]},
        aud=API,
        subject_token=NESTED,
        deep={"list": [f"Bearer {NESTED}"]},
    )

    shown = as_dict(explain(authenticator(issuer), token))

    assert shown["header"]["jwk"] == shown["header"]["x5c"] == "<key>"
    assert shown["claims"]["subject_token"] == "<token>"
    assert shown["claims"]["deep"] == {"list": ["Bearer <token>"]}
    assert NESTED.rpartition(".")[2] not in json.dumps(shown)


def test_values_that_json_has_not_are_shown_as_text(issuer: TokenIssuer) -> None:
    """A validator of the application may return any object as a claim."""

    class Validator:
        def validate(self, token: Any, keys: Any) -> Claims:
            values = {
                "since": datetime(2026, 1, 2, tzinfo=timezone.utc),
                "rate": float("inf"),
                "share": 0.5,
                "groups": ("a", None, True, 7),
                "numbers": {1: "one"},
            }
            return Claims({"sub": "ada", **values}, checked_at=0)

    shown = as_dict(explain(authenticator(issuer, validator=Validator()), "opaque-token-of-ada"))

    claims = json.loads(json.dumps(shown["claims"], allow_nan=False))
    assert claims["since"].startswith("datetime.datetime(2026, 1, 2")
    assert claims["rate"] == "inf"
    assert claims["share"] == 0.5
    assert claims["groups"] == ["a", None, True, 7]
    assert claims["numbers"] == {"1": "one"}
