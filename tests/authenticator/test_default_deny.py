from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    Scope,
    current_principal,
    is_authenticated,
    public,
)
from flask_jwtlib.testing import TokenIssuer, bearer

PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}


@pytest.fixture
def guarded_app(auth: Authenticator, app: Flask) -> Flask:
    """An app that denies by default, with an ordinary view and a public one."""
    auth.protect(app)

    @app.get("/")
    def view() -> str:
        return f"for {current_principal.subject}"

    @app.get("/health")
    @public
    def health() -> str:
        return "well"

    @app.post("/submit")
    def submit() -> str:
        return "submitted"

    return app


def test_protect_guards_views_without_a_decorator(guarded_app: Flask, token: str) -> None:
    """With default-deny an undecorated view needs a token."""
    client = guarded_app.test_client()

    refused = client.get("/")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/", headers=bearer(token)).text == "for alice"


def test_a_public_view_is_open(guarded_app: Flask, token: str, expired: str) -> None:
    """A public view is served with a valid token, an invalid one and none."""
    client = guarded_app.test_client()

    for headers in ({}, bearer(token), bearer(expired), {"Authorization": "Bearer !"}):
        assert client.get("/health", headers=headers).text == "well"


def test_a_public_view_has_no_caller(auth: Authenticator, app: Flask, token: str) -> None:
    """A public view's token isn't verified, so no caller is published."""
    auth.protect(app)

    @app.get("/")
    @public
    def view() -> str:
        return f"{is_authenticated()} {bool(current_principal)}"

    assert app.test_client().get("/", headers=bearer(token)).text == "False False"


def test_public_works_above_or_below_the_route(auth: Authenticator, app: Flask) -> None:
    """``@public`` marks the function, so its order relative to ``@app.route`` doesn't matter."""
    auth.protect(app)

    @public
    @app.get("/above")
    def above() -> str:
        return "above"

    @app.get("/below")
    @public
    def below() -> str:
        return "below"

    client = app.test_client()

    assert client.get("/above").text == "above"
    assert client.get("/below").text == "below"


def test_public_with_a_decorator(auth: Authenticator, app: Flask, token: str) -> None:
    """Default-deny skips a public view; a decorator on that view still guards it."""
    auth.protect(app)

    @app.get("/needed")
    @public
    @auth.requires_authentication
    def needed() -> str:
        return "in"

    @app.get("/optional")
    @auth.optional_authentication
    @public
    def optional() -> str:
        return current_principal.subject or "" if current_principal else "anonymous"

    client = app.test_client()

    assert client.get("/needed").status_code == 401
    assert client.get("/needed", headers=bearer(token)).text == "in"
    assert client.get("/optional").text == "anonymous"
    assert client.get("/optional", headers=bearer(token)).text == "alice"


def test_an_optional_decorator_opens_a_view_for_its_own_authenticator(
    auth: Authenticator, app: Flask, token: str, expired: str
) -> None:
    """The optional decorator of the Authenticator that protects the app decides; another one's doesn't."""
    auth.protect(app)
    other = auth.evolve()

    def view() -> str:
        return current_principal.subject or "" if current_principal else "anonymous"

    app.add_url_rule("/", "view", auth.optional_authentication(view))
    app.add_url_rule("/other", "other", other.optional_authentication(view))
    client = app.test_client()

    assert client.get("/").text == client.get("/", headers=bearer(expired)).text == "anonymous"
    assert client.get("/", headers=bearer(token)).text == "alice"
    assert client.get("/other").status_code == 401
    assert client.get("/other", headers=bearer(token)).text == "alice"


def test_public_view_classes(auth: Authenticator, app: Flask) -> None:
    """A View or MethodView class marked public is open for all of its methods."""
    auth.protect(app)

    @public
    class Status(MethodView):
        def get(self) -> str:
            return "get"

        def post(self) -> str:
            return "post"

    @public
    class Page(View):
        def dispatch_request(self) -> str:
            return "page"

    app.add_url_rule("/status", view_func=Status.as_view("status"))
    app.add_url_rule("/page", view_func=Page.as_view("page"))
    client = app.test_client()

    assert client.get("/status").text == "get"
    assert client.post("/status").text == "post"
    assert client.get("/page").text == "page"


