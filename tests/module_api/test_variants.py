"""Variants of the module's authenticator: ``default_authenticator.evolve(…)``."""

from __future__ import annotations

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import HeaderTokenExtractor, Scope
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler


def test_only_the_variants_keys_count(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A variant with its own keys accepts their tokens, and no longer the module key's."""
    other = flask_jwtlib.default_authenticator.evolve(keys=other_issuer.verification_key)
    app.add_url_rule("/variant", "variant", other.requires_authentication(lambda: "in"))

    assert trusting.get("/variant", headers=bearer(other_issuer.token())).status_code == 200
    assert trusting.get("/variant", headers=bearer(issuer.token())).status_code == 401
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200


def test_a_variant_does_not_reuse_another_ones_verification(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """In one request, a token that the module's key verified is verified again by a variant's."""
    other = flask_jwtlib.default_authenticator.evolve(keys=other_issuer.verification_key)
    inner = other.optional_authentication(lambda: str(flask_jwtlib.is_authenticated()))
    app.add_url_rule("/both", "both", flask_jwtlib.requires_authentication(inner))

    assert trusting.get("/both", headers=bearer(issuer.token())).text == "False"


def test_get_json_token_has_the_claims_of_the_checked_token(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """In a variant's view, ``get_json_token()`` returns the claims of the variant's token."""
    flask_jwtlib.get_token = lambda: issuer.token("somebody else")
    variant = flask_jwtlib.default_authenticator.evolve(extractor=HeaderTokenExtractor())

    @app.get("/claims")
    @variant.requires_authentication
    def claims() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    assert trusting.get("/claims", headers=bearer(issuer.token("alice"))).text == "alice"


@pytest.mark.parametrize("inner", ["expired", "forged", "good"])
def test_the_outer_views_token_is_restored(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, inner: str
) -> None:
    """When the inner view has ended, ``get_json_token()`` returns the outer view's claims again."""
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
    response = trusting.get("/outer", headers=bearer(presented))
    assert response.json == [str(inner == "good"), "alice", "alice"]


def test_a_token_that_the_inner_view_refused_stays_refused(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """The outer view's accepted token doesn't replace the one that a variant refused."""
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


def test_get_json_token_refuses_as_the_variant_of_the_view(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Its challenge names the scopes and the metadata of the route, and the variant's handler responds."""
    metadata = "https://api.example/.well-known/oauth-protected-resource"
    variant = flask_jwtlib.default_authenticator.evolve(
        resource_metadata=metadata, failure_handler=ProblemDetailsHandler()
    )

    @app.get("/variant")
    @variant.optional_authentication(rules=[Scope("reports")])
    def view() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    @app.get("/default")
    @variant.optional_authentication(rules=[Scope("reports")])
    def refusing() -> str:
        flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()

    token = issuer.token("alice", scope="reports")
    assert trusting.get("/variant", headers=bearer(token)).text == "alice"
    challenge = f'Bearer scope="reports", resource_metadata="{metadata}"'
    refused = trusting.get("/variant")
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert refused.headers["WWW-Authenticate"] == challenge
    assert trusting.get("/default").headers["WWW-Authenticate"] == challenge
