"""Which keys of a set may verify a token, and how a set is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, KeySet, UnverifiedHeader, VerificationKey
from flask_jwtlib.errors import InsecureKeyWarning
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import openssh

RSA = TokenIssuer(kid="rsa")
OTHER_RSA = TokenIssuer(kid="other-rsa")
EC = TokenIssuer(algorithm="ES256", kid="ec")
SECRET = b"an HMAC secret of sixty-four bytes, which is enough for HS512 too"[:64]
PRIVATE: Any = RSA.private_key


def key(name: str, kid: str | None = None, algorithms: Any = "HS256") -> VerificationKey:
    """Return a key that is different for each name."""
    return VerificationKey.from_secret(f"{name}: {SECRET.decode()}", algorithms=algorithms, kid=kid)


def header(kid: str | None, alg: str = "HS256") -> UnverifiedHeader:
    """Make a token's header with the parameters that choose a key."""
    return UnverifiedHeader(alg, kid)


def test_a_kid_chooses_its_key() -> None:
    """A token with a kid is verified only by the key with that kid."""
    a, b = key("a", "a"), key("b", "b")
    keys = KeySet([a, b])

    assert keys.select(header("a")) == (a,)
    assert keys.select(header("b")) == (b,)
    assert keys.select(header("c")) == ()
    assert keys.select(header("")) == ()
    assert keys.select(header("A")) == ()


def test_a_key_is_chosen_for_its_own_algorithms() -> None:
    """The kid alone isn't enough: alg must be one of the key's."""
    a = key("a", "a", ["HS256", "HS384"])
    keys = KeySet([a])

    assert keys.select(header("a", "HS384")) == (a,)
    assert keys.select(header("a", "HS512")) == ()
    assert keys.select(header("a", "none")) == ()
    assert keys.select(header("a", "hs256")) == ()


def test_one_kid_for_two_kinds_of_key() -> None:
    """Keys with one kid and different algorithms are chosen independently."""
    rsa = VerificationKey.from_pem(RSA.public_pem, kid="one", algorithms="RS256")
    ec = VerificationKey.from_pem(EC.public_pem, kid="one")
    keys = KeySet([rsa, ec])

    assert keys.select(header("one", "RS256")) == (rsa,)
    assert keys.select(header("one", "ES256")) == (ec,)
    assert keys.select(header(None, "ES256")) == (ec,)


def test_one_kid_for_several_keys() -> None:
    """Several keys with one kid, as after a faulty rotation, are all tried, in order, up to four."""
    several = [key(str(number), "one") for number in range(6)]

    assert KeySet(several[:3]).select(header("one")) == tuple(several[:3])
    assert KeySet(several).select(header("one")) == tuple(several[:4])


def test_duplicate_keys_count_once() -> None:
    """A key that is listed several times leaves room for others with its kid."""
    jwks = {"keys": [*[RSA.jwk] * 5, {**OTHER_RSA.jwk, "kid": "rsa"}]}

    chosen = KeySet.from_jwks(jwks).select(header("rsa", "RS256"))

    assert any(each.verify("RS256", b"x", OTHER_RSA.sign(b"x")) for each in chosen)
    assert any(each.verify("RS256", b"x", RSA.sign(b"x")) for each in chosen)


def test_without_a_kid_exactly_one_key_must_fit() -> None:
    """A token without a kid is verified if exactly one key fits its algorithm."""
    a, b = key("a", "a"), key("b", "b")
    c = key("c", "c", "HS512")
    keys = KeySet([a, b, c])

    assert keys.select(header(None)) == ()
    assert keys.select(header(None, "HS512")) == (c,)
    assert keys.select(header(None, "HS384")) == ()
    assert KeySet([a]).select(header(None)) == (a,)


def test_a_list_without_kids_is_tried_entirely() -> None:
    """Keys without any kid are tried for every token, whatever its kid."""
    a, b, c = key("a"), key("b"), key("c", None, "HS512")
    keys = KeySet([a, b, c])

    for kid in (None, "", "anything"):
        assert keys.select(header(kid)) == (a, b)
        assert keys.select(header(kid, "HS512")) == (c,)


