"""The examples of RFC 7515, appendices A and E."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

import pytest

from flask_jwtlib import BearerToken, JWTValidator, StaticKeyProvider, VerificationKey
from flask_jwtlib.errors import AlgorithmError, ExpiredTokenError, MalformedTokenError
from flask_jwtlib.jws import CompactJWS

# A.1.1, and the same in A.2, A.3 and A.5.
PAYLOAD = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
CLAIMS = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}

# A.1.1
HS256_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
HS256 = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

# A.2.1
RS256_KEY = {
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT"
        "-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQ"
        "OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj"
        "8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    ),
    "e": "AQAB",
}
RS256 = (
    f"eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF"
    "9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383Lc"
    "OLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlV"
    "mtVrBp0igcN_IoypGlUPQGe77Rw"
)

# A.3.1
ES256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
ES256_SIGNATURE = (
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
ES256 = f"eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{ES256_SIGNATURE}"

# A.4.1; its payload is the text "Payload".
ES512_KEY = {
    "kty": "EC",
    "crv": "P-521",
    "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
}
ES512 = (
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJ"
    "ZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
)

# A.5
UNSECURED = f"eyJhbGciOiJub25lIn0.{PAYLOAD}."

# E: crit names an unknown extension.
UNDEFINED_CRIT = (
    "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9V"
    "TkRFRklORUQiOnRydWUNCn0.RkFJTA."
)

EXAMPLES = [
    pytest.param("HS256", HS256_KEY, HS256, id="A.1-HS256"),
    pytest.param("RS256", RS256_KEY, RS256, id="A.2-RS256"),
    pytest.param("ES256", ES256_KEY, ES256, id="A.3-ES256"),
]


def validator(algorithm: str, *, now: float) -> JWTValidator:
    """Make a validator with a fixed clock."""
    return JWTValidator(algorithms=algorithm, clock=lambda: now)


def provider(jwk: dict[str, str]) -> StaticKeyProvider:
    """Make a provider of one key."""
    return StaticKeyProvider(VerificationKey.from_jwk(jwk))


@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_the_signed_examples_are_accepted_before_exp(
    algorithm: str, jwk: dict[str, str], token: str
) -> None:
    """A.1, A.2, A.3: one second before its exp, the token verifies and has the RFC's claims."""
    claims = validator(algorithm, now=1300819379).validate(BearerToken(token), provider(jwk))

    assert claims == CLAIMS


@pytest.mark.parametrize(("algorithm", "jwk", "token"), EXAMPLES)
def test_the_signed_examples_expire(algorithm: str, jwk: dict[str, str], token: str) -> None:
    """A.1, A.2, A.3: at exp itself the token has expired (RFC 7519 §4.1.4)."""
    with pytest.raises(ExpiredTokenError):
        validator(algorithm, now=1300819380).validate(BearerToken(token), provider(jwk))


def test_the_es512_example_verifies() -> None:
    """A.4: the ES512 signature over the text "Payload" verifies."""
    jws = CompactJWS(ES512)

    assert jws.payload == b"Payload"
    assert VerificationKey.from_jwk(ES512_KEY).verify("ES512", jws.signing_input, jws.signature)


@pytest.mark.parametrize(
    ("algorithm", "jwk", "token"),
    [*EXAMPLES, pytest.param("ES512", ES512_KEY, ES512, id="A.4-ES512")],
)
def test_an_example_with_one_bit_changed_does_not_verify(
    algorithm: str, jwk: dict[str, str], token: str
) -> None:
    """A.1 to A.4: neither the signed text nor the signature may differ in a single bit."""
    jws = CompactJWS(token)
    key = VerificationKey.from_jwk(jwk)
    flipped_text = jws.signing_input[:-1] + bytes([jws.signing_input[-1] ^ 1])
    flipped_signature = bytes([jws.signature[0] ^ 1]) + jws.signature[1:]

    assert not key.verify(algorithm, flipped_text, jws.signature)
    assert not key.verify(algorithm, jws.signing_input, flipped_signature)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_the_unsecured_example_is_refused(algorithm: str) -> None:
    """A.5: the JWS with alg "none" and no signature is refused, whatever is configured."""
    with pytest.raises(MalformedTokenError):
        validator(algorithm, now=1300819379).validate(BearerToken(UNSECURED), provider(RS256_KEY))


def test_the_unsecured_example_with_a_signature_is_refused_too() -> None:
    """A.5, with the signature of A.3 appended: alg "none" is in no list of accepted algorithms."""
    with pytest.raises(AlgorithmError):
        validator("ES256", now=1300819379).validate(
            BearerToken(UNSECURED + ES256_SIGNATURE), provider(ES256_KEY)
        )


def _json_serialisation() -> list[Any]:
    general = (
        f'{{"payload":"{PAYLOAD}","signatures":[{{"protected":"eyJhbGciOiJFUzI1NiJ9",'
        f'"header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{ES256_SIGNATURE}"}}]}}'
    )
    flattened = (
        f'{{"payload":"{PAYLOAD}","protected":"eyJhbGciOiJFUzI1NiJ9",'
        f'"header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{ES256_SIGNATURE}"}}'
    )
    return [pytest.param(general, id="A.6-general"), pytest.param(flattened, id="A.7-flattened")]


@pytest.mark.parametrize("text", _json_serialisation())
def test_the_json_serialisation_is_refused(text: str) -> None:
    """A.6, A.7: a JWT is always in compact form (RFC 7519 §1); the JSON serialisations are refused."""
    with pytest.raises(MalformedTokenError):
        validator("ES256", now=1300819379).validate(BearerToken(text), provider(ES256_KEY))


@pytest.mark.parametrize("signature", ["", ES256_SIGNATURE], ids=["as-printed", "with-a-signature"])
def test_the_undefined_crit_example_is_refused(signature: str) -> None:
    """Appendix E: a header whose crit names an unknown extension is refused before any other check."""
    header = urlsafe_b64decode(UNDEFINED_CRIT.partition(".")[0] + "==")
    assert b'"crit":["http://example.com/UNDEFINED"]' in header

    with pytest.raises(MalformedTokenError):
        CompactJWS(UNDEFINED_CRIT + signature)
