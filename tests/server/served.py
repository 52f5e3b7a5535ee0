"""The app that gunicorn serves in these tests. The environment has its issuer's keys."""

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
# Requests wait here for each other, so that several are in a view at the same moment.
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
    """Return everything that is published about the caller."""
    return {
        "subject": current_principal.subject if current_principal else None,
        "g": [g.authenticated, g.raw_token, g.json_token and g.json_token["sub"]],
        "pid": os.getpid(),
    }


@app.route("/needed", methods=["GET", "POST"])
@auth.requires_authentication
def needed() -> Any:
    """Return the caller."""
    return jsonify(caller())


@app.get("/meeting")
@auth.requires_authentication
def meet() -> Any:
    """Return the caller before and after waiting for other requests."""
    before = caller()
    try:
        meeting.wait(0.2)
    except BrokenBarrierError:
        meeting.reset()
    return jsonify({**caller(), "unchanged": before == caller()})


@app.get("/async")
@auth.requires_authentication
async def asynchronous() -> Any:
    """Return the caller from a coroutine."""
    return jsonify(caller())


@app.get("/optional")
@auth.optional_authentication
def optional() -> Any:
    """Return the caller, if any."""
    return jsonify(caller())


@app.get("/scoped")
@auth.optional_authentication(rules=[Scope("reports:read")])
def scoped() -> Any:
    """Return the caller, who needs a scope."""
    return jsonify(caller())


@app.get("/outage")
@outage.optional_authentication
def without_keys() -> Any:
    """Never run with a token."""
    return jsonify(caller())


@app.get("/documented")
@flask_jwtlib.requires_authentication
def documented() -> Any:
    """Return the caller by the documented functions."""
    return jsonify({**caller(), "claims": flask_jwtlib.get_json_token()["sub"]})


@app.post("/upload")
@auth.requires_authentication
def upload() -> Any:
    """Return the length of the body."""
    return jsonify({**caller(), "received": len(request.get_data())})


@app.post("/body/<way>")
@auth.requires_authentication
def body(way: str) -> Any:
    """Return the body, read in one of several ways."""
    if way == "files":
        return request.files["f"].read() + request.form["a"].encode()
    if way == "form":
        return request.form["a"]
    return request.stream.read() if way == "stream" else request.get_data()


@app.get("/health")
@public
def health() -> str:
    """Respond without authentication."""
    return "well"
