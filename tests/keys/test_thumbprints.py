"""Choosing a key by its certificate's thumbprint, for tokens without a kid (RFC 7515 §4.1.7, §4.1.8)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1, sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from flask_jwtlib import KeySet, UnverifiedHeader, VerificationKey
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import certificate

A, B, C = (TokenIssuer(kid=name) for name in "abc")
E = TokenIssuer(algorithm="ES256", kid="e")
NAMES = ["x5t#S256", "x5t"]


CERTIFICATES = {
    issuer.kid: certificate(issuer.private_key).public_bytes(Encoding.DER)
    for issuer in (A, B, C, E)
}


def thumbprint(issuer: TokenIssuer, name: str) -> str:
    """Return the issuer's thumbprint for ``x5t`` or ``x5t#S256``."""
    digest = sha1 if name == "x5t" else sha256
    return base64url(digest(CERTIFICATES[issuer.kid]).digest())


def with_x5c(issuer: TokenIssuer, **members: Any) -> dict[str, Any]:
    """Return a JWK with its certificate."""
    return {**issuer.jwk, "x5c": [b64encode(CERTIFICATES[issuer.kid]).decode()], **members}


def header(alg: str = "RS256", kid: str | None = None, **parameters: Any) -> UnverifiedHeader:
    """Make a token's header."""
    return UnverifiedHeader(alg, kid, parameters=parameters)


def chosen(keys: KeySet, head: UnverifiedHeader) -> list[str | None]:
    """Return the kids of the keys that a set chooses."""
    return [key.kid for key in keys.select(head)]


OWN = {
    name: KeySet.from_jwks({"keys": [{**i.jwk, name: thumbprint(i, name)} for i in (A, B, C)]})
    for name in NAMES
}
COMPUTED = KeySet.from_jwks({"keys": [with_x5c(issuer) for issuer in (A, B, C)]})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["own", "computed"])
def test_the_thumbprint_chooses_among_several_keys(source: str, name: str) -> None:
    """Both the JWK's own member and its certificate's thumbprint count."""
    keys = OWN[name] if source == "own" else COMPUTED

    for issuer in (A, B, C):
        (key,) = keys.select(header(**{name: thumbprint(issuer, name)}))
        assert key.verify("RS256", b"signed", issuer.sign(b"signed"))
    assert chosen(keys, header(**{name: thumbprint(E, name)})) == []
    assert chosen(keys, header()) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kid", ["b", "unknown", ""])
def test_a_token_with_a_kid_ignores_thumbprints(kid: str, name: str) -> None:
    """Only the kid decides, even an unknown or an empty one."""
    head = header(kid=kid, **{name: thumbprint(A, name)})

    assert chosen(COMPUTED, head) == (["b"] if kid == "b" else [])
    assert COMPUTED.lacks(kid) == (kid != "b")


def test_the_stronger_thumbprint_decides() -> None:
    """If a token has both, only SHA-256 counts, and SHA-1 can't choose another key."""
    strong, weak = "x5t#S256", "x5t"
    a, b = thumbprint(A, strong), thumbprint(B, weak)

    assert chosen(COMPUTED, header(**{strong: a, weak: b})) == ["a"]
    assert chosen(COMPUTED, header(**{strong: thumbprint(E, strong), weak: b})) == []


def test_one_parameter_is_not_compared_with_the_other() -> None:
    """A SHA-1 thumbprint in ``x5t#S256`` matches nothing, and vice versa."""
    assert chosen(COMPUTED, header(**{"x5t#S256": thumbprint(A, "x5t")})) == []
    assert chosen(COMPUTED, header(x5t=thumbprint(A, "x5t#S256"))) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [None, True, 0, 7.5, "", "=", "nope", "\ud800", "x" * 7000, [], ["a"], {}, {"a": 1}],
    ids=ascii,
)
def test_an_invalid_thumbprint_chooses_nothing(value: Any, name: str) -> None:
    """The client may send any value: no key is chosen, and nothing is raised."""
    assert chosen(COMPUTED, header(**{name: value})) == []


