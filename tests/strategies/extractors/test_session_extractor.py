"""``SessionTokenExtractor``: a token that the log-in view has put into the session."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache
from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.testing import FlaskClient
from flask_session import Session

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    HeaderTokenExtractor,
    current_principal,
)
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import check_cross_site
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor

from .cross_site_kit import ATTACKS, OURS, PASSING, UNSAFE, WEBSOCKETS

METHODS = ["GET", *UNSAFE]


def make_client(issuer: TokenIssuer, prepare: Callable[[Flask], object], **options: Any) -> Any:
    """Return a client of an app with sessions, which logs a user in at ``/in`` and out at ``/out``."""
    app = Flask("sessions")
    app.testing = True
    prepare(app)
    extractor = SessionTokenExtractor(origins=[OURS], **options)
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=CompositeTokenExtractor(HeaderTokenExtractor(), extractor),
    )

    @app.post("/in")
    def log_in() -> str:
        check_cross_site(request, origins=[OURS])
        session["access_token"] = request.get_json()
        return "in"

    @app.post("/out")
    def log_out() -> str:
        check_cross_site(request, origins=[OURS])
        session.clear()
        return "out"

    def caller() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    app.add_url_rule("/", "/", auth.requires_authentication(caller), methods=METHODS)
    app.add_url_rule("/optional", "o", auth.optional_authentication(caller), methods=METHODS)
    return app.test_client()


def on_the_server(folder: Path) -> Callable[[Flask], object]:
    """Return a function that keeps the sessions of an app in files."""

    def prepare(app: Flask) -> None:
        app.config.update(
            SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(folder), threshold=0)
        )
        Session(app)

    return prepare


@pytest.fixture(params=["Flask-Session", "Flask's own"])
def client(request: pytest.FixtureRequest, issuer: TokenIssuer, tmp_path: Path) -> FlaskClient:
    """A client of an app with each kind of session."""
    if request.param == "Flask-Session":
        return make_client(issuer, on_the_server(tmp_path))
    return make_client(issuer, lambda app: app.config.update(SECRET_KEY="0" * 32))


def log_in(client: FlaskClient, token: Any) -> None:
    """Let the log-in view put a token into the session."""
    body = json.dumps(token)
    headers = {"Content-Type": "application/json", **PASSING["our page"]}
    assert client.post("/in", data=body, headers=headers).status_code == 200


def test_a_user_logs_in_and_out(client: FlaskClient, issuer: TokenIssuer) -> None:
    """The session names the caller until it is cleared."""
    assert client.get("/").status_code == 401
    log_in(client, issuer.token())
    assert client.get("/").text == "alice"
    assert client.post("/", headers=PASSING["our page"]).text == "alice"
    client.post("/out", headers=PASSING["our page"])
    assert client.get("/").status_code == 401


@pytest.mark.parametrize(
    "attack",
    ["form of another site", "form of a sibling domain", "sandboxed frame", "no browser"],
)
def test_a_request_of_another_site_is_refused(
    client: FlaskClient, issuer: TokenIssuer, attack: str
) -> None:
    """The check is built in, for unsafe methods and WebSockets, on required and optional routes."""
    log_in(client, issuer.token())
    headers = ATTACKS[attack]
    for path in ("/", "/optional"):
        assert client.get(path, headers=headers).text == "alice"
        for method in UNSAFE:
            assert client.open(path, method=method, headers=headers).status_code == 403
        for kind in ("key", "mode"):
            websocket = WEBSOCKETS[kind]
            assert client.get(path, headers=headers | websocket).status_code == 403


def test_nobody_is_logged_in_from_another_site(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A page of another site can't make the browser log in as the attacker."""
    attack = ATTACKS["form of another site"]
    assert client.post("/in", json=issuer.token("mallory"), headers=attack).status_code == 403
    assert client.get("/").status_code == 401


def test_no_session_is_created_or_changed(
    client: FlaskClient, issuer: TokenIssuer, tmp_path: Path
) -> None:
    """Reading the token sets no cookie and stores nothing, with and without a session."""
    first = client.get("/")
    assert "Set-Cookie" not in first.headers
    assert not list(tmp_path.iterdir())
    log_in(client, issuer.token())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert client.get("/").text == "alice"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_planted_session_is_refused(client: FlaskClient, issuer: TokenIssuer) -> None:
    """Two cookies with the session's ID are a 400: a sibling domain may have planted one."""
    log_in(client, issuer.token())
    cookie = client.get_cookie("session")
    assert cookie is not None
    other = client.application.test_client(use_cookies=False)
    for header in (
        f"session={cookie.value}; session=evil",
        f"session={cookie.value}; session={cookie.value}",
        f'session={cookie.value};\tsession ="evil"',
    ):
        response = other.get("/", headers={"Cookie": header})
        assert response.status_code == 400
        assert 'Cookie error="invalid_request"' in response.headers["WWW-Authenticate"]
    assert other.get("/", headers={"Cookie": f"session={cookie.value}"}).text == "alice"


