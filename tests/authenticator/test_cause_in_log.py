"""The cause of a refusal and its cure in the log, with ``JWTLIB_EXPLAIN`` in debug mode."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    Scope,
)
from flask_jwtlib.authenticator import raise_refusal
from flask_jwtlib.dry_run import is_dry_run
from flask_jwtlib.errors import ForbiddenError, InvalidTokenError
from flask_jwtlib.explain import _refusals, explain
from flask_jwtlib.testing import TokenIssuer, bearer

API = "https://api.example"
Line = Callable[..., str]


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator that accepts the issuer's tokens for the API."""
    return Authenticator(
        keys=issuer.verification_key, validator=JWTValidator(rules=[Audience(API)])
    )


@pytest.fixture
def line(app: Flask, caplog: pytest.LogCaptureFixture) -> Line:
    """Return a function that sends a request, and returns the log line of its refusal."""

    def line(
        headers: dict[str, str], *, debug: bool = True, setting: object = True, status: int = 401
    ) -> str:
        app.debug = debug
        app.config["JWTLIB_EXPLAIN"] = setting
        caplog.clear()
        with caplog.at_level(logging.INFO, "flask_jwtlib"):
            response = app.test_client().get("/", headers=headers)
        assert response.status_code == status
        (found,) = [
            record.getMessage() for record in caplog.records if record.name == "flask_jwtlib"
        ]
        return found

    return line


@pytest.fixture
def guarded(app: Flask, auth: Authenticator) -> Flask:
    """An app with a guarded view."""
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in", rules=[Scope("x")]))
    return app


REFUSED: dict[str, tuple[Callable[[TokenIssuer], str], int]] = {
    "another audience": (lambda issuer: issuer.token(aud="other"), 401),
    "another issuer's key": (lambda issuer: TokenIssuer().token(aud=API), 401),
    "an unknown key": (lambda issuer: TokenIssuer(kid="x").token(aud=API), 401),
    "not yet valid": (lambda issuer: issuer.token(aud=API, nbf=4_000_000_000), 401),
    "a scope that is missing": (lambda issuer: issuer.token(aud=API, scope="y"), 403),
    "an ID token": (lambda issuer: issuer.token(aud=API, nonce="n", at_hash="h"), 403),
    "no JWT": (lambda issuer: "opaque-access-token", 401),
    "cut off": (lambda issuer: issuer.token(aud=API)[:-9], 401),
    "the scheme twice": (lambda issuer: f"Bearer {issuer.token(aud=API)}", 400),
    "quotes": (lambda issuer: f'"{issuer.token(aud=API)}"', 400),
}


@pytest.mark.parametrize(("make", "status"), REFUSED.values(), ids=REFUSED)
def test_the_line_ends_with_cause_and_cure(
    guarded: Flask,
    auth: Authenticator,
    line: Line,
    issuer: TokenIssuer,
    make: Callable[[TokenIssuer], str],
    status: int,
) -> None:
    """They are those of ``explain``, and the line before them is the same as without them."""
    headers = bearer(make(issuer))
    explained = explain(auth, headers["Authorization"], app=guarded, endpoint="it").cause
    assert explained is not None

    plain = line(headers, setting=False, status=status)

    assert plain.endswith(" [GET it]")
    told = line(headers, status=status)
    assert told.startswith(f"{plain} Cause: ")
    # A number of seconds in the text may differ.
    assert told.endswith(f" Cure: {explained.cure}")


@pytest.mark.parametrize(
    ("debug", "setting"),
    [(False, True), (True, False), (True, "false"), (True, None), (False, None)],
    ids=["not in debug mode", "off", "off as text", "unset", "neither"],
)
def test_it_needs_debug_mode_and_the_setting(
    guarded: Flask, line: Line, issuer: TokenIssuer, debug: bool, setting: object
) -> None:
    """A cause shows details of the app's configuration, so one of the two alone is not enough."""
    assert line(bearer(issuer.token()), debug=debug, setting=setting).endswith(" [GET it]")


def test_the_setting_may_be_text(guarded: Flask, line: Line, issuer: TokenIssuer) -> None:
    """An environment variable has text."""
    assert " Cause: " in line(bearer(issuer.token()), setting="True")


