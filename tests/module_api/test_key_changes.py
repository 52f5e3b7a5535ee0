"""Key and algorithm changes while the app runs."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer


def test_the_permanent_key_may_change_at_run_time(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """The next request uses the key that was set last."""
    for trusted, forger in ((issuer, other_issuer), (other_issuer, issuer), (issuer, other_issuer)):
        flask_jwtlib.set_permanent_verification_key(trusted.public_pem)
        assert client.get("/required", headers=bearer(trusted.token())).status_code == 200
        assert client.get("/required", headers=bearer(forger.token())).status_code == 401


def test_a_jwk_that_is_changed_in_place_changes_the_key(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A mapping that was set as the key counts as it is now."""
    jwk = dict(issuer.jwk)
    flask_jwtlib.set_permanent_verification_key(jwk)
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    jwk.update(other_issuer.jwk)
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 200
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 401


def test_a_permanent_key_replaces_a_fetched_one(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Setting one while a fetched key is cached takes effect at once, as does None."""
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    flask_jwtlib.set_permanent_verification_key(other_issuer.public_pem)
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 401
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 200
    flask_jwtlib.set_permanent_verification_key(None)
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.parametrize("order", [("RS256", "HS256"), ("HS256", "RS256")], ids="-".join)
def test_algorithm_and_permanent_key_change_together(
    client: FlaskClient,
    issuer: TokenIssuer,
    hmac_issuer: TokenIssuer,
    secret: str,
    order: tuple[str, str],
) -> None:
    """From a public key to a secret and back, only tokens of the current kind are accepted."""
    kinds = {"RS256": (issuer, issuer.public_pem), "HS256": (hmac_issuer, secret)}
    for present, absent in (order, order[::-1], order):
        signer, key = kinds[present]
        flask_jwtlib.JWT_ALGO = present
        flask_jwtlib.set_permanent_verification_key(key)
        assert client.get("/required", headers=bearer(signer.token())).status_code == 200
        assert client.get("/required", headers=bearer(kinds[absent][0].token())).status_code == 401


@pytest.mark.parametrize("order", [("RS256", "HS256"), ("HS256", "RS256")], ids="-".join)
def test_a_cached_key_that_does_not_fit_a_new_algorithm_is_fetched_again(
    client: FlaskClient,
    issuer: TokenIssuer,
    hmac_issuer: TokenIssuer,
    secret: str,
    order: tuple[str, str],
) -> None:
    """When ``JWT_ALGO`` changes, the callback is called at once, not after the timeout."""
    kinds = {"RS256": (issuer, issuer.public_pem), "HS256": (hmac_issuer, secret)}
    flask_jwtlib.retrieve_verification_key = lambda: kinds[str(flask_jwtlib.JWT_ALGO)][1]
    for present, absent in (order, order[::-1], order):
        flask_jwtlib.JWT_ALGO = present
        assert client.get("/required", headers=bearer(kinds[present][0].token())).status_code == 200
        assert client.get("/required", headers=bearer(kinds[absent][0].token())).status_code == 401


def test_a_cached_public_key_does_not_become_a_secret(
    client: FlaskClient, issuer: TokenIssuer
) -> None:
    """After a change to HS256, a cached PEM doesn't verify MACs."""
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    flask_jwtlib.JWT_ALGO = "HS256"
    forger = TokenIssuer(algorithm="HS256", private_key=issuer.public_pem.encode())
    assert client.get("/required", headers=bearer(forger.token())).status_code == 503
    flask_jwtlib.JWT_ALGO = "RS256"
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


def test_a_cached_key_that_fits_a_new_algorithm_is_kept(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """From RS256 to RS512 and PS256 the same PEM is used, without another fetch."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    for algorithm in ("RS256", "RS512", "PS256", "RS256"):
        flask_jwtlib.JWT_ALGO = algorithm
        signer = TokenIssuer(algorithm=algorithm, private_key=issuer.private_key)
        assert client.get("/required", headers=bearer(signer.token())).status_code == 200
    assert len(fetch.calls) == 1


def test_what_a_failing_callback_assigns_counts(secret: str) -> None:
    """A callback that assigns another callback and algorithm takes effect at once."""

    def giving_way() -> str:
        flask_jwtlib.JWT_ALGO = "HS256"
        flask_jwtlib.retrieve_verification_key = lambda: secret
        assert flask_jwtlib.verification_key() == secret
        raise LookupError("no key here any more")

    flask_jwtlib.retrieve_verification_key = giving_way
    assert flask_jwtlib.verification_key() == secret
