"""An app that uses Flask-Login, and its users."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, render_template_string
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
)

from flask_jwtlib import Authenticator, BearerToken, Principal, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.integrations.flask_login import TokenLogin

ISSUER = "https://issuer.example"


class User(UserMixin):  # type: ignore[misc] # Flask-Login has no annotations
    """A user of the app."""

    def __init__(self, name: str, *, active: bool = True) -> None:
        self.id = name
        self.active = active

    @property
    def is_active(self) -> Any:
        return self.active


USERS = {
    (ISSUER, "alice"): User("alice"),
    (ISSUER, "bob"): User("bob"),
    (ISSUER, "dora"): User("dora", active=False),
    # A user of the app's own, whom no issuer knows.
    (None, None): User("root"),
    (ISSUER, None): User("root"),
    (ISSUER, ""): User("root"),
}


def user_of(caller: Principal) -> User | None:
    """Look a user up as a database does."""
    return USERS.get((caller.claims.issuer, caller.subject))


class CookieExtractor(TokenExtractor):
    """Reads the token from a cookie."""

    challenges = (Challenge("Cookie", realm="app"),)
    vary = ("Cookie",)

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get("token")
        return BearerToken(value, source="cookie", scheme="Cookie", ambient=True) if value else None


def with_cookie(auth: Authenticator) -> Authenticator:
    """Return one that also accepts cookies, which a browser sends by itself."""
    return auth.evolve(
        extractor=CrossSiteCheckedTokenExtractor(
            CompositeTokenExtractor(auth.extractor, CookieExtractor())
        )
    )


def shown() -> str:
    """Return who the caller is, as a page does."""
    return str(current_user.get_id()) if current_user.is_authenticated else "anonymous"


def app_with_login(app: Flask) -> Flask:
    """Add pages and Flask-Login to an app."""
    app.config.update(SECRET_KEY="of the session", TESTING=False, PROPAGATE_EXCEPTIONS=False)
    manager = LoginManager(app)
    manager.user_loader(lambda user_id: next((u for u in USERS.values() if u.id == user_id), None))

    @app.route("/public", methods=["GET", "POST"])
    def public_page() -> str:
        return shown()

    @app.route("/private", methods=["GET", "POST"])
    @login_required  # type: ignore[untyped-decorator]
    def private() -> str:
        return shown()

    @app.get("/async")
    @login_required  # type: ignore[untyped-decorator]
    async def of_async() -> str:
        return shown()

    @app.get("/page")
    def page() -> str:
        return render_template_string("for {{ current_user.get_id() }}")

    @app.get("/fresh")
    @fresh_login_required  # type: ignore[untyped-decorator]
    def fresh() -> str:
        return "fresh"

    @app.get("/enter/<name>")
    def enter(name: str) -> str:
        login_user(next(user for user in USERS.values() if user.id == name))
        return "entered"

    app.add_url_rule("/login", "login", lambda: "log in")
    return app


def token_login(app: Flask, auth: Any, **options: Any) -> TokenLogin:
    """Let an app accept tokens."""
    login = TokenLogin(auth, user_of, **options)
    login.init_app(app)
    return login
