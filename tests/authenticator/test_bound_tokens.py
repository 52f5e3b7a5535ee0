"""Tokens that are bound to a certificate or a key (RFC 7800): only their owner gets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    JWTValidator,
    TokenExtractor,
    TokenValidator,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .evidence_kit import (
    BINDINGS,
    CERTIFICATE,
    KEY,
    CertificateExtractor,
    CertificateValidator,
    ClaimsByText,
    ClaimsByToken,
    ProofExtractor,
    ProofValidator,
    around,
    offering,
)

OFFERS = {
    "nothing": offering(),
    "the certificate": offering(certificate=CERTIFICATE),
    "the key": offering(key=KEY),
    "both": offering(certificate=CERTIFICATE, key=KEY),
    "another certificate": offering(certificate="cert-2"),
    "another key": offering(key="key-2"),
    "another method": offering(key=KEY, proof="POST http://localhost/"),
    "another path": offering(key=KEY, proof="GET http://localhost/other"),
    "another host": offering(key=KEY, proof="GET http://elsewhere/"),
    "both, another key": offering(certificate=CERTIFICATE, key="key-2"),
    "both, another certificate": offering(certificate="cert-2", key=KEY),
}
ACCEPTED = {
    "unbound": set(OFFERS),
    "to a certificate": {name for name, offer in OFFERS.items() if CERTIFICATE in str(offer)},
    "to a key": {"the key", "both", "both, another certificate"},
    "to both": {"both"},
}
ORDERS = {
    " in ".join(one.__name__ for one in order): order
    for order in permutations((CertificateValidator, ProofValidator, CachingValidator))
}
Client = Callable[[dict[str, Any], dict[str, Any]], Any]


def client_of(app: Flask, auth: Authenticator, issuer: TokenIssuer) -> Client:
    """Return a function that sends a token with these claims, and what the client offers beside it."""
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()
    tokens: dict[str, str] = {}

    def get(cnf: dict[str, Any], offer: dict[str, Any]) -> Any:
        claims = {"cnf": cnf} if cnf else {}
        token = tokens.setdefault(str(cnf), issuer.token(**claims))
        return client.get("/", **{**offer, "headers": {**offer["headers"], **bearer(token)}})

    return get


@pytest.mark.parametrize("bound", BINDINGS)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("outer", [ProofExtractor, CertificateExtractor])
def test_a_bound_token_needs_all_of_its_proofs(
    app: Flask, issuer: TokenIssuer, bound: str, order: Any, outer: Any
) -> None:
    """In every order of the strategies, a token needs each proof that it is bound to, and no other."""
    inner = CertificateExtractor if outer is ProofExtractor else ProofExtractor
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=outer(inner()),
        validator=around(JWTValidator(), order),
    )
    get = client_of(app, auth, issuer)

    # The second round finds the token in the cache.
    for _ in range(2):
        seen = {name: get(BINDINGS[bound], offer).status_code for name, offer in OFFERS.items()}
        assert {name for name, status in seen.items() if status == 200} == ACCEPTED[bound]
        assert set(seen.values()) <= {200, 401}


@pytest.mark.parametrize("cache", [ClaimsByText, ClaimsByToken])
@pytest.mark.parametrize("position", range(3))
def test_a_cache_of_claims_carries_no_confirmation(
    app: Flask, issuer: TokenIssuer, cache: Any, position: int
) -> None:
    """A validator that remembers claims lets nobody in without a proof, wherever it is in the chain."""
    order: list[Any] = [CertificateValidator, ProofValidator]
    order.insert(position, cache)
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=ProofExtractor(CertificateExtractor()),
        validator=around(JWTValidator(), order),
    )
    get = client_of(app, auth, issuer)

    assert get(BINDINGS["to both"], OFFERS["both"]).status_code == 200
    for name in OFFERS.keys() - {"both"}:
        assert get(BINDINGS["to both"], OFFERS[name]).status_code == 401, name
    if cache is ClaimsByToken or position == 0:
        assert get(BINDINGS["to both"], OFFERS["both"]).status_code == 200


def test_each_caller_gets_their_own_response_header(app: Flask, issuer: TokenIssuer) -> None:
    """A header that a validator added for one caller isn't sent to another from a cache."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=ProofExtractor(),
        validator=ClaimsByText(ProofValidator(JWTValidator())),
        confirmed_elsewhere=["jkt"],
    )
    get = client_of(app, auth, issuer)

    assert get({"jkt": KEY}, OFFERS["the key"]).headers["DPoP-Nonce"] == "after-key-1"
    assert "DPoP-Nonce" not in get({"jkt": KEY}, OFFERS["nothing"]).headers


