"""The program in ``docs/extending.rst`` about explanations does what its text says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer

from .program_kit import client_behind, requirement

Run = Callable[[str, str], dict[str, Any]]


def test_a_strategy_explains_itself(run: Run, issuer: TokenIssuer) -> None:
    """The token is found, the inner validator's steps are shown, and nothing is counted."""
    auth = run("docs/extending.rst", "class DeviceTokenExtractor")["auth"]

    explanation = explain(auth, issuer.token("alice", exp=1))
    accepted = explain(auth, issuer.token("alice"))

    assert accepted
    assert auth.validator.counts == {}
    shown = {step.subject: step for step in explanation.steps}
    assert shown["DeviceTokenExtractor"].found == "in the device, scheme Bearer"
    assert shown["count of tokens"].found == "passes the token to its JWTValidator"
    assert shown["Expiry(leeway=0, required=False)"].outcome == "refused"


def test_a_request_is_counted(run: Run, issuer: TokenIssuer) -> None:
    """Only real requests count."""
    program = run("docs/extending.rst", "class DeviceTokenExtractor")
    client = client_behind(requirement(program))
    sent = {"X-Device": f"7 {issuer.token('alice')}"}
    assert client.get("/", headers=sent).text == "alice"
    assert program["auth"].validator.counts == {"alice": 1}