def test_a_subclass_of_a_public_view_is_not_public(auth: Authenticator, app: Flask) -> None:
    """The mark applies to the class itself: a subclass is closed unless it is marked, too."""
    auth.protect(app)

    @public
    class Page(MethodView):
        def get(self) -> str:
            return "page"

    class Admin(Page):
        def get(self) -> str:
            return "admin"

    app.add_url_rule("/admin", view_func=Admin.as_view("admin"))

    assert app.test_client().get("/admin").status_code == 401


def test_static_files_are_closed_until_marked(auth: Authenticator, tmp_path: Path) -> None:
    """Flask's static view is closed by default, and opened by a call of ``public``."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("body {}")
    for name in ("closed", "open"):
        app = Flask(name, root_path=str(tmp_path))
        auth.protect(app)
        if name == "open":
            public(app.view_functions["static"])

        with app.test_client().get("/static/style.css") as response:
            assert response.status_code == (200 if name == "open" else 401)


def test_static_files_of_a_blueprint_can_be_marked(
    auth: Authenticator, app: Flask, tmp_path: Path
) -> None:
    """A blueprint's static view is a bound method; marking it public opens only that view."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("body {}")
    auth.protect(app)
    for name in ("closed", "open"):
        blueprint = Blueprint(
            name, __name__, root_path=str(tmp_path), static_folder="static", url_prefix=f"/{name}"
        )
        app.register_blueprint(blueprint)
    public(app.view_functions["open.static"])

    with app.test_client() as client:
        for path, status in {"open": 200, "closed": 401}.items():
            with client.get(f"/{path}/static/style.css") as response:
                assert response.status_code == status


def test_head_is_guarded_like_get(guarded_app: Flask, token: str) -> None:
    """HEAD is refused as GET is, with a challenge and no body, and open where GET is."""
    client = guarded_app.test_client()

    refused = client.head("/")
    assert (refused.status_code, refused.data) == (401, b"")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert client.head("/", headers=bearer(token)).status_code == 200
    assert client.head("/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nowhere", 404, id="404"),
        pytest.param("POST", "/", 405, id="405"),
        pytest.param("GET", "/submit", 405, id="405 of a POST view"),
        pytest.param("POST", "/health", 405, id="405 of a public view"),
        pytest.param("OPTIONS", "/nowhere", 404, id="OPTIONS 404"),
    ],
)
def test_anonymous_callers_do_not_learn_which_paths_exist(
    guarded_app: Flask, token: str, method: str, path: str, status: int
) -> None:
    """404 and 405 need a valid token; otherwise any path gets the same 401."""
    client = guarded_app.test_client()

    assert client.open(path, method=method).status_code == 401
    assert client.open(path, method=method, headers=bearer(token)).status_code == status


def test_without_default_deny_404_and_405_are_flasks(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """A decorator changes nothing about other paths and methods."""
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/nowhere").status_code == 404
    assert client.post("/").status_code == 405
    assert client.head("/").status_code == 401
    assert client.head("/", headers=bearer(token)).status_code == 200


def test_a_redirect_to_the_canonical_path_is_guarded(auth: Authenticator, app: Flask) -> None:
    """Flask's redirect to the path with a slash reveals that it exists, so it is refused, too."""
    auth.protect(app)
    app.add_url_rule("/folder/", "folder", lambda: "in")

    assert app.test_client().get("/folder").status_code == 401


def test_automatic_preflights_are_open(guarded_app: Flask) -> None:
    """Flask's automatic response to a CORS preflight needs no token and runs no view."""
    response = guarded_app.test_client().options("/", headers=PREFLIGHT)

    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Origin": "https://app.example"}, id="no method"),
        pytest.param({"Access-Control-Request-Method": "GET"}, id="no origin"),
    ],
)
def test_other_automatic_options_are_guarded(
    guarded_app: Flask, token: str, headers: dict[str, str]
) -> None:
    """An OPTIONS request that isn't a CORS preflight needs a token: it tells which methods a path has."""
    client = guarded_app.test_client()

    refused = client.options("/", headers=headers)
    assert refused.status_code == 401
    assert "Allow" not in refused.headers
    assert client.options("/", headers={**headers, **bearer(token)}).status_code == 200


