"""The app that gunicorn serves in these tests. Its issuer's keys come by the environment."""

from __future__ import annotations

import json
import os
from threading import Barrier, BrokenBarrierError
from typing import Any

from flask import Flask, g, jsonify, request

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    Authenticator,
    JWTValidator,
    Scope,
    TTLKeyProvider,
    current_principal,
    public,
)

JWKS = json.loads(os.environ["TEST_JWKS"])
# Requests meet here, so that several are in a view at the same moment.
meeting = Barrier(4)


def key_server_is_down() -> Any:
    """Fail as an unreachable key server does."""
    raise ConnectionError("the key server is down")


auth = Authenticator(keys=JWKS, validator=JWTValidator(rules=[Audience("server-tests")]))
outage = auth.evolve(keys=TTLKeyProvider(key_server_is_down))
flask_jwtlib.set_permanent_verification_key(JWKS)
flask_jwtlib.JWT_AUDIENCE = "server-tests"

app = Flask(__name__)


def caller() -> dict[str, Any]:
    """All that is published of the caller."""
    return {
        "subject": current_principal.subject if current_principal else None,
        "g": [g.authenticated, g.raw_token, g.json_token and g.json_token["sub"]],
        "pid": os.getpid(),
    }


@app.route("/needed", methods=["GET", "POST"])
@auth.requires_authentication
def needed() -> Any:
    """Answer the caller."""
    return jsonify(caller())


@app.get("/meeting")
@auth.requires_authentication
def meet() -> Any:
    """Answer the caller as seen before and after waiting for other requests."""
    before = caller()
    try:
        meeting.wait(0.2)
    except BrokenBarrierError:
        meeting.reset()
    return jsonify({**caller(), "unchanged": before == caller()})


@app.get("/async")
@auth.requires_authentication
async def asynchronous() -> Any:
    """Answer the caller from a coroutine."""
    return jsonify(caller())


@app.get("/optional")
@auth.optional_authentication
def optional() -> Any:
    """Answer the caller, or nobody."""
    return jsonify(caller())


@app.get("/scoped")
@auth.optional_authentication(rules=[Scope("reports:read")])
def scoped() -> Any:
    """Answer the caller, who needs a scope."""
    return jsonify(caller())


@app.get("/outage")
@outage.optional_authentication
def without_keys() -> Any:
    """Never get here with a token."""
    return jsonify(caller())


@app.get("/documented")
@flask_jwtlib.requires_authentication
def documented() -> Any:
    """Answer the caller by the documented functions."""
    return jsonify({**caller(), "claims": flask_jwtlib.get_json_token()["sub"]})


@app.post("/upload")
@auth.requires_authentication
def upload() -> Any:
    """Answer how much was sent."""
    return jsonify({**caller(), "received": len(request.get_data())})


@app.post("/body/<way>")
@auth.requires_authentication
def body(way: str) -> Any:
    """Answer the body, by one of the ways to it."""
    if way == "files":
        return request.files["f"].read() + request.form["a"].encode()
    if way == "form":
        return request.form["a"]
    return request.stream.read() if way == "stream" else request.get_data()


@app.get("/health")
@public
def health() -> str:
    """Answer without asking anybody."""
    return "well"
