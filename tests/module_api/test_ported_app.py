"""A small app written for the original documentation, run unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer

app = flask.Flask("orders")
app.config["ALLOWED_ROLES"] = ["clerk", "manager"]
profiles: dict[str, str] = {}


@app.route("/")
@flask_jwtlib.optional_authentication
def index() -> Any:
    """Greet the caller by name."""
    address = flask.request.remote_addr or ""
    if flask_jwtlib.is_authenticated():
        profiles[address] = flask.g.json_token["sub"]
    greeting = f"Hello, {profiles.get(address, 'guest')}!"
    return flask.jsonify(greeting=greeting, token=flask.g.raw_token)


@app.route("/orders/<int:number>")
@flask_jwtlib.requires_authentication
def order(number: int) -> Any:
    """Show an order to a clerk or a manager."""
    return flask.jsonify(order=number, caller=flask.g.json_token)


@app.route("/orders/<int:number>", methods=["DELETE"])
@flask_jwtlib.requires_authentication
def cancel(number: int) -> Any:
    """Cancel an order, which only managers may do."""
    if flask.g.json_token["role"] != "manager":
        flask.abort(403)
    return "", 204


def has_role(token: str) -> bool:
    """Require one of the app's roles besides a valid token."""
    if not flask_jwtlib._DEFAULT_CHECK_TOKEN(token):
        return False
    return flask_jwtlib.get_json_token().get("role") in app.config["ALLOWED_ROLES"]


def token_from_request_or_cookie() -> str | None:
    """Take the token from RFC 6750's locations or the shop's cookie."""
    return flask_jwtlib._DEFAULT_GET_TOKEN() or flask.request.cookies.get("shop_token")


def login_required() -> Any:
    """Respond to callers without a valid token."""
    return flask.jsonify(error="login_required", path=flask.request.path), 401


def forget_profile() -> None:
    """Forget the profile of this address."""
    profiles.pop(flask.request.remote_addr or "", None)


def configure(key_file: Path) -> None:
    """Set key and callbacks, after all views were decorated."""
    flask_jwtlib.JWT_ALGO = "RS256"
    flask_jwtlib.set_permanent_verification_key(key_file.read_text())
    flask_jwtlib.check_token = has_role
    flask_jwtlib.get_token = token_from_request_or_cookie
    flask_jwtlib.requires_authentication_failure_callback = login_required
    flask_jwtlib.optional_authentication_failure_callback = forget_profile


@pytest.fixture
def shop(tmp_path: Path, issuer: TokenIssuer) -> FlaskClient:
    """A client of the app, whose key is read from a PEM file."""
    key_file = tmp_path / "key.pem"
    key_file.write_text(issuer.public_pem)
    configure(key_file)
    return app.test_client()


def test_a_clerk_reads_an_order(shop: FlaskClient, issuer: TokenIssuer) -> None:
    """A token with one of the roles gets the order, and the view has its claims."""
    response = shop.get("/orders/1", headers=bearer(issuer.token("ann", role="clerk")))
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["order"] == 1
    assert response.json["caller"]["sub"] == "ann"


def test_the_cookie_works_like_the_header(shop: FlaskClient, issuer: TokenIssuer) -> None:
    """The app's own ``get_token`` falls back to its cookie."""
    shop.set_cookie("shop_token", issuer.token("ann", role="clerk"))
    assert shop.get("/orders/1").status_code == 200


@pytest.mark.parametrize(
    "kind", ["none", "no role", "another role", "expired", "forged", "malformed"]
)
def test_other_callers_get_the_apps_own_401(
    shop: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """Every refused request gets the replaced failure callback's JSON tuple."""
    headers = {
        "none": {},
        "no role": bearer(issuer.token("ann")),
        "another role": bearer(issuer.token("ann", role="customer")),
        "expired": bearer(issuer.token("ann", role="clerk", exp=1)),
        "forged": bearer(other_issuer.token("ann", role="manager")),
        "malformed": {"Authorization": "Bearer"},
    }[kind]
    response = shop.get("/orders/1", headers=headers)
    assert response.status_code == 401
    assert response.json == {"error": "login_required", "path": "/orders/1"}


def test_a_manager_cancels_with_a_form_token(shop: FlaskClient, issuer: TokenIssuer) -> None:
    """DELETE takes the token from the body; the view's own role check refuses a clerk."""
    clerk, manager = issuer.token("ann", role="clerk"), issuer.token("max", role="manager")
    assert shop.delete("/orders/2", data={"access_token": clerk}).status_code == 403
    assert shop.delete("/orders/2", data={"access_token": manager}).status_code == 204


def test_the_front_page_is_optional(shop: FlaskClient, issuer: TokenIssuer) -> None:
    """The optional route greets the caller by name, and forgets it when the token is no longer valid."""
    token = issuer.token("ann", role="clerk")
    assert shop.get("/").json == {"greeting": "Hello, guest!", "token": None}
    assert shop.get("/", query_string={"access_token": token}).json == {
        "greeting": "Hello, ann!",
        "token": token,
    }
    expired = bearer(issuer.token("ann", role="clerk", exp=1))
    assert shop.get("/", headers=expired).json == {"greeting": "Hello, guest!", "token": None}
