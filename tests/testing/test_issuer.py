"""The test issuer: the core verifies its tokens and reads its keys."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    ConfigurationError,
    JWTValidator,
    StaticKeyProvider,
)
from flask_jwtlib.errors import BadSignatureError
from flask_jwtlib.jws import CompactJWS
from flask_jwtlib.testing import TokenIssuer, base64url, bearer, make_request

ALGORITHMS = [
    *(f"{family}{size}" for family in ("HS", "RS", "PS", "ES") for size in (256, 384, 512)),
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
]
PUBLIC_ALGORITHMS = [name for name in ALGORITHMS if not name.startswith("HS")]


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a token's header and claims, unverified."""
    header, payload, _ = (urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(payload)


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


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
@pytest.mark.parametrize("form", ["public_pem", "jwk", "jwks"])
def test_its_public_key_is_read_in_every_form(algorithm: str, form: str) -> None:
    """PEM, JWK and JWK set of the issuer are keys that verify its tokens."""
    issuer = TokenIssuer(algorithm=algorithm)
    auth = Authenticator(keys=getattr(issuer, form), validator=JWTValidator(algorithms=algorithm))

    principal = auth.authenticate(make_request(headers=bearer(issuer.token("bob"))))

    assert principal.subject == "bob"


@pytest.mark.parametrize("form", ["public_pem", "jwk", "jwks"])
def test_a_secret_has_no_public_form(form: str) -> None:
    """An HMAC issuer reveals its secret in no form."""
    issuer = TokenIssuer(algorithm="HS256")

    with pytest.raises(ConfigurationError, match="not a public key"):
        getattr(issuer, form)


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_its_jwk_is_public_and_says_what_it_is_for(algorithm: str) -> None:
    """The JWK has algorithm, use and key ID, and no private member; the JWK set has only this JWK."""
    issuer = TokenIssuer(algorithm=algorithm, kid="k1")

    assert issuer.jwks == {"keys": [issuer.jwk]}
    assert issuer.jwk.items() >= {"alg": algorithm, "use": "sig", "kid": "k1"}.items()
    assert "d" not in issuer.jwk


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


@pytest.mark.parametrize("algorithm", ["none", "", "rs256", "RS257", "HS1", "ES256k", "Ed447"])
def test_an_unknown_algorithm_is_refused(algorithm: str) -> None:
    """An unknown algorithm raises when the issuer is made."""
    with pytest.raises(ConfigurationError, match=r"algorithm is .*, expected one of"):
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


@pytest.mark.parametrize("scope", ["read write", ["read", "write"], ("read", "write")], ids=str)
def test_auth_returns_request_headers(issuer: TokenIssuer, scope: Any) -> None:
    """``auth`` issues a token with subject, scopes and claims, and returns its request headers."""
    auth = Authenticator(keys=issuer.public_pem, validator=JWTValidator(rules=[Audience("api")]))
    request = make_request(headers=issuer.auth(sub="ada", scope=scope, aud="api", tenant="acme"))

    claims = auth.authenticate(request).claims

    assert (claims["sub"], claims["scope"], claims["tenant"]) == ("ada", "read write", "acme")


def test_auth_has_no_scope_by_default(issuer: TokenIssuer) -> None:
    """Without arguments, ``auth`` has the claims of ``token``; ``header`` is passed on."""
    header = issuer.auth(header={"typ": "at+jwt"})["Authorization"]
    jws = CompactJWS(header.removeprefix("Bearer "))

    assert set(jws.claims()) == {"iss", "sub", "iat", "exp"}
    assert jws.header.typ == "at+jwt"


def test_claims_of_all_tokens() -> None:
    """``claims`` and ``typ`` of an issuer are in all of its tokens, unless the test replaces them."""
    issuer = TokenIssuer(algorithm="ES256", claims={"aud": "api", "tenant": "acme"}, typ=None)
    jws = CompactJWS(issuer.token("ada", tenant=None, scope="read"))

    assert jws.claims().items() >= {"aud": "api", "sub": "ada", "scope": "read"}.items()
    assert "tenant" not in jws.claims()
    assert jws.header.typ is None
