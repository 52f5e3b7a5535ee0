"""Keys that anyone can sign for, or that are too slow to use, are refused in every form."""

from __future__ import annotations

import json
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

import flask_jwtlib
from flask_jwtlib import ConfigurationError, KeySet, VerificationKey
from flask_jwtlib.keys._edwards import ED25519
from flask_jwtlib.keys._strength import MAX_RSA_BITS, jwk_fault, key_fault
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import certificate, openssh, pem

bounded = settings(max_examples=60, database=None)

Encoding = serialization.Encoding
PublicFormat = serialization.PublicFormat
SIGNER = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_NUMBERS = RSA.public_key().public_numbers()
ED = bytes(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw())
# From RFC 8032's addition law; test_edwards.py calculates all of them.
ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"

BAD_ED25519 = {
    "neutral": ((1).to_bytes(32, "little"), "small order"),
    "order-2": ((ED25519.prime - 1).to_bytes(32, "little"), "small order"),
    "order-4": (bytes(32), "small order"),
    "order-8": (bytes.fromhex(ORDER_8), "small order"),
    "off-the-curve": ((2).to_bytes(32, "little"), "not a point"),
    "y-is-p": (ED25519.prime.to_bytes(32, "little"), "canonical"),
    "y-is-p-plus-1": ((ED25519.prime + 1).to_bytes(32, "little"), "canonical"),
    "neutral-with-a-sign": ((1 | 1 << 255).to_bytes(32, "little"), "canonical"),
    "ones": (b"\xff" * 32, "canonical"),
}
BAD_RSA = {
    "even": (RSA_NUMBERS.n + 1, 65537, "even"),
    "power-of-two": (1 << 2047, 65537, "even"),
    "square": (((1 << 1024) - 105) ** 2, 65537, "square"),
    "16385-bits": ((1 << 16384) | 1, 65537, "16385 bits is too long"),
    "a-million-bits": ((1 << 1_000_000) | 1, 65537, "1000001 bits is too long|damaged"),
    "exponent-of-257-bits": (RSA_NUMBERS.n, (1 << 256) | 1, "exponent has 257 bits"),
    "exponent-as-long-as-the-modulus": (RSA_NUMBERS.n, RSA_NUMBERS.n - 2, "exponent has 2048 bits"),
}


def rsa_object(n: int, e: int = 65537) -> rsa.RSAPublicKey:
    """Make a key of any numbers."""
    return rsa.RSAPublicNumbers(e, n).public_key()


