"""The endpoint, its URL and the method that a token is explained for."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, make_response

from flask_jwtlib import (
    Authenticator,
)
from flask_jwtlib.errors import ConfigurationError
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer, bearer


class TestTargets:
    """The endpoint, its URL and the method."""

    @pytest.fixture
    def shop(self, app: Flask, issuer: TokenIssuer) -> Authenticator:
        """An app with several URLs."""
        auth = Authenticator(keys=issuer.verification_key)
        view = auth.requires_authentication(lambda **_: make_response(""))
        app.add_url_rule("/orders/<int:order>", "order", view, methods=["DELETE", "PUT"])
        app.add_url_rule("/first", "first", view)
        app.add_url_rule("/first", "second", view)
        app.add_url_rule("/<lang>/page", "page", view)
        app.view_functions["unreachable"] = view
        app.url_defaults(
            lambda endpoint, values: values.setdefault("lang", "en") if endpoint == "page" else None
        )
        return auth

    @pytest.mark.parametrize(
        ("endpoint", "arguments", "method", "text"),
        [
            ("none", {}, None, "has no endpoint 'none'; `flask jwtlib routes` lists them"),
            ("unreachable", {}, None, "has no endpoint 'unreachable'"),
            ("order", {}, None, "takes order and the methods DELETE, OPTIONS, PUT"),
            ("order", {"order": "x"}, None, "no URL of 'order' fits"),
            ("order", {"order": 1}, "GET", "no URL of 'order' fits the method GET"),
            ("order", {"order": 1, "user": 2}, None, "has all the arguments ['order', 'user']"),
            ("second", {}, None, "the app calls 'first' for the URL of 'second', /first"),
        ],
        ids=[
            "unknown",
            "without a URL",
            "no argument",
            "wrong argument",
            "method",
            "too many",
            "hidden",
        ],
    )
    def test_wrong_targets(
        self,
        app: Flask,
        issuer: TokenIssuer,
        shop: Authenticator,
        endpoint: str,
        arguments: Any,
        method: Any,
        text: str,
    ) -> None:
        """The error says what is needed."""
        with pytest.raises(ConfigurationError) as caught:
            explain(shop, "x", app=app, endpoint=endpoint, view_args=arguments, method=method)
        assert text in str(caught.value)

    @pytest.mark.parametrize(("endpoint", "arguments"), [("order", {"order": 1}), ("page", {})])
    def test_right_targets(
        self, app: Flask, issuer: TokenIssuer, shop: Authenticator, endpoint: str, arguments: Any
    ) -> None:
        """The method is one that the endpoint accepts, and the app's URL defaults are used."""
        assert explain(shop, issuer.token(), app=app, endpoint=endpoint, view_args=arguments)

    def test_an_app_that_cant_begin_a_request(
        self, app: Flask, issuer: TokenIssuer, shop: Authenticator
    ) -> None:
        """It is an error with one sentence."""

        class Down(type(app.session_interface)):  # type: ignore[misc]
            def open_session(self, *_: object) -> Any:
                raise ConnectionError

        app.session_interface = Down()
        with pytest.raises(
            ConfigurationError, match="can't begin a request: it raised ConnectionError"
        ):
            explain(shop, "x", app=app)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "decorated"])
@pytest.mark.parametrize("automatic", [True, False], ids=["by Flask", "by the view"])
def test_options(app: Flask, issuer: TokenIssuer, *, automatic: bool, guarded: bool) -> None:
    """Where Flask responds to OPTIONS itself, guards are called, and decorators aren't."""
    auth = Authenticator(keys=issuer.verification_key)
    view = auth.requires_authentication(lambda: "")
    options = {"methods": ["GET", "OPTIONS"], "provide_automatic_options": automatic}
    app.add_url_rule("/", "it", view, **options)
    if guarded:
        auth.protect(app)
    token = issuer.token(exp=1)

    explanation = explain(auth, token, app=app, endpoint="it", method="OPTIONS")
    response = app.test_client().options("/", headers=bearer(token))

    assert (explanation.outcome == "refused") is (response.status_code == 401)
    assert (explanation.outcome == "refused") is (guarded or not automatic)