@pytest.mark.parametrize("way", ["protect", "decorator", "blueprint guard"])
def test_a_handwritten_options_view_is_guarded(
    auth: Authenticator, app: Flask, token: str, way: str
) -> None:
    """An application's own view for OPTIONS is guarded, also from preflights."""

    def view() -> str:
        return f"by hand for {current_principal.subject}"

    if way == "protect":
        auth.protect(app)
        app.add_url_rule("/", view_func=view, methods=["GET", "OPTIONS"])
    elif way == "decorator":
        guarded = auth.requires_authentication(view)
        app.add_url_rule("/", view_func=guarded, methods=["GET", "OPTIONS"])
    else:
        blueprint = Blueprint("api", __name__)
        blueprint.before_request(auth.guard())
        blueprint.add_url_rule("/", view_func=view, methods=["GET", "OPTIONS"])
        app.register_blueprint(blueprint)
    client = app.test_client()

    assert client.options("/").status_code == 401
    assert client.options("/", headers=PREFLIGHT).status_code == 401
    assert client.options("/", headers=bearer(token)).text == "by hand for alice"


def test_options_without_automatic_response_are_guarded(auth: Authenticator, app: Flask) -> None:
    """A view that turns the automatic response off has its OPTIONS guarded."""
    auth.protect(app)
    app.add_url_rule("/", "view", lambda: "in", provide_automatic_options=False)

    assert app.test_client().options("/").status_code == 401
    assert app.test_client().options("/", headers=PREFLIGHT).status_code == 401