def integer(number: int) -> str:
    """Return a number as a JWK has it (RFC 7518 §2, Base64urlUInt)."""
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def jwk_of(key: Any) -> dict[str, Any]:
    """Return a public key as a JWK."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": integer(numbers.n), "e": integer(numbers.e)}
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_bytes_raw())}


def through_the_module_api(material: object) -> None:
    """Set a key through the documented API."""
    flask_jwtlib.JWT_ALGO = ["RS256", "EdDSA"]
    flask_jwtlib.set_permanent_verification_key(material)


def only_of_a_set(jwk: dict[str, Any]) -> None:
    """Read a JWK set of one member that must be skipped, and raise the reason."""
    key_set = KeySet.from_jwks({"keys": [jwk]})
    assert not key_set.keys
    raise ConfigurationError(*key_set.skipped)


WAYS: dict[str, Callable[[Any], object]] = {
    "constructor": VerificationKey,
    "constructor-allow-weak": lambda key: VerificationKey(key, allow_weak=True),
    "pem": lambda key: VerificationKey.from_pem(pem(key)),
    "certificate": lambda key: VerificationKey.from_pem(
        certificate(key, ca=SIGNER).public_bytes(Encoding.PEM)
    ),
    "openssh": lambda key: VerificationKey.from_openssh(openssh(key)),
    "jwk": lambda key: VerificationKey.from_jwk(jwk_of(key)),
    "jwk-json": lambda key: VerificationKey.from_jwk(json.dumps(jwk_of(key)), allow_weak=True),
    "jwk-set": lambda key: only_of_a_set(jwk_of(key)),
    "key-set-of-object": KeySet.of,
    "key-set-of-pem": lambda key: KeySet.of(pem(key), allow_weak=True),
    "key-set-of-openssh": lambda key: KeySet.of(openssh(key)),
    "key-set-of-jwk": lambda key: KeySet.of(jwk_of(key)),
    "module-api-object": through_the_module_api,
    "module-api-pem": lambda key: through_the_module_api(pem(key)),
    "module-api-jwk": lambda key: through_the_module_api(jwk_of(key)),
}
EACH_WAY = pytest.mark.parametrize("load", [pytest.param(f, id=name) for name, f in WAYS.items()])


@EACH_WAY
@pytest.mark.parametrize("bad", list(BAD_ED25519))
def test_an_invalid_ed25519_key_is_refused(load: Callable[[Any], object], bad: str) -> None:
    """RFC 8725 §3.4: a point of small order, off the curve, or not canonically encoded."""
    raw, reason = BAD_ED25519[bad]
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)

    with pytest.raises(ConfigurationError, match=reason):
        load(key)


@EACH_WAY
@pytest.mark.parametrize("bad", list(BAD_RSA))
def test_an_insecure_rsa_key_is_refused(load: Callable[[Any], object], bad: str) -> None:
    """A modulus that anyone can factor, or slow numbers, is refused even with allow_weak."""
    n, e, reason = BAD_RSA[bad]
    key = rsa_object(n, e)

    with pytest.raises(ConfigurationError, match=reason):
        load(key)


@pytest.mark.parametrize("bad", list(BAD_RSA))
def test_an_insecure_rsa_key_in_pkcs1_is_refused(bad: str) -> None:
    """The older PEM form is checked, too."""
    n, e, reason = BAD_RSA[bad]

    with pytest.raises(ConfigurationError, match=reason):
        VerificationKey.from_pem(pem(rsa_object(n, e), PublicFormat.PKCS1))


@EACH_WAY
def test_valid_keys_are_accepted(load: Callable[[Any], object]) -> None:
    """RSA keys of 2,048 to 16,384 bits with common exponents, and Ed25519 keys."""
    good = [
        rsa_object(RSA_NUMBERS.n),
        rsa_object(RSA_NUMBERS.n, 3),
        rsa_object((1 << 16383) | 1),
        rsa_object(RSA_NUMBERS.n, (1 << 256) - 1),
        ed25519.Ed25519PublicKey.from_public_bytes(ED),
    ]
    for key in good:
        if load is WAYS["jwk-set"]:
            assert KeySet.from_jwks({"keys": [jwk_of(key)]}).keys
        else:
            load(key)


def test_the_size_of_a_jwk_is_checked_before_the_key_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five million bits are counted without making a key object, which takes a tenth of a second."""
    made: list[object] = []
    monkeypatch.setattr(flask_jwtlib.keys._jwk, "RSAPublicNumbers", lambda *args: made.append(args))
    jwk = {"kty": "RSA", "n": integer((1 << 5_000_000) | 1), "e": "AQAB"}

    with pytest.raises(ConfigurationError, match="5000001 bits is too long"):
        VerificationKey.from_jwk(jwk)
    assert not made


def test_leading_zeros_do_not_count_as_bits_of_a_modulus() -> None:
    """A modulus with leading zeros has the length of its number."""
    padded = base64url(bytes(3000) + RSA_NUMBERS.n.to_bytes(256, "big"))

    assert VerificationKey.from_jwk({"kty": "RSA", "n": padded, "e": "AQAB"}).key_type == "RSA"


