"""Variants of the module's authenticator: ``default_authenticator.evolve(…)``."""

from __future__ import annotations

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import HeaderTokenExtractor
from flask_jwtlib.testing import TokenIssuer, bearer


def test_other_keys_are_the_only_ones_that_count(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A variant with keys of its own accepts their tokens, and those of the module's key no more."""
    other = flask_jwtlib.default_authenticator.evolve(keys=other_issuer.verification_key)
    app.add_url_rule("/variant", "variant", other.requires_authentication(lambda: "in"))

    assert trusting.get("/variant", headers=bearer(other_issuer.token())).status_code == 200
    assert trusting.get("/variant", headers=bearer(issuer.token())).status_code == 401
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200


def test_what_one_variant_verified_another_does_not_take_over(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Within one request, a token that the module's key verified is verified anew by a variant's."""
    other = flask_jwtlib.default_authenticator.evolve(keys=other_issuer.verification_key)
    inner = other.optional_authentication(lambda: str(flask_jwtlib.is_authenticated()))
    app.add_url_rule("/both", "both", flask_jwtlib.requires_authentication(inner))

    assert trusting.get("/both", headers=bearer(issuer.token())).text == "False"


def test_the_claims_are_those_of_the_token_that_was_checked(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A variant with another extractor decides which token ``get_json_token()`` speaks of."""
    flask_jwtlib.get_token = lambda: issuer.token("somebody else")
    variant = flask_jwtlib.default_authenticator.evolve(extractor=HeaderTokenExtractor())

    @app.get("/claims")
    @variant.requires_authentication
    def claims() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    assert trusting.get("/claims", headers=bearer(issuer.token("alice"))).text == "alice"


@pytest.mark.parametrize("inner", ["expired", "forged", "good"])
def test_the_outer_views_token_is_the_one_spoken_of_again(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, inner: str
) -> None:
    """What an inner view's variant checked, or refused, is forgotten when the inner view has ended."""
    alice = issuer.token("alice")
    flask_jwtlib.get_token = lambda: alice
    variant = flask_jwtlib.default_authenticator.evolve(extractor=HeaderTokenExtractor())
    guarded = variant.optional_authentication(lambda: str(flask_jwtlib.is_authenticated()))

    @app.get("/outer")
    @flask_jwtlib.requires_authentication
    def outer() -> list[str]:
        return [guarded(), str(flask_jwtlib.get_json_token()["sub"]), str(g.json_token["sub"])]

    presented = {
        "expired": issuer.token("bob", exp=1),
        "forged": other_issuer.token("bob"),
        "good": issuer.token("bob"),
    }[inner]
    answer = trusting.get("/outer", headers=bearer(presented))
    assert answer.json == [str(inner == "good"), "alice", "alice"]


def test_within_the_inner_view_a_refused_token_is_judged(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """That the outer view's token was accepted says nothing of the one that a variant refused."""
    alice, expired = issuer.token("alice"), issuer.token("bob", exp=1)
    flask_jwtlib.get_token = lambda: alice
    variant = flask_jwtlib.default_authenticator.evolve(extractor=HeaderTokenExtractor())

    @variant.optional_authentication
    def inner() -> str:
        with pytest.raises(flask_jwtlib.errors.ExpiredTokenError):
            flask_jwtlib.get_json_token()
        return "refused"

    app.add_url_rule("/outer", "outer", flask_jwtlib.requires_authentication(inner))
    assert trusting.get("/outer", headers=bearer(expired)).text == "refused"