def test_a_list_without_kids_has_a_limit() -> None:
    """At most four keys without a kid may fit one algorithm; a fifth raises."""
    several = [key(str(number)) for number in range(5)]

    assert KeySet(several[:4]).select(header(None)) == tuple(several[:4])
    assert KeySet([*several[:4], key("x", None, "HS512")]).select(header(None)) == tuple(
        several[:4]
    )
    with pytest.raises(
        ConfigurationError, match=r"5 keys without a kid fit HS256, .*give each key a kid"
    ):
        KeySet(several)


def test_a_key_without_a_kid_among_others_is_for_tokens_without_one() -> None:
    """If some key has a kid, a key without one is tried only for tokens without one."""
    named, nameless = key("named", "named"), key("nameless", None, "HS512")
    keys = KeySet([named, nameless])

    assert keys.select(header("named")) == (named,)
    assert keys.select(header("named", "HS512")) == ()
    assert keys.select(header("unknown", "HS512")) == ()
    assert keys.select(header(None, "HS512")) == (nameless,)


def test_a_set_has_the_algorithms_of_its_keys() -> None:
    """A set verifies every algorithm that one of its keys verifies."""
    keys = KeySet([key("a", "a"), key("b", "b"), key("c", "c", "HS512")])

    assert keys.algorithms == {"HS256", "HS512"}


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(RSA.verification_key, id="key"),
        pytest.param(PRIVATE.public_key(), id="object"),
        pytest.param(RSA.public_pem, id="pem"),
        pytest.param(RSA.public_pem.encode(), id="pem-bytes"),
        pytest.param(f"a comment\n{RSA.public_pem}", id="pem-after-text"),
        pytest.param(openssh(RSA.verification_key.material), id="openssh"),
        pytest.param(
            f" {openssh(RSA.verification_key.material)} user@host\n".encode(), id="openssh-bytes"
        ),
        pytest.param(RSA.jwk, id="jwk"),
        pytest.param(json.dumps(RSA.jwk), id="jwk-json"),
        pytest.param(f"\n {json.dumps(RSA.jwk)}".encode(), id="jwk-json-bytes"),
        pytest.param(RSA.jwks, id="jwks"),
        pytest.param(json.dumps(RSA.jwks), id="jwks-json"),
        pytest.param({"keys": tuple(RSA.jwks["keys"])}, id="jwks-tuple"),
        pytest.param([RSA.public_pem], id="list"),
        pytest.param((RSA.jwk,), id="tuple"),
        pytest.param(iter([RSA.jwks]), id="iterator"),
        pytest.param([[RSA.public_pem]], id="list-in-list"),
        pytest.param(KeySet([RSA.verification_key]), id="set"),
        pytest.param([KeySet([RSA.verification_key])], id="list-of-sets"),
    ],
)
def test_a_set_can_be_made_of_each_form(material: Any) -> None:
    """Each form of the issuer's key makes a set whose only key verifies the issuer's tokens."""
    (only,) = KeySet.of(material).keys

    assert only.verify("RS256", b"signed", RSA.sign(b"signed"))


def test_an_ecdsa_openssh_line_is_read() -> None:
    """OpenSSH's ECDSA lines begin with another word."""
    assert KeySet.of(openssh(EC.verification_key.material)).algorithms == {"ES256"}


def test_a_set_of_a_set_is_that_set() -> None:
    """``KeySet.of`` returns a set unchanged."""
    keys = KeySet([RSA.verification_key])

    assert KeySet.of(keys) is keys


def test_forms_may_be_mixed() -> None:
    """A list may hold keys in different forms, and sets of several."""
    keys = KeySet.of([RSA.jwks, EC.verification_key, {"keys": [OTHER_RSA.jwk]}])

    assert [each.kid for each in keys.keys] == ["rsa", "ec", "other-rsa"]


