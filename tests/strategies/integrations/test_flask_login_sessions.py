"""``TokenLogin`` beside Flask-Login's own log-ins, and its pages for users who must log in."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from flask_login import encode_cookie, login_required

from flask_jwtlib import Authenticator, Scope
from flask_jwtlib.testing import TokenIssuer, bearer

from .login_kit import USERS, User, app_with_login, shown, token_login, with_cookie


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with Flask-Login."""
    return app_with_login(app)


@pytest.fixture
def client(app: Flask, auth: Authenticator) -> FlaskClient:
    """A client of the app, which accepts tokens."""
    token_login(app, auth)
    return app.test_client()


def remembered(client: FlaskClient, app: Flask, value: str | None) -> None:
    """Give a client the remember-me cookie of a user, or an invalid one."""
    with app.app_context():
        client.set_cookie("remember_token", encode_cookie(value) if value else "alice|forged")


# How Flask-Login knows the user, the token's claims, and the status.
CALLERS: dict[str, tuple[str, dict[str, Any] | None, int]] = {
    "session alone": ("session", None, 200),
    "session and the same user": ("session", {"subject": "alice"}, 200),
    "session and another user": ("session", {"subject": "bob"}, 400),
    "session and no user": ("session", {"subject": "mallory"}, 403),
    "session and a disabled user": ("session", {"subject": "dora"}, 403),
    "session and an expired token": ("session", {"subject": "bob", "exp": 1}, 200),
    "cookie alone": ("cookie", None, 200),
    "cookie and the same user": ("cookie", {"subject": "alice"}, 200),
    "cookie and another user": ("cookie", {"subject": "bob"}, 400),
    "forged cookie alone": ("forged", None, 401),
    "forged cookie and a token": ("forged", {"subject": "alice"}, 400),
    "session of a deleted user": ("deleted", {"subject": "alice"}, 400),
}


