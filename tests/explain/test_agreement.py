"""Explanations and real requests agree, for generated tokens, compositions and routes."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_jwtlib.explain import Explanation, explain
from flask_jwtlib.testing import bearer
from tests.explain.kit import check_agreement, observed
from tests.explain.routes import ENDPOINTS, FORGER, ISSUER, Composition, compositions

# Set it to a larger number to search longer.
EXAMPLES = int(os.environ.get("EXPLAIN_EXAMPLES", "120"))
COMPOSITIONS = {composition.name: composition for composition in compositions()}
NOW = int(time.time())

# Each claim with values that are right, wrong or of another type. None leaves it out.
CLAIMS: dict[str, list[Any]] = {
    "sub": ["alice", "bob", 7, None],
    "iss": ["https://issuer.example/", None],
    "aud": ["https://other.example", [], ["https://api.example", "x"], 5],
    "exp": [1, NOW + 900, "soon", 2**70, None],
    "nbf": [2**40, NOW - 5, True],
    "scope": ["read", "read list", "write", "admin", "a read", "", 5],
    "scp": [["read"], ["write", "a"], "admin"],
    "realm_access": [{"roles": ["editor"]}, {"roles": "editor"}, {}, "editor"],
    "blocked": [True, False, "true"],
    "day": ["sunday"],
    "tenant": ["Acme", "Closed", {}],
    "act": [{"sub": "batch"}, {"sub": 5}, "batch", {}],
    "cnf": [{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}, {"jkt": "x"}, {}, 5],
    "nonce": ["n"],
}
HEADERS: dict[str, list[Any]] = {
    "kid": ["key-2", None, 5, "key-1\n"],
    "alg": ["none", "HS256", "ES384", 5],
    "typ": ["at+jwt", "logout+jwt", 5],
    "crit": [["exp"], []],
    "b64": [False],
    "jwk": [{"kty": "oct", "k": "c2VjcmV0"}],
}
SPOILT = {
    "whole": lambda token: token,
    "cut off": lambda token: token[: len(token) - 9],
    "without a signature": lambda token: token.rpartition(".")[0] + ".",
    "two segments": lambda token: token.rpartition(".")[0],
    "other signature": lambda token: token.rpartition(".")[0] + "." + "A" * 86,
    "in quotes": lambda token: f'"{token}"',
    "twice": lambda token: f"{token} {token}",
    "padded": lambda token: f"{token}==",
    "changed claims": lambda token: token.replace(".", ".e30", 1),
    "too long": lambda token: token + "A" * 9000,
    "no token": lambda token: "abc",
}


def _some(members: dict[str, list[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the members, each with one of its values."""
    names = st.lists(st.sampled_from(sorted(members)), max_size=most, unique=True)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries(
            {name: st.sampled_from(members[name]) for name in chosen}
        )
    )


def made(
    claims: dict[str, Any], header: dict[str, Any], spoilt: str = "whole", *, forged: bool = False
) -> str:
    """Make a token."""
    issuer = FORGER if forged else ISSUER
    return str(SPOILT[spoilt](issuer.token(**claims, header=header)))


tokens = st.builds(
    made,
    _some(CLAIMS, 4),
    st.one_of(st.just({}), _some(HEADERS, 1)),
    st.one_of(st.just("whole"), st.sampled_from(sorted(SPOILT))),
    forged=st.sampled_from([False] * 5 + [True]),
)


def compare(
    composition: Composition, endpoint: str, token: str, method: str = "GET"
) -> Explanation:
    """Explain a token and send it, and check that both agree."""
    app, arguments = composition.app, ENDPOINTS[endpoint]
    with app.test_request_context():
        path = app.url_for(endpoint, **arguments)
    with observed(app) as seen:
        response = app.test_client().open(path, method=method, headers=bearer(token))
    with observed(app) as during:
        explanation = explain(
            composition.auth, token, app=app, endpoint=endpoint, method=method, view_args=arguments
        )
    assert not during.refusals
    assert not during.accepted
    assert seen.accepted or explanation.outcome != "accepted"
    check_agreement(explanation, response, seen)
    return explanation


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(
    name=st.sampled_from(sorted(COMPOSITIONS)),
    endpoint=st.sampled_from(sorted(ENDPOINTS)),
    token=tokens,
    method=st.sampled_from(["GET", "GET", "POST", "HEAD"]),
)
def test_generated_tokens_and_routes(name: str, endpoint: str, token: str, method: str) -> None:
    """Both come to the same status, challenge, body and error, and the first refused step names the error."""
    if endpoint.startswith("reports") and method == "POST":
        method = "GET"
    compare(COMPOSITIONS[name], endpoint, token, method)


GOOD = {
    "blocked": False,
    "scope": "read list write a",
    "tenant": "acme",
    "realm_access": {"roles": ["editor"]},
}


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
@pytest.mark.parametrize("name", sorted(COMPOSITIONS))
def test_each_route_of_each_composition(name: str, endpoint: str) -> None:
    """A good token, an expired one and one without scopes agree, and what should be accepted is."""
    composition = COMPOSITIONS[name]
    good = compare(composition, endpoint, made(GOOD, {}))
    compare(composition, endpoint, made({**GOOD, "exp": 1}, {}))
    compare(composition, endpoint, made({"tenant": "acme"}, {}))
    expected = {"broken": "refused", "hidden": "refused"}.get(endpoint, "accepted")
    if endpoint == "open" or (name == "protected" and endpoint == "reports.all"):
        expected = "guest" if endpoint == "open" else "accepted"
    assert good.outcome == expected
