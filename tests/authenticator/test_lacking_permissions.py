"""What a caller who lacks a permission is told, and which refusals name scopes at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, Claims, JWTValidator, Role, Scope, current_principal, policy
from flask_jwtlib.errors import InsufficientScopeError
from flask_jwtlib.policies import Call
from flask_jwtlib.testing import TokenIssuer, bearer

A, B = Scope("a"), Scope("b")
METADATA = "https://api.example/.well-known/oauth-protected-resource"
LACKING = "The access token lacks a required scope"


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


def test_a_403_that_no_scope_cures_has_no_challenge(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A client isn't asked for scopes that it has, or that wouldn't help: no scope, no error code."""
    auth = auth.evolve(resource_metadata=METADATA)
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A, Role("editor")])(fresh()))

    for scope in ("a", "b"):
        response = app.test_client().get("/", headers=bearer(issuer.token(scope=scope)))
        assert response.status_code == 403
        assert "WWW-Authenticate" not in response.headers
        assert "scope" not in response.text
        assert "insufficient" not in response.text


@pytest.mark.parametrize("claim", ["scope", "scp", "roles", "sub"])
def test_nothing_of_the_token_is_sent(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, claim: str
) -> None:
    """What a client has put into its token's claims comes back neither in a header nor in the body."""

    @policy
    def broken(claims: Claims, call: Call) -> bool:
        return bool(claims["leaked"][f"{claims.get(claim)}"])

    rules = [A & (Role("editor") | A), broken | A]
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(fresh()))
    token = issuer.token(**{"leaked": {}, claim: 'leaked", realm="x\r\nX-Leaked: 1'})
    response = app.test_client().get("/", headers=bearer(token))

    assert response.status_code == 403
    assert 'scope="a"' in response.headers["WWW-Authenticate"]
    assert "leaked" not in f"{response.headers}{response.text}".lower()


def test_the_metadata_url_is_named(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> None:
    """A 401 and a 403 that a scope would cure name the resource's metadata (RFC 9728 §5.1)."""
    auth = auth.evolve(resource_metadata=METADATA)
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A])(fresh()))
    client = app.test_client()

    challenges = [
        client.get("/", headers=headers).headers["WWW-Authenticate"]
        for headers in ({}, bearer(issuer.token(exp=1)), bearer(issuer.token()))
    ]
    needed = f'scope="a", resource_metadata="{METADATA}"'
    assert challenges == [
        f"Bearer {needed}",
        'Bearer error="invalid_token", error_description="The access token expired", ' + needed,
        f'Bearer error="insufficient_scope", error_description="{LACKING}", {needed}',
    ]


def test_a_malformed_request_is_not_asked_for_scopes(app: Flask, auth: Authenticator) -> None:
    """A 400 has the error code only (RFC 6750 §3.1): other scopes wouldn't help."""
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[A])(fresh()))
    response = app.test_client().get("/?access_token=x", headers=bearer("x"))

    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
    assert "scope=" not in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("kind", ["requires_authentication", "optional_authentication"])
def test_a_claim_rule_that_asks_for_a_scope(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, kind: str
) -> None:
    """A plain rule's scope is named beside those of the policies, and refused on every route."""

    def rule(claims: Claims) -> bool:
        if "x" not in claims.scopes:
            raise InsufficientScopeError("x y")
        return True

    app.add_url_rule("/", "it", getattr(auth, kind)(rules=[rule, A])(fresh()))
    response = app.test_client().get("/", headers=bearer(issuer.token(scope="a")))

    assert response.status_code == 403
    assert 'scope="a x y"' in response.headers["WWW-Authenticate"]
    # Without a token, the rule didn't run, so that only the policy's scope is known.
    if kind == "requires_authentication":
        assert app.test_client().get("/").headers["WWW-Authenticate"] == 'Bearer scope="a"'


def test_a_validators_rule_that_asks_for_a_scope(app: Flask, issuer: TokenIssuer) -> None:
    """So is the scope of a rule of the validator."""

    def rule(claims: Claims) -> bool:
        raise InsufficientScopeError("x")

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))
    app.add_url_rule("/", "it", auth.optional_authentication(rules=[A])(fresh()))
    response = app.test_client().get("/", headers=bearer(issuer.token()))

    assert response.status_code == 403
    assert 'scope="a x"' in response.headers["WWW-Authenticate"]


def test_a_policy_called_in_a_view_names_its_scopes_too(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """The challenge names the scopes of the decorator, and those of the policy that the view called."""

    @app.get("/")
    @auth.requires_authentication(rules=[A])
    def it() -> str:
        (B & Scope("a"))(current_principal.claims)
        return "in"

    response = app.test_client().get("/", headers=bearer(issuer.token(scope="a")))
    assert response.status_code == 403
    assert 'scope="a b"' in response.headers["WWW-Authenticate"]


def test_advertised_names_replace_those_of_tokens(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """A client is told the name under which the authorization server knows a scope."""
    rules = [Scope("read", advertise="api://x/read"), Scope("b", advertise="api://x/b")]
    app.add_url_rule("/", "it", auth.requires_authentication(rules=rules)(fresh()))

    for headers in ({}, bearer(issuer.token()), bearer(issuer.token(scope="read"))):
        response = app.test_client().get("/", headers=headers)
        assert 'scope="api://x/read api://x/b"' in response.headers["WWW-Authenticate"]