def test_the_key_must_fit_the_algorithm() -> None:
    """A thumbprint doesn't make an RSA key one for ES256, nor a key with another ``alg`` fit."""
    other = TokenIssuer(algorithm="ES256", kid="e2")
    keys = KeySet.from_jwks(
        {"keys": [with_x5c(A), with_x5c(B, alg="RS512"), with_x5c(C), with_x5c(E), other.jwk]}
    )

    assert chosen(keys, header("ES256", x5t=thumbprint(E, "x5t"))) == ["e"]
    assert chosen(keys, header("ES256", x5t=thumbprint(A, "x5t"))) == []
    assert chosen(keys, header("RS256", x5t=thumbprint(B, "x5t"))) == []
    assert chosen(keys, header("RS512", x5t=thumbprint(C, "x5t"))) == ["b"], "the only RS512 key"


@pytest.mark.parametrize("name", NAMES)
def test_a_thumbprint_of_two_keys_chooses_neither(name: str) -> None:
    """Without a kid, exactly one key must fit; a duplicate counts once."""
    same = {name: "the-same"}
    keys = KeySet.from_jwks({"keys": [{**A.jwk, **same}, {**B.jwk, **same}, {**C.jwk, **same}]})
    twice = KeySet.from_jwks(
        {"keys": [{**A.jwk, **same}, {**A.jwk, **same, "kid": "a2"}, with_x5c(B)]}
    )

    assert chosen(keys, header(**same)) == []
    assert chosen(twice, header(**same)) == ["a"]


def test_a_certificate_for_another_key_is_ignored() -> None:
    """RFC 7517 §4.7: the first certificate must be for the JWK's key, or it is ignored."""
    foreign = with_x5c(A, x5c=with_x5c(B)["x5c"])
    keys = KeySet.from_jwks({"keys": [foreign, C.jwk]})

    assert keys.kids == {"a", "c"}
    for name in NAMES:
        assert chosen(keys, header(**{name: thumbprint(B, name)})) == []


def test_the_jwks_own_member_takes_precedence() -> None:
    """Some issuers write their own kind of thumbprint in the JWK and in the token: these are compared."""
    odd = "MDU2ZWVkMWFiMmMxZmY4MjZk"
    keys = KeySet.from_jwks({"keys": [with_x5c(A, **{"x5t#S256": odd}), with_x5c(B)]})

    assert chosen(keys, header(**{"x5t#S256": odd})) == ["a"]
    assert chosen(keys, header(**{"x5t#S256": thumbprint(A, "x5t#S256")})) == []
    assert chosen(keys, header(x5t=thumbprint(A, "x5t"))) == ["a"]


def test_padding_makes_no_difference() -> None:
    """A padded thumbprint in the set or in the token equals the unpadded one."""
    bare = thumbprint(A, "x5t")
    keys = KeySet.from_jwks({"keys": [{**A.jwk, "x5t": f"{bare}="}, B.jwk]})

    assert chosen(keys, header(x5t=bare)) == chosen(keys, header(x5t=f"{bare}=")) == ["a"]


@pytest.mark.parametrize(
    "x5c",
    [
        None,
        [],
        {},
        "MIIC",
        5,
        [5],
        [None],
        [""],
        ["MIIC\nAAAA=="],
        ["!"],
        [[]],
        [b64encode(b"0\x82")],
    ],
    ids=repr,
)
@pytest.mark.parametrize("x5t", [None, 5, [], "nope"], ids=repr)
def test_invalid_certificates_do_not_affect_the_key(x5c: Any, x5t: Any) -> None:
    """The key is read, whatever the members about its certificate hold."""
    keys = KeySet.from_jwks({"keys": [{**A.jwk, "x5c": x5c, "x5t": x5t}, B.jwk]})

    assert keys.kids == {"a", "b"}
    assert chosen(keys, header(x5t=thumbprint(A, "x5t"))) == []


def test_a_single_fitting_key_needs_no_thumbprint() -> None:
    """A set's only key for the algorithm verifies tokens without a kid, whatever their thumbprint."""
    keys = KeySet.from_jwks({"keys": [with_x5c(A), with_x5c(E)]})

    for parameters in ({}, {"x5t": "another"}, {"x5t#S256": thumbprint(B, "x5t#S256")}):
        assert chosen(keys, header(**parameters)) == ["a"]


def test_a_thumbprint_can_be_passed_explicitly() -> None:
    """``thumbprints`` of a ``VerificationKey`` work like those of a JWK."""
    keys = KeySet(
        [
            VerificationKey.from_jwk(A.jwk),
            VerificationKey(
                B.verification_key.material, kid="b", thumbprints={"x5t": thumbprint(B, "x5t")}
            ),
        ]
    )

    assert chosen(keys, header(x5t=thumbprint(B, "x5t"))) == ["b"]