@pytest.mark.parametrize("e", [0, 1, 2, 65536], ids=str)
def test_an_exponent_of_one_or_an_even_one_is_refused(e: int) -> None:
    """With an exponent of 1 every padded message is its own signature; an even one can't sign."""
    jwk = {"kty": "RSA", "n": integer(RSA_NUMBERS.n), "e": integer(e) or "AA"}
    with pytest.raises(ConfigurationError):
        VerificationKey.from_jwk(jwk, allow_weak=True)
    der = rsa_object(RSA_NUMBERS.n).public_bytes(Encoding.DER, PublicFormat.PKCS1)
    assert der.endswith(b"\x02\x03\x01\x00\x01")
    body = b64encode(der[:-3] + e.to_bytes(3, "big")).decode()
    with pytest.raises(ConfigurationError):
        VerificationKey.from_pem(
            f"-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n"
        )


class LooseKey:
    """A public key as older versions of cryptography load it from DER, without checking its numbers."""

    key_size = 2048

    def __init__(self, e: int) -> None:
        self.e = e

    def public_numbers(self) -> Any:
        return rsa.RSAPublicNumbers(self.e, RSA_NUMBERS.n)


rsa.RSAPublicKey.register(LooseKey)


@pytest.mark.parametrize("e", [0, 1, 2, 65536], ids=str)
def test_an_exponent_is_checked_whatever_cryptography_checks(e: int) -> None:
    """The lowest supported version of cryptography loads a PEM with an even exponent."""
    fault = "this RSA key's exponent must be odd and at least 3, such as 65537"
    assert key_fault(LooseKey(e)) == fault
    assert key_fault(LooseKey(3)) is None