def test_responses_fit_a_session(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A 401 has the cookie's challenge, and caches keep the callers apart."""
    responses = [client.get("/")]
    log_in(client, issuer.token())
    responses.append(client.get("/"))
    log_in(client, issuer.token(exp=1))
    responses.append(client.get("/"))
    assert [response.status_code for response in responses] == [401, 200, 401]
    assert "Cookie" in responses[0].headers["WWW-Authenticate"]
    assert 'Cookie error="invalid_token"' in responses[2].headers["WWW-Authenticate"]
    for response in responses:
        assert {"Cookie", "Sec-Fetch-Site", "Origin"} <= set(response.vary)
        assert response.cache_control.private


def test_a_header_beside_the_session_is_refused(client: FlaskClient, issuer: TokenIssuer) -> None:
    """In an exclusive composite, a session and a header may name two callers."""
    log_in(client, issuer.token())
    assert client.get("/", headers=bearer(issuer.token("bob"))).status_code == 400


@pytest.mark.parametrize("value", ["", None, [], {}, 0, False], ids=repr)
def test_an_empty_value_is_no_token(client: FlaskClient, value: object) -> None:
    """A session whose token was removed has none."""
    log_in(client, value)
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("value", [{"access_token": "a.b.c"}, ["a.b.c"], 5, True], ids=repr)
def test_another_value_is_the_app_s_fault(client: FlaskClient, value: object) -> None:
    """Something else than a token in the session is a 503, on optional routes, too."""
    log_in(client, value)
    assert client.get("/").status_code == 503
    assert client.get("/optional").status_code == 503


class BrokenSession(SecureCookieSession):
    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("secret-host is down")


class BrokenInterface(SecureCookieSessionInterface):
    session_class = BrokenSession


def test_a_broken_session_is_a_503(issuer: TokenIssuer, caplog: pytest.LogCaptureFixture) -> None:
    """If the session can't be read, nobody is let in as a guest, and the log says what failed."""
    caplog.set_level(logging.INFO, logger="flask_jwtlib")

    def prepare(app: Flask) -> None:
        app.config["SECRET_KEY"] = "0" * 32
        app.session_interface = BrokenInterface()

    client = make_client(issuer, prepare)

    for path in ("/", "/optional"):
        response = client.get(path)
        assert response.status_code == 503
        assert "secret-host" not in response.text
    assert "the session can't be read (ConnectionError)" in caplog.text


def test_a_store_that_is_down_lets_nobody_in(issuer: TokenIssuer, tmp_path: Path) -> None:
    """Flask-Session reads the session before any view or guard runs: that is the app's own 500."""

    class Down(FileSystemCache):
        def get(self, key: str) -> Any:
            raise ConnectionError("down")

    def prepare(app: Flask) -> None:
        app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=Down(str(tmp_path)))
        Session(app)

    client = make_client(issuer, prepare)
    client.application.testing = False
    client.set_cookie("session", "x" * 43)

    assert client.get("/").status_code == 500
    assert client.get("/optional").status_code == 500


def test_without_a_secret_key_there_is_no_session(issuer: TokenIssuer) -> None:
    """Flask's own session is empty without ``SECRET_KEY``, and reading it is no error."""
    assert make_client(issuer, lambda _: None).get("/").status_code == 401


def extract_each(requests: Iterable[Request]) -> list[object]:
    """Extract from requests, while the session of the current request has a token."""
    app = Flask("sessions")
    app.secret_key = "0" * 32
    with app.test_request_context():
        session["access_token"] = "a.b.c"
        return [SessionTokenExtractor().extract(each) for each in requests]


def test_only_the_current_request_has_a_session() -> None:
    """The session of one request isn't used for another one, and outside of requests there is none."""
    assert (
        extract_each([make_request(), make_request(headers={"Cookie": "session=x"})]) == [None] * 2
    )
    assert SessionTokenExtractor().extract(make_request()) is None


def test_its_token_is_ambient() -> None:
    """The token says where it comes from, that browsers send it, and that the check passed."""
    app = Flask("sessions")
    app.secret_key = "0" * 32
    with app.test_request_context():
        session["token"] = "a.b.c"
        token = SessionTokenExtractor("token").extract(request)
        disabled = SessionTokenExtractor("token", cross_site_check=False).extract(request)

    assert token is not None
    assert disabled is not None
    assert (token.value, token.source) == ("a.b.c", "session")
    assert (token.scheme, token.ambient) == ("Cookie", True)
    assert token.evidence.get(CrossSiteCheck) is CrossSiteCheck.SAFE_METHOD
    assert disabled.evidence.get(CrossSiteCheck) is CrossSiteCheck.DISABLED


@pytest.mark.parametrize(
    "options",
    [{"key": ""}, {"key": None}, {"key": 5}, {"origins": ["x"]}, {"safe_methods": ["POST"]},
     {"cross_site_check": False, "origins": [OURS]}],
    ids=repr,
)  # fmt: skip
def test_a_wrong_option_is_refused(options: dict[str, Any]) -> None:
    """Options are checked when the extractor is made."""
    with pytest.raises(ConfigurationError):
        SessionTokenExtractor(**options)
