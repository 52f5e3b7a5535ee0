"""Policies that a request doesn't come to, since its token is refused."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Audience, Authenticator, Claims, JWTValidator
from flask_jwtlib.explain import explain
from flask_jwtlib.policies import Call, Scope, policy
from flask_jwtlib.testing import TokenIssuer

COMBINED = "(not scope blocked and scope read)"


@policy
def owner(claims: Claims, call: Call) -> bool:
    """A policy of the application, which may have effects of its own."""
    raise AssertionError


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` with a policy of each kind."""
    return Authenticator(
        keys=issuer.public_pem,
        validator=JWTValidator(rules=[Audience("api")]),
        policies=[~Scope("blocked") & Scope("read"), owner],
        scope_hierarchy={"write": ["read"]},
    )


@pytest.fixture
def app(auth: Authenticator) -> Flask:
    """An app with a view for writers."""
    app = Flask("app")

    @app.get("/")
    @auth.requires_authentication(rules=[Scope("write")])
    def view() -> str:
        raise AssertionError

    return app


def policies(auth: Authenticator, token: str, **options: Any) -> list[tuple[str, str]]:
    """Return the name and the outcome of the steps about policies."""
    steps = explain(auth, token, **options).steps
    return [
        (step.subject.partition(":")[0], step.outcome) for step in steps if step.stage == "policies"
    ]


def test_those_of_this_package_are_judged(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """A developer sees at once that a scope is missing, too. The hierarchy of scopes counts."""
    writer, reader = (issuer.token(aud="other", scope=scope) for scope in ("write", "read"))
    assert policies(auth, writer) == [(COMBINED, "passed"), ("owner", "skipped")]
    assert policies(auth, reader, app=app, endpoint="view") == [
        (COMBINED, "passed"),
        ("owner", "skipped"),
        ("scope write", "refused"),
    ]
    assert policies(auth, issuer.token(aud="other")) == [
        (COMBINED, "refused"),
        ("owner", "skipped"),
    ]


def test_a_subclass_of_a_combination_is_not_judged(issuer: TokenIssuer) -> None:
    """What ``&`` makes only compares claims. A subclass of it may do anything."""

    class Own(type(Scope("read") & Scope("write"))):  # type: ignore[misc]
        def combined(self, judgements: object, claims: Claims) -> Any:
            raise AssertionError

    validator = JWTValidator(rules=[Audience("api")])
    policy_of_the_app = Own((Scope("read"), Scope("write")))
    auth = Authenticator(keys=issuer.public_pem, validator=validator, policies=[policy_of_the_app])
    ((_, outcome),) = policies(auth, issuer.token(aud="other", scope="read write"))
    assert outcome == "skipped"


@pytest.mark.parametrize("fault", ["signature", "form", "nothing"])
def test_nothing_is_judged_by_what_anybody_may_have_written(
    auth: Authenticator, app: Flask, issuer: TokenIssuer, fault: str
) -> None:
    """Without a valid signature, the policies are only listed."""
    head, _, signature = issuer.token(aud="api", scope="write").rpartition(".")
    texts = {"signature": f"{head}.{signature[::-1]}", "form": f"{head}.", "nothing": ""}
    found = policies(auth, texts[fault], app=app, endpoint="view")
    assert found == [(COMBINED, "skipped"), ("owner", "skipped"), ("scope write", "skipped")]
