"""Maps of key IDs to PEM, as Google publishes them for Firebase and for Identity-Aware Proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    JWTValidator,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.errors import InsecureKeyWarning
from flask_jwtlib.testing import TokenIssuer, bearer, make_request

from .kit import certificate_pem, private_pem

RSA = TokenIssuer(kid="5fb329df")
OTHER = TokenIssuer(kid="aa3e")
EC = TokenIssuer(algorithm="ES256", kid="LYyP2g")


MAPS: dict[str, dict[str, str]] = {
    "certificates": {
        "5fb329df": certificate_pem(RSA.private_key),
        "aa3e": certificate_pem(OTHER.private_key),
    },
    "public keys": {"5fb329df": RSA.public_pem, "aa3e": OTHER.public_pem},
    "mixed": {
        "LYyP2g": EC.public_pem,
        "5fb329df": RSA.public_pem,
        "aa3e": certificate_pem(OTHER.private_key),
    },
}
FORMS: dict[str, Any] = {
    "mapping": lambda pems: pems,
    "JSON": json.dumps,
    "JSON bytes": lambda pems: f"\n {json.dumps(pems, indent=2)}\n".encode(),
    "list": lambda pems: [pems],
    "KeySet": KeySet.from_pem_map,
    "KeySet of JSON": lambda pems: KeySet.from_pem_map(json.dumps(pems)),
}


@pytest.mark.parametrize("source", ["keys", "function"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pems", MAPS.values(), ids=MAPS)
def test_a_token_is_verified_by_the_pem_of_its_kid(
    pems: dict[str, str], form: str, source: str
) -> None:
    """Given as keys or returned by a function, in any form, the map verifies by kid."""
    material = FORMS[form](pems)
    keys = StaticKeyProvider(material) if source == "keys" else TTLKeyProvider(lambda: material)

    def keys_for(kid: str | None) -> list[bool]:
        chosen = keys.keys_for(UnverifiedHeader("RS256", kid))
        return [key.verify("RS256", b"signed", RSA.sign(b"signed")) for key in chosen]

    assert keys_for("5fb329df") == [True]
    assert keys_for("aa3e") == [False]
    assert keys_for("unknown") == []
    assert keys_for(None) == []


@pytest.mark.parametrize("pems", MAPS.values(), ids=MAPS)
def test_an_authenticator_takes_the_map(pems: dict[str, str]) -> None:
    """``keys=`` takes the map, and refuses a forger's token with a known kid."""
    auth = Authenticator(keys=pems, validator=JWTValidator(algorithms="RS256"))
    forged = TokenIssuer(kid="5fb329df").token("root")

    request = make_request(headers=bearer(RSA.token("bob")))
    assert auth.authenticate(request).subject == "bob"
    with pytest.raises(Exception, match="signature"):
        auth.authenticate(make_request(headers=bearer(forged)))


BAD: dict[str, tuple[str, str]] = {
    "private": (private_pem(OTHER.private_key), "private key"),
    "damaged": (OTHER.public_pem.replace("A", "B"), "PEM"),
    "cut": (OTHER.public_pem[:200], "PEM"),
    "text": ("not found", "PEM"),
    "empty": ("", "PEM"),
}


@pytest.mark.parametrize("name", BAD)
def test_unreadable_members_are_skipped(name: str) -> None:
    """One bad member doesn't affect the other keys, and the set says why it was skipped."""
    bad, reason = BAD[name]

    keys = KeySet.of({"bad": bad, "5fb329df": RSA.public_pem})

    assert keys.kids == {"5fb329df"}
    assert len(keys.skipped) == 1
    assert reason in keys.skipped[0]


def test_a_map_with_only_bad_members_is_refused() -> None:
    """It isn't an empty set, which would replace valid keys; the error has some of the reasons."""
    pems = {
        **{str(number): private_pem(RSA.private_key) for number in range(100)},
        "b": RSA.public_pem[:100],
    }

    for make in (KeySet.from_pem_map, KeySet.of, StaticKeyProvider):
        with pytest.raises(ConfigurationError, match="no key of this PEM map") as refusal:
            make(pems)
        assert str(refusal.value).count("private key") == 1


@pytest.mark.parametrize(
    "material",
    [
        pytest.param({}, id="empty"),
        pytest.param({"a": "not PEM"}, id="text that is not PEM"),
        pytest.param({"a": "-----BEGIN CERTIFICATE-----"}, id="cut-off certificate"),
        pytest.param({"a": RSA.public_pem, "b": 5}, id="a number beside a key"),
        pytest.param({"a": RSA.public_pem, "b": None}, id="null beside a key"),
        pytest.param({"a": RSA.public_pem, "b": {"c": "d"}}, id="an object beside a key"),
        pytest.param({"a": RSA.public_pem, 5: RSA.public_pem}, id="a number as key ID"),
        pytest.param({"a": [RSA.public_pem]}, id="a list of keys"),
        pytest.param({"error": "not found"}, id="error page"),
        pytest.param([], id="list"),
        pytest.param(None, id="None"),
        pytest.param(5, id="number"),
        pytest.param("[]", id="JSON list"),
        pytest.param("null", id="JSON null"),
        pytest.param("{", id="damaged JSON"),
    ],
)
def test_an_invalid_pem_map_is_refused(material: Any) -> None:
    """An error page, an empty object or a map with other values must not count as a set of keys."""
    with pytest.raises(ConfigurationError):
        KeySet.from_pem_map(material)


@pytest.mark.parametrize("member", ["keys", "kty"])
def test_the_members_of_jwks_take_precedence(member: str) -> None:
    """A mapping with "keys" or "kty" is read as a JWK set or a JWK, whatever else it holds."""
    with pytest.raises(ConfigurationError, match=r'array "keys"|not a JWK of a known type'):
        KeySet.of({member: RSA.public_pem, "a": RSA.public_pem})


def test_weak_members_can_be_allowed() -> None:
    """A short key is skipped, without the advice for single keys, or accepted with a warning."""
    weak = TokenIssuer(private_key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    pems = {"weak": weak.public_pem}

    with pytest.raises(ConfigurationError, match="1024 bits") as refusal:
        KeySet.from_pem_map(pems)
    assert "allow_weak" not in str(refusal.value)
    for make in (KeySet.from_pem_map, KeySet.of):
        with pytest.warns(InsecureKeyWarning, match="1024 bits"):
            assert make(pems, allow_weak=True).kids == {"weak"}


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
@pytest.mark.parametrize("pems", MAPS.values(), ids=MAPS)
def test_a_pem_map_is_not_an_hmac_secret(pems: dict[str, str], algorithm: str) -> None:
    """A PEM map is public, so it must not be an HMAC secret."""
    for text in (json.dumps(pems), json.dumps(pems, indent=1).encode()):
        with pytest.raises(ConfigurationError, match="is a public key"):
            VerificationKey.from_secret(text, algorithms=algorithm)
