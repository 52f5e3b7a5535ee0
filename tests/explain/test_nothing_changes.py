"""Explaining a token changes nothing: no log, no signal, no context, and no response of the app."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextvars import Context, copy_context
from typing import Any

import pytest
from flask import Flask, current_app, g, has_app_context, has_request_context, session

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    Claims,
    JWTValidator,
    current_principal,
)
from flask_jwtlib.claim_rules import Audience
from flask_jwtlib.dry_run import is_dry_run, may_fetch
from flask_jwtlib.explain import explain
from flask_jwtlib.policies import Call, policy
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler

from .kit import observed


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator with a fixed key."""
    return Authenticator(keys=issuer.verification_key)


def test_a_dry_run_is_known_to_strategies(issuer: TokenIssuer) -> None:
    """A rule of the application can leave out what it keeps about tokens."""
    seen: list[bool] = []

    def rule(_: Claims) -> None:
        seen.append(is_dry_run())

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))

    explain(auth, issuer.token())
    auth.verify(issuer.token())

    assert seen == [True, False]
    assert may_fetch()


def test_a_task_that_a_rule_starts_is_no_dry_run_afterwards(
    app: Flask, issuer: TokenIssuer, signalled: list[Any]
) -> None:
    """What it decides later is logged and signalled, although its context is a copy of the rule's."""
    contexts: list[Context] = []

    def rule(_: Claims) -> None:
        # As asyncio.create_task and asyncio.to_thread do.
        contexts.append(copy_context())

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    explain(auth, issuer.token(), app=app)

    assert not contexts[0].run(is_dry_run)
    contexts[0].run(app.test_client().get, "/")
    assert len(signalled) == 1


def test_each_rule_is_called_once(issuer: TokenIssuer) -> None:
    """A rule that accepts a token only once, such as one against replay, doesn't make the steps differ."""
    used: set[str] = set()

    def once(claims: Claims) -> bool:
        is_new = claims["jti"] not in used
        used.add(claims["jti"])
        return is_new

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[once]))

    assert explain(auth, issuer.token(jti="1"))
    assert not explain(auth, issuer.token(jti="1"))