def test_policies_are_explained(guarded: Flask, line: Line, issuer: TokenIssuer) -> None:
    """A 403 has a cause, too."""
    found = line(bearer(issuer.token(aud=API, scope="y")), status=403)

    assert found.startswith("InsufficientScopeError: ")
    assert " [GET it] Cause: " in found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Basic YWRhOnNlY3JldA=="}, 401),
        ({"Authorization": "Bearer"}, 400),
        ({"Authorization": "Bearer Bearer a.b.c"}, 400),
        ({"Authorization": 'Bearer "a.b.c"'}, 400),
    ],
    ids=["no token", "another scheme", "a scheme only", "the scheme twice", "quotes"],
)
def test_requests_without_a_token_are_explained(
    guarded: Flask, line: Line, headers: dict[str, str], status: int
) -> None:
    """An extractor's refusal has a cause, too, which doesn't show what was sent."""
    found = line(headers, status=status)

    assert " Cause: " in found
    assert " Cure: " in found
    assert not any(secret in found for secret in ("YWRhOnNlY3JldA", "a.b.c"))


def test_optional_views_are_explained(app: Flask, auth: Authenticator, line: Line) -> None:
    """A guest's line has the cause."""
    app.add_url_rule("/", "it", auth.optional_authentication(lambda: "in"))

    assert " Cause: " in line(bearer("a.b.c"), status=200)


def test_the_module_api_is_explained(app: Flask, line: Line, issuer: TokenIssuer) -> None:
    """Its decorators log causes as well."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    app.add_url_rule("/", "it", flask_jwtlib.requires_authentication(lambda: "in"))

    assert " Cause: " in line(bearer(issuer.token(exp=1)))


def test_an_unknown_path_is_explained(app: Flask, auth: Authenticator, line: Line) -> None:
    """A refused request for no endpoint has the cause."""
    auth.protect(app)

    assert " [GET an unknown path] Cause: " in line({})


def test_refusals_of_the_app_itself(guarded: Flask, auth: Authenticator, line: Line) -> None:
    """A refusal that a function of the app raises is explained if an Authenticator guards the app."""

    @guarded.before_request
    def closed() -> None:
        raise_refusal(ForbiddenError("closed on Sundays"))

    assert line({}, status=403) == "ForbiddenError: closed on Sundays [GET it]"
    guarded.before_request_funcs[None].insert(0, auth.guard())
    guarded.before_request_funcs[None].reverse()
    assert " [GET it] Cause: " in line({}, status=403)


def test_no_line_shows_the_token(guarded: Flask, line: Line, issuer: TokenIssuer) -> None:
    """It is one line without the token and its signature."""
    token = issuer.token(aud="x\ny\x1b[31m")

    found = line(bearer(token))

    assert found.isprintable()
    assert token not in found
    assert token.rpartition(".")[2] not in found


def test_a_failure_while_explaining_changes_nothing(
    guarded: Flask, line: Line, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line then says less, and the response is the same."""

    def fail(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(_refusals, "find_causes", fail)

    assert line(bearer(issuer.token())).endswith(" [GET it]")


def test_it_is_a_dry_run(app: Flask, issuer: TokenIssuer, line: Line) -> None:
    """Rules that run again can tell, and keys aren't fetched again."""
    runs: list[bool] = []

    def once(claims: Any) -> None:
        runs.append(is_dry_run())
        raise InvalidTokenError("used before")

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[once]))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))

    line(bearer(issuer.token()))

    assert runs == [False, True]


def test_it_sees_the_tokens_of_any_extractor(app: Flask, issuer: TokenIssuer, line: Line) -> None:
    """The token that was found is explained, wherever it was."""

    class Extractor:
        def extract(self, request: Any) -> BearerToken:
            return BearerToken(request.headers["X-Token"], source="elsewhere")

    auth = Authenticator(keys=issuer.verification_key, extractor=Extractor())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    token = issuer.token(exp=1)
    explained = explain(auth, token).cause
    assert explained is not None

    found = line({"X-Token": token})

    # It expired some seconds ago, and perhaps another second passed.
    assert found.partition(" Cure: ")[2] == explained.cure


def test_nothing_is_imported_for_it_before() -> None:
    """A process that doesn't use it doesn't load it."""
    program = "import sys, flask_jwtlib; print('flask_jwtlib.explain' in sys.modules)"

    shown = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert shown == "False\n"


class Opaque:
    """A validator of tokens whose claims are elsewhere, such as API keys."""

    def validate(self, token: Any, keys: Any) -> Claims:
        return Claims({"sub": "ada", "scope": "read"}, checked_at=0)


def test_claims_that_are_not_in_the_token(app: Flask, line: Line) -> None:
    """The cause names the scopes that the caller has, as the validator returned them."""
    auth = Authenticator(validator=Opaque())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "", rules=[Scope("write")]))

    assert "it has 'read'" in line(bearer("opaque-token"), status=403)
    cause = explain(auth, "opaque-token", app=app, endpoint="it").cause
    assert cause is not None
    assert "it has 'read'" in cause.text
