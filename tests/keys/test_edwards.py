"""Valid Ed25519 and Ed448 public keys, compared with a slow and independent calculation."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib.keys._edwards import ED448, ED25519, EdwardsCurve

few = settings(max_examples=15, database=None)
many = settings(max_examples=100, database=None)

CURVES = [pytest.param(ED25519, id="Ed25519"), pytest.param(ED448, id="Ed448")]
COFACTORS = {"Ed25519": 8, "Ed448": 4}
Affine = tuple[int, int]

# RFC 8032 §7.1 (1, 2, 3, 1024, SHA(abc)) and §7.4 (blank, 1 octet, 11 octets).
VECTORS = {
    ED25519: (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    ),
    ED448: (
        (
            "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778"
            "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180"
        ),
        (
            "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086"
            "6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480"
        ),
        (
            "dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e3"
            "65fce161d71ce7131a543ea4cb5f7e9f1d8b00696447001400"
        ),
    ),
}


def add(curve: EdwardsCurve, left: Affine, right: Affine) -> Affine:
    """Return the sum of two points by the curve's addition law (RFC 8032 §5.1.4, §5.2.4)."""
    (x1, y1), (x2, y2), p = left, right, curve.prime
    product = curve.d * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, p) % p,
        (y1 * y2 - curve.a * x1 * x2) * pow(1 - product, -1, p) % p,
    )


def times(curve: EdwardsCurve, factor: int, point: Affine) -> Affine:
    """Return a multiple of a point, by doubling and adding from the lowest bit up."""
    total = (0, 1)
    while factor:
        if factor & 1:
            total = add(curve, total, point)
        point = add(curve, point, point)
        factor >>= 1
    return total


def encode(curve: EdwardsCurve, point: Affine) -> bytes:
    """Return a point's canonical encoding (RFC 8032 §5.1.2, §5.2.2)."""
    x, y = point
    return (y | (x & 1) << (8 * curve.size - 1)).to_bytes(curve.size, "little")