@pytest.mark.parametrize(
    ("material", "reason"),
    [
        pytest.param(None, "NoneType", id="none"),
        pytest.param(5, "int", id="number"),
        pytest.param(object(), "object", id="object"),
        pytest.param(VerificationKey, "can't verify", id="class"),
        pytest.param(Path("key.pem"), "pass the file's content", id="path"),
        pytest.param(
            "key.pem", "looks like a path, not a key; pass the file's content", id="path-as-text"
        ),
        pytest.param([RSA.public_pem, None], "NoneType", id="none-in-list"),
        pytest.param("", "not a PEM, JWK or OpenSSH public key", id="empty"),
        pytest.param(b"", "not a PEM, JWK or OpenSSH public key", id="empty-bytes"),
        pytest.param("a secret", "VerificationKey.from_secret", id="secret"),
        pytest.param(SECRET, "VerificationKey.from_secret", id="secret-bytes"),
        pytest.param(b"\xff\xfe", "not a PEM, JWK or OpenSSH public key", id="binary"),
        pytest.param("{", "not JSON", id="broken-json"),
        pytest.param("{}", 'not a JWK (it has no "kty")', id="empty-json"),
        pytest.param("[]", "not a PEM, JWK or OpenSSH public key", id="json-array"),
        pytest.param('{"error": "gone"}', 'not a JWK (it has no "kty")', id="error-body"),
        pytest.param({"kty": "XYZ"}, "not a JWK of a known type", id="unknown-type"),
        pytest.param('{"keys": {}}', 'array "keys"', id="keys-object"),
        pytest.param('{"keys": null}', 'array "keys"', id="keys-null"),
        pytest.param({"keys": "RSA"}, 'array "keys"', id="keys-text"),
        pytest.param("<html>not found</html>", "not a PEM, JWK or OpenSSH public key", id="html"),
        pytest.param("ssh-dss AAAA", "not a plain RSA, ECDSA or Ed25519", id="dsa"),
        pytest.param("-----BEGIN nothing", "does not hold a public key", id="broken-pem"),
    ],
)
def test_an_invalid_key_source_is_refused(material: Any, reason: str) -> None:
    """Anything else raises a ``ConfigurationError`` that says what was given."""
    with pytest.raises(ConfigurationError) as refusal:
        KeySet.of(material)

    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "material",
    [
        pytest.param([], id="list"),
        pytest.param(iter(()), id="iterator"),
        pytest.param([[], ()], id="lists-in-list"),
        pytest.param({"keys": []}, id="jwks"),
        pytest.param('{"keys": []}', id="jwks-json"),
        pytest.param([{"keys": []}], id="jwks-in-list"),
        pytest.param(KeySet(()), id="set"),
    ],
)
def test_a_set_may_be_empty(material: Any) -> None:
    """A set without keys can be made, and verifies nothing."""
    keys = KeySet.of(material)

    assert (keys.keys, keys.kids, keys.algorithms) == ((), frozenset(), frozenset())
    for kid in (None, "", "anything"):
        assert keys.select(header(kid)) == ()


@pytest.mark.parametrize(
    ("keys", "lacking"),
    [
        pytest.param(KeySet(()), {"a", "b", ""}, id="empty"),
        pytest.param(KeySet([key("a", "a")]), {"b", ""}, id="one"),
        pytest.param(KeySet([key("a", "a"), key("b", "b")]), {""}, id="two"),
        pytest.param(KeySet([key("a", "a"), key("nameless")]), {"b", ""}, id="one-and-a-nameless"),
        pytest.param(KeySet([key("nameless")]), set(), id="nameless"),
        pytest.param(KeySet([key("x"), key("y")]), set(), id="nameless-list"),
        pytest.param(KeySet([key("x"), key("y")], exact=True), {"a", "b", ""}, id="nameless-set"),
        pytest.param(
            KeySet([key("nameless")], exact=True), {"a", "b", ""}, id="lone-nameless-of-a-set"
        ),
        pytest.param(KeySet([key("A", "A")]), {"a", "b", ""}, id="case"),
    ],
)
def test_a_set_reports_unknown_kids(keys: KeySet, lacking: set[str]) -> None:
    """A kid is unknown if no key has it, unless the keys are for any kid; no kid is never unknown."""
    assert {kid for kid in ("a", "b", "") if keys.lacks(kid)} == lacking
    assert not keys.lacks(None)
    for kid in lacking:
        assert keys.select(header(kid)) == ()


def test_a_set_knows_its_kids() -> None:
    """``kids`` has the IDs of all keys, whatever their algorithm."""
    assert KeySet([key("a", "a"), key("b", "b", "HS512"), key("x")]).kids == {"a", "b"}


def test_kids_are_compared_exactly() -> None:
    """A kid that differs in case or by a space is another one."""
    keys = KeySet([key("a", "Key")])

    for kid in ("key", "KEY", "Key ", " Key", "Ke"):
        assert keys.lacks(kid)
        assert keys.select(header(kid)) == ()
    assert len(keys.select(header("Key"))) == 1


