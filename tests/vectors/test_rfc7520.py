"""The signed examples of RFC 7520, section 4."""

from __future__ import annotations

import pytest

from flask_jwtlib import BearerToken, JWTValidator, StaticKeyProvider, VerificationKey
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import CompactJWS

# Section 4: the same plain text throughout, which isn't JSON.
TEXT = (
    "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if you "
    "don't keep your feet, there\u2019s no knowing where you might be swept off to."
)
PAYLOAD = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwg"
    "YW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9m"
    "ZiB0by4"
)

# 3.3
RSA_KEY = {
    "kty": "RSA",
    "kid": "bilbo.baggins@hobbiton.example",
    "use": "sig",
    "n": (
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2w"
        "qVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bT"
        "wJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5"
        "iaiQkqgc5gHdrNP5zw"
    ),
    "e": "AQAB",
}
# 3.1
EC_KEY = {
    "kty": "EC",
    "kid": "bilbo.baggins@hobbiton.example",
    "use": "sig",
    "crv": "P-521",
    "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
    "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
}
# 3.5
SYMMETRIC_KEY = {
    "kty": "oct",
    "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037",
    "use": "sig",
    "alg": "HS256",
    "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
}

# 4.1
RS256 = (
    f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{PAYLOAD}."
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA"
    "78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQ"
    "dLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18"
    "kDquDg"
)
# 4.2
PS384 = (
    f"eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{PAYLOAD}."
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcb"
    "UrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8I"
    "mUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-"
    "X72Eaw"
)
# 4.3
ES512 = (
    f"eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.{PAYLOAD}."
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxX"
    "Pn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
)
# 4.4
HS256_HEADER = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
HS256_SIGNATURE = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
HS256 = f"{HS256_HEADER}.{PAYLOAD}.{HS256_SIGNATURE}"
# 4.5: the signature of 4.4 without its content.
DETACHED = f"{HS256_HEADER}..{HS256_SIGNATURE}"
# 4.6: the kid is in the unprotected header, so the protected one is shorter.
HS256_PROTECTED_ALG = f"eyJhbGciOiJIUzI1NiJ9.{PAYLOAD}.bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"

EXAMPLES = [
    pytest.param("RS256", RSA_KEY, RS256, id="4.1-RS256"),
    pytest.param("PS384", RSA_KEY, PS384, id="4.2-PS384"),
    pytest.param("ES512", EC_KEY, ES512, id="4.3-ES512"),
    pytest.param("HS256", SYMMETRIC_KEY, HS256, id="4.4-HS256"),
    pytest.param("HS256", SYMMETRIC_KEY, HS256_PROTECTED_ALG, id="4.6-HS256"),
]


@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_the_signed_text_verifies(algorithm: str, jwk: dict[str, str], token: str) -> None:
    """4.1 to 4.4, 4.6: the signature over the text verifies by the example's key and algorithm."""
    jws = CompactJWS(token)

    assert jws.payload.decode() == TEXT
    assert jws.header.alg == algorithm
    assert VerificationKey.from_jwk(jwk).verify(algorithm, jws.signing_input, jws.signature)


@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_changed_text_does_not_verify(algorithm: str, jwk: dict[str, str], token: str) -> None:
    """4.1 to 4.4, 4.6: with one character more, the signature doesn't verify."""
    jws = CompactJWS(token)

    assert not VerificationKey.from_jwk(jwk).verify(
        algorithm, jws.signing_input + b"A", jws.signature
    )


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS512"])
def test_a_signature_verifies_only_by_its_own_algorithm(algorithm: str) -> None:
    """4.2: the PS384 signature does not verify by another algorithm of the same RSA key."""
    jws = CompactJWS(PS384)

    assert not VerificationKey.from_jwk(RSA_KEY).verify(algorithm, jws.signing_input, jws.signature)


@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_signed_text_is_not_a_token(algorithm: str, jwk: dict[str, str], token: str) -> None:
    """4.1 to 4.4, 4.6: a valid signature over text that isn't a claims set makes no JWT (RFC 7519 §7.2)."""
    with pytest.raises(MalformedTokenError):
        JWTValidator(algorithms=algorithm).validate(
            BearerToken(token), StaticKeyProvider(VerificationKey.from_jwk(jwk))
        )


def test_detached_content_does_not_verify() -> None:
    """4.5: the signature of content that is sent elsewhere doesn't verify an empty payload."""
    jws = CompactJWS(DETACHED)

    assert jws.payload == b""
    assert not VerificationKey.from_jwk(SYMMETRIC_KEY).verify(
        "HS256", jws.signing_input, jws.signature
    )