# A point with a small x, so that x plus the field's prime has no more bytes than the field.
CURVES: dict[str, tuple[ec.EllipticCurve, int, int]] = {
    "P-256": (
        ec.SECP256R1(),
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "P-384": (
        ec.SECP384R1(),
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    "P-521": (
        ec.SECP521R1(),
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}


def small_point(crv: str) -> tuple[ec.EllipticCurvePublicKey, int, int, int]:
    """Return the curve's point with the smallest x, its numbers, and the prime."""
    curve, p, b = CURVES[crv]
    for x in range(1, 100):
        square = (x**3 - 3 * x + b) % p
        y = pow(square, (p + 1) // 4, p)
        if y * y % p == square:
            break
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key(), x, y, p


@pytest.mark.parametrize("crv", list(CURVES))
def test_an_ec_coordinate_beyond_the_field_is_refused(crv: str) -> None:
    """The same point with larger numbers, in a JWK and in each form with the point's bytes."""
    key, x, y, p = small_point(crv)
    size = (p.bit_length() + 7) // 8
    jwk = {"kty": "EC", "crv": crv, "x": integer(x), "y": integer(y)}
    good, bad = x.to_bytes(size, "big"), (x + p).to_bytes(size, "big")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    blob = openssh(key)
    cert = certificate(key, ca=SIGNER).public_bytes(Encoding.DER)
    assert VerificationKey.from_jwk(jwk).key_type == "EC"
    assert good in der
    assert good in cert

    for members in ({"x": integer(x + p)}, {"y": integer(y + p)}, {"x": integer(p)}):
        with pytest.raises(ConfigurationError, match=f"beyond the field of {crv}"):
            VerificationKey.from_jwk({**jwk, **members})
    name, body = blob.split()
    forms: list[Callable[[], object]] = [
        lambda: VerificationKey.from_pem(armoured("PUBLIC KEY", der.replace(good, bad))),
        lambda: VerificationKey.from_pem(armoured("CERTIFICATE", cert.replace(good, bad))),
        lambda: VerificationKey.from_openssh(
            f"{name} {b64encode(b64decode(body).replace(good, bad)).decode()}"
        ),
    ]
    for load in forms:
        with pytest.raises(ConfigurationError):
            load()


def armoured(label: str, der: bytes) -> str:
    """Return DER as PEM."""
    return f"-----BEGIN {label}-----\n{b64encode(der).decode()}\n-----END {label}-----\n"


@pytest.mark.parametrize("size", [-1, 0, 1, 40])
@pytest.mark.parametrize("crv", list(CURVES))
def test_ec_coordinates_may_have_any_length(crv: str, size: int) -> None:
    """Issuers drop or add leading zero bytes: only the number counts."""
    key, x, y, p = small_point(crv)
    length = (p.bit_length() + 7) // 8 + size
    jwk = {"kty": "EC", "crv": crv, "x": base64url(x.to_bytes(length, "big")), "y": integer(y)}

    assert VerificationKey.from_jwk(jwk).material == key


def signature_that_begins_with_zero(algorithm: str) -> tuple[bytes, bytes]:
    """Return a text and its signature, which begins with a zero byte, as one in 256 does."""
    issuer = TokenIssuer(algorithm=algorithm, private_key=RSA)
    return next(
        (text, signature)
        for text in (b"%d" % n for n in range(20_000))
        if (signature := issuer.sign(text))[0] == 0
    )


def key_of_2049_bits() -> rsa.RSAPrivateKey:
    """Make a key whose modulus has one bit in its first byte, which OpenSSL doesn't generate."""
    while True:
        p = rsa.generate_private_key(public_exponent=65537, key_size=2050).private_numbers().p
        q = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers().q
        if (p * q).bit_length() == 2049:
            d = pow(65537, -1, (p - 1) * (q - 1))
            public = rsa.RSAPublicNumbers(65537, p * q)
            return rsa.RSAPrivateNumbers(
                p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public
            ).private_key()


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_signature_must_be_as_long_as_the_modulus(algorithm: str) -> None:
    """RFC 8017 §8.1.2, §8.2.2: leading zeros may be neither dropped nor added."""
    key = VerificationKey(RSA.public_key())
    text, signature = signature_that_begins_with_zero(algorithm)
    assert key.verify(algorithm, text, signature)

    for other in (signature.lstrip(b"\0"), signature[1:], b"\0" + signature, signature + b"\0"):
        assert key.verify(algorithm, text, other) is False


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_a_modulus_of_2049_bits(algorithm: str) -> None:
    """The signature has as many bytes as the modulus, though PSS pads one less (RFC 8017 §8.1.1)."""
    issuer = TokenIssuer(algorithm=algorithm, private_key=key_of_2049_bits())
    signature = issuer.sign(b"signed")

    assert len(signature) == 257
    assert issuer.verification_key.verify(algorithm, b"signed", signature)
    assert not issuer.verification_key.verify(algorithm, b"signed", signature[1:])


@bounded
@given(st.integers(16_385, 40_000), st.sampled_from([0, 1]))
def test_any_length_beyond_the_limit_is_refused(bits: int, low: int) -> None:
    """Both the JWK and the key object are checked."""
    number = 1 << (bits - 1) | low
    assert f"{bits} bits" in str(jwk_fault({"kty": "RSA", "n": integer(number), "e": "AQAB"}))
    assert f"{bits} bits" in str(key_fault(rsa_object(number | 1)))
    assert MAX_RSA_BITS == 16_384


@bounded
@given(st.integers(2**1023, 2**1024 - 1))
def test_any_square_is_refused(prime: int) -> None:
    """A modulus of two equal factors, as a broken generator makes it, is refused."""
    assert key_fault(rsa_object((prime | 1) ** 2)) is not None


def test_a_short_key_is_weak_but_not_insecure() -> None:
    """allow_weak accepts a short key, but never an insecure one."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    assert key_fault(short) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert VerificationKey(short, allow_weak=True).algorithms


def test_other_keys_are_not_checked_here() -> None:
    """Secrets and EC keys are checked elsewhere: by their text, and by OpenSSL."""
    assert key_fault(b"a secret") is None
    assert key_fault(SIGNER.public_key()) is None
    assert jwk_fault({"kty": "oct", "k": "AAAA"}) is None
    assert jwk_fault({"kty": "EC", "crv": ["P-256"], "x": "AA", "y": "AA"}) is None
