from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, g, jsonify
from flask import request as current
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    JWTValidator,
    Principal,
    VerificationUnavailable,
    current_principal,
    is_authenticated,
)
from flask_jwtlib.errors import (
    ClaimError,
    ExpiredTokenError,
    InvalidRequestError,
    MissingTokenError,
)
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import raises


def published() -> tuple[object, ...]:
    """Return the documented attributes of ``flask.g``."""
    return g.authenticated, g.raw_token, g.json_token


def test_authenticate_returns_the_principal(auth: Authenticator, app: Flask, token: str) -> None:
    """``authenticate()`` returns the current request's caller, with token and claims."""
    with app.test_request_context("/", headers=bearer(token)):
        principal = auth.authenticate()

    assert isinstance(principal, Principal)
    assert principal.subject == "alice"
    assert principal.token == BearerToken(token)
    assert principal.claims["iss"] == "https://issuer.example"


def test_authenticate_publishes_the_principal(auth: Authenticator, app: Flask, token: str) -> None:
    """``authenticate()`` publishes the caller as a decorator does."""
    with app.test_request_context("/", headers=bearer(token)):
        principal = auth.authenticate()

        assert published() == (True, token, principal.claims)
        assert current_principal == principal
        assert is_authenticated()


def test_authenticate_raises_a_refusal(auth: Authenticator, app: Flask, expired: str) -> None:
    """A refused token raises its error, and no caller is published."""
    with app.test_request_context("/", headers=bearer(expired)):
        with pytest.raises(ExpiredTokenError):
            auth.authenticate()

        assert published() == (False, None, None)
        assert not current_principal
        assert not is_authenticated()


def test_authenticate_raises_without_a_token(auth: Authenticator, app: Flask) -> None:
    """A request without a token raises MissingTokenError."""
    with app.test_request_context("/"), pytest.raises(MissingTokenError):
        auth.authenticate()


def test_authenticate_raises_in_an_outage(app: Flask, token: str) -> None:
    """Unavailable keys raise VerificationUnavailable, with the cause attached."""

    def fetch() -> object:
        raise ConnectionError("the key server is down")

    auth = Authenticator(keys=fetch)

    with (
        app.test_request_context("/", headers=bearer(token)),
        pytest.raises(VerificationUnavailable) as outage,
    ):
        auth.authenticate()
    assert isinstance(outage.value.__cause__, ConnectionError)


def test_a_second_call_returns_the_same_result(
    auth: Authenticator, app: Flask, token: str, expired: str
) -> None:
    """One request is decided once: later calls return the same principal or raise an equal error."""
    with app.test_request_context("/", headers=bearer(token)):
        assert auth.authenticate() is auth.authenticate()
    with app.test_request_context("/", headers=bearer(expired)):
        with pytest.raises(ExpiredTokenError) as first:
            auth.authenticate()
        with pytest.raises(ExpiredTokenError) as second:
            auth.authenticate()
        assert first.value.args == second.value.args
        assert first.value is not second.value


def test_a_refusal_by_a_second_authenticator_leaves_the_caller(
    app: Flask, issuer: TokenIssuer
) -> None:
    """After a stricter Authenticator refuses, the caller of the first one is still published."""
    loose = Authenticator(keys=issuer.verification_key)
    strict = loose.evolve(validator=JWTValidator(rules=[lambda claims: False]))

    with app.test_request_context("/", headers=bearer(issuer.token())):
        loose.authenticate()
        before = published()
        with raises(ClaimError, match="returned False"):
            strict.authenticate()
        assert published() == before
        assert current_principal.subject == "alice"


def test_authenticate_accepts_an_explicit_request(
    auth: Authenticator, token: str, expired: str
) -> None:
    """An explicit request needs no context; its caller is returned and not published."""

    def request(headers: dict[str, str]) -> Any:
        return Request(EnvironBuilder(headers=headers).get_environ())

    assert auth.authenticate(request(bearer(token))).subject == "alice"
    with pytest.raises(ExpiredTokenError):
        auth.authenticate(request(bearer(expired)))
    with pytest.raises(MissingTokenError):
        auth.authenticate(request({}))