@pytest.mark.parametrize(
    "cnf",
    [None, [], "", {}, 0, 1, True, False, "jkt", [{"jkt": "key-1"}], 1.5],
    ids=repr,
)
@pytest.mark.parametrize("elsewhere", [(), ("jkt", "x5t#S256")], ids=["", "elsewhere"])
def test_a_malformed_cnf_is_refused(
    app: Flask, issuer: TokenIssuer, cnf: object, elsewhere: tuple[str, ...]
) -> None:
    """RFC 7800 §3.1: ``cnf`` is an object with members. Any other value refuses the token."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=ProofExtractor(CertificateExtractor()),
        validator=ProofValidator(CertificateValidator(JWTValidator())),
        confirmed_elsewhere=elsewhere,
    )
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    offer = offering(certificate=CERTIFICATE, key=KEY)
    payload = json.dumps({"sub": "alice", "exp": 9e9, "cnf": cnf}).encode()
    token = issuer.compact(b'{"alg":"RS256","kid":"key-1"}', payload)
    offer["headers"] |= bearer(token)

    response = app.test_client().get("/", **offer)

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("cnf", "elsewhere", "accepted"),
    [
        ({"x5t#S256": "a"}, ["x5t#S256"], True),
        ({"x5t#S256": "a"}, ["jkt"], False),
        ({"x5t#S256": "a", "jkt": "b"}, ["x5t#S256"], False),
        ({"x5t#S256": "a", "jkt": "b"}, {"x5t#S256", "jkt"}, True),
        ({"X5T#S256": "a"}, ["x5t#S256"], False),
        ({"unknown": "a"}, ["x5t#S256"], False),
        ({"": "a"}, ["x5t#S256"], False),
    ],
    ids=["named", "other", "one of two", "both", "case", "unknown", "empty"],
)
def test_what_is_confirmed_elsewhere_is_named(
    app: Flask, issuer: TokenIssuer, cnf: dict[str, Any], elsewhere: Any, accepted: bool
) -> None:
    """``confirmed_elsewhere`` names single members of ``cnf``. A validator must confirm all others."""
    auth = Authenticator(keys=issuer.verification_key, confirmed_elsewhere=elsewhere)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    response = app.test_client().get("/", headers=bearer(issuer.token(cnf=cnf)))

    assert (response.status_code == 200) is accepted


def test_one_issuer_of_several_may_bind_its_tokens(app: Flask, issuer: TokenIssuer) -> None:
    """In an ``IssuerRouter``, one issuer's validator confirms, and another's tokens stay refused."""
    other = TokenIssuer("https://other.example")

    def trusted(one: TokenIssuer, validator: TokenValidator) -> TrustedIssuer:
        return TrustedIssuer(one.issuer, keys=one.verification_key, validator=validator)

    router = IssuerRouter(
        trusted(issuer, ProofValidator(JWTValidator())), trusted(other, JWTValidator())
    )
    extractor: TokenExtractor = ProofExtractor()
    auth = Authenticator(validator=router, extractor=extractor)
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    def status(one: TokenIssuer) -> int:
        headers = bearer(one.token(cnf={"jkt": KEY})) | {"DPoP": f"{KEY} GET http://localhost/"}
        return client.get("/", headers=headers).status_code

    assert [status(issuer), status(other)] == [200, 401]


@pytest.mark.parametrize(
    "elsewhere", ["x5t#S256", None, 1, [""], [1], ["jkt", None], b"jkt"], ids=repr
)
def test_a_wrong_exception_is_refused(issuer: TokenIssuer, elsewhere: Any) -> None:
    """``confirmed_elsewhere`` names members: a single text isn't taken for its letters."""
    with pytest.raises(ConfigurationError, match="confirmed_elsewhere"):
        Authenticator(keys=issuer.verification_key, confirmed_elsewhere=elsewhere)


def test_what_the_client_is_told(app: Flask, issuer: TokenIssuer) -> None:
    """The client learns that a proof is missing, in one challenge of all, and not which member it is."""
    auth = Authenticator(keys=issuer.verification_key, extractor=ProofExtractor())
    get = client_of(app, auth, issuer)

    response = get({"a-secret-member": "b"}, OFFERS["the key"])

    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="The access token is bound to a key, and the '
        'request does not prove its possession", DPoP algs="ES256"'
    )
    assert "a-secret-member" not in str(response.headers) + response.text
