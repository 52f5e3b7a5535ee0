"""What a raised refusal leaves behind."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import pytest
from flask import Flask, abort

import flask_jwtlib
from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    RaisingHandler,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError, Refusal
from flask_jwtlib.testing import TokenIssuer

Headers = dict[str, str]
REQUESTS = 50


class Down:
    """A key provider that fails."""

    def keys_for(self, header: Any) -> Any:
        raise LookupError("no keys today")


def length(error: BaseException) -> int:
    """Count the frames of an error's traceback."""
    traceback, frames = error.__traceback__, 0
    while traceback is not None:
        traceback, frames = traceback.tb_next, frames + 1
    return frames


@pytest.mark.parametrize("by", ["token", "rule", "outage", "policy", "get_json_token"])
def test_the_traceback_of_a_kept_error_does_not_grow(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, good: Headers, expired: Headers, by: str
) -> None:
    """A view may ask a hundred times: the request's error is raised again without its former tracebacks."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    unavailable = Authenticator(keys=Down())
    strict = auth.evolve(policies=[Scope("admin")])
    lengths: list[int] = []
    ask: dict[str, Any] = {
        "token": auth.authenticate,
        "rule": strict.authenticate,
        "outage": unavailable.authenticate,
        "policy": lambda: Scope("admin")(current_principal.claims),
        "get_json_token": flask_jwtlib.get_json_token,
    }

    @app.get("/")
    @auth.optional_authentication
    def view() -> str:
        for _ in range(100):
            try:
                ask[by]()
            except Refusal as error:
                lengths.append(length(error))
        return "done"

    headers = expired if by in ("token", "get_json_token") else good
    response = app.test_client().get("/", headers=headers)

    assert response.text == "done"
    assert len(lengths) == 100
    assert len(set(lengths)) == 1


def garbage_of(app: Flask, path: str, headers: Headers) -> int:
    """Count the objects that only the garbage collector frees after some requests."""
    client = app.test_client()
    client.get(path, headers=headers)
    gc.collect()
    gc.disable()
    try:
        for _ in range(REQUESTS):
            client.get(path, headers=headers)
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("handled", ["no handler", "401", "base"])
@pytest.mark.parametrize(
    "name",
    [
        "authenticate",
        "caught",
        "helper",
        "raising-handler",
        "module",
        "get_json_token",
        "policy",
        "policy-on-json-token",
        "own",
        "outage",
    ],
)
def test_a_raised_refusal_leaves_no_cycles(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    good: Headers,
    expired: Headers,
    name: str,
    handled: str,
) -> None:
    """A refused request is freed at once: it leaves as many cycles as an error that the app raises."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    helper = auth.requires_authentication(lambda: "in")
    unavailable = Authenticator(keys=Down())

    def caught() -> str:
        try:
            return str(auth.authenticate())
        except AuthenticationError:
            return "public"

    def policy() -> str:
        Scope("admin")(current_principal.claims)
        return "in"

    def policy_on_json_token() -> str:
        claims: Any = flask_jwtlib.get_json_token()
        Scope("admin")(claims)
        return "in"

    def own() -> str:
        raise ForbiddenError

    raising = auth.evolve(failure_handler=RaisingHandler())
    views: dict[str, Any] = {
        "authenticate": lambda: str(auth.authenticate()),
        "caught": caught,
        "helper": lambda: f"the helper says {helper()}",
        "raising-handler": raising.requires_authentication(lambda: "in"),
        "module": flask_jwtlib.requires_authentication(lambda: "in"),
        "get_json_token": flask_jwtlib.get_json_token,
        "policy": auth.requires_authentication(policy),
        "policy-on-json-token": policy_on_json_token,
        "own": auth.requires_authentication(own),
        "outage": lambda: str(unavailable.authenticate()),
    }
    app.add_url_rule("/bare", "bare", lambda: abort(401))
    app.add_url_rule("/view", "view", views[name])
    if handled != "no handler":
        app.register_error_handler(401 if handled == "401" else Refusal, lambda error: ("", 401))
    headers = good if name in ("policy", "policy-on-json-token", "own", "outage") else expired

    bare = garbage_of(app, "/bare", headers)
    assert garbage_of(app, "/view", headers) <= bare + REQUESTS // 10


def test_a_raised_refusal_can_be_pickled(auth: Authenticator, app: Flask, good: Headers) -> None:
    """An error that was raised in a request can be sent to another process, without its Authenticator."""
    with app.test_request_context("/", headers=good):
        principal = auth.authenticate()
        with pytest.raises(AuthenticationError) as refused:
            Scope("admin")(principal.claims)
        with pytest.raises(VerificationUnavailable) as outage:
            Authenticator(keys=Down()).authenticate()

        for error in (refused.value, outage.value):
            revived = pickle.loads(pickle.dumps(error))

            assert type(revived) is type(error)
            assert revived.log_message == error.log_message
            assert revived.get_headers() == error.get_headers()
            assert revived.get_response().status_code == error.status
