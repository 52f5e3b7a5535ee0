"""An application of the documented module API: code that must type-check, and never runs."""

# The documented defaults have names that start with an underscore.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, g, request
from typing_extensions import assert_type

import flask_jwtlib

app = Flask(__name__)


def mine() -> str | None:
    """Find the token in a cookie, or in RFC 6750's locations."""
    return request.cookies.get("token") or flask_jwtlib._DEFAULT_GET_TOKEN()


def strict(token: str) -> bool:
    """Check more than the default."""
    return flask_jwtlib._DEFAULT_CHECK_TOKEN(token) and len(token) > 10


def refuse() -> Response:
    """Refuse with a response."""
    return Response("no", 401)


def refuse_in_flasks_way() -> tuple[dict[str, str], int]:
    """Refuse with anything that a view may return."""
    return {"error": "no"}, 401


def refuse_by_exception() -> Response:
    """Refuse by raising."""
    abort(401)


def note() -> None:
    """Record an anonymous request."""
    flask_jwtlib._DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()


def fetch() -> str:
    """Fetch the key."""
    return "-----BEGIN PUBLIC KEY-----"


def everything_is_assignable() -> None:
    """Settings and callbacks are replaced by plain assignment."""
    flask_jwtlib.JWT_ALGO = "ES256"
    flask_jwtlib.JWT_ALGO = ["RS256", "ES256"]
    flask_jwtlib.JWT_ALGO = ("RS256",)
    flask_jwtlib.JWT_AUDIENCE = "api"
    flask_jwtlib.JWT_AUDIENCE = ["api", "other"]
    flask_jwtlib.JWT_AUDIENCE = None
    flask_jwtlib.JWT_ISSUER = "https://issuer.example"
    flask_jwtlib.JWT_LEEWAY = 5
    flask_jwtlib.JWT_MAX_SIZE = 16384
    flask_jwtlib.JWT_NUMERIC_SUBJECT = True
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 60
    flask_jwtlib.get_token = mine
    flask_jwtlib.check_token = strict
    flask_jwtlib.check_token = lambda token: token != ""
    flask_jwtlib.retrieve_verification_key = fetch
    flask_jwtlib.requires_authentication_failure_callback = refuse
    flask_jwtlib.requires_authentication_failure_callback = refuse_in_flasks_way
    flask_jwtlib.requires_authentication_failure_callback = refuse_by_exception
    flask_jwtlib.optional_authentication_failure_callback = note


def everything_is_callable() -> None:
    """The documented functions have the documented types."""
    flask_jwtlib.set_permanent_verification_key("secret")
    flask_jwtlib.set_permanent_verification_key({"kty": "oct", "k": "AAAA"})
    assert_type(flask_jwtlib.verification_key(), Any)
    assert_type(flask_jwtlib.get_token(), "str | None")
    assert_type(flask_jwtlib.check_token("a.b.c"), bool)
    assert_type(flask_jwtlib.get_json_token(), dict[str, Any])
    assert_type(flask_jwtlib.get_json_token(verify=False), dict[str, Any])
    assert_type(flask_jwtlib.get_json_token(False), dict[str, Any])
    assert_type(flask_jwtlib.is_authenticated(), bool)
    assert_type(flask_jwtlib.default_authenticator, flask_jwtlib.Authenticator)
    flask_jwtlib.default_authenticator.protect(app)


@app.route("/")
@flask_jwtlib.optional_authentication
def index() -> str:
    """Greet the caller."""
    return str(g.json_token["sub"]) if g.authenticated else "anonymous"


def mistakes() -> None:
    """Mistakes that a type checker finds."""
    flask_jwtlib.JWT_ALGO = 256  # type: ignore[assignment]
    flask_jwtlib.JWT_LEEWAY = "5"  # type: ignore[assignment]
    flask_jwtlib.JWT_MAX_SIZE = "16384"  # type: ignore[assignment]
    flask_jwtlib.JWT_NUMERIC_SUBJECT = "yes"  # type: ignore[assignment]
    flask_jwtlib.get_token = strict  # type: ignore[assignment]
    flask_jwtlib.check_token = mine  # type: ignore[assignment]
    flask_jwtlib.requires_authentication_failure_callback = note  # type: ignore[assignment]
    flask_jwtlib.check_token("a", "b")  # type: ignore[call-arg]
