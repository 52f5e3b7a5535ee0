"""``docs/troubleshooting.rst`` is right: its log lines are logged, and its programs do what the text says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response

from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    BearerToken,
    FailureHandler,
    HeaderTokenExtractor,
    Issuer,
    JWTValidator,
    Role,
    Scope,
    current_principal,
)
from flask_jwtlib.evidence import MustBeConfirmed
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler

from .program_kit import client_behind, client_of

Run = Callable[[str, str], dict[str, Any]]

API = "https://api.example"
ROOT = Path(__file__).parents[2]
DOCUMENT = "docs/troubleshooting.rst"
PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}


def test_the_log_says_why(run: Run, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture) -> None:
    """Some refusals are shown by default; with the program all are, and it counts them."""

    def fail() -> str:
        raise OSError("no key server")

    def levels(app: Flask, auth: Authenticator, headers: dict[str, str]) -> list[str]:
        if not app.view_functions.get("index"):
            app.add_url_rule("/", "index", auth.requires_authentication(lambda: "in"))
        caplog.clear()
        app.test_client().get("/", headers=headers)
        return [each.levelname for each in caplog.records if "Error: " in each.getMessage()]

    good = Authenticator(keys=issuer.public_pem)
    for_somebody = bearer(issuer.token(aud=API))
    quiet = Flask("quiet")
    assert levels(quiet, good, {}) == []
    assert levels(quiet, good, for_somebody) == ["WARNING"]
    client_behind(good.evolve(keys=fail).requires_authentication).get("/", headers=for_somebody)
    assert {each.levelname for each in caplog.records} == {"WARNING", "ERROR"}

    program = run(DOCUMENT, "request_refused.connect_via")
    assert levels(program["app"], good, {}) == ["INFO"]
    assert levels(program["app"], good, for_somebody) == ["WARNING"]
    assert levels(program["app"], good, bearer(issuer.token())) == []
    assert program["refusals"] == {"MissingTokenError": 1, "UnacceptedAudienceError": 1}


def shown_line(start: str) -> str:
    """Return a pattern for the one log line of the table that starts with a text."""
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    (line,) = re.findall(rf"^   \* - ``({re.escape(start)}.*)``$", text, re.MULTILINE)
    parts = re.split(r"'x'|'y'|\bx\b| ?…$|\b12\b", line)
    return ".*".join(map(re.escape, parts))


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        pytest.param({"aud": "x"}, "UnacceptedAudienceError", id="no-audience-configured"),
        pytest.param({"aud": "x"}, "WrongAudienceError: aud", id="another-audience"),
        pytest.param({"aud": API, "iss": "x"}, "WrongIssuerError: iss", id="another-issuer"),
        pytest.param({"aud": API, "exp": 1}, "ExpiredTokenError", id="expired"),
        pytest.param({"aud": API, "header": {"kid": "x"}}, "UnknownKeyError", id="unknown-key"),
        pytest.param({"aud": API, "header": {"alg": "ES256"}}, "AlgorithmError", id="algorithm"),
        pytest.param(None, "MissingTokenError: no bearer token", id="no-token"),
        pytest.param(
            {"aud": API, "cnf": {"jkt": "x"}}, "ClaimError: the token is bound", id="bound"
        ),
    ],
)
def test_refused_tokens_are_logged_as_shown(
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    claims: dict[str, Any] | None,
    shown: str,
) -> None:
    """The table of common log lines has the text that is logged for a token."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    audiences = [] if shown == "UnacceptedAudienceError" else [Audience(API)]
    auth = Authenticator(
        keys=issuer.jwks,
        validator=JWTValidator(rules=[Issuer(issuer.issuer), *audiences]),
    )
    headers = {} if claims is None else bearer(issuer.token(**claims))
    client_behind(auth.requires_authentication).get("/", headers=headers)
    assert re.search(shown_line(shown), caplog.text), caplog.text


class CookieExtractor:
    """Finds a token that a browser sends by itself, and checks nothing."""

    def extract(self, request: Any) -> BearerToken:
        """Return it."""
        return BearerToken("x", source="cookie", ambient=True)


class Unchecked(MustBeConfirmed):
    """Evidence for which there is no validator."""


class HalfExtractor(HeaderTokenExtractor):
    """Attaches it to the token."""

    def extract(self, request: object) -> Any:
        return BearerToken("x").with_evidence(Unchecked())


def half_composed(issuer: TokenIssuer) -> Any:
    """Return the decorator of an ``Authenticator`` whose extractor belongs to another validator."""

    class Accepting:
        def validate(self, token: object, keys: object) -> Any:
            return {"sub": "alice"}

    return Authenticator(extractor=HalfExtractor(), validator=Accepting()).requires_authentication


def by_cookie(issuer: TokenIssuer) -> Any:
    """Return a decorator for changes by a cookie. The client's cookie is among its defaults."""
    extractor = CookieTokenExtractor(safe_methods=())
    return Authenticator(keys=issuer.jwks, extractor=extractor).requires_authentication


def by_double_submit(issuer: TokenIssuer) -> Any:
    """Return the same decorator, which requires a double-submit token, too."""
    extractor = CookieTokenExtractor(safe_methods=())
    auth = Authenticator(keys=issuer.jwks, extractor=extractor)
    return DoubleSubmit().added_to(auth).requires_authentication


def unconfigured(issuer: TokenIssuer) -> Any:
    """Return the decorator of an ``AppAuthenticator`` that no app was given to."""
    auth = AppAuthenticator(lambda _: Authenticator(keys=issuer.public_pem))
    return auth.requires_authentication


