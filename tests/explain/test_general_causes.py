"""What is said about a refusal of a kind: the causes that fit any, and the notes of policies."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, Claims, JWTValidator, policy
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.explain import explain
from flask_jwtlib.policies import Call
from flask_jwtlib.testing import TokenIssuer


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ClaimError("tenant"), "The claim 'tenant' is not accepted."),
        (
            ClaimError("tenant", "tenant is 'b'"),
            "The claim 'tenant' is not accepted: tenant is 'b'.",
        ),
    ],
    ids=["without a text", "with a text for the log"],
)
def test_a_claim_that_isnt_accepted(issuer: TokenIssuer, error: ClaimError, text: str) -> None:
    """The cause has what the rule says, and doesn't say the same twice."""

    def rule(_: Claims) -> None:
        raise error

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))

    cause = explain(auth, issuer.token()).cause

    assert cause is not None
    assert cause.text == text


def test_a_policy_that_needs_another_argument(issuer: TokenIssuer) -> None:
    """A policy that reads an argument which the URL doesn't have isn't said to lack a claim only."""

    @policy
    def owner(claims: Claims, call: Call) -> bool:
        """The caller is the user in the URL."""
        return bool(claims["sub"] == call.view_args["user"])

    app = Flask(__name__)
    auth = Authenticator(keys=issuer.verification_key)
    view = auth.requires_authentication(lambda: "", rules=[owner])
    app.add_url_rule("/", "it", view)

    step = explain(auth, issuer.token(), app=app, endpoint="it").steps[-1]

    assert (step.outcome, step.subject) == ("refused", "owner: The caller is the user in the URL.")
    assert "a claim or an argument of the URL is absent" in step.note
