"""Every program in ``docs/cookies.rst`` does what its text says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import Audience, InvalidTokenError, JWTValidator
from flask_jwtlib.claim_rules import AccessToken, Expiry
from flask_jwtlib.testing import TokenIssuer, bearer, make_request

from .program_kit import client_behind, client_of, requirement

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/cookies.rst"
HERE = {"Sec-Fetch-Site": "same-origin"}
API = "https://api.example"


def browser_of(app: Flask) -> FlaskClient:
    """Return a client that keeps cookies, over HTTPS."""
    app.testing = True
    client: FlaskClient = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    return client


class TestSinglePageApp:
    @pytest.fixture
    def client(self, run: Run, issuer: TokenIssuer, workplace: Path) -> FlaskClient:
        """A browser of the app, whose issuer knows everybody."""
        program = run(DOCUMENT, "def token_of(name, password)")
        program["token_of"] = lambda name, password: issuer.token(name, aud=API)
        (workplace / "static").mkdir()
        (workplace / "static/index.html").write_text("the page")

        @program["app"].route("/orders", methods=["GET", "POST"])
        def orders() -> str:
            return "orders"

        return browser_of(program["app"])

    def test_a_user_logs_in_and_out(self, client: FlaskClient) -> None:
        """The cookie names the user until the log-out."""
        user = {"name": "alice", "password": "…"}
        for path in ("/", "/static/index.html"):
            with client.get(path) as page:
                assert page.text == "the page"
        assert client.get("/orders").status_code == 401
        response = client.post("/login", json=user, headers=HERE)
        assert response.headers["Set-Cookie"].startswith("__Host-access_token=")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Max-Age="):
            assert f"; {attribute}" in response.headers["Set-Cookie"]
        assert client.get("/orders").text == "orders"
        assert client.post("/orders", headers=HERE).text == "orders"
        assert client.post("/logout", headers=HERE).status_code == 200
        assert client.get("/orders").status_code == 401

    def test_other_sites_can_do_nothing(self, client: FlaskClient) -> None:
        """Every view refuses a POST of another site, and one that no browser sent."""
        user = {"name": "alice", "password": "…"}
        client.post("/login", json=user, headers=HERE)
        for headers in ({}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site"}):
            for path in ("/login", "/logout", "/orders"):
                assert client.post(path, json=user, headers=headers).status_code == 403

    def test_two_rules_refuse_other_tokens(self, run: Run, issuer: TokenIssuer) -> None:
        """ID tokens and tokens that never expire are accepted without the rules of the text only."""
        program = run(DOCUMENT, "def token_of(name, password)")
        rules = [Audience(API), AccessToken(), Expiry(required=True)]
        strict = program["auth"].evolve(validator=JWTValidator(rules=rules))
        strict.verify(issuer.token(aud=API))
        for claims in ({"nonce": "n"}, {"exp": None}):
            token = issuer.token(aud=API, **claims)
            program["auth"].verify(token)
            with pytest.raises(InvalidTokenError):
                strict.verify(token)

    def test_only_the_two_members_are_read(self, client: FlaskClient) -> None:
        """Another member of the body reaches no function."""
        user = {"name": "alice", "password": "…", "audience": "https://other.example"}
        assert client.post("/login", json=user, headers=HERE).status_code == 200

    def test_it_takes_ten_lines(self) -> None:
        """The reader writes ten lines, from the extractor on."""
        text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
        program = text.partition("    cookie = CookieTokenExtractor()")[2]
        program = program.partition("\nThe page needs")[0]
        assert len(re.findall(r"^    \S|^        \S", program, re.MULTILINE)) + 1 == 10


def test_log_in_refresh_and_log_out(run: Run, issuer: TokenIssuer) -> None:
    """The refresh token in its cookie gets new tokens, for the page itself only, until the log-out."""
    program = run(DOCUMENT, "refreshing = Authenticator")
    program["subject_of"] = lambda name, password: name
    program["tokens_of"] = lambda subject: (
        issuer.token(subject, aud=API),
        issuer.token(subject, aud="https://login.example/refresh"),
    )
    client = browser_of(program["app"])
    client.application.add_url_rule("/orders", view_func=lambda: "orders")
    user = {"name": "alice", "password": "…"}
    for path in ("/login", "/refresh", "/logout"):
        assert client.post(path, json=user).status_code == (401 if path == "/refresh" else 403)
    assert client.post("/login", json=user, headers=HERE).status_code == 200
    assert client.get("/orders").text == "orders"
    client.delete_cookie("__Host-access_token")
    assert client.get("/orders").status_code == 401
    assert client.post("/refresh").status_code == 403
    assert client.post("/refresh", headers=HERE).status_code == 200
    assert client.get("/orders").text == "orders"
    client.delete_cookie("__Host-access_token")
    assert client.post("/logout", headers=HERE).status_code == 200
    assert client.post("/refresh", headers=HERE).status_code == 401
    client.set_cookie("__Secure-refresh_token", issuer.token(aud=API), path="/refresh")
    assert client.post("/refresh", headers=HERE).status_code == 401
    sent = make_request(headers={"Cookie": "__Secure-refresh_token=opaque"})
    assert program["refresh_cookie"].extract(sent).value == "opaque"
    assert program["refresh_cookie"].extract(make_request()) is None


def test_double_submit_tokens(
    run: Run, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change needs the token that a view returns, in the header or in a form."""
    monkeypatch.setenv("FLASK_SECRET_KEY", "0" * 32)
    client = client_of(run(DOCUMENT, "csrf = DoubleSubmit()"))
    client.set_cookie("__Host-access_token", issuer.token())
    token = client.get("/me").get_json()["csrf_token"]
    assert client.post("/orders", headers=HERE).status_code == 403
    assert client.post("/orders", headers={**HERE, "X-CSRF-Token": token}).status_code == 200
    assert client.post("/orders", headers=HERE, data={"csrf_token": token}).status_code == 200
    client.set_cookie("__Host-access_token", issuer.token("bob"))
    assert client.post("/orders", headers={**HERE, "X-CSRF-Token": token}).status_code == 403


