"""JWKs as issuers publish them: padding, nulls, blanks and custom uses."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey
from flask_jwtlib.keys import _jwk
from flask_jwtlib.testing import TokenIssuer, base64url

ISSUERS = {
    name: TokenIssuer(algorithm=name) for name in ("RS256", "ES256", "ES256K", "Ed25519", "Ed448")
}
SECRET = TokenIssuer(algorithm="HS256", private_key=bytes(range(64)))
NUMBERS = [
    *((name, member) for name in ISSUERS for member in ("n", "e", "x", "y")),
    ("HS256", "k"),
]
PRIVATE = ["d", "dp", "dq", "oth", "p", "q", "qi"]
DESCRIPTIVE = ["alg", "kid", "use", "key_ops", "x5c", "x5t", "x5t#S256", "x5u", "ext", "other"]


def jwk_of(name: str) -> dict[str, Any]:
    """Return a public or a secret JWK, by the algorithm."""
    if name == "HS256":
        secret = SECRET.private_key
        assert isinstance(secret, bytes)
        return {"kty": "oct", "k": base64url(secret), "alg": name, "use": "sig"}
    return {**ISSUERS[name].jwk}


def verifies(key: VerificationKey, name: str) -> bool:
    """Return whether a key verifies the issuer's signature."""
    issuer = SECRET if name == "HS256" else ISSUERS[name]
    return key.verify(name, b"signed", issuer.sign(b"signed"))


@pytest.mark.parametrize(
    ("name", "member"), [pair for pair in NUMBERS if pair[1] in jwk_of(pair[0])]
)
def test_numbers_may_be_padded(name: str, member: str) -> None:
    """A number with base64url padding, or with Java's leading zero byte, is read."""
    jwk = jwk_of(name)
    digits = jwk[member]
    data = _jwk._decoded(jwk, member)
    padded = [digits + "=" * (-len(digits) % 4)]
    if name in {"RS256", "ES256", "ES256K"}:
        padded.append(urlsafe_b64encode(b"\0" + data).decode())

    for value in padded:
        assert verifies(VerificationKey.from_jwk({**jwk, member: value}), name)


@pytest.mark.parametrize(
    ("name", "member"), [pair for pair in NUMBERS if pair[1] in jwk_of(pair[0])]
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "=" * (-len(text) % 4 + 1),
        lambda text: text + "====",
        lambda text: "=" + text,
        lambda text: text + "=" * (-len(text) % 4) + "\n",
        lambda text: text[:4] + "=" + text[4:],
        lambda text: text[:1],
        lambda text: text + ",,",
        lambda text: text + " ",
        lambda text: "+/" + text[2:],
        lambda text: "",
        lambda text: "==",
        lambda text: 7,
        lambda text: [text],
        lambda text: None,
    ],
)
def test_a_malformed_number_is_refused(name: str, member: str, spoil: Any) -> None:
    """Padding of the wrong length or in the wrong place is refused, as is any other character."""
    jwk = jwk_of(name)

    with pytest.raises(ConfigurationError, match=f"'{member}' is missing or not base64url"):
        VerificationKey.from_jwk({**jwk, member: spoil(jwk[member])})


@settings(deadline=None)
@given(
    name=st.sampled_from([*ISSUERS, "HS256"]),
    absent=st.sets(st.sampled_from([*PRIVATE, *DESCRIPTIVE])),
)
def test_null_members_count_as_absent(name: str, absent: set[str]) -> None:
    """A member written as null counts as absent."""
    jwk = {**jwk_of(name), **dict.fromkeys(absent)}
    without = {member: value for member, value in jwk.items() if value is not None}

    key = VerificationKey.from_jwk(json.dumps(jwk))
    plain = VerificationKey.from_jwk(without)

    assert (key.material, key.algorithms, key.kid) == (plain.material, plain.algorithms, plain.kid)
    assert verifies(key, name)


@settings(deadline=None)
@given(
    name=st.sampled_from([*ISSUERS, "HS256"]),
    blank=st.sets(st.sampled_from([*PRIVATE, "alg", "key_ops", "use"])),
)
def test_blank_members_count_as_absent(name: str, blank: set[str]) -> None:
    """A blank use, alg or key_ops counts as absent, and a blank private member isn't a private key."""
    assert verifies(VerificationKey.from_jwk({**jwk_of(name), **dict.fromkeys(blank, "")}), name)


@pytest.mark.parametrize("name", ISSUERS)
@pytest.mark.parametrize("member", PRIVATE)
@pytest.mark.parametrize("value", ["AQAB", " ", "!", [], {}, 0, False, ["AQAB"]], ids=repr)
def test_a_private_member_with_any_value_is_a_private_key(
    name: str, member: str, value: Any
) -> None:
    """Only null and the empty string count as no private member."""
    with pytest.raises(ConfigurationError, match="holds a private key"):
        VerificationKey.from_jwk({**jwk_of(name), member: value})


