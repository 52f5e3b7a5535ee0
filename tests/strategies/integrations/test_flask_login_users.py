"""The users that ``TokenLogin`` loads, and how an app sets it up."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import AnonymousUserMixin, LoginManager, login_required

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    Principal,
    TokenValidator,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.identity.users import UserLoader
from flask_jwtlib_strategies.integrations.flask_login import TokenLogin

from .login_kit import USERS, User, app_with_login, shown, token_login, user_of


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with Flask-Login."""
    return app_with_login(app)


@pytest.fixture
def client(app: Flask, auth: Authenticator) -> FlaskClient:
    """A client of the app, which accepts tokens."""
    token_login(app, auth)
    return app.test_client()


def test_the_user_is_loaded_once(app: Flask, issuer: TokenIssuer) -> None:
    """However often ``current_user`` is read, a token is verified once and its user loaded once."""
    verified: list[str] = []
    loaded: list[str | None] = []

    class Counting(TokenValidator):
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            verified.append(token.value)
            return JWTValidator().validate(token, keys)

    auth = Authenticator(keys=issuer.verification_key, validator=Counting())

    def load(caller: Principal) -> Any:
        loaded.append(caller.subject)
        return user_of(caller)

    TokenLogin(auth, load).init_app(app)
    auth.protect(app, public=["public_page"])

    @app.get("/often")
    @login_required  # type: ignore[untyped-decorator]
    def often() -> str:
        return shown() + shown() + str(current_principal.subject)

    response = app.test_client().get("/often", headers=bearer(issuer.token()))
    assert response.text == "alicealicealice"
    assert (len(verified), loaded) == (1, ["alice"])


@pytest.mark.parametrize("status", [401, 403, 503])
def test_the_function_may_refuse(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, status: int
) -> None:
    """What ``user_of`` raises is the refusal. It is logged and signalled once, with its caller."""
    error: Any = {
        401: InvalidTokenError("log in again"),
        403: None,
        503: VerificationUnavailable("the database is down"),
    }[status]

    def load(caller: Principal) -> None:
        if error is not None:
            raise error

    TokenLogin(auth, load).init_app(app)
    signals: list[Any] = []

    def receive(_: object, **details: Any) -> None:
        signals.append((details["error"].status, details["principal"]))

    with request_refused.connected_to(receive):
        refused = app.test_client().get("/private", headers=bearer(issuer.token()))

    assert refused.status_code == status
    assert [each for each, _ in signals] == [status]
    assert (signals[0][1] is not None) is (status == 403)


