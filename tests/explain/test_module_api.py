"""The documented module API is explained without calls of its callbacks that fetch or note something."""

from __future__ import annotations

from flask import Flask

import flask_jwtlib
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer, bearer


def test_the_module_api_is_explained(app: Flask, issuer: TokenIssuer) -> None:
    """The callback that fetches keys and that about guests aren't called; the one that responds is."""
    called: list[str] = []

    def respond() -> tuple[str, int]:
        called.append("respond")
        return "refused", 401

    def fetch() -> str:
        called.append("fetch")
        return issuer.public_pem

    flask_jwtlib.requires_authentication_failure_callback = respond
    flask_jwtlib.optional_authentication_failure_callback = lambda: called.append("guest")
    flask_jwtlib.retrieve_verification_key = fetch
    app.add_url_rule("/", "it", flask_jwtlib.requires_authentication(lambda: ""))
    app.add_url_rule("/o", "guest", flask_jwtlib.optional_authentication(lambda: ""))
    auth = flask_jwtlib.default_authenticator

    unavailable = explain(auth, issuer.token(), app=app, endpoint="it")
    accepted = explain(auth, issuer.token(), app=app, endpoint="it", fetch_keys=True)
    expired = explain(auth, issuer.token(exp=1), app=app, endpoint="it")
    guest = explain(auth, issuer.token(exp=1), app=app, endpoint="guest")

    assert [each.outcome for each in (unavailable, accepted, expired, guest)] == [
        "refused",
        "accepted",
        "refused",
        "guest",
    ]
    assert expired.response is not None
    assert expired.response.body == "refused"
    assert called == ["fetch", "respond"]


def test_the_callback_of_keys_isnt_called(app: Flask, issuer: TokenIssuer) -> None:
    """An app's own ``verification_key`` is called by requests, and then its keys are known."""
    called: list[str] = []

    def own() -> str:
        called.append("key")
        return issuer.public_pem

    flask_jwtlib.verification_key = own
    app.add_url_rule("/", "it", flask_jwtlib.requires_authentication(lambda: ""))
    auth = flask_jwtlib.default_authenticator

    before = explain(auth, issuer.token(), app=app)
    assert not called
    app.test_client().get("/", headers=bearer(issuer.token()))
    calls = len(called)
    after = explain(auth, issuer.token(), app=app)

    assert before.error is not None
    assert before.error.status == 503
    assert after
    assert len(called) == calls


def test_other_algorithms_fetch_nothing(app: Flask, issuer: TokenIssuer) -> None:
    """Keys that were fetched for other algorithms are kept for the next request, which fetches."""
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append("key")
        return issuer.public_pem

    flask_jwtlib.retrieve_verification_key = fetch
    app.add_url_rule("/", "it", flask_jwtlib.requires_authentication(lambda: ""))
    auth = flask_jwtlib.default_authenticator
    app.test_client().get("/", headers=bearer(issuer.token()))
    flask_jwtlib.JWT_ALGO = "ES256"
    token = TokenIssuer(algorithm="ES256").token()

    explanation = explain(auth, token, app=app)

    assert explanation.error is not None
    assert explanation.error.status == 503
    assert fetched == ["key"]