def test_identical_keys_of_one_kid_are_one_key() -> None:
    """Identical keys of one kid are merged; up to four different ones are tried."""
    same = [key("one", "k") for _ in range(6)]
    several = [key(str(number), "k") for number in range(6)]

    assert len(KeySet(same).select(header("k"))) == 1
    assert len(KeySet([*same, *several]).select(header("k"))) == 4


def test_several_keys_without_a_kid_in_a_jwk_set_are_not_tried() -> None:
    """A JWK set's key without a kid verifies tokens without one, if no other key fits."""
    first, second = ({k: v for k, v in each.jwk.items() if k != "kid"} for each in (RSA, OTHER_RSA))
    other = {name: value for name, value in EC.jwk.items() if name != "kid"}
    keys = KeySet.from_jwks({"keys": [first, second, other]})

    for kid in (None, "", "anything"):
        assert keys.select(header(kid, "RS256")) == ()
    assert keys.select(header("anything", "ES256")) == ()
    assert len(keys.select(header(None, "ES256"))) == 1


def test_a_single_jwk_without_a_kid_verifies_tokens_without_one() -> None:
    """Such a JWK set doesn't verify a token with a kid, whose key has to be fetched."""
    lone = {name: value for name, value in RSA.jwk.items() if name != "kid"}
    keys = KeySet.from_jwks({"keys": [lone]})

    assert len(keys.select(header(None, "RS256"))) == 1
    for kid in ("", "anything"):
        assert keys.select(header(kid, "RS256")) == ()
        assert keys.lacks(kid)


def test_a_list_with_a_jwk_set_is_as_strict_as_the_set() -> None:
    """If a list holds a JWK set, its keys without a kid aren't tried in turn either."""
    first, second = ({k: v for k, v in each.jwk.items() if k != "kid"} for each in (RSA, OTHER_RSA))

    assert KeySet.of([{"keys": [first]}, second]).select(header("x", "RS256")) == ()
    assert len(KeySet.of([first, second]).select(header("x", "RS256"))) == 2
    assert "exact" not in repr(KeySet.of([first]))


def test_a_jwk_set_may_have_many_keys_without_a_kid() -> None:
    """More keys without a kid than are tried are no error, and verify nothing."""
    jwks = {"keys": [{"kty": "oct", "k": base64url(SECRET + bytes([n]))} for n in range(5)]}

    assert KeySet.from_jwks(jwks).select(header(None)) == ()


def test_a_list_of_sets_keeps_all_skip_reasons() -> None:
    """The skip reasons of all JWK sets of a list are kept, in order."""
    keys = KeySet.of(
        [{"keys": [BAD_MEMBERS["for-encryption"]]}, RSA.public_pem, {"keys": [BAD_MEMBERS["null"]]}]
    )

    assert len(keys.skipped) == 2
    assert "not for signatures" in keys.skipped[0]


@pytest.mark.parametrize(
    "keys",
    [[RSA.public_pem], [RSA.jwk], [None], ["x", RSA.verification_key]],
    ids=["pem", "jwk", "none", "mixed"],
)
def test_the_constructor_takes_only_verification_keys(keys: Any) -> None:
    """``KeySet`` takes ``VerificationKey`` objects; ``KeySet.of`` reads all other forms."""
    with pytest.raises(
        ConfigurationError, match=r"takes VerificationKey objects, not .*KeySet\.of"
    ):
        KeySet(keys)


BAD_MEMBERS: dict[str, Any] = {
    "for-encryption": {**EC.jwk, "use": "enc"},
    "unknown-type": {"kty": "XYZ"},
    "unknown-curve": {"kty": "EC", "crv": "P-257", "x": "AAAA", "y": "AAAA"},
    "x25519": {"kty": "OKP", "crv": "X25519", "x": "AAAA"},
    "other-algorithm": {**RSA.jwk, "alg": "RSA-OAEP"},
    "private": {**RSA.jwk, "d": "AQAB"},
    "damaged": {**RSA.jwk, "n": "!"},
    "weak": {"kty": "oct", "k": "c2hvcnQ"},
    "kid-number": {**RSA.jwk, "kid": 5},
    "null": None,
    "number": 5,
    "array": [],
    "text": "a key",
    "jwk-as-text": json.dumps(OTHER_RSA.jwk),
}


