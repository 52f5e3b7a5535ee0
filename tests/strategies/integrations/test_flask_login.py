"""``TokenLogin`` in an app that uses Flask-Login."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, g, render_template_string
from flask.testing import FlaskClient
from flask_login import current_user

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    KeyProvider,
    Scope,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler

from .login_kit import app_with_login, shown, token_login, with_cookie


@pytest.fixture
def app(app: Flask) -> Flask:
    """An app with Flask-Login."""
    return app_with_login(app)


@pytest.fixture
def client(app: Flask, auth: Authenticator) -> FlaskClient:
    """A client of the app, which accepts tokens."""
    token_login(app, auth)
    return app.test_client()


class Down(TokenValidator):
    """Can't verify anything."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        raise VerificationUnavailable("the keys are gone", retry_after=7)


@pytest.mark.parametrize("path", ["/public", "/private", "/async"])
def test_the_current_user_is_that_of_the_token(
    client: FlaskClient, issuer: TokenIssuer, path: str
) -> None:
    """``current_user`` is the user of the token, also behind ``@login_required`` and in async views."""
    for name in ("alice", "bob"):
        assert client.get(path, headers=bearer(issuer.token(name))).text == name


def test_templates_show_the_user(client: FlaskClient, issuer: TokenIssuer) -> None:
    """Flask-Login's context processor finds the user, too."""
    assert client.get("/page", headers=bearer(issuer.token("alice"))).text == "for alice"


def test_a_guest_is_anonymous(client: FlaskClient) -> None:
    """Without a token, a public page shows an anonymous user, and a private one is a 401 with a challenge."""
    assert client.get("/public").text == "anonymous"
    refused = client.get("/private")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


ATTACKS: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1},
    "unsigned": {"forged": True},
    "another issuer's key": {"other": True},
    "no user": {"sub": "mallory"},
    "another issuer's user": {"iss": "https://evil.example"},
    "disabled": {"sub": "dora"},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "no subject and issuer": {"sub": None, "iss": None},
    "malformed act": {"act": "svc-a"},
    "bound to a key": {"cnf": {"jkt": "k"}},
}


def attack(name: str, issuer: TokenIssuer, other: TokenIssuer) -> dict[str, str]:
    """Return the headers of an attack."""
    claims = dict(ATTACKS[name])
    if claims.pop("forged", False):
        return bearer(issuer.token().rpartition(".")[0] + ".AAAA")
    signer = other if claims.pop("other", False) else issuer
    return signer.auth(**claims)


@pytest.mark.parametrize("strict", [False, True], ids=["tolerant", "strict"])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_token_is_never_a_user(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    name: str,
    strict: bool,
) -> None:
    """``@login_required`` refuses it with the right status. A public page shows a guest, or refuses it."""
    token_login(app, auth, strict=strict)
    client, headers = app.test_client(), attack(name, issuer, other_issuer)
    forbidden = any(word in name for word in ("user", "disabled", "subject"))
    refused = client.get("/private", headers=headers)

    assert refused.status_code == (403 if forbidden else 401)
    assert ("invalid_token" in refused.headers.get("WWW-Authenticate", "")) is not forbidden
    for path in ("/public", "/page"):
        response = client.get(path, headers=headers)
        if forbidden or strict:
            assert response.status_code == refused.status_code
        else:
            assert response.text in ("anonymous", "for None")


def test_an_outage_is_a_503_everywhere(app: Flask, issuer: TokenIssuer) -> None:
    """While tokens can't be verified, nobody is anonymous by mistake."""
    token_login(app, Authenticator(keys=issuer.verification_key, validator=Down()))

    for path in ("/public", "/private", "/page", "/fresh", "/async"):
        response = app.test_client().get(path, headers=bearer(issuer.token()))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "7"), path


def test_policies_of_the_authenticator_apply(app: Flask, auth: Authenticator, issuer: Any) -> None:
    """A caller without a permission is a 403 with its challenge, also on a public page."""
    token_login(app, auth.evolve(policies=[Scope("app")]))
    client = app.test_client()

    for path in ("/public", "/private"):
        refused = client.get(path, headers=bearer(issuer.token()))
        assert refused.status_code == 403
        assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
        assert 'scope="app"' in refused.headers["WWW-Authenticate"]
        assert client.get(path, headers=bearer(issuer.token(scope="app"))).status_code == 200


