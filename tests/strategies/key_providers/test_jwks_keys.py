"""Which keys of a published JWK set are used, and for which tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flask_jwtlib import (
    UnverifiedHeader,
)
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    UnknownKeyError,
)
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, base64url
from flask_jwtlib.testing.identity_provider import IdentityProvider

from .kit import ALGORITHMS, jwks_provider_of, verify


def rsa_jwk(bits: int = 2048, **members: Any) -> dict[str, Any]:
    """Return a public RSA key as a JWK, with members replaced, or removed by None."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    modulus = numbers.public_numbers().n
    jwk = {
        "kty": "RSA",
        "kid": "bad",
        "n": base64url(modulus.to_bytes(bits // 8, "big")),
        "e": "AQAB",
    }
    return {name: value for name, value in {**jwk, **members}.items() if value is not None}


def ec_jwk(**members: Any) -> dict[str, Any]:
    """Return a public EC key as a JWK, with members replaced, or removed by None."""
    jwk: dict[str, Any] = {**TokenIssuer(algorithm="ES256", kid="bad").jwk}
    return {name: value for name, value in {**jwk, **members}.items() if value is not None}


def private_jwk() -> dict[str, Any]:
    """Return a private EC key as a JWK."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return ec_jwk(d=base64url(number.to_bytes(32, "big")))


BAD_MEMBERS: dict[str, Callable[[], Any]] = {
    "unknown kty": lambda: rsa_jwk(kty="AKP"),
    "no kty": lambda: rsa_jwk(kty=None),
    "kty is no string": lambda: rsa_jwk(kty=["RSA"]),
    "unknown crv": lambda: ec_jwk(crv="P-1024"),
    "crv without a JWS algorithm": lambda: ec_jwk(crv="secp256k1"),
    "crv of another key": lambda: ec_jwk(crv="P-384"),
    "unknown crv of OKP": lambda: {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "bad"},
    "no crv": lambda: ec_jwk(crv=None),
    "no modulus": lambda: rsa_jwk(n=None),
    "no exponent": lambda: rsa_jwk(e=None),
    "modulus is a number": lambda: rsa_jwk(n=65537),
    "modulus is not base64url": lambda: rsa_jwk(n="*" * 342),
    "modulus is padded": lambda: rsa_jwk(n="AQAB=="),
    "exponent of one": lambda: rsa_jwk(e="AQ"),
    "exponent of zero": lambda: rsa_jwk(e="AA"),
    "empty coordinate": lambda: ec_jwk(y=""),
    "point off the curve": lambda: ec_jwk(x="AQ", y="AQ"),
    "short OKP key": lambda: {"kty": "OKP", "crv": "Ed25519", "x": "AQ", "kid": "bad"},
    "use enc": lambda: rsa_jwk(use="enc"),
    "use is odd": lambda: rsa_jwk(use=["sig"]),
    "key_ops without verify": lambda: rsa_jwk(key_ops=["sign", "encrypt"]),
    "key_ops is no list": lambda: rsa_jwk(key_ops="verify"),
    "oct": lambda: {"kty": "oct", "kid": "bad", "k": base64url(b"secret" * 10)},
    "oct without a key": lambda: {"kty": "oct"},
    "private": private_jwk,
    "RSA of 1024 bits": lambda: rsa_jwk(1024),
    "alg of another type": lambda: rsa_jwk(alg="ES256"),
    "alg for encryption": lambda: rsa_jwk(alg="RSA-OAEP"),
    "kid is no string": lambda: rsa_jwk(kid=7),
    "a string": lambda: "RSA",
    "null": lambda: None,
    "an array": lambda: [rsa_jwk()],
    "empty": dict,
}


@pytest.mark.parametrize("make", BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_an_unusable_key_is_skipped_and_counted(
    idp: IdentityProvider, make: Callable[[], Any], calls_made: Callable[[], None]
) -> None:
    """The set's other keys are used; the status and an event give a reason that quotes nothing of the key."""
    issuer = idp.add_key(kid="good")
    bad = make()
    idp.jwks = {"keys": [bad, *idp.jwks["keys"]]}
    keys = jwks_provider_of(idp)
    shown: list[Any] = []

    def listen(sender: object, **details: Any) -> None:
        shown.append(details)

    with key_event.connected_to(listen, keys):
        assert verify(issuer.token(), keys).subject == "alice"
        calls_made()

    status = keys.status()
    assert (status["state"], status["kids"], status["keys"]) == ("fresh", ["good"], 1)
    ((reason, count),) = status["skipped"].items()
    assert count == 1
    assert {"event": "key_skipped", "reasons": [reason]} in shown
    if isinstance(bad, dict):
        material = [
            value for name in ("n", "x", "y", "k", "d") if len(str(value := bad.get(name))) > 9
        ]
        assert not [value for value in material if value in str(shown) + str(status)]


def test_skipped_keys_are_counted_by_reason(idp: IdentityProvider) -> None:
    """Keys that are unusable for the same reason are counted together."""
    idp.add_key()
    secret = {"kty": "oct", "k": "AQAB"}
    idp.jwks = {"keys": [secret, secret, rsa_jwk(kty="AKP"), *idp.jwks["keys"]]}
    keys = jwks_provider_of(idp)
    keys.warm_up()

    assert sorted(keys.status()["skipped"].values()) == [1, 2]


def test_a_published_secret_is_never_used(idp: IdentityProvider) -> None:
    """Anyone who reads the set could sign with it, so it isn't used even where HS256 is allowed."""
    forger = TokenIssuer(idp.issuer_url, algorithm="HS256", kid="oct")
    assert isinstance(forger.private_key, bytes)
    idp.add_key()
    secret = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64url(forger.private_key)}
    idp.jwks = {"keys": [secret, *idp.jwks["keys"]]}

    with pytest.raises(UnknownKeyError):
        verify(forger.token(), jwks_provider_of(idp))


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([], id="empty"),
        pytest.param([{"kty": "oct", "k": "AQAB"}], id="secrets"),
        pytest.param([{"kty": "AKP"}, None], id="unusable"),
    ],
)
def test_a_set_without_usable_keys_is_a_failed_refresh(
    idp: IdentityProvider, clock: Any, members: list[Any]
) -> None:
    """The current keys stay in use."""
    issuer = idp.add_key()
    keys = jwks_provider_of(idp, clock=clock)
    keys.warm_up()
    idp.jwks = {"keys": members}
    clock.move(300)

    assert verify(issuer.token(), keys).subject == "alice"
    assert keys.status()["state"] == "stale"
    assert keys.status()["failures"] == 1


