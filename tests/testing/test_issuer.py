"""The test issuer: the core verifies its tokens and reads its keys."""

from __future__ import annotations

import json

import pytest

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    ConfigurationError,
    JWTValidator,
    StaticKeyProvider,
    VerificationKey,
)
from flask_jwtlib.errors import BadSignatureError, MalformedTokenError
from flask_jwtlib.testing import TokenIssuer, base64url, bearer, make_request

ALGORITHMS = [
    *(f"{family}{size}" for family in ("HS", "RS", "PS", "ES") for size in (256, 384, 512)),
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_its_tokens_verify(algorithm: str) -> None:
    """A token of every algorithm verifies with the issuer's key and no other."""
    issuer = TokenIssuer(algorithm=algorithm)
    validator = JWTValidator(algorithms=algorithm)
    token = BearerToken(issuer.token())

    claims = validator.validate(token, StaticKeyProvider(issuer.verification_key))

    assert claims.subject == "alice"
    assert claims.issuer == "https://issuer.example"
    secret = b"another secret of the length that the longest hash asks for, sixty-four"
    other = (
        TokenIssuer(algorithm=algorithm, private_key=secret)
        if algorithm.startswith("HS")
        else TokenIssuer(algorithm=algorithm)
    )
    with pytest.raises(BadSignatureError):
        validator.validate(token, StaticKeyProvider(other.verification_key))


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if not name.startswith("HS")])
@pytest.mark.parametrize("form", ["public_pem", "jwk", "jwks"])
def test_its_public_key_is_read_in_every_form(algorithm: str, form: str) -> None:
    """PEM, JWK and JWK set of the issuer are keys that verify its tokens."""
    issuer = TokenIssuer(algorithm=algorithm)
    auth = Authenticator(keys=getattr(issuer, form), validator=JWTValidator(algorithms=algorithm))

    principal = auth.authenticate(make_request(headers=bearer(issuer.token("bob"))))

    assert principal.subject == "bob"


def test_its_jwk_names_its_key_id_and_algorithm() -> None:
    """The JWK has the key ID and algorithm; an issuer without a key ID leaves ``kid`` out."""
    assert TokenIssuer(kid="a").jwk.items() >= {"kid": "a", "alg": "RS256", "use": "sig"}.items()
    assert "kid" not in TokenIssuer(kid=None).jwk


def test_claims_and_header_can_be_set() -> None:
    """Claims and header parameters are added, replaced and, by None, left out."""
    issuer = TokenIssuer("me", clock=lambda: 1000, lifetime=60, kid="k")
    token = issuer.token(None, header={"typ": None, "x": 1}, exp=None, aud="api")
    header, payload, _ = token.split(".")

    assert header == base64url(
        json.dumps({"alg": "RS256", "kid": "k", "x": 1}, separators=(",", ":")).encode()
    )
    assert payload == base64url(
        json.dumps({"iss": "me", "iat": 1000, "aud": "api"}, separators=(",", ":")).encode()
    )


def test_it_signs_any_bytes() -> None:
    """Any bytes can be signed into a compact JWS, for tests of malformed tokens."""
    issuer = TokenIssuer()

    with pytest.raises(MalformedTokenError):
        JWTValidator().validate(
            BearerToken(issuer.compact(b'{"alg":"RS256"}', b"[]")),
            StaticKeyProvider(VerificationKey.from_pem(issuer.public_pem)),
        )


@pytest.mark.parametrize("algorithm", ["none", "RS257", "HS1", "ES256k", "Ed447"])
def test_an_unknown_algorithm_is_refused(algorithm: str) -> None:
    """An issuer with an unknown algorithm can't be made."""
    with pytest.raises(ConfigurationError, match=algorithm):
        TokenIssuer(algorithm=algorithm)


@pytest.mark.parametrize("form", ["public_pem", "jwk", "jwks"])
def test_a_secret_has_no_public_form(form: str) -> None:
    """An HMAC issuer reveals its secret in no form."""
    issuer = TokenIssuer(algorithm="HS256")

    with pytest.raises(ConfigurationError, match="no public key"):
        getattr(issuer, form)


def test_its_repr_shows_no_key() -> None:
    """The repr of an issuer with a secret doesn't show it."""
    assert "secret" not in repr(TokenIssuer(algorithm="HS256"))