HANDLERS = {
    "a template that fails": JSONHandler(lambda error: {}[error]),
    "a log-in page that doesn't exist": LoginRedirectHandler("no.endpoint"),
    "a blueprint that doesn't exist": RoutedHandler(
        JSONHandler(lambda error: {}[error]), blueprints={"x": JSONHandler(lambda _: [])}
    ),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_nothing_is_logged_or_signalled(
    app: Flask,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    signalled: list[Any],
    handler: Any,
) -> None:
    """Neither the refusal, nor what a failure handler reports."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=handler)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    auth.protect(app, public=["nothing.matches"])
    caplog.set_level(logging.DEBUG)

    explanation = explain(auth, issuer.token(exp=1), app=app, endpoint="it")
    assert explain(auth, issuer.token(), app=app, endpoint="it")

    assert explanation.response is not None
    assert not caplog.records
    assert not signalled
    app.test_client().get("/", headers={"Accept": "text/html"})
    assert len(caplog.records) > 2


def test_functions_around_requests_arent_called(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """The app's own functions before and after a request aren't called; those at the end of a context are."""
    called: list[str] = []
    app.before_request(lambda: called.append("before"))
    app.after_request(lambda response: called.append("after") or response)
    app.teardown_request(lambda _: called.append("end of the request"))
    app.teardown_appcontext(lambda _: called.append("end of the context"))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: called.append("view")))

    assert explain(auth, issuer.token(), app=app, endpoint="it")
    assert not explain(auth, "x", app=app, endpoint="it")

    assert called == ["end of the request", "end of the context"] * 2


def test_a_failing_teardown_function_is_ignored(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """It may need what a function before the request does."""

    @app.teardown_request
    def needs_more(_: object) -> None:
        g.connection.close()

    assert explain(auth, issuer.token(), app=app)
    assert not has_app_context()


def test_the_session_isnt_saved(app: Flask, issuer: TokenIssuer) -> None:
    """A token is put into the session of the explained request only."""
    app.secret_key = "secret"
    auth = Authenticator(keys=issuer.verification_key, extractor=SessionTokenExtractor())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: str(dict(session))))

    explanation = explain(auth, issuer.token(), app=app, endpoint="it")

    assert explanation
    assert app.test_client().get("/").status_code == 401


def test_without_a_secret_key_the_token_is_given_to_the_validator(
    app: Flask, issuer: TokenIssuer
) -> None:
    """Such an app has no session to put it into."""
    auth = Authenticator(keys=issuer.verification_key, extractor=SessionTokenExtractor())

    explanation = explain(auth, issuer.token(), app=app)

    assert explanation
    assert "can't tell where" in explanation.steps[0].note


def test_within_a_view_its_caller_and_g_stay(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A view may explain another token."""
    seen: dict[str, Any] = {}

    @policy
    def writes(claims: Claims, call: Call) -> bool:
        g.other = "policy"
        return True

    @app.get("/other")
    @auth.requires_authentication(rules=[writes])
    def other() -> str:
        return ""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        g.mine = "view"
        before = dict(vars(g._get_current_object()))
        explanations = [
            explain(auth, issuer.token("bob"), endpoint="other"),
            explain(auth, "x", endpoint="other"),
        ]
        seen["outcomes"] = [each.outcome for each in explanations]
        seen["g"] = before == vars(g._get_current_object())
        seen["caller"] = current_principal.subject, g.json_token["sub"]
        return current_principal.subject or ""

    response = app.test_client().get("/", headers=bearer(issuer.token("ada")))

    assert response.text == "ada"
    assert seen == {"outcomes": ["accepted", "refused"], "g": True, "caller": ("ada", "ada")}


def test_it_works_anywhere(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """Outside of any app, in an app context, in a thread, in a coroutine and in an async view."""
    token = issuer.token()
    outcomes = [bool(explain(auth, token))]
    with app.app_context():
        g.mine = 1
        outcomes.append(bool(explain(auth, token)))
        assert g.mine == 1
        assert current_app.name == app.name
        assert not has_request_context()
    thread = threading.Thread(target=lambda: outcomes.append(bool(explain(auth, token, app=app))))
    thread.start()
    thread.join()

    async def explaining() -> bool:
        await asyncio.sleep(0)
        return bool(explain(auth, token, app=app))

    outcomes.append(asyncio.run(explaining()))

    @app.get("/")
    @auth.requires_authentication
    async def view() -> str:
        outcomes.append(await explaining())
        return current_principal.subject or ""

    assert app.test_client().get("/", headers=bearer(issuer.token("ada"))).text == "ada"
    assert outcomes == [True] * 5
    assert not has_app_context()


def test_an_app_authenticator_is_that_of_the_app(app: Flask, issuer: TokenIssuer) -> None:
    """Before ``init_app``, each request gets a 503, as the explanation says."""
    auth = AppAuthenticator(lambda _: Authenticator(keys=issuer.verification_key))
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))

    before = explain(auth, issuer.token(), app=app, endpoint="it")
    auth.init_app(app)

    assert before.response is not None
    assert before.response.status == 503
    assert explain(auth, issuer.token(), app=app, endpoint="it")


def test_a_request_afterwards_is_as_always(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """It is logged and signalled."""
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: ""))
    explain(auth, "x", app=app, endpoint="it")
    with observed(app) as seen:
        app.test_client().get("/")
    assert len(seen.refusals) == 1


def test_explaining_doesnt_need_audiences(issuer: TokenIssuer) -> None:
    """A token for another audience is explained like any other."""
    auth = Authenticator(
        keys=issuer.verification_key, validator=JWTValidator(rules=[Audience("a")])
    )
    assert explain(auth, issuer.token(aud="a"))