def test_kids_are_case_sensitive(idp: IdentityProvider) -> None:
    """Two kids that differ in case are two keys."""
    upper, lower = idp.add_key(kid="A"), idp.add_key(kid="a")
    keys = jwks_provider_of(idp)

    assert verify(upper.token(), keys).subject == verify(lower.token(), keys).subject
    with pytest.raises(BadSignatureError):
        verify(upper.token(header={"kid": "a"}), keys)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_keys_of_one_kid_are_selected_by_algorithm(idp: IdentityProvider, algorithm: str) -> None:
    """Of keys with the same kid, the one whose type and curve fit the token's algorithm verifies it."""
    issuers = {name: idp.add_key(kid="a", algorithm=name) for name in ALGORITHMS[:-1]}
    keys = jwks_provider_of(idp)

    assert verify(issuers[algorithm].token(), keys).subject == "alice"
    assert len(keys.keys_for(UnverifiedHeader(algorithm, "a"))) == 1


def test_the_alg_of_a_key_restricts_it(idp: IdentityProvider) -> None:
    """An RSA key with ``alg`` RS256 doesn't verify PS256; a key without ``alg`` does."""
    issuer = idp.add_key(kid="a", algorithm="RS256")
    other = TokenIssuer(idp.issuer_url, kid="a", algorithm="PS256", private_key=issuer.private_key)
    with pytest.raises(UnknownKeyError):
        verify(other.token(), jwks_provider_of(idp))

    del idp.jwks["keys"][0]["alg"]
    keys = jwks_provider_of(idp)
    assert verify(other.token(), keys).subject == "alice"
    with pytest.raises(AlgorithmError):
        verify(other.token(), keys, "RS256")


def test_at_most_four_keys_of_one_kid_are_tried(idp: IdentityProvider) -> None:
    """Identical keys count once, and of the others the first four are tried."""
    issuers = [idp.add_key(kid="a", algorithm="ES256") for _ in range(5)]
    idp.jwks = {"keys": [*idp.jwks["keys"][:1] * 6, *idp.jwks["keys"]]}
    keys = jwks_provider_of(idp)

    assert len(keys.keys_for(UnverifiedHeader("ES256", "a"))) == 4
    for issuer in issuers[:4]:
        assert verify(issuer.token(), keys).subject == "alice"
    with pytest.raises(BadSignatureError):
        verify(issuers[4].token(), keys)


def test_a_token_without_a_kid_needs_exactly_one_fitting_key(idp: IdentityProvider) -> None:
    """It is verified by the only key for its algorithm, and refused if two keys fit."""
    rs256 = idp.add_key(kid="a")
    es256 = idp.add_key(kid="b", algorithm="ES256")
    keys = jwks_provider_of(idp)
    assert verify(rs256.token(header={"kid": None}), keys).subject == "alice"
    assert verify(es256.token(header={"kid": None}), keys).subject == "alice"

    idp.add_key(kid="c")
    keys = jwks_provider_of(idp)
    with pytest.raises(UnknownKeyError):
        verify(rs256.token(header={"kid": None}), keys)
    assert verify(es256.token(header={"kid": None}), keys).subject == "alice"


def test_a_token_with_a_kid_uses_no_other_key(idp: IdentityProvider) -> None:
    """A token that names a kid isn't verified by another kid's key, nor by several keys without a kid."""
    issuer = idp.add_key(kid="a")
    with pytest.raises(UnknownKeyError):
        verify(issuer.token(header={"kid": "b"}), jwks_provider_of(idp))

    idp.jwks = {"keys": []}
    nameless = [idp.add_key(kid=None) for _ in range(2)]
    keys = jwks_provider_of(idp)
    for header in ({"kid": "b"}, {"kid": None}):
        with pytest.raises(UnknownKeyError):
            verify(nameless[0].token(header=header), keys)
