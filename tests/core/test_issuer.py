from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask

from flask_jwtlib import Authenticator, ConfigurationError, JWTValidator, VerificationKey
from flask_jwtlib.testing import TokenIssuer, base64url, bearer

PUBLIC_ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
ALGORITHMS = [*PUBLIC_ALGORITHMS, "HS256", "HS384", "HS512"]


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a token's header and claims, unverified."""
    header, payload, _ = (urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(payload)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_verify_with_the_issuers_key(app: Flask, algorithm: str) -> None:
    """An issuer's tokens are accepted for each algorithm; a forger's are not."""
    issuer, forger = TokenIssuer(algorithm=algorithm), TokenIssuer(algorithm=algorithm)
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(algorithms=algorithm))
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/", headers=bearer(issuer.token())).status_code == 200
    assert client.get("/", headers=bearer(forger.token())).status_code == 401


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_public_keys_come_as_pem_and_jwk(algorithm: str) -> None:
    """The public key can be published as PEM, JWK and JWK set, and verifies in each form."""
    issuer = TokenIssuer(algorithm=algorithm, kid="k1")
    signing_input = b"some bytes"
    signature = issuer.sign(signing_input)

    assert issuer.jwks == {"keys": [issuer.jwk]}
    assert (issuer.jwk["alg"], issuer.jwk["use"], issuer.jwk["kid"]) == (algorithm, "sig", "k1")
    assert "d" not in issuer.jwk
    for key in (
        issuer.verification_key,
        VerificationKey.from_pem(issuer.public_pem),
        VerificationKey.from_jwk(issuer.jwk),
        VerificationKey.from_jwk(json.dumps(issuer.jwk)),
    ):
        assert key.verify(algorithm, signing_input, signature)
        assert not key.verify(algorithm, b"other bytes", signature)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_is_not_published(algorithm: str) -> None:
    """An issuer with a secret has no public key in any form."""
    issuer = TokenIssuer(algorithm=algorithm)

    for name in ("public_pem", "jwk", "jwks"):
        with pytest.raises(ConfigurationError, match="secret"):
            getattr(issuer, name)


def test_a_token_has_the_usual_claims() -> None:
    """Besides the subject, a token names its issuer, its time and its expiry."""
    issuer = TokenIssuer("https://i.example", lifetime=60, clock=lambda: 1000.9)

    header, claims = decoded(issuer.token("alice"))

    assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert claims == {"iss": "https://i.example", "sub": "alice", "iat": 1000, "exp": 1060}


def test_claims_and_header_can_be_anything() -> None:
    """Claims and header parameters can be added and replaced; None leaves one out."""
    issuer = TokenIssuer(kid=None)

    header, claims = decoded(
        issuer.token(
            None, header={"typ": None, "alg": "none", "x": [1]}, iss=5, exp=None, aud=["a"]
        )
    )

    assert header == {"alg": "none", "x": [1]}
    assert claims.keys() == {"iss", "iat", "aud"}
    assert (claims["iss"], claims["aud"]) == (5, ["a"])


def test_an_issuer_without_key_id() -> None:
    """Without a kid, neither token nor JWK names one."""
    issuer = TokenIssuer(kid=None)

    assert "kid" not in decoded(issuer.token())[0]
    assert "kid" not in issuer.jwk
    assert issuer.verification_key.kid is None


def test_compact_signs_any_bytes() -> None:
    """A header and payload that aren't JSON are signed as well, for tests of parsers."""
    issuer = TokenIssuer()

    first, second, signature = issuer.compact(b"\xff", b"not JSON").split(".")

    assert (first, second) == (base64url(b"\xff"), base64url(b"not JSON"))
    assert issuer.verification_key.verify(
        "RS256", f"{first}.{second}".encode(), urlsafe_b64decode(signature + "==")
    )


def test_an_issuer_may_be_given_its_key() -> None:
    """A test's own key object or secret is used as it is."""
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())

    for algorithm, key in (("RS256", rsa_key), ("ES256", ec_key)):
        issuer = TokenIssuer(algorithm=algorithm, private_key=key)
        assert load_pem_public_key(issuer.public_pem.encode()) == key.public_key()
    secret = TokenIssuer(algorithm="HS256", private_key=b"x" * 32)
    assert secret.verification_key.verify("HS256", b"data", secret.sign(b"data"))


def test_each_issuer_has_its_own_key() -> None:
    """Two issuers of the same name don't verify each other's tokens."""
    for algorithm in ("RS256", "ES256", "EdDSA", "HS256"):
        one, other = TokenIssuer(algorithm=algorithm), TokenIssuer(algorithm=algorithm)
        assert not one.verification_key.verify(algorithm, b"data", other.sign(b"data"))


@pytest.mark.parametrize("algorithm", ["none", "", "rs256", "XS256"])
def test_an_unknown_algorithm_is_refused(algorithm: str) -> None:
    """An unknown algorithm raises when the issuer is made."""
    with pytest.raises(ConfigurationError, match="no issuer signs"):
        TokenIssuer(algorithm=algorithm)


def test_an_issuer_does_not_show_its_key() -> None:
    """The private key, or the secret, is not in the repr."""
    issuer = TokenIssuer(algorithm="HS256", private_key=b"a secret of thirty-two bytes or so")

    assert "thirty-two" not in repr(issuer)


def test_bearer_makes_the_header() -> None:
    """RFC 6750 §2.1: ``bearer`` returns the header that presents a token."""
    assert bearer("abc") == {"Authorization": "Bearer abc"}


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"\xff\xfe", "__4"), (b"\xfb\xef\xbe", "----"), (b"a", "YQ")]
)
def test_base64url(data: bytes, text: str) -> None:
    """RFC 7515 §2: URL-safe, without padding."""
    assert base64url(data) == text