def test_another_authenticator_of_an_optional_view(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A view that is optional for another ``Authenticator`` refuses nobody, so the user is still found."""
    token_login(app, auth)
    other = Authenticator(keys=other_issuer.verification_key)
    app.add_url_rule("/other", "other", other.optional_authentication(shown))

    assert app.test_client().get("/other", headers=bearer(issuer.token("bob"))).text == "bob"


def test_error_pages_are_rendered(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """Pages for errors, and functions after the request, see an anonymous user after a refusal."""
    token_login(app, auth.evolve(policies=[Scope("app")]))
    seen: list[str] = []

    @app.errorhandler(403)
    def forbidden(error: Any) -> tuple[str, int]:
        return render_template_string("error of {{ current_user.get_id() }}"), 403

    @app.after_request
    def after(response: Any) -> Any:
        seen.append(shown())
        return response

    for path in ("/public", "/private", "/page"):
        response = app.test_client().get(path, headers=bearer(issuer.token()))
        assert (response.status_code, response.text) == (403, "error of None")
    assert seen == ["anonymous"] * 3


def test_an_error_page_after_a_guard(app: Flask, issuer: TokenIssuer) -> None:
    """What a guard refused stays a 503, though the page for the error reads ``current_user``."""
    auth = Authenticator(keys=issuer.verification_key, validator=Down())
    token_login(app, auth)
    auth.protect(app, public=["public_page"])
    app.after_request(lambda response: (shown(), response)[1])

    assert app.test_client().get("/private", headers=bearer(issuer.token())).status_code == 503


def test_a_swallowed_outage_opens_no_view(app: Flask, issuer: TokenIssuer) -> None:
    """An app that catches every error when it first reads ``current_user`` still refuses with 503."""
    token_login(app, Authenticator(keys=issuer.verification_key, validator=Down()))

    @app.before_request
    def careless() -> None:
        try:
            shown()
        except Exception:  # noqa: BLE001 - it is careless
            return

    assert app.test_client().get("/private", headers=bearer(issuer.token())).status_code == 503


def test_the_failure_handler_makes_the_response(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Refusals have the format of the ``Authenticator``'s failure handler."""
    token_login(app, auth.evolve(failure_handler=ProblemDetailsHandler()))

    for headers in ({}, bearer(issuer.token(exp=1)), bearer(issuer.token("mallory"))):
        refused = app.test_client().get("/private", headers=headers)
        assert refused.mimetype == "application/problem+json"
        assert refused.status_code in (401, 403)


def test_responses_set_no_cookie_and_vary(client: FlaskClient, issuer: TokenIssuer) -> None:
    """No session begins for a token, and caches learn what could have identified the caller."""
    for headers in ({}, bearer(issuer.token()), bearer(issuer.token(exp=1))):
        for path in ("/public", "/page", "/private", "/fresh"):
            response = client.get(path, headers=headers)
            assert "Set-Cookie" not in response.headers
            assert {"Authorization", "Cookie"} <= set(response.vary.to_header().split(", "))


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
@pytest.mark.parametrize("path", ["/public", "/private"])
def test_a_cookie_from_another_site(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, path: str, site: str | None
) -> None:
    """A token that a browser sends by itself is checked by the ``Authenticator`` for unsafe methods."""
    token_login(app, with_cookie(auth))
    client = app.test_client()
    client.set_cookie("token", issuer.token("alice"))
    fetched = {} if site is None else {"Sec-Fetch-Site": site}

    assert client.post(path, headers=fetched).status_code == 403
    assert client.post(path, headers={"Sec-Fetch-Site": "same-origin"}).text == "alice"
    assert client.get(path, headers=fetched).text == "alice"


def test_a_fresh_log_in_is_not_a_token(client: FlaskClient, issuer: TokenIssuer) -> None:
    """``@fresh_login_required`` refuses a token with 403, since another token wouldn't help."""
    refused = client.get("/fresh", headers=bearer(issuer.token()))

    assert refused.status_code == 403
    assert "WWW-Authenticate" not in refused.headers
    assert client.get("/fresh").status_code == 401
    assert client.get("/enter/alice").text == "entered"
    assert client.get("/fresh").text == "fresh"


def test_the_user_is_not_kept_for_the_next_request(
    client: FlaskClient, issuer: TokenIssuer
) -> None:
    """Each request has its own user."""
    assert client.get("/public", headers=bearer(issuer.token("alice"))).text == "alice"
    assert client.get("/public").text == "anonymous"
    assert not current_user


def test_an_app_that_checks_permissions_of_its_users(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Apps such as Flask-AppBuilder's keep ``current_user`` on ``g``, and check their own permissions."""
    token_login(app, auth)
    permissions = {"alice": {"can_read"}}

    @app.before_request
    def keep() -> None:
        g.user = current_user

    @app.get("/api/chart")
    def chart() -> Any:
        if g.user.is_anonymous:
            return app.login_manager.unauthorized()  # type: ignore[attr-defined]
        return ("chart", 200) if permissions.get(g.user.id) else ("no permission", 403)

    client = app.test_client()
    assert client.get("/api/chart", headers=bearer(issuer.token("alice"))).text == "chart"
    assert client.get("/api/chart", headers=bearer(issuer.token("bob"))).text == "no permission"
    assert client.get("/api/chart").status_code == 401
    assert client.get("/api/chart", headers=bearer(issuer.token(exp=1))).status_code == 401