@pytest.mark.parametrize("path", ["/public", "/private"])
@pytest.mark.parametrize(("login", "claims", "status"), CALLERS.values(), ids=CALLERS)
def test_two_callers_in_one_request(
    app: Flask,
    client: FlaskClient,
    issuer: TokenIssuer,
    path: str,
    login: str,
    claims: dict[str, Any] | None,
    status: int,
) -> None:
    """A request that names two users is refused with 400, not served to the one of the session."""
    if login == "session":
        client.get("/enter/alice")
    elif login == "deleted":
        with client.session_transaction() as session:
            session["_user_id"] = "deleted"
    else:
        remembered(client, app, "alice" if login == "cookie" else None)
    claims = dict(claims) if claims is not None else None
    headers = {} if claims is None else bearer(issuer.token(claims.pop("subject"), **claims))

    response = client.get(path, headers=headers)
    if (status, path) == (401, "/public"):
        assert response.text == "anonymous"
        return
    assert response.status_code == status
    if status == 200:
        assert response.text == "alice"
    elif status == 400:
        assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_protect_accepts_only_tokens(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A log-in by session alone doesn't reach what ``auth.protect`` guards, but public views."""
    token_login(app, auth)
    auth.protect(app, public=["enter", "private"])
    client = app.test_client()

    assert client.get("/public", headers=bearer(issuer.token("bob"))).text == "bob"
    client.get("/enter/alice")
    assert client.get("/public").status_code == 401
    assert client.get("/private").text == "alice"
    assert client.get("/public", headers=bearer(issuer.token("bob"))).status_code == 400


def test_a_strict_login_refuses_a_bad_token_beside_a_session(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """With ``strict``, an expired token is refused although there is a session."""
    token_login(app, auth, strict=True)
    client = app.test_client()
    client.get("/enter/alice")

    assert client.get("/public", headers=bearer(issuer.token("alice", exp=1))).status_code == 401
    assert client.get("/public").text == "alice"


def test_two_tokens_beside_a_session(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, auth: Authenticator
) -> None:
    """Two tokens name no caller, so the session's user counts. Without a session, it is a 400."""
    path = f"/private?access_token={issuer.token('bob')}"
    headers = bearer(issuer.token("bob"))

    assert client.get(path, headers=headers).status_code == 400
    client.get("/enter/alice")
    assert client.get(path, headers=headers).text == "alice"


def test_a_session_beside_a_callers_refusal(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A policy of the ``Authenticator`` refuses the token although there is a session; once."""
    token_login(app, auth.evolve(policies=[Scope("app")]))

    @app.errorhandler(403)
    def page(error: Any) -> tuple[str, int]:
        return f"error of {shown()}", 403

    client = app.test_client()
    client.get("/enter/alice")

    response = client.get("/public", headers=bearer(issuer.token()))
    assert (response.status_code, response.text) == (403, "error of alice")


def test_a_log_out_lets_the_token_in(app: Flask, client: FlaskClient, issuer: TokenIssuer) -> None:
    """After a log-out, whose remember-me cookie is still there, the token's user counts."""
    with client.session_transaction() as session:
        session["_remember"] = "clear"
    remembered(client, app, "alice")

    assert client.get("/public", headers=bearer(issuer.token("bob"))).text == "bob"


def test_a_session_without_a_log_in(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A session that knows no user doesn't matter."""
    with client.session_transaction() as session:
        session["basket"] = "3 apples"

    assert client.get("/private", headers=bearer(issuer.token("bob"))).text == "bob"


def test_a_token_in_a_cookie_beside_a_session(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A token that another site planted as a cookie never passes beside the session of another user."""
    token_login(app, with_cookie(auth))
    client = app.test_client()
    client.get("/enter/alice")
    client.set_cookie("token", issuer.token("bob"))

    assert client.get("/private").status_code == 400
    client.set_cookie("token", issuer.token("bob", exp=1))
    assert client.get("/private").text == "alice"
    client.set_cookie("token", issuer.token("alice"))
    assert client.get("/private").text == "alice"


def test_a_session_without_a_user_loader(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Flask-Login ignores the session then, so there is only the token's caller."""
    app.login_manager.user_loader(None)  # type: ignore[attr-defined]
    token_login(app, auth)
    client = app.test_client()
    client.get("/enter/alice")

    assert client.get("/private", headers=bearer(issuer.token("bob"))).text == "bob"


def test_another_id_of_users(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users are compared by the ID that the session has, whatever the ``LoginManager`` calls it."""
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.id_attribute = "session_id"
    monkeypatch.setattr(User, "session_id", lambda user: f"session-of-{user.id}", raising=False)
    manager.user_loader(lambda user_id: USERS["https://issuer.example", user_id[11:]])
    token_login(app, auth)
    client = app.test_client()
    client.get("/enter/alice")

    assert client.get("/private", headers=bearer(issuer.token("alice"))).text == "alice"
    assert client.get("/private", headers=bearer(issuer.token("bob"))).status_code == 400


class TestPagesToLogIn:
    """What a browser gets that must log in, and what a program gets."""

    @pytest.fixture(params=["login_view", "blueprint", "handler"])
    def redirecting(self, app: Flask, request: pytest.FixtureRequest) -> Flask:
        """An app that redirects guests."""
        manager: Any = app.login_manager  # type: ignore[attr-defined]
        blueprint = Blueprint("admin", "admin")
        blueprint.add_url_rule("/admin", "index", login_required(shown))
        app.register_blueprint(blueprint)
        if request.param == "login_view":
            manager.login_view = "login"
        elif request.param == "blueprint":
            manager.login_view = "login"
            manager.blueprint_login_views = {"admin": "login"}
        else:
            manager.unauthorized_handler(lambda: ("", 302, {"Location": "/login"}))
        return app

    @pytest.mark.parametrize("path", ["/private", "/admin"])
    def test_a_guest_is_redirected(
        self, redirecting: Flask, auth: Authenticator, issuer: TokenIssuer, path: str
    ) -> None:
        """A request without a token is redirected as before; one with a bad token gets the real refusal."""
        token_login(redirecting, auth)
        client = redirecting.test_client()
        guest = client.get(path)
        refused = client.get(path, headers=bearer(issuer.token(exp=1)))

        assert (guest.status_code, guest.location.partition("?")[0]) == (302, "/login")
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        assert client.get(path, headers=bearer(issuer.token("mallory"))).status_code == 403
        two = client.get(
            f"{path}?access_token={issuer.token('bob')}", headers=bearer(issuer.token("bob"))
        )
        assert two.status_code == 400
        assert client.get(path, headers=bearer(issuer.token("alice"))).text == "alice"

    def test_a_blueprint_without_a_page(self, app: Flask, auth: Authenticator) -> None:
        """Where nothing redirects, the 401 has a challenge."""
        manager: Any = app.login_manager  # type: ignore[attr-defined]
        manager.login_view, manager.blueprint_login_views = "login", {"admin": None}
        blueprint = Blueprint("admin", "admin")
        blueprint.add_url_rule("/admin", "index", login_required(shown))
        app.register_blueprint(blueprint)
        token_login(app, auth)

        refused = app.test_client().get("/admin")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert app.test_client().get("/private").status_code == 302

    def test_a_session_that_is_not_fresh(
        self, app: Flask, auth: Authenticator, issuer: TokenIssuer
    ) -> None:
        """A user who was remembered is asked to log in again as before."""
        app.login_manager.refresh_view = "login"  # type: ignore[attr-defined]
        token_login(app, auth)
        client = app.test_client()
        remembered(client, app, "alice")

        assert client.get("/fresh").status_code == 302
        assert client.get("/fresh", headers=bearer(issuer.token("alice"))).status_code == 302
        assert (
            app.test_client().get("/fresh", headers=bearer(issuer.token("alice"))).status_code
            == 403
        )

    def test_strong_protection_of_sessions(
        self, app: Flask, auth: Authenticator, issuer: TokenIssuer
    ) -> None:
        """A session that Flask-Login rejects makes the caller anonymous, also with the token of its user."""
        app.login_manager.session_protection = "strong"  # type: ignore[attr-defined]
        token_login(app, auth)
        client = app.test_client()
        with client.session_transaction() as session:
            session.update({"_user_id": "alice", "_id": "of another browser"})

        refused = client.get("/private", headers=bearer(issuer.token("alice")))
        assert refused.status_code == 401


@pytest.mark.parametrize(
    ("entered", "user"), [(True, "alice"), (False, "anonymous")], ids=["log-in", "no log-in"]
)
def test_after_a_refusal_no_token_counts(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    entered: bool,
    user: str,
) -> None:
    """Whichever ``Authenticator`` refuses, error pages show the user of the log-in, or nobody."""
    token_login(app, auth)
    other = Authenticator(keys=other_issuer.verification_key)
    app.add_url_rule("/other", "other", other.requires_authentication(shown))
    app.register_error_handler(400, lambda error: (shown(), 400))
    seen: list[str] = []
    app.after_request(lambda response: (seen.append(shown()), response)[1])
    client = app.test_client()
    if entered:
        client.get("/enter/alice")

    refused = client.get("/other", headers=bearer(issuer.token("bob")))
    assert (refused.status_code, seen[-1]) == (401, user)
    if entered:
        refused = client.get("/private", headers=bearer(issuer.token("bob")))
        assert (refused.status_code, refused.text, seen[-1]) == (400, user, user)
