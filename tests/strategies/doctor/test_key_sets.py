"""Published keys: their number, their key IDs, and their algorithms against the accepted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_jwtlib import Authenticator, KeySet, StaticKeyProvider, VerificationKey
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.doctor import Finding
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator

from .kit import Expected, bad, check, findings_about, oidc

ISSUER = "https://issuer.example"
Examine = Callable[..., list[Finding]]

RSA = TokenIssuer(kid="rsa").jwk
EC = TokenIssuer(kid="ec", algorithm="ES256").jwk
PEM = TokenIssuer(kid="pem").public_pem
UNNAMED = {name: value for name, value in RSA.items() if name != "alg"}
ENCRYPTION = {**RSA, "kid": "enc", "use": "enc", "alg": "RSA-OAEP"}
WEAK = "AQAB" * 43
NAMELESS = {name: value for name, value in EC.items() if name != "kid"}


def weak_rsa() -> dict[str, Any]:
    """Return an RSA key of 1024 bits as a JWK."""
    from flask_jwtlib.testing import base64url

    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    n = base64url(numbers.n.to_bytes(128, "big"))
    return {"kty": "RSA", "kid": "weak", "n": n, "e": "AQAB"}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider whose key set each test replaces."""
    with IdentityProvider() as idp:
        yield idp


@pytest.fixture
def examined(provider: IdentityProvider) -> Examine:
    """A function that publishes a document and examines the provider of these keys."""

    def examine_document(document: Any, algorithms: Any = "RS256", **options: Any) -> list[Finding]:
        provider.jwks = document
        keys = JWKSKeyProvider(provider.jwks_url, allow_http_on_loopback=True, **options)
        validator = access_token_validator(ISSUER, "api", algorithms=algorithms)
        return findings_about(Authenticator(keys=keys, validator=validator))

    return examine_document


SETS: dict[str, tuple[list[Any], str, str, str]] = {
    "one": ([RSA], "OK", "1 key", ""),
    "several": ([RSA, EC], "OK", "2 keys", ""),
    "one for encryption": (
        [RSA, ENCRYPTION],
        "OK",
        "1 key, 1 skipped: 1 x this JWK is not for signatures: its use is 'enc'",
        "",
    ),
    "none": ([], "FAIL", "0 keys", "Have the provider publish a key for signatures"),
    "none for signatures": (
        [ENCRYPTION] * 2,
        "FAIL",
        "0 keys, 2 skipped: 2 x",
        "Have the provider",
    ),
    "a weak one": (
        [RSA, weak_rsa()],
        "WARN",
        "1 key, 1 skipped: 1 x an RSA key of 1024 bits is too short",
        "If tokens are signed with a skipped key, have the provider replace that key.",
    ),
    "a secret": (
        [RSA, {"kty": "oct", "k": "c2VjcmV0"}],
        "WARN",
        "1 key, 1 skipped: 1 x a published secret (kty oct), which can't be trusted",
        "have the provider replace",
    ),
    "no objects": ([RSA, None, 7, "x"], "WARN", "1 key, 3 skipped: 3 x", "have the provider"),
}


@pytest.mark.parametrize(("keys", "level", "text", "cure"), SETS.values(), ids=SETS)
def test_the_keys_of_a_set(
    keys: list[Any], level: str, text: str, cure: str, examined: Examine
) -> None:
    """The number of keys is shown, and why others are skipped. What is skipped on purpose is no problem."""
    findings = examined({"keys": keys})
    check(findings, Expected("keys", level, text, cure))
    assert bad(findings) == ([] if level == "OK" else [(level, "keys")])