def square_root(value: int, p: int) -> int | None:
    """Return a square root by the Tonelli-Shanks algorithm, which works for every prime."""
    if pow(value, (p - 1) // 2, p) not in (0, 1):
        return None
    q, s = p - 1, 0
    while q % 2 == 0:
        q, s = q // 2, s + 1
    z = next(z for z in range(2, 100) if pow(z, (p - 1) // 2, p) == p - 1)
    m, c, t, r = s, pow(z, q, p), pow(value, q, p), pow(value, (q + 1) // 2, p)
    while t not in (0, 1):
        i = next(i for i in range(1, m) if pow(t, 2**i, p) == 1)
        b = pow(c, 2 ** (m - i - 1), p)
        m, c, t, r = i, b * b % p, t * b * b % p, r * b % p
    return 0 if t == 0 else r


def decode(curve: EdwardsCurve, encoded: bytes) -> Affine | None:
    """Return the point of a canonical encoding, or None for an invalid one."""
    p = curve.prime
    number = int.from_bytes(encoded, "little")
    y = number % 2 ** (8 * curve.size - 1)
    root = square_root((1 - y * y) * pow(curve.a - curve.d * y * y, -1, p) % p, p)
    if y >= p or root is None:
        return None
    x = root if root & 1 == number >> (8 * curve.size - 1) else p - root
    return (x, y) if x < p else None


def torsion(curve: EdwardsCurve) -> set[Affine]:
    """Return all points of small order: other points times the order of the large subgroup."""
    found = {(0, 1)}
    y = 2
    while len(found) < COFACTORS[curve.name]:
        point = decode(curve, y.to_bytes(curve.size, "little"))
        if point is not None:
            found.add(times(curve, curve.order, point))
        y += 1
    return found


SMALL = {curve.name: sorted(torsion(curve)) for curve in (ED25519, ED448)}


def public(curve: EdwardsCurve, seed: bytes) -> bytes:
    """Return the public key that OpenSSL derives from a seed."""
    kind: Any = ed25519.Ed25519PrivateKey if curve is ED25519 else ed448.Ed448PrivateKey
    return kind.from_private_bytes(seed[: curve.size]).public_key().public_bytes_raw()  # type: ignore[no-any-return]


@pytest.mark.parametrize("curve", CURVES)
def test_the_keys_of_rfc_8032_are_valid(curve: EdwardsCurve) -> None:
    """The public keys of the RFC's test vectors are valid."""
    for vector in VECTORS[curve]:
        assert curve.fault(bytes.fromhex(vector)) is None


@pytest.mark.parametrize("curve", CURVES)
@few
@given(seed=st.binary(min_size=57, max_size=57))
def test_every_generated_key_is_valid(curve: EdwardsCurve, seed: bytes) -> None:
    """The public key of any private key is a point of full order."""
    assert curve.fault(public(curve, seed)) is None


@pytest.mark.parametrize("curve", CURVES)
def test_every_point_of_small_order_is_refused(curve: EdwardsCurve) -> None:
    """All 8 points of small order of Ed25519 and all 4 of Ed448 are refused, the neutral one included."""
    assert len(SMALL[curve.name]) == COFACTORS[curve.name]
    for point in SMALL[curve.name]:
        assert "small order" in str(curve.fault(encode(curve, point)))


@pytest.mark.parametrize("curve", CURVES)
@few
@given(data=st.data())
def test_a_key_plus_a_point_of_small_order_is_refused(
    curve: EdwardsCurve, data: st.DataObject
) -> None:
    """A valid key plus a point of small order, which no key generation makes, is not of full order."""
    good = decode(curve, public(curve, data.draw(st.binary(min_size=57, max_size=57))))
    assert good is not None
    small = data.draw(st.sampled_from([t for t in SMALL[curve.name] if t != (0, 1)]))

    assert "not of full order" in str(curve.fault(encode(curve, add(curve, good, small))))


@pytest.mark.parametrize("sign", [0, 1])
def test_every_noncanonical_encoding_of_ed25519_is_refused(sign: int) -> None:
    """All 19 numbers from p to 2^255 - 1, each with and without the sign bit."""
    for y in range(ED25519.prime, 2**255):
        encoded = (y | sign << 255).to_bytes(32, "little")
        assert "canonical" in str(ED25519.fault(encoded))


@many
@given(y=st.integers(ED448.prime, 2**455 - 1), sign=st.integers(0, 1))
def test_noncanonical_encodings_of_ed448_are_refused(y: int, sign: int) -> None:
    """Any number beyond the field is refused, in the first 56 bytes or with bits of the last one."""
    encoded = (y | sign << 455).to_bytes(57, "little")

    assert "canonical" in str(ED448.fault(encoded))


@pytest.mark.parametrize("curve", CURVES)
def test_a_sign_bit_with_x_zero_is_not_canonical(curve: EdwardsCurve) -> None:
    """RFC 8032 §5.1.3 step 4: zero has no sign."""
    for y in (1, curve.prime - 1):
        encoded = (y | 1 << (8 * curve.size - 1)).to_bytes(curve.size, "little")
        assert "canonical" in str(curve.fault(encoded))


@pytest.mark.parametrize("curve", CURVES)
@few
@given(data=st.data())
def test_any_bytes_match_the_slow_calculation(curve: EdwardsCurve, data: st.DataObject) -> None:
    """Any canonical y and sign: off the curve, of small order, of mixed order, or valid."""
    y = data.draw(st.integers(0, curve.prime - 1))
    sign = data.draw(st.integers(0, 1))
    encoded = (y | sign << (8 * curve.size - 1)).to_bytes(curve.size, "little")
    fault = curve.fault(encoded)

    point = decode(curve, encoded)
    if point is None:
        assert "not a point" in str(fault) or "canonical" in str(fault)
    elif point in SMALL[curve.name]:
        assert "small order" in str(fault)
    elif times(curve, curve.order, point) == (0, 1):
        assert fault is None
    else:
        assert "not of full order" in str(fault)


@pytest.mark.parametrize("curve", CURVES)
def test_a_key_of_the_wrong_length_is_refused(curve: EdwardsCurve) -> None:
    """A byte more or less is refused without a crash."""
    good = bytes.fromhex(VECTORS[curve][0])
    for encoded in (b"", good[:-1], good + b"\0"):
        assert f"{curve.size} bytes" in str(curve.fault(encoded))