def test_a_real_error_is_a_500(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A bug of the app's function isn't hidden."""
    TokenLogin(auth, lambda caller: 1 / 0).init_app(app)

    assert app.test_client().get("/public", headers=bearer(issuer.token())).status_code == 500


class OldUser:
    """A user whose properties are methods, as Flask-Login had them long ago."""

    def __init__(self, active: bool, authenticated: bool) -> None:
        self.active, self.authenticated = active, authenticated

    def is_active(self) -> bool:
        return self.active

    def is_authenticated(self) -> bool:
        return self.authenticated

    def get_id(self) -> str:
        return "old"


class Enabled(User):
    """A user who says that they are authenticated, though they were disabled."""

    is_authenticated = True


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (User("x"), 200),
        (User("x", active=False), 403),
        (Enabled("x", active=False), 403),
        (AnonymousUserMixin(), 403),
        (OldUser(True, True), 200),
        (OldUser(False, True), 403),
        (OldUser(True, False), 403),
        (None, 403),
    ],
    ids=[
        "active",
        "inactive",
        "inactive but authenticated",
        "anonymous",
        "old",
        "old inactive",
        "old not authenticated",
        "none",
    ],
)
def test_shapes_of_users(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, user: Any, status: int
) -> None:
    """A user who isn't active, or isn't authenticated, is refused, whatever the class looks like."""
    TokenLogin(auth, lambda caller: user).init_app(app)

    for path in ("/public", "/private"):
        assert app.test_client().get(path, headers=bearer(issuer.token())).status_code == status


def test_the_log_says_why(
    client: FlaskClient, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the user who is unknown or disabled; clients don't learn more than that."""
    with caplog.at_level(logging.INFO, "flask_jwtlib"):
        unknown = client.get("/private", headers=bearer(issuer.token("mal\nlory")))
        disabled = client.get("/private", headers=bearer(issuer.token("dora")))

    lines = [record.getMessage() for record in caplog.records]
    assert "there is no user for 'mal\\nlory' of 'https://issuer.example'" in lines[0]
    assert "the user for 'dora' of 'https://issuer.example' is not active" in lines[1]
    assert "The caller has no account here" in unknown.text
    assert "The caller's account is disabled" in disabled.text


def test_an_app_authenticator(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """An ``AppAuthenticator`` works like an ``Authenticator``, once it is initialised."""
    late = AppAuthenticator(lambda app: auth)
    token_login(app, late)
    client = app.test_client()

    assert client.get("/private", headers=bearer(issuer.token())).status_code == 503
    late.init_app(app)
    assert client.get("/private", headers=bearer(issuer.token())).text == "alice"
    assert client.get("/private").status_code == 401


def test_several_apps(auth: Authenticator, issuer: TokenIssuer) -> None:
    """One ``TokenLogin`` serves several apps."""
    login = TokenLogin(auth, user_of)
    for name in ("one", "two"):
        app = app_with_login(Flask(name))
        login.init_app(app)
        assert app.test_client().get("/private", headers=bearer(issuer.token("bob"))).text == "bob"


def test_an_app_without_a_login_manager(auth: Authenticator) -> None:
    """The order matters, and the error says so."""
    with pytest.raises(ConfigurationError, match=r"call LoginManager\(app\) before"):
        TokenLogin(auth, user_of).init_app(Flask("without"))


def test_a_loader_of_the_app(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A loader of the app's own isn't replaced. It may ask this one."""
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.request_loader(lambda request: None)
    with pytest.raises(ConfigurationError, match="has a request_loader already"):
        token_login(app, auth)
    manager.request_loader(None)
    login = token_login(app, auth)

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load(request: Any) -> Any:
        return USERS[None, None] if "root" in request.args else login.load(request)

    client = app.test_client()
    assert client.get("/private?root").text == "root"
    manager.refresh_view = "login"
    assert client.get("/fresh?root").status_code == 302
    assert client.get("/private", headers=bearer(issuer.token())).text == "alice"


@pytest.mark.parametrize("given", [None, "user_of", User("x")], ids=["None", "str", "user"])
def test_user_of_is_a_function(auth: Authenticator, given: Any) -> None:
    """Anything else is an error when the app is made, and so is an async function."""

    async def load(caller: Principal) -> Any:
        return None

    for each in (given, load):
        with pytest.raises(ConfigurationError, match="expected a plain function"):
            TokenLogin(auth, each)


def test_flask_login_is_not_installed(
    app: Flask, auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Flask-Login, the error has the install command."""
    monkeypatch.setitem(sys.modules, "flask_login.signals", None)

    with pytest.raises(ModuleNotFoundError, match="python -m pip install flask-login"):
        TokenLogin(auth, user_of).init_app(app)


def test_login_manager_without_a_user_loader(auth: Authenticator, issuer: TokenIssuer) -> None:
    """An app for programs needs no ``user_loader``."""
    app = Flask("programs")
    app.secret_key = "of the session"
    LoginManager(app)
    token_login(app, auth)
    app.add_url_rule("/", "view", login_required(shown))

    assert app.test_client().get("/", headers=bearer(issuer.token())).text == "alice"
    assert app.test_client().get("/").status_code == 401


def test_the_loader_of_the_catalogue(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """``UserLoader`` finds the user, once; an unknown one is a 403, and a database that is down is a 503."""
    loaded: list[tuple[str, str]] = []

    def load(identity: str, subject: str) -> User | None:
        loaded.append((identity, subject))
        if subject == "down":
            raise OSError("the database is down")
        return USERS.get((identity, subject))

    users = UserLoader(load, key=lambda user: (issuer.issuer, user.id))
    TokenLogin(auth, users.of).init_app(app)
    row = login_required(lambda: f"{shown()} {users.current().id}")
    app.add_url_rule("/row", "row", auth.requires_authentication(row))
    client = app.test_client()

    assert client.get("/row", headers=bearer(issuer.token("alice"))).text == "alice alice"
    assert loaded == [(issuer.issuer, "alice")]
    assert client.get("/row", headers=bearer(issuer.token("mallory"))).status_code == 403
    assert client.get("/row", headers=bearer(issuer.token("dora"))).status_code == 403
    assert client.get("/public", headers=bearer(issuer.token("down"))).status_code == 503