DOCUMENTS: dict[str, tuple[Any, str, str]] = {
    "a private JWK": (
        {"kty": "RSA"},
        "neither a JWK set nor a map",
        "jwks_uri of the provider's metadata",
    ),
    "an error": (
        {"error": "x"},
        "neither a JWK set nor a map",
        "Correct the argument url: it must be",
    ),
    "keys that are no list": (
        {"keys": "x"},
        "neither a JWK set nor a map",
        "Correct the argument url",
    ),
    "metadata": (
        {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"},
        "this document is an issuer's metadata, not a key set",
        "Use oidc_authenticator or OIDCKeyProvider with its issuer; the argument url is for the URL of",
    ),
}


@pytest.mark.parametrize(("document", "text", "cure"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_is_not_a_key_set(
    document: Any, text: str, cure: str, examined: Examine
) -> None:
    """The URL may be that of something else."""
    check(examined(document), Expected("keys", "FAIL", text, cure))


def test_a_map_of_pem(examined: Examine) -> None:
    """A map of key IDs to PEM, as Google publishes, is read as the provider reads it."""
    findings = examined({"a": PEM})
    check(findings, Expected("keys", "OK", "1 key"))
    check(findings, Expected("kids", "OK", "'a'"))
    assert not bad(findings)


def test_too_many_keys(examined: Examine) -> None:
    """The cure has the number to set."""
    findings = examined({"keys": [RSA] * 3}, max_keys=2)
    text = "the set has 3 members, and at most 2 are accepted"
    check(findings, Expected("keys", "FAIL", text, "Pass max_keys=3 to the key provider"))
    assert not bad(examined({"keys": [RSA] * 3}, max_keys=3))


OTHER = {**EC, "kid": "rsa"}
KIDS: dict[str, tuple[list[Any], str, str, str]] = {
    "each its own": ([RSA, EC], "OK", "'ec', 'rsa'", ""),
    "many": ([{**RSA, "kid": f"k{n}"} for n in range(7)], "OK", "'k4' and 2 more", ""),
    "the same key twice": ([RSA, RSA], "OK", "'rsa'", ""),
    "two keys with one": (
        [RSA, OTHER],
        "WARN",
        "several keys have the same kid: 'rsa'",
        "Have the provider give each key its own kid.",
    ),
    "one without": ([NAMELESS], "OK", "the key has no kid: it verifies tokens without one", ""),
    "one of two without": (
        [RSA, NAMELESS],
        "WARN",
        "1 of 2 keys have no kid, so tokens may match none or several",
        "Have the provider give each key a kid, and name it in its tokens.",
    ),
}


@pytest.mark.parametrize(("keys", "level", "text", "cure"), KIDS.values(), ids=KIDS)
def test_the_key_ids(keys: list[Any], level: str, text: str, cure: str, examined: Examine) -> None:
    """Each key should have its own ID."""
    findings = examined({"keys": keys}, ["RS256", "ES256"])
    check(findings, Expected("kids", level, text, cure))
    assert bad(findings) == ([] if level == "OK" else [(level, "kids")])


ALGORITHMS: dict[str, tuple[list[Any], Any, str, str, str]] = {
    "the same": ([RSA], "RS256", "OK", "accepted and supported by a key: RS256", ""),
    "one that no key has": (
        [RSA],
        ["RS256", "ES256"],
        "OK",
        "RS256; accepted, but no key is for it: ES256",
        "",
    ),
    "one that isn't accepted": (
        [RSA, EC],
        "RS256",
        "OK",
        "RS256; not accepted, although a key is for it: ES256",
        "",
    ),
    "none in common": (
        [EC],
        "RS256",
        "FAIL",
        "accepted are RS256, and the keys are for ES256",
        'Set algorithms=["ES256"].',
    ),
    "none in common, for keys without alg": (
        [UNNAMED],
        "ES256",
        "FAIL",
        "accepted are ES256, and the keys are for PS256, PS384, PS512, RS256, RS384, RS512",
        'Set algorithms=["PS256"].',
    ),
}


@pytest.mark.parametrize(
    ("keys", "accepted", "level", "text", "cure"), ALGORITHMS.values(), ids=ALGORITHMS
)
def test_the_algorithms(
    keys: list[Any], accepted: Any, level: str, text: str, cure: str, examined: Examine
) -> None:
    """The accepted algorithms are compared with those of the keys."""
    findings = examined({"keys": keys}, accepted)
    check(findings, Expected("algorithms", level, text, cure))
    assert bad(findings) == ([] if level == "OK" else [(level, "algorithms")])


def test_the_metadata_says_how_keys_without_an_algorithm_are_used(
    provider: IdentityProvider,
) -> None:
    """The algorithm to set is one that the provider says it uses."""
    provider.jwks = {"keys": [UNNAMED]}
    findings = findings_about(oidc(provider.issuer_url, algorithms="ES384"))
    check(
        findings, Expected("algorithms", "FAIL", "accepted are ES384", 'Set algorithms=["RS256"].')
    )
    check(findings, Expected("ID tokens", "OK", "the provider signs them with ['RS256', 'ES256']"))


def test_a_shared_secret_for_fetched_keys(examined: Examine) -> None:
    """An HS algorithm makes no sense with published keys."""
    findings = examined({"keys": [RSA]}, ["RS256", "HS256"])
    text = "HS256 needs a shared secret, and fetched keys aren't secret"
    check(
        findings, Expected("algorithms", "WARN", text, "Remove HS256 from the argument algorithms.")
    )


def test_fixed_keys() -> None:
    """Keys of your own are checked without a request; a list without key IDs is no problem."""
    pair = KeySet.of([TokenIssuer(kid=None).public_pem, TokenIssuer(kid=None).public_pem])
    validator = access_token_validator(ISSUER, "api")
    findings = findings_about(Authenticator(keys=StaticKeyProvider(pair), validator=validator))

    assert [each.check for each in findings] == ["keys", "algorithms"]
    assert not bad(findings)


def test_fixed_keys_of_two_validators() -> None:
    """A source's keys are compared with the algorithms of each validator that uses them."""
    keys = StaticKeyProvider(KeySet((VerificationKey.from_pem(PEM), VerificationKey.from_jwk(EC))))
    auth = Authenticator(keys=keys, validator=access_token_validator(ISSUER, "api"))
    other = access_token_validator(ISSUER, "api", algorithms="ES256")
    from flask import Flask

    app = Flask("api")
    app.get("/a", endpoint="a")(auth.requires_authentication(lambda: "a"))
    app.get("/b", endpoint="b")(auth.evolve(validator=other).requires_authentication(lambda: "b"))
    found = [each.text for each in findings_about(app) if each.check == "algorithms"]
    assert [text.partition(";")[0].rpartition(" ")[2] for text in found] == ["RS256", "ES256"]
