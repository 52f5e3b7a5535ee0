"""Each extractor, validator and failure handler works together with every other one."""

from __future__ import annotations

from itertools import product

import pytest
from werkzeug.test import TestResponse

from flask_jwtlib.testing import TokenIssuer
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

COMBINATIONS = [
    pytest.param(place, verifier, refuser, id=f"{place.name}-{verifier.name}-{refuser.name}")
    for place, verifier, refuser in product(PLACES, VERIFIERS, REFUSERS)
    if verifier.schemes is None or place.scheme in verifier.schemes
]


def check_caches(response: TestResponse, place: Place, *more: str) -> None:
    """Check that no cache mixes callers up."""
    # Flask adds "Cookie" if the session was used.
    assert set(response.vary) - {"Cookie"} == {*place.vary, *more} - {"Cookie"}
    assert "Cookie" in response.vary or "Cookie" not in place.vary
    assert response.cache_control.private or response.cache_control.no_store or place.is_public


def check_refusal(response: TestResponse, place: Place, refuser: Refuser, reason: str) -> None:
    """Check the body and the headers of a refusal."""
    assert response.status_code == 401
    assert response.mimetype == refuser.media_type
    assert refuser.reason(response) in (reason, None)
    challenges = response.headers["WWW-Authenticate"]
    assert response.headers.getlist("WWW-Authenticate") == [challenges]
    assert all(scheme in challenges for scheme in place.schemes)
    check_caches(response, place, *refuser.vary)


@pytest.mark.parametrize(("place", "verifier", "refuser"), COMBINATIONS)
def test_every_combination(place: Place, verifier: Verifier, refuser: Refuser) -> None:
    """A good request has its caller; a bad one is refused in the challenge that it belongs to."""
    app, _ = app_of(place, verifier, refuser, ISSUER)
    client = app.test_client()

    missing = client.get("/")
    check_refusal(missing, place, refuser, "missing-token")
    assert "error=" not in missing.headers["WWW-Authenticate"]

    for reason, token in verifier.bad.items():
        refused = place.send(client, token)
        check_refusal(refused, place, refuser, reason)
        assert token not in refused.text
        blamed = refused.headers["WWW-Authenticate"].partition(' error="invalid_token"')[0]
        assert blamed.endswith(place.scheme)

    accepted = place.send(client, verifier.good)
    assert (accepted.status_code, accepted.text) == (200, "the caller is alice")
    check_caches(accepted, place)
