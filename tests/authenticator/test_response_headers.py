"""Headers that a validator adds to accepted responses."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort, current_app

import flask_jwtlib
from flask_jwtlib import Authenticator, BearerToken, Claims, JWTValidator, KeyProvider, Scope
from flask_jwtlib.testing import TokenIssuer, bearer

from .evidence_kit import ClaimsByText

SENT = {"DPoP-Nonce": ["for alice"], "Set-Cookie": ["a=1", "b=2"]}


class HeaderValidator(JWTValidator):
    """Adds headers that name the caller."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = super().validate(token, keys)
        for name, values in SENT.items():
            for value in values:
                claims = claims.with_response_header(
                    name, value.replace("alice", str(claims.subject))
                )
        return claims


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator whose validator adds headers."""
    return Authenticator(keys=issuer.verification_key, validator=HeaderValidator())


def sent_by(response: Any) -> dict[str, list[str]]:
    """Return the headers that were added."""
    return {name: found for name in SENT if (found := response.headers.getlist(name))}


def fail() -> str:
    """Fail as a faulty view does."""
    raise RuntimeError("a fault of the view")


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (lambda: "in", 200),
        (lambda: ("", 204), 204),
        (lambda: abort(404), 404),
        (lambda: ("no", 409), 409),
        (lambda: abort(current_app.make_response(("own", 418))), 418),
        (fail, 500),
    ],
    ids=["200", "204", "404", "409", "own response", "500"],
)
def test_a_response_to_a_caller_has_them(
    auth: Authenticator, app: Flask, token: str, view: Any, status: int
) -> None:
    """They are on each response to an accepted caller, once, also if the view fails."""
    app.testing = False
    app.add_url_rule("/", "view", auth.requires_authentication(view))
    client = app.test_client(use_cookies=False)

    for _ in range(2):
        response = client.get("/", headers=bearer(token))
        assert (response.status_code, sent_by(response)) == (status, SENT)


def test_several_doors_send_them_once(auth: Authenticator, app: Flask, token: str) -> None:
    """A guard, decorators and ``authenticate`` accept one caller, who gets each header once."""
    app.before_request(auth.guard())
    inner = auth.requires_authentication(lambda: auth.authenticate().subject)
    app.add_url_rule("/", "view", auth.requires_authentication(inner))

    assert sent_by(app.test_client().get("/", headers=bearer(token))) == SENT


def test_a_views_own_header_is_kept(auth: Authenticator, app: Flask, token: str) -> None:
    """A header of the view with the same name stays."""
    view = auth.requires_authentication(lambda: ("in", {"Set-Cookie": "own=1"}))
    app.add_url_rule("/", "view", view)

    response = app.test_client().get("/", headers=bearer(token))

    assert response.headers.getlist("Set-Cookie") == ["own=1", "a=1", "b=2"]


def test_guests_and_the_refused_do_not_get_them(
    auth: Authenticator, app: Flask, token: str, expired: str
) -> None:
    """A guest, a refused request and a caller without a permission get none."""
    app.add_url_rule("/", "view", auth.optional_authentication(lambda: "in"))
    scoped = auth.requires_authentication(rules=[Scope("reports")])
    app.add_url_rule("/scoped", "scoped", scoped(lambda: "in"))
    client = app.test_client()

    for path, headers in [("/", {}), ("/", bearer(expired)), ("/scoped", bearer(token))]:
        assert sent_by(client.get(path, headers=headers)) == {}


def test_cached_claims_do_not_repeat_them_to_another_caller(
    app: Flask, issuer: TokenIssuer
) -> None:
    """With a validator that remembers claims, each caller gets their own."""
    validator = ClaimsByText(HeaderValidator())
    auth = Authenticator(keys=issuer.verification_key, validator=validator)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client(use_cookies=False)

    for _ in range(2):
        for name in ("alice", "bob"):
            response = client.get("/", headers=bearer(issuer.token(name, iat=1)))
            assert response.headers.getlist("DPoP-Nonce") == [f"for {name}"]


def test_the_module_api_sends_them(app: Flask, issuer: TokenIssuer, token: str) -> None:
    """A variant of the module's authenticator sends them, too."""
    auth = flask_jwtlib.default_authenticator.evolve(
        keys=issuer.verification_key, validator=HeaderValidator()
    )
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    assert sent_by(app.test_client().get("/", headers=bearer(token))) == SENT