def test_the_rules_of_protect_apply_to_all_views(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """Claim rules given to protect apply to all views that aren't public."""
    auth.protect(app, rules=[Scope("api")])
    app.add_url_rule("/", "view", lambda: "in")
    app.add_url_rule("/open", "open", public(lambda: "open"))
    client = app.test_client()

    assert client.get("/", headers=bearer(issuer.token(scope="api"))).status_code == 200
    assert client.get("/", headers=bearer(issuer.token(scope="mail"))).status_code == 403
    assert client.get("/nowhere", headers=bearer(issuer.token())).status_code == 403
    assert client.get("/open", headers=bearer(issuer.token())).status_code == 200


def test_a_second_protect_is_refused(auth: Authenticator, app: Flask, issuer: TokenIssuer) -> None:
    """A second default for one app is refused; the first one stays."""
    auth.protect(app)

    with pytest.raises(ConfigurationError, match="already"):
        auth.protect(app)
    with pytest.raises(ConfigurationError, match="already"):
        Authenticator(keys=issuer.verification_key).protect(app)
    assert app.extensions["flask_jwtlib"].protected_by is auth


def test_one_authenticator_may_guard_several_apps(auth: Authenticator, token: str) -> None:
    """One Authenticator can be the default of two apps."""
    for name in ("one", "two"):
        app = Flask(name, root_path=".")
        auth.protect(app)
        app.add_url_rule("/", "view", lambda: "in")
        client = app.test_client()
        assert client.get("/").status_code == 401
        assert client.get("/", headers=bearer(token)).status_code == 200


def test_wrong_rules_leave_the_app_unchanged(auth: Authenticator, app: Flask) -> None:
    """Invalid rules make protect raise before it changes the app, so the call can be repeated."""
    wrong: Any = ["api"]

    with pytest.raises(ConfigurationError):
        auth.protect(app, rules=wrong)
    auth.protect(app)


def test_a_guarded_blueprint(auth: Authenticator, app: Flask, token: str) -> None:
    """``guard()`` as ``before_request`` guards a blueprint's views, nested ones included, and no others."""
    api = Blueprint("api", __name__, url_prefix="/api")
    nested = Blueprint("nested", __name__, url_prefix="/nested")
    api.before_request(auth.guard())
    api.add_url_rule("/", "view", lambda: f"for {current_principal.subject}")
    api.add_url_rule("/open", "open", public(lambda: "open"))
    nested.add_url_rule("/", "view", lambda: f"nested for {current_principal.subject}")
    api.register_blueprint(nested)
    app.register_blueprint(api)
    app.add_url_rule("/", "outside", lambda: "outside")
    client = app.test_client()

    assert client.get("/").text == "outside"
    assert client.get("/api/").status_code == 401
    assert client.get("/api/open").text == "open"
    assert client.get("/api/nested/").status_code == 401
    assert client.get("/api/", headers=bearer(token)).text == "for alice"
    assert client.get("/api/nested/", headers=bearer(token)).text == "nested for alice"
    assert client.options("/api/").status_code == 401
    assert client.options("/api/", headers=PREFLIGHT).status_code == 200


def test_a_guards_rules_apply_behind_it(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """Claim rules given to a guard apply to all views behind it."""
    blueprint = Blueprint("api", __name__)
    blueprint.before_request(auth.guard(rules=[Scope("api")]))
    blueprint.add_url_rule("/", "view", lambda: "in")
    app.register_blueprint(blueprint)
    client = app.test_client()

    assert client.get("/", headers=bearer(issuer.token(scope="api mail"))).status_code == 200
    refused = client.get("/", headers=bearer(issuer.token(scope="mail")))
    assert (refused.status_code, refused.headers["WWW-Authenticate"][-11:]) == (403, 'scope="api"')


def test_default_and_blueprint_guard_must_both_accept(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A blueprint's guard is checked in addition to the app's default."""
    auth.protect(app)
    blueprint = Blueprint("admin", __name__)
    blueprint.before_request(auth.guard(rules=[Scope("admin")]))
    blueprint.add_url_rule("/", "view", lambda: "in")
    app.register_blueprint(blueprint)
    client = app.test_client()

    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(issuer.token())).status_code == 403
    assert client.get("/", headers=bearer(issuer.token(scope="admin"))).status_code == 200


def test_a_decorated_view_behind_the_default(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A view's decorator may be stricter than the app's default."""
    auth.protect(app)
    needed = auth.requires_authentication(rules=[Scope("reports")])
    app.add_url_rule("/", "view", needed(lambda: current_principal.subject))
    client = app.test_client()

    assert client.get("/", headers=bearer(issuer.token())).status_code == 403
    assert client.get("/", headers=bearer(issuer.token(scope="reports"))).text == "alice"


def test_public_returns_its_argument() -> None:
    """``public`` returns the very function or class that it was given."""

    def view() -> str:
        return "in"

    class Page(View):
        pass

    assert public(view) is view
    assert public(Page) is Page


class SlottedView:
    """A view without weak-reference support."""

    __slots__ = ()

    def __call__(self) -> str:
        return "open"


def test_a_view_that_cannot_be_marked_is_refused() -> None:
    """``public`` raises an error for an object that can't be remembered."""
    with pytest.raises(ConfigurationError, match="SlottedView can't be marked public"):
        public(SlottedView())


def test_an_equal_view_is_not_public(auth: Authenticator, app: Flask) -> None:
    """The mark applies to one object: another view that compares equal stays closed."""

    @dataclass(frozen=True)
    class Page:
        text: str

        def __call__(self) -> str:
            return self.text

    open_page, closed_page = Page("x"), Page("x")
    app.add_url_rule("/open", "open", public(open_page))
    app.add_url_rule("/closed", "closed", closed_page)
    auth.protect(app)

    client = app.test_client()
    assert client.get("/open").status_code == 200
    assert client.get("/closed").status_code == 401
