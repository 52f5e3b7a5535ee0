"""The Ed25519 example of RFC 8037, appendix A, and the unencoded payload of RFC 7797, section 4.2."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest

from flask_jwtlib import ConfigurationError, VerificationKey
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import CompactJWS

# A.2
PUBLIC_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
# A.1 adds the private part.
PRIVATE_KEY = {**PUBLIC_KEY, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}
# A.4
SIGNED = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
# A.6: a key for key agreement.
X25519_KEY = {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}

# RFC 7797 §4.2: the signature is over the payload itself, "$.02", not over its base64url form.
UNENCODED_HEADER = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
UNENCODED_SIGNATURE = "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
UNENCODED_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_the_signed_example_verifies(name: str) -> None:
    """A.4: the signature verifies under RFC 8037's name of the algorithm and under RFC 9864's."""
    jws = CompactJWS(SIGNED)

    assert jws.payload == b"Example of Ed25519 signing"
    assert VerificationKey.from_jwk(PUBLIC_KEY).verify(name, jws.signing_input, jws.signature)


def test_a_changed_signature_does_not_verify() -> None:
    """A.4, with a bit of its signature changed."""
    jws = CompactJWS(SIGNED)
    changed = jws.signature[:-1] + bytes([jws.signature[-1] ^ 1])

    assert not VerificationKey.from_jwk(PUBLIC_KEY).verify("EdDSA", jws.signing_input, changed)


def test_the_private_key_is_refused_without_being_quoted() -> None:
    """A.1: a resource server refuses a JWK with a private part, and the error doesn't quote it."""
    with pytest.raises(ConfigurationError, match="private key") as refusal:
        VerificationKey.from_jwk(PRIVATE_KEY)

    assert PRIVATE_KEY["d"] not in str(refusal.value)


def test_a_key_for_key_agreement_is_refused() -> None:
    """A.6: an X25519 key can't sign."""
    with pytest.raises(ConfigurationError, match="Ed25519"):
        VerificationKey.from_jwk(X25519_KEY)


@pytest.mark.parametrize(
    "payload", ["$.02", "JC4wMg", ""], ids=["unencoded", "encoded", "detached"]
)
def test_an_unencoded_payload_is_refused(payload: str) -> None:
    """RFC 7797 §4.2: b64 changes what is signed, and is refused with its payload in any form."""
    signature = urlsafe_b64decode(UNENCODED_SIGNATURE + "=")
    key = VerificationKey.from_jwk(UNENCODED_KEY)
    assert key.verify("HS256", f"{UNENCODED_HEADER}.$.02".encode(), signature), (
        "the vector is typed in right"
    )

    with pytest.raises(MalformedTokenError):
        CompactJWS(f"{UNENCODED_HEADER}.{payload}.{UNENCODED_SIGNATURE}")
