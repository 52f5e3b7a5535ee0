"""``default_authenticator.authenticate(request)``: the documented callbacks with an explicit request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, Request, g
from flask import request as current
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

import flask_jwtlib
from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    HeaderTokenExtractor,
    JWTValidator,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import (
    BadSignatureError,
    ExpiredTokenError,
    MalformedCredentialsError,
    MissingTokenError,
    UnknownKeyError,
)
from flask_jwtlib.signals import request_accepted, request_refused
from flask_jwtlib.testing import TokenIssuer, bearer


def given(kind: Any = Request, **values: Any) -> Any:
    """Make a request outside of any server."""
    return kind(EnvironBuilder(**values).get_environ())


@pytest.fixture(autouse=True)
def trusted(issuer: TokenIssuer) -> None:
    """Make the module API trust the issuer."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)


@pytest.fixture(params=["alice's", "anonymous", "expired", "none", "an app's"])
def surroundings(request: pytest.FixtureRequest, app: Flask, issuer: TokenIssuer) -> Iterator[None]:
    """Run within a request of one kind or another, or outside of a request."""
    if request.param == "none":
        yield
        return
    if request.param == "an app's":
        with app.app_context():
            yield
        return
    headers = {
        "alice's": bearer(issuer.token("alice")),
        "anonymous": {},
        "expired": bearer(issuer.token("alice", exp=1)),
    }[request.param]
    with app.test_request_context("/", headers=headers):
        yield


def ask(request: Any) -> Any:
    """Authenticate a request by the module's authenticator."""
    return flask_jwtlib.default_authenticator.authenticate(request).subject


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("kind", [Request, WerkzeugRequest], ids=["flask", "werkzeug"])
def test_the_given_request_is_authenticated(issuer: TokenIssuer, kind: Any) -> None:
    """Whatever the current request is, the caller is that of the given request."""
    token = issuer.token("bob")

    assert ask(given(kind, headers=bearer(token))) == "bob"
    assert ask(given(kind, query_string={"access_token": token})) == "bob"
    assert ask(given(kind, method="POST", data={"access_token": token})) == "bob"


