"""Every program in ``docs/delegation.rst`` does what the text around it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import client_behind, client_of, requirement

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/delegation.rst"
BILLING = {"sub": "billing", "act": {"sub": "web-shop"}}


def test_a_view_reads_the_actor(run: Run, issuer: TokenIssuer) -> None:
    """The first program names the current actor and its issuer."""
    client = client_of(run(DOCUMENT, "current_principal.actor"))

    def get(**claims: Any) -> str:
        return client.get("/invoices", headers=bearer(issuer.token("alice", **claims))).text

    assert get() == "invoices of alice"
    assert get(act=BILLING) == "invoices of alice, through billing of https://issuer.example"
    of_other = {**BILLING, "iss": "https://login.example"}
    assert get(act=of_other) == "invoices of alice, through billing of https://login.example"


def test_an_app_without_delegation(run: Run, issuer: TokenIssuer) -> None:
    """The second program accepts only callers themselves."""
    client = client_behind(requirement(run(DOCUMENT, "policies=[NoDelegation()]")))

    assert client.get("/", headers=bearer(issuer.token())).status_code == 200
    assert client.get("/", headers=bearer(issuer.token(act=BILLING))).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "act", "status"),
    [
        ("POST", "/password", None, 200),
        ("POST", "/password", BILLING, 403),
        ("POST", "/refunds", None, 403),
        ("POST", "/refunds", BILLING, 200),
        ("POST", "/refunds", {"sub": "web-shop", "act": {"sub": "billing"}}, 403),
        ("POST", "/refunds", {"sub": "billing", "iss": "https://jobs.example"}, 403),
        ("GET", "/orders", None, 200),
        ("GET", "/orders", BILLING, 200),
        ("GET", "/orders", {"sub": "batch"}, 403),
        ("GET", "/reports", {"sub": "batch", "iss": "https://jobs.example"}, 200),
        ("GET", "/reports", {"sub": "batch"}, 403),
        ("GET", "/orders", "billing", 401),
    ],
    ids=lambda value: str(value) if isinstance(value, str | int) else None,
)
def test_who_may_act(
    run: Run, issuer: TokenIssuer, method: str, path: str, act: Any, status: int
) -> None:
    """Each route of the third program accepts the parties that the text names."""
    client = client_of(run(DOCUMENT, "@auth.requires_authentication(rules=[NoDelegation()])"))
    headers = bearer(issuer.token(scope="refunds", act=act))

    refused = client.open(path, method=method, headers=headers)
    assert refused.status_code == status
    assert ("WWW-Authenticate" in refused.headers) is (status == 401)