@pytest.mark.parametrize(
    ("decorator", "headers", "shown"),
    [
        pytest.param(
            lambda issuer: Authenticator(keys=issuer.jwks).requires_authentication(
                rules=[Scope("x")]
            ),
            {},
            "InsufficientScopeError",
            id="scope",
        ),
        pytest.param(
            lambda issuer: Authenticator(keys=issuer.jwks).requires_authentication(
                rules=[Role("x")]
            ),
            {},
            "ForbiddenError",
            id="role",
        ),
        pytest.param(
            lambda issuer: (
                Authenticator(keys=issuer.jwks, extractor=CookieExtractor()).requires_authentication
            ),
            {},
            "CrossSiteError: the token",
            id="ambient",
        ),
        pytest.param(by_cookie, {}, "CrossSiteError: a 'x'", id="no-browser"),
        pytest.param(
            by_cookie, {"Sec-Fetch-Site": "cross-site"}, "CrossSiteError: another", id="other-site"
        ),
        pytest.param(
            by_double_submit,
            {"Sec-Fetch-Site": "same-origin"},
            "CrossSiteError: the request",
            id="no-double-submit-token",
        ),
        pytest.param(unconfigured, {}, "VerificationUnavailable: the App", id="no-init-app"),
        pytest.param(half_composed, {}, "VerificationUnavailable: the extr", id="half-composed"),
        pytest.param(
            lambda issuer: Authenticator(keys=issuer.jwks).requires_authentication,
            {"Authorization": "Token abc"},
            "MissingTokenError: no bearer token",
            id="another-scheme",
        ),
    ],
)
def test_other_refusals_are_logged_as_shown(
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    decorator: Callable[[TokenIssuer], Any],
    headers: dict[str, str],
    shown: str,
) -> None:
    """The table of common log lines has the text that is logged for a route."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    client = client_behind(decorator(issuer))
    token = issuer.token("alice", roles=[], scope="mail")
    client.set_cookie("__Host-access_token", token)
    client.application.secret_key = "0" * 32
    client.get("/", headers=headers or bearer(token))
    assert re.search(shown_line(shown), caplog.text), caplog.text
    (record,) = [each for each in caplog.records if shown.partition(":")[0] in each.getMessage()]
    assert (vars(record)["method"], vars(record)["endpoint"]) == ("GET", "index")
    assert record.getMessage().endswith("[GET index]")


def test_a_pattern_without_endpoint_is_logged_as_shown(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The table has the line for an endpoint that is misspelled."""
    app = Flask("misspelled")
    Authenticator(keys=issuer.jwks).protect(app, public=["statik"])
    app.test_client().get("/")
    assert re.search(shown_line("public=[…]"), caplog.text), caplog.text


@pytest.mark.parametrize(
    ("handler", "shown"),
    [
        pytest.param(LoginRedirectHandler("login"), "the log-in page", id="refused log-in page"),
        pytest.param(JSONHandler(lambda _: None), "the template of JSONHandler", id="template"),
    ],
)
def test_a_handlers_fault_is_logged_as_shown(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, handler: FailureHandler, shown: str
) -> None:
    """The table has the lines for a log-in page that is refused itself, and for a template that fails."""
    app = Flask("faulty")
    app.add_url_rule("/login", "login", lambda: "log in")
    Authenticator(keys=issuer.jwks, failure_handler=handler).protect(app)
    assert app.test_client().get("/login").status_code == 401
    assert re.search(shown_line(shown), caplog.text), caplog.text


def test_who_was_refused_can_be_audited(issuer: TokenIssuer) -> None:
    """The signal and ``after_request`` functions see the caller of a 403."""
    auth = Authenticator(keys=issuer.jwks)
    client = client_behind(auth.requires_authentication(rules=[Role("x")]))
    seen: list[str | None] = []

    @client.application.after_request
    def audit(response: Response) -> Response:
        seen.append(current_principal.subject)
        return response

    def refused(app: Flask, *, principal: Any, **details: Any) -> None:
        seen.append(principal.subject)

    with request_refused.connected_to(refused, client.application):
        assert client.get("/", headers=bearer(issuer.token("alice"))).status_code == 403
    assert seen == ["alice", "alice"]


def test_a_view_opens_itself_to_preflights(run: Run, issuer: TokenIssuer) -> None:
    """The program's view responds to a preflight, and to nothing else without a token."""
    client = client_of(run(DOCUMENT, "@allow_preflight"))
    preflight = client.options("/me", headers=PREFLIGHT)
    assert preflight.status_code == 200
    assert "Access-Control-Allow-Origin" in preflight.headers
    assert client.options("/me").status_code == 401
    assert client.options("/no/such/path", headers=PREFLIGHT).status_code == 401
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers=bearer(issuer.token("alice"))).json == {"subject": "alice"}


def test_a_strict_optional_route_refuses_bad_tokens(issuer: TokenIssuer) -> None:
    """With ``strict=True`` an expired token is refused, and a request without one gets in."""
    auth = Authenticator(keys=issuer.public_pem)
    app = Flask("strict")
    view = auth.optional_authentication(strict=True)(lambda: "in")
    app.add_url_rule("/", view_func=view)
    assert app.test_client().get("/").text == "in"
    expired = bearer(issuer.token(exp=1))
    assert app.test_client().get("/", headers=expired).status_code == 401