@pytest.mark.parametrize("name", [*ISSUERS, "HS256"])
@pytest.mark.parametrize("value", ["P-256", "P-521", "Ed25519", "other", "!", 5, {}], ids=repr)
def test_members_of_another_type_are_ignored(name: str, value: Any) -> None:
    """RFC 7517 §4: members of another key type change nothing, for this key or others in its set."""
    jwk = jwk_of(name)
    foreign = {member: value for member in ("crv", "n", "e", "x", "y", "k") if member not in jwk}
    assert verifies(VerificationKey.from_jwk({**jwk, **foreign}), name)

    other = jwk_of("RS256")
    keys = KeySet.from_jwks({"keys": [{**jwk, **foreign}, other]})
    assert len(keys.keys) == 2


@pytest.mark.parametrize("member", ["kty", "n", "e"])
def test_a_null_number_is_missing(member: str) -> None:
    """A required member that is null is missing."""
    with pytest.raises(ConfigurationError, match=r"is missing|not a JWK of a known type"):
        VerificationKey.from_jwk({**jwk_of("RS256"), member: None})


@pytest.mark.parametrize(
    "uses", ["jwt-svid", ["jwt-svid"], ("sig", "jwt-svid"), iter(["jwt-svid"])]
)
def test_other_uses_can_be_accepted(uses: Any) -> None:
    """SPIFFE's trust bundles have keys with use jwt-svid to accept, and x509-svid to skip."""
    svid, ca = TokenIssuer(algorithm="ES256", kid="svid"), TokenIssuer(algorithm="ES256", kid="ca")
    bundle = {"keys": [{**ca.jwk, "use": "x509-svid"}, {**svid.jwk, "use": "jwt-svid"}]}

    keys = KeySet.from_jwks(bundle, uses=uses)

    assert keys.kids == {"svid"}
    assert len(keys.skipped) == 1
    assert "its use is 'x509-svid', expected 'jwt-svid'" in keys.skipped[0]
    assert KeySet.from_jwks(bundle).kids == frozenset()


@pytest.mark.parametrize("uses", [("sig",), ("jwt-svid",)], ids=repr)
def test_a_jwk_without_use_is_accepted_with_any_uses(uses: tuple[str, ...]) -> None:
    """``use`` is optional (RFC 7517 §4.2)."""
    jwk = {name: value for name, value in jwk_of("RS256").items() if name != "use"}

    for members in (jwk, {**jwk, "use": None}, {**jwk, "use": ""}):
        assert len(KeySet.from_jwks({"keys": [members]}, uses=uses).keys) == 1


@pytest.mark.parametrize(
    "use", ["enc", "SIG", "sig ", " ", "jwt-svid", ["sig"], {"sig": 1}, 1, True]
)
def test_another_use_is_refused(use: Any) -> None:
    """``use`` is compared exactly with the accepted values."""
    with pytest.raises(ConfigurationError, match="not for signatures"):
        VerificationKey.from_jwk({**jwk_of("RS256"), "use": use})


@pytest.mark.parametrize("uses", ["", [], (), None, 5, [None], ["sig", ""], [["sig"]]], ids=repr)
def test_uses_must_be_names(uses: Any) -> None:
    """An option that would accept nothing, or isn't a list of names, raises."""
    with pytest.raises(ConfigurationError, match="uses= must be"):
        KeySet.from_jwks({"keys": []}, uses=uses)
    with pytest.raises(ConfigurationError, match="uses= must be"):
        VerificationKey.from_jwk(jwk_of("RS256"), uses=uses)


def test_a_jwks_use_is_shortened_in_the_error() -> None:
    """The issuer's value is escaped and shortened in the error."""
    with pytest.raises(ConfigurationError) as refusal:
        VerificationKey.from_jwk({**jwk_of("RS256"), "use": "x\n" * 5000})

    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("name", ["ES256K", "Ed448"])
def test_a_curve_that_openssl_lacks_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of OpenSSL lack secp256k1 or Ed448: the error says exactly that."""

    def lacking(*_: object) -> None:
        raise UnsupportedAlgorithm("not in this build")

    class Numbers:
        public_key = lacking

        def __init__(self, *_: object) -> None:
            """Take the coordinates."""

    monkeypatch.setattr(ec, "EllipticCurvePublicNumbers", Numbers)
    monkeypatch.setattr(ed448.Ed448PublicKey, "from_public_bytes", lacking)
    jwk = jwk_of(name)

    with pytest.raises(ConfigurationError, match=f"doesn't support {jwk['crv']}"):
        VerificationKey.from_jwk(jwk)