def test_the_session(run: Run, issuer: TokenIssuer) -> None:
    """The token stays on the server, in a session with a new ID after the log-in."""
    program = run(DOCUMENT, "SessionTokenExtractor()")
    program["app"].add_url_rule("/", view_func=lambda: "in", methods=["GET", "POST"])
    client = browser_of(program["app"])
    assert client.get("/").status_code == 401
    body = {"access_token": issuer.token()}
    assert client.post("/login", json=body).status_code == 403
    for _ in range(2):
        before = client.get_cookie("__Host-session")
        assert client.post("/login", json=body, headers=HERE).status_code == 200
        after = client.get_cookie("__Host-session")
        assert after is not None
        assert before is None or before.value != after.value
        assert issuer.token()[:30] not in after.value
    assert client.get("/").text == "in"
    assert client.post("/").status_code == 403
    assert client.post("/login", json={"access_token": "x"}, headers=HERE).status_code == 401
    assert client.post("/logout", headers=HERE).status_code == 200
    assert client.get("/").status_code == 401


def test_a_cookie_or_a_header(run: Run, issuer: TokenIssuer) -> None:
    """Either is accepted, and only the cookie is checked."""
    program = run(
        DOCUMENT, "CompositeTokenExtractor(HeaderTokenExtractor(), CookieTokenExtractor())"
    )
    client = client_behind(requirement(program))
    header = bearer(issuer.token("bob"))
    assert client.post("/", headers=header).text == "bob"
    client.set_cookie("__Host-access_token", issuer.token("alice"))
    assert client.post("/", headers=HERE).text == "alice"
    assert client.post("/").status_code == 403
    assert client.post("/", headers={**HERE, **header}).status_code == 400


def test_plain_http(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment chooses a cookie that needs no HTTPS."""
    assert run(DOCUMENT, "PLAIN_HTTP_ORIGIN")["cookie"].name == "__Host-access_token"
    monkeypatch.setenv("PLAIN_HTTP_ORIGIN", "http://192.168.0.5:5000")
    cookie = run(DOCUMENT, "PLAIN_HTTP_ORIGIN")["cookie"]
    assert (cookie.name, cookie.secure) == ("access_token", False)
    headers = {"Cookie": "access_token=a", "Origin": "http://192.168.0.5:5000"}
    assert cookie.extract(make_request(method="POST", headers=headers)).value == "a"


def test_tests_of_an_app(run: Run) -> None:
    """The assertions of the document hold."""
    assert run(DOCUMENT, 'client.set_cookie("__Host-access_token", issuer.token())')["client"]
