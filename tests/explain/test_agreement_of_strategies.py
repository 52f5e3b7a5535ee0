"""An explanation and a real request agree for each extractor, validator and failure handler."""

from __future__ import annotations

from itertools import product

import pytest

from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer
from tests.explain.kit import check_agreement, observed
from tests.strategies.combinations import (
    PLACES,
    REFUSERS,
    Place,
    Refuser,
    Verifier,
    app_of,
    make_verifiers,
)

ISSUER = TokenIssuer()
VERIFIERS = make_verifiers(ISSUER, forger=TokenIssuer())
# In these, the first extractor finds the token that is explained.
EXPLAINED = [
    place for place in PLACES if place.name not in ("cookie of several", "API key of several")
]

COMBINATIONS = [
    pytest.param(
        place, verifier, REFUSERS[number % len(REFUSERS)], id=f"{place.name}-{verifier.name}"
    )
    for number, (place, verifier) in enumerate(product(EXPLAINED, VERIFIERS))
    if verifier.schemes is None or place.scheme in verifier.schemes
]


@pytest.mark.parametrize(("place", "verifier", "refuser"), COMBINATIONS)
def test_an_explanation_agrees_with_a_request(
    place: Place, verifier: Verifier, refuser: Refuser
) -> None:
    """A token is found where a client sends it, and it is accepted or refused by the same response."""
    app, auth = app_of(place, verifier, refuser, ISSUER)
    for token in (verifier.good, *verifier.bad.values()):
        with observed(app) as seen:
            response = place.send(app.test_client(), token)
        explanation = explain(auth, token, app=app, endpoint="view", method=response.request.method)
        check_agreement(explanation, response, seen)
        assert bool(explanation) is (token == verifier.good)
        assert (
            any(step.stage == "request" and step.outcome == "passed" for step in explanation.steps)
            or response.status_code != 200
        )