@pytest.mark.parametrize(
    "member", [pytest.param(member, id=name) for name, member in BAD_MEMBERS.items()]
)
def test_unusable_members_are_skipped(member: Any) -> None:
    """An unusable or invalid member of a JWK set is skipped, and ``skipped`` says why."""
    keys = KeySet.from_jwks({"keys": [member, RSA.jwk]})

    assert [each.kid for each in keys.keys] == ["rsa"]
    assert len(keys.skipped) == 1
    assert keys.skipped[0]


def test_a_set_with_only_bad_members_is_empty() -> None:
    """If every member is skipped, the set has no key, and all the reasons."""
    keys = KeySet.from_jwks({"keys": [BAD_MEMBERS["for-encryption"], BAD_MEMBERS["damaged"]]})

    assert keys.keys == ()
    assert len(keys.skipped) == 2
    assert "not for signatures" in keys.skipped[0]
    assert "'n' is missing" in keys.skipped[1]


@pytest.mark.parametrize("jwks", ["", "[]", "null", '"keys"', b"\xff", "{}", None, [], 5], ids=repr)
def test_an_invalid_jwk_set_is_refused(jwks: Any) -> None:
    """A JWK set must be an object with an array of keys, or its JSON text."""
    with pytest.raises(ConfigurationError):
        KeySet.from_jwks(jwks)


def test_weak_members_can_be_allowed() -> None:
    """With allow_weak a weak member is accepted with a warning."""
    with pytest.warns(InsecureKeyWarning):
        keys = KeySet.from_jwks({"keys": [BAD_MEMBERS["weak"]]}, allow_weak=True)

    assert keys.skipped == ()
    with pytest.warns(InsecureKeyWarning):
        assert KeySet.of([BAD_MEMBERS["weak"]], allow_weak=True).algorithms == {
            "HS256",
            "HS384",
            "HS512",
        }


def test_a_large_set_with_kids_is_accepted() -> None:
    """A JWK set may be large if each key has its own kid."""
    jwks = {
        "keys": [
            {"kty": "oct", "k": base64url(SECRET), "kid": str(number)} for number in range(100)
        ]
    }

    assert len(KeySet.from_jwks(jwks).select(header("77"))) == 1


def test_errors_do_not_show_the_members() -> None:
    """A JWK set may hold secrets: neither ``skipped`` nor the repr quotes them."""
    shown = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    secret = {"kty": "oct", "k": shown, "alg": "HS512", "kid": "k"}

    keys = KeySet.from_jwks(
        {
            "keys": [
                secret,
                {**RSA.jwk, "d": shown},
                shown,
                {**secret, "alg": "HS256", "k": shown * 2},
            ]
        }
    )

    assert len(keys.skipped) == 3
    for text in (*keys.skipped, repr(keys)):
        assert shown not in text


def test_eddsa_without_a_kid_may_use_either_curve() -> None:
    """An Ed448 key in the set doesn't keep its only Ed25519 key from tokens without a kid, nor vice versa."""
    ed25519, other, ed448 = (
        TokenIssuer(algorithm=name, kid=kid)
        for name, kid in (("Ed25519", "a"), ("Ed25519", "b"), ("Ed448", "c"))
    )
    jwks = [{**issuer.jwk, "alg": "EdDSA"} for issuer in (ed25519, ed448, other)]
    both, three = KeySet.from_jwks({"keys": jwks[:2]}), KeySet.from_jwks({"keys": jwks})

    for issuer in (ed25519, ed448):
        verified = [
            key.verify("EdDSA", b"signed", issuer.sign(b"signed"))
            for key in both.select(header(None, "EdDSA"))
        ]
        assert sorted(verified) == [False, True]
    assert three.select(header(None, "EdDSA")) == ()


def test_a_skipped_weak_key_has_no_advice() -> None:
    """A source that fetches sets has no option for weak keys, so the reason doesn't name it."""
    weak = {"kty": "oct", "k": "c2hvcnQ"}

    (reason,) = KeySet.from_jwks({"keys": [weak]}).skipped
    with pytest.raises(ConfigurationError) as refusal:
        VerificationKey.from_jwk(weak)

    assert reason == refusal.value.fault
    assert "allow_weak" not in reason
    assert str(refusal.value).startswith(f"{reason}; to accept it anyway, ")
    assert "allow_weak=True" in str(refusal.value)