@pytest.mark.usefixtures("surroundings")
def test_a_given_request_with_a_bad_token_is_refused(
    issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A valid token in the current request doesn't authenticate another one."""
    expired = issuer.token("bob", exp=1)
    forged = other_issuer.token("bob", header={"kid": issuer.kid})
    both = given(headers=bearer(expired), query_string={"access_token": expired})

    for request, error in (
        (given(), MissingTokenError),
        (given(headers=bearer(expired)), ExpiredTokenError),
        (given(headers=bearer(forged)), BadSignatureError),
        (both, MalformedCredentialsError),
    ):
        with pytest.raises(error):
            ask(request)


@pytest.mark.usefixtures("surroundings")
def test_a_variant_uses_its_own_keys_for_the_given_request(
    issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A variant with other keys uses those, and never the module's."""
    variant = flask_jwtlib.default_authenticator.evolve(keys=other_issuer.verification_key)

    assert variant.authenticate(given(headers=bearer(other_issuer.token("bob")))).subject == "bob"
    with pytest.raises((BadSignatureError, UnknownKeyError)):
        variant.authenticate(given(headers=bearer(issuer.token("bob"))))


def test_the_current_request_is_unchanged(app: Flask, issuer: TokenIssuer) -> None:
    """The given request changes no caller, state or note of the current one, and sends no signal."""
    heard: list[object] = []

    def listen(sender: object, **details: object) -> None:
        heard.append(details)

    def published() -> list[object]:
        return [
            dict(vars(g)),
            current_principal.subject,
            flask_jwtlib.get_json_token()["sub"],
            flask_jwtlib.get_json_token(verify=False)["sub"],
            flask_jwtlib.is_authenticated(),
        ]

    requests = [
        given(headers=bearer(issuer.token("bob"))),
        given(headers=bearer(issuer.token("bob", exp=1))),
        given(headers=bearer("x.y.z")),
        given(),
    ]
    with app.test_request_context("/", headers=bearer(issuer.token("alice"))):
        flask_jwtlib.default_authenticator.authenticate()
        before = published()
        with request_accepted.connected_to(listen), request_refused.connected_to(listen):
            for request in requests:
                with suppress(AuthenticationError):
                    ask(request)
                assert published() == before
    assert heard == []


def test_a_refused_request_keeps_its_own_reason(app: Flask, issuer: TokenIssuer) -> None:
    """The default 401 names the current request's reason, even after another was refused."""
    good = issuer.token("bob")

    def look() -> str:
        assert ask(given(headers=bearer(good))) == "bob"
        flask_jwtlib.requires_authentication_failure_callback()  # type: ignore[misc]
        return ""

    app.add_url_rule("/", view_func=flask_jwtlib.optional_authentication(look))
    response = app.test_client().get("/", headers=bearer(issuer.token(exp=1)))

    assert response.status_code == 401
    assert "The access token expired" in response.headers["WWW-Authenticate"]


def asks_check_token(token: str) -> bool:
    """Check a token by its claims, as an application's callback does."""
    return flask_jwtlib._DEFAULT_CHECK_TOKEN(token) and current.path == "/"


REPLACED: dict[str, Callable[[], Any]] = {
    "get_token": lambda: current.headers["X-Token"],
    "check_token": asks_check_token,  # type: ignore[dict-item]
    "verification_key": lambda: current.environ["test.key"],
}


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("name", REPLACED)
def test_a_custom_callback_refuses_another_request(
    monkeypatch: pytest.MonkeyPatch, issuer: TokenIssuer, name: str
) -> None:
    """It may read ``flask.request``, which is another one: the error says so, and what to do."""
    monkeypatch.setattr(flask_jwtlib, name, REPLACED[name])

    with pytest.raises((RuntimeError, VerificationUnavailable)) as caught:
        ask(given(headers=bearer(issuer.token("bob"))))
    error = caught.value.__cause__ or caught.value
    assert isinstance(error, RuntimeError)
    assert f"flask_jwtlib.{name} is your own callback" in str(error)
    assert "app.request_context(request.environ)" in str(error)


@pytest.mark.parametrize("name", REPLACED)
@pytest.mark.parametrize("proxy", [False, True], ids=["request", "proxy"])
def test_a_custom_callback_accepts_the_current_request(
    monkeypatch: pytest.MonkeyPatch, app: Flask, issuer: TokenIssuer, name: str, proxy: bool
) -> None:
    """The current request may be given, too, as it is or as ``flask.request``."""
    monkeypatch.setattr(flask_jwtlib, name, REPLACED[name])
    token = issuer.token("alice")
    headers = {**bearer(token), "X-Token": token}
    environ = {"test.key": issuer.public_pem}

    with app.test_request_context("/", headers=headers, environ_overrides=environ) as context:
        assert ask(current if proxy else context.request) == "alice"
        assert not current_principal


def test_the_errors_advice_works(
    monkeypatch: pytest.MonkeyPatch, app: Flask, issuer: TokenIssuer
) -> None:
    """In its own context, a request is checked by callbacks that read ``flask.request``."""
    monkeypatch.setattr(flask_jwtlib, "get_token", REPLACED["get_token"])
    request = given(headers={"X-Token": issuer.token("bob")})

    with app.test_request_context("/", headers={"X-Token": issuer.token("alice")}):
        with app.request_context(request.environ):
            assert flask_jwtlib.default_authenticator.authenticate().subject == "bob"
        assert flask_jwtlib.default_authenticator.authenticate().subject == "alice"


def test_get_json_token_in_check_token_is_the_checked_tokens(
    monkeypatch: pytest.MonkeyPatch, app: Flask, issuer: TokenIssuer
) -> None:
    """``get_json_token()`` within ``check_token`` returns the claims of the token that is checked."""
    seen: list[object] = []

    def check(token: str) -> bool:
        seen.append(flask_jwtlib.get_json_token(verify=False)["sub"])
        return flask_jwtlib._DEFAULT_CHECK_TOKEN(token)

    class XToken(HeaderTokenExtractor):
        def extract(self, request: Any) -> Any:
            return flask_jwtlib.BearerToken(request.headers["X-Token"])

    monkeypatch.setattr(flask_jwtlib, "check_token", check)
    variant: Authenticator = flask_jwtlib.default_authenticator.evolve(extractor=XToken())
    headers = {**bearer(issuer.token("alice")), "X-Token": issuer.token("bob")}
    with app.test_request_context("/", headers=headers) as context:
        assert flask_jwtlib.default_authenticator.authenticate().subject == "alice"
        assert variant.authenticate(context.request).subject == "bob"
        assert flask_jwtlib.get_json_token()["sub"] == "alice"
    assert seen == ["alice", "bob"]


@pytest.fixture
def nested(app: Flask, issuer: TokenIssuer) -> Callable[[Callable[[], Any]], Any]:
    """Run a function in a claim rule, while a request with a valid token is being decided."""

    def run(function: Callable[[], Any]) -> Any:
        results: list[Any] = []
        validator = JWTValidator(rules=[lambda claims: results.append(function())])
        auth = Authenticator(keys=issuer.verification_key, validator=validator)
        auth.authenticate(given(headers=bearer(issuer.token("bob"))))
        return results[0]

    return run


@pytest.mark.usefixtures("surroundings")
def test_a_request_served_meanwhile_is_checked_by_its_own_token(
    app: Flask, issuer: TokenIssuer, nested: Callable[[Callable[[], Any]], Any]
) -> None:
    """A claim rule may call the app: the given request's token authenticates no inner request."""

    @app.get("/inner")
    @flask_jwtlib.requires_authentication
    def inner() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    def call() -> Any:
        client = app.test_client()
        carol = client.get("/inner", headers=bearer(issuer.token("carol")))
        return client.get("/inner").status_code, carol.text

    assert nested(call) == (401, "carol")


def test_the_current_request_is_not_checked_by_the_given_ones_token(
    app: Flask, nested: Callable[[Callable[[], Any]], Any]
) -> None:
    """Callbacks that can't tell two requests apart refuse to decide about both at once."""

    def call() -> str:
        with pytest.raises(RuntimeError, match="another one"):
            flask_jwtlib.default_authenticator.authenticate()
        return "refused"

    with app.test_request_context("/"):
        assert nested(call) == "refused"


def test_a_custom_callback_sees_a_request_served_meanwhile(
    app: Flask,
    issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    nested: Callable[[Callable[[], Any]], Any],
) -> None:
    """A replaced ``get_token`` sees the inner request as ``flask.request``."""
    monkeypatch.setattr(flask_jwtlib, "get_token", lambda: current.headers.get("X-Token"))

    @app.get("/inner")
    @flask_jwtlib.requires_authentication
    def inner() -> str:
        return "in"

    def call() -> int:
        headers = {"X-Token": issuer.token()}
        return app.test_client().get("/inner", headers=headers).status_code

    assert nested(call) == 200