def test_an_explicit_request_leaves_the_current_caller(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """Authenticating another request doesn't change the current request's caller."""
    other: Any = Request(EnvironBuilder(headers=bearer(issuer.token("bob"))).get_environ())

    with app.test_request_context("/", headers=bearer(issuer.token("alice"))):
        auth.authenticate()
        assert auth.authenticate(other).subject == "bob"
        assert current_principal.subject == "alice"
        assert g.json_token["sub"] == "alice"


def test_flasks_request_proxy_is_the_current_request(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """``authenticate(flask.request)`` authenticates the current request."""
    with app.test_request_context("/", headers=bearer(token)):
        assert auth.authenticate(current).subject == "alice"


def test_authenticate_outside_of_a_request_raises_flasks_error(auth: Authenticator) -> None:
    """Without a request, Flask's own error is raised."""
    with pytest.raises(RuntimeError, match="outside of request context"):
        auth.authenticate()


def test_current_principal_is_falsy_without_a_decision(app: Flask) -> None:
    """Without a decision about the request, or without a request, there is no caller."""
    assert not current_principal
    assert not is_authenticated()
    with app.app_context():
        assert not current_principal
        assert not is_authenticated()
    with app.test_request_context("/"):
        assert not current_principal
        assert not is_authenticated()


def test_current_principals_error_says_how_to_authenticate(app: Flask) -> None:
    """Using ``current_principal`` without a caller raises an error that says how to get one."""
    with app.test_request_context("/"):
        with pytest.raises(RuntimeError, match="requires_authentication or guard"):
            _ = current_principal.subject
        assert repr(current_principal)


def test_current_principal_behaves_like_the_principal(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """The proxy has the principal's attributes, and its text is the subject."""
    token = issuer.token("alice", scope="a b")

    with app.test_request_context("/", headers=bearer(token)):
        auth.authenticate()

        assert current_principal
        assert str(current_principal) == "alice"
        assert current_principal.scopes == {"a", "b"}
        assert current_principal.token.value == token
        assert isinstance(current_principal, Principal)


def test_a_principal_without_subject_is_authenticated(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A token without ``sub``, such as a machine's, still has an authenticated, truthy principal."""
    with app.test_request_context("/", headers=bearer(issuer.token(None))):
        auth.authenticate()

        assert current_principal
        assert current_principal.subject is None
        assert str(current_principal) == "a caller without a subject"


def test_is_authenticated_does_not_follow_an_assignment(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """``is_authenticated()`` agrees with ``current_principal``, whatever the app assigns to ``flask.g``."""
    with app.test_request_context("/", headers=bearer(token)):
        auth.authenticate()
        g.authenticated = False
        assert is_authenticated()
    with app.test_request_context("/"):
        g.authenticated = True
        assert not is_authenticated()


class SpyingExtractor:
    """Records ``flask.g`` when it is called."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def extract(self, request: Any) -> BearerToken | None:
        self.seen.append(published())
        value = request.headers.get("X-Token")
        return None if value is None else BearerToken(value)


class SpyingValidator:
    """Records ``flask.g`` when it is called."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        self.seen.append(published())
        return Claims({"sub": token.value}, checked_at=0)


def test_state_is_cleared_before_and_published_after_the_checks(
    app: Flask, issuer: TokenIssuer
) -> None:
    """Until every check has passed, strategies and rules see no caller, even if one was published before."""
    extractor, validator = SpyingExtractor(), SpyingValidator()
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor, validator=validator)
    in_rule: list[tuple[object, ...]] = []

    def rule(claims: Claims) -> None:
        in_rule.append(published())

    @app.get("/")
    @auth.requires_authentication(rules=[rule])
    def view() -> Any:
        return jsonify(published())

    @app.before_request
    def claim_to_be_somebody() -> None:
        g.authenticated, g.raw_token, g.json_token = True, "forged", {"sub": "admin"}

    client = app.test_client()
    anonymous = (False, None, None)

    assert client.get("/", headers={"X-Token": "eve"}).json == [True, "eve", {"sub": "eve"}]
    assert extractor.seen == validator.seen == in_rule == [anonymous]


def test_a_refusal_clears_the_applications_claims(auth: Authenticator, app: Flask) -> None:
    """What the application assigned to ``flask.g`` earlier doesn't survive a refusal."""
    after: list[tuple[object, ...]] = []

    @app.before_request
    def claim_to_be_somebody() -> None:
        g.authenticated, g.raw_token, g.json_token = True, "forged", {"sub": "admin"}

    @app.after_request
    def look(response: Any) -> Any:
        after.append(published())
        return response

    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    assert app.test_client().get("/").status_code == 401
    assert after == [(False, None, None)]


def test_the_caller_is_known_until_the_request_ends(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """After the view, response and teardown handlers still see the caller."""
    seen: list[str | None] = []

    @app.after_request
    def after(response: Any) -> Any:
        seen.append(current_principal.subject)
        return response

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        seen.append(current_principal.subject)

    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    app.test_client().get("/", headers=bearer(token))

    assert seen == ["alice", "alice"]


def test_an_error_handler_sees_the_caller(auth: Authenticator, app: Flask, token: str) -> None:
    """When the view fails, the application's error handler sees the caller."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        raise LookupError("missing")

    @app.errorhandler(LookupError)
    def handle(error: LookupError) -> tuple[str, int]:
        return f"not found for {current_principal.subject}", 404

    response = app.test_client().get("/", headers=bearer(token))

    assert (response.status_code, response.text) == (404, "not found for alice")


def test_a_refusal_raised_by_authenticate_reaches_error_handlers(
    auth: Authenticator, app: Flask
) -> None:
    """A refusal that a view doesn't catch reaches the application's error handler."""

    @app.get("/")
    def view() -> str:
        return auth.authenticate().subject or ""

    @app.errorhandler(MissingTokenError)
    def missing(error: MissingTokenError) -> Any:
        return auth.failure_handler.deny(error)

    response = app.test_client().get("/")

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_malformed_credentials_raise_invalid_request(auth: Authenticator, app: Flask) -> None:
    """Malformed credentials raise InvalidRequestError."""
    with (
        app.test_request_context("/", headers={"Authorization": "Bearer two words"}),
        pytest.raises(InvalidRequestError),
    ):
        auth.authenticate()


def test_a_refusal_by_authenticate_is_logged_and_signalled(
    auth: Authenticator, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """``authenticate()`` logs and signals a refusal as a decorator does."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    heard: list[Any] = []

    def listen(sender: Flask, **details: Any) -> None:
        heard.append((sender, type(details["error"]), details["optional"]))

    with (
        request_refused.connected_to(listen),
        app.test_request_context("/"),
        pytest.raises(MissingTokenError),
    ):
        auth.authenticate()

    assert heard == [(app, MissingTokenError, False)]
    assert "MissingTokenError" in caplog.text


def test_deny_can_be_an_error_handler(auth: Authenticator, app: Flask) -> None:
    """``deny`` works as an error handler for views that call ``authenticate()``."""
    app.register_error_handler(AuthenticationError, auth.failure_handler.deny)

    @app.get("/")
    def view() -> str:
        return str(auth.authenticate())

    response = app.test_client().get("/")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
