"""Keys that an issuer publishes as a JWK set at a URL, and what becomes of bad ones."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    UnverifiedHeader,
    VerificationUnavailable,
)
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    MalformedTokenError,
    UnknownKeyError,
)
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, base64url, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies._http.client import DocumentError, HTTPClient
from flask_jwtlib_strategies.key_providers._remote_key_set import RemoteKeySet
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

PATIENCE = 30
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256")


def provider_of(idp: IdentityProvider, **options: Any) -> JWKSKeyProvider:
    """A provider of the identity provider's keys, that nobody has to be fast for."""
    return JWKSKeyProvider(
        idp.jwks_url,
        allow_http_on_loopback=True,
        **{"fetch_timeout": PATIENCE, "max_wait": PATIENCE, **options},
    )


def verify(token: str, keys: KeyProvider, *algorithms: str) -> Claims:
    """The claims of a token that the keys verify."""
    return JWTValidator(algorithms=algorithms or ALGORITHMS).validate(BearerToken(token), keys)


@pytest.fixture
def remote(idp: IdentityProvider) -> RemoteKeySet:
    """The identity provider's JWK set."""
    return RemoteKeySet(
        idp.jwks_url, client=HTTPClient(allow_http_on_loopback=True), timeout=PATIENCE
    )


class TestJWKSKeyProvider(KeyProviderContract):
    """It is a key provider as any other."""

    idp: IdentityProvider

    @pytest.fixture(autouse=True)
    def _served(self, idp: IdentityProvider) -> None:
        self.idp = idp

    def make_key_provider(self, issuer: TokenIssuer) -> KeyProvider:
        self.idp.jwks = issuer.jwks
        return provider_of(self.idp)


def test_point_1_making_it_asks_nobody(idp: IdentityProvider) -> None:
    """A provider is made without a fetch; the first token causes one, the next none."""
    issuer = idp.add_key()
    auth = Authenticator(keys=provider_of(idp))
    assert idp.connections == 0

    for subject in ("alice", "bob"):
        request = make_request(headers=bearer(issuer.token(subject)))
        assert auth.authenticate(request).subject == subject
    assert idp.count() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks",
        "issuer.example",
        "https://",
        "https://u:p@issuer.example",
        None,
    ],
)
def test_point_21_a_bad_url_is_refused_when_it_is_made(url: Any) -> None:
    """What may not be asked is a mistake of the composition."""
    with pytest.raises(ConfigurationError):
        JWKSKeyProvider(url)


def test_point_21_loopback_has_to_be_asked_for(idp: IdentityProvider) -> None:
    """Plain HTTP is refused of this machine, too, unless it is said."""
    with pytest.raises(ConfigurationError, match="allow_http_on_loopback=True"):
        JWKSKeyProvider(idp.jwks_url)


def test_a_fetch_is_given_the_time_that_the_provider_waits(idp: IdentityProvider) -> None:
    """What the provider gives up ends by itself, too, and leaves no thread."""
    fetch: Any = provider_of(idp, fetch_timeout=0.5).fetch
    idp.behave(hang=True)
    with pytest.raises(DocumentError, match=r"within 0\.5 s"):
        fetch()


@pytest.mark.parametrize(
    "options",
    [{"session": "session"}, {"fetch_timeout": -1}, {"max_stale": None}, {"max_wait": "2"}],
    ids=lambda options: next(iter(options)),
)
def test_bad_options_are_refused_when_it_is_made(options: dict[str, Any]) -> None:
    """So is an option that is out of range."""
    with pytest.raises(ConfigurationError):
        JWKSKeyProvider("https://issuer.example/jwks", **options)


def test_point_12_nothing_it_tells_holds_the_query(
    idp: IdentityProvider, caplog: pytest.LogCaptureFixture, all_told: Callable[[], None]
) -> None:
    """Neither repr, status, events nor log show the URL's query, whatever goes wrong."""
    told: list[Any] = []

    def listen(sender: object, **details: Any) -> None:
        told.append(details)

    caplog.set_level(logging.DEBUG, "flask_jwtlib")
    idp.behave(reset=True, times=1)
    idp.behave(status=500, times=1)
    idp.behave(body="hunter2", times=1)
    idp.behave(redirect_to="/hunter2", times=1)
    idp.behave(status=503, headers={"Retry-After": "5"}, times=1)
    for _ in range(6):
        keys = JWKSKeyProvider(f"{idp.jwks_url}?key=hunter2", allow_http_on_loopback=True)
        key_event.connect(listen, keys)
        with pytest.raises(VerificationUnavailable) as outage:
            keys.warm_up()
        told += [repr(keys), json.dumps(keys.status())]
        told += [str(outage.value), repr(outage.value.__cause__)]
    all_told()

    assert {request.query for request in idp.requests} == {"key=hunter2"}
    assert "GET http://127.0.0.1" in caplog.text
    assert "DocumentError" in str(told)
    assert "hunter2" not in caplog.text
    assert "hunter2" not in str(told)


def test_point_17_a_token_says_not_where_its_key_is(idp: IdentityProvider) -> None:
    """Nobody asks at the URLs that a header names, nor takes the key that it brings."""
    issuer = idp.add_key(kid="a")
    with IdentityProvider() as evil:
        forger = evil.add_key(kid="a")
        header = {
            "jku": evil.jwks_url,
            "x5u": f"{evil.url}/x5u",
            "jwk": forger.jwk,
            "x5c": ["MIIB"],
        }
        keys = provider_of(idp)
        with pytest.raises(BadSignatureError):
            verify(forger.token(header=header), keys)
        with pytest.raises(UnknownKeyError):
            verify(forger.token(header={**header, "kid": evil.jwks_url}), keys)
        assert verify(issuer.token(header=header), keys).subject == "alice"
        assert evil.connections == 0


def test_point_17_what_is_refused_before_the_lookup_fetches_nothing(idp: IdentityProvider) -> None:
    """An algorithm that is not accepted, a token that is too long and one that is none cost no fetch."""
    issuer = idp.add_key()
    keys = provider_of(idp)

    with pytest.raises(AlgorithmError):
        verify(issuer.token(), keys, "ES256")
    with pytest.raises(MalformedTokenError):
        verify(issuer.token(padding="x" * 10_000), keys)
    with pytest.raises(MalformedTokenError):
        verify("a.b.c", keys)
    assert idp.connections == 0


@pytest.mark.parametrize(
    ("token", "error"),
    [
        pytest.param({"kid": None}, BadSignatureError, id="no kid, other signature"),
        pytest.param({"algorithm": "ES256"}, UnknownKeyError, id="other algorithm"),
        pytest.param({}, BadSignatureError, id="other signature"),
    ],
)
def test_point_17_what_is_no_unknown_kid_fetches_nothing(
    idp: IdentityProvider, token: dict[str, Any], error: type[InvalidTokenError]
) -> None:
    """With keys at hand, only a kid that none of them has causes a fetch."""
    idp.add_key(kid="a")
    keys = provider_of(idp)
    keys.warm_up()
    forger = TokenIssuer(idp.issuer_url, **{"kid": "a", **token})

    with pytest.raises(error):
        verify(forger.token(), keys)
    assert idp.count() == 1


def rsa_jwk(bits: int = 2048, **members: Any) -> dict[str, Any]:
    """A public RSA key as a JWK, some of whose members are others, or left out by None."""
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
    """A public EC key as a JWK, likewise."""
    jwk: dict[str, Any] = {**TokenIssuer(algorithm="ES256", kid="bad").jwk}
    return {name: value for name, value in {**jwk, **members}.items() if value is not None}


def private_jwk() -> dict[str, Any]:
    """A private EC key as a JWK."""
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
def test_point_18_a_bad_member_is_skipped_and_counted(
    idp: IdentityProvider, make: Callable[[], Any], all_told: Callable[[], None]
) -> None:
    """It makes no difference to the good ones, and is counted with the reason, which quotes nothing."""
    issuer = idp.add_key(kid="good")
    bad = make()
    idp.jwks = {"keys": [bad, *idp.jwks["keys"]]}
    keys = provider_of(idp)
    told: list[Any] = []

    def listen(sender: object, **details: Any) -> None:
        told.append(details)

    with key_event.connected_to(listen, keys):
        assert verify(issuer.token(), keys).subject == "alice"
        all_told()

    status = keys.status()
    assert (status["state"], status["kids"], status["keys"]) == ("fresh", ["good"], 1)
    ((reason, count),) = status["skipped"].items()
    assert count == 1
    assert {"event": "key_skipped", "reasons": [reason]} in told
    if isinstance(bad, dict):
        material = [
            value for name in ("n", "x", "y", "k", "d") if len(str(value := bad.get(name))) > 9
        ]
        assert not [value for value in material if value in str(told) + str(status)]


def test_point_18_several_are_counted_by_their_reason(idp: IdentityProvider) -> None:
    """Members that are bad in the same way are counted together."""
    idp.add_key()
    secret = {"kty": "oct", "k": "AQAB"}
    idp.jwks = {"keys": [secret, secret, rsa_jwk(kty="AKP"), *idp.jwks["keys"]]}
    keys = provider_of(idp)
    keys.warm_up()

    assert sorted(keys.status()["skipped"].values()) == [1, 2]


def test_point_18_a_published_secret_verifies_nothing(idp: IdentityProvider) -> None:
    """Whoever reads the set could sign with it: even where HS256 is accepted, it is no key."""
    forger = TokenIssuer(idp.issuer_url, algorithm="HS256", kid="oct")
    assert isinstance(forger.private_key, bytes)
    idp.add_key()
    secret = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64url(forger.private_key)}
    idp.jwks = {"keys": [secret, *idp.jwks["keys"]]}

    with pytest.raises(UnknownKeyError):
        verify(forger.token(), provider_of(idp))


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([], id="empty"),
        pytest.param([{"kty": "oct", "k": "AQAB"}], id="secrets"),
        pytest.param([{"kty": "AKP"}, None], id="unusable"),
    ],
)
def test_point_8_a_set_without_a_usable_key_is_a_failure(
    idp: IdentityProvider, clock: Any, members: list[Any]
) -> None:
    """It does not displace the keys at hand: they go on serving."""
    issuer = idp.add_key()
    keys = provider_of(idp, clock=clock)
    keys.warm_up()
    idp.jwks = {"keys": members}
    clock.move(300)

    assert verify(issuer.token(), keys).subject == "alice"
    assert keys.status()["state"] == "stale"
    assert keys.status()["failures"] == 1


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no keys"),
        pytest.param({"keys": None}, id="null"),
        pytest.param({"keys": {"kid": {}}}, id="object"),
        pytest.param({"keys": "RSA"}, id="string"),
        pytest.param({"error": "busy"}, id="error"),
        pytest.param([], id="array"),
        pytest.param("<html>", id="HTML"),
        pytest.param(b"", id="empty"),
    ],
)
def test_point_21_what_is_no_jwk_set_is_a_failure(
    idp: IdentityProvider, remote: RemoteKeySet, document: Any
) -> None:
    """The error names the URL, and says what is wrong."""
    idp.jwks = document
    with pytest.raises(DocumentError, match=r"GET http://127\.0\.0\.1:\d+/jwks: "):
        remote()


def test_point_21_a_hundred_keys_are_the_most(idp: IdentityProvider, remote: RemoteKeySet) -> None:
    """A set of more is a failure, also if few of them could be used."""
    jwk = idp.add_key().jwk
    idp.jwks = {"keys": [{**jwk, "kid": str(number)} for number in range(100)]}
    assert len(remote().keys.kids) == 100
    idp.jwks = {"keys": [jwk, *[None] * 100]}
    with pytest.raises(DocumentError, match="101 keys, 100 are allowed"):
        remote()


def test_point_19_the_kid_is_compared_with_its_case(idp: IdentityProvider) -> None:
    """Two kids that differ in their case are two keys."""
    upper, lower = idp.add_key(kid="A"), idp.add_key(kid="a")
    keys = provider_of(idp)

    assert verify(upper.token(), keys).subject == verify(lower.token(), keys).subject
    with pytest.raises(BadSignatureError):
        verify(upper.token(header={"kid": "a"}), keys)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_point_19_type_and_curve_fit_the_algorithm(idp: IdentityProvider, algorithm: str) -> None:
    """Of keys of the same kid, the one that fits the token's algorithm verifies it."""
    issuers = {name: idp.add_key(kid="a", algorithm=name) for name in ALGORITHMS[:-1]}
    keys = provider_of(idp)

    assert verify(issuers[algorithm].token(), keys).subject == "alice"
    assert len(keys.keys_for(UnverifiedHeader(algorithm, "a"))) == 1


def test_point_19_a_keys_own_alg_binds_it(idp: IdentityProvider) -> None:
    """An RSA key that says RS256 verifies no PS256; one that says nothing does."""
    issuer = idp.add_key(kid="a", algorithm="RS256")
    other = TokenIssuer(idp.issuer_url, kid="a", algorithm="PS256", private_key=issuer.private_key)
    with pytest.raises(UnknownKeyError):
        verify(other.token(), provider_of(idp))

    del idp.jwks["keys"][0]["alg"]
    keys = provider_of(idp)
    assert verify(other.token(), keys).subject == "alice"
    with pytest.raises(AlgorithmError):
        verify(other.token(), keys, "RS256")


def test_point_19_the_same_kid_twice_is_tried_four_times(idp: IdentityProvider) -> None:
    """Identical keys collapse, and of distinct ones the first four are tried."""
    issuers = [idp.add_key(kid="a", algorithm="ES256") for _ in range(5)]
    idp.jwks = {"keys": [*idp.jwks["keys"][:1] * 6, *idp.jwks["keys"]]}
    keys = provider_of(idp)

    assert len(keys.keys_for(UnverifiedHeader("ES256", "a"))) == 4
    for issuer in issuers[:4]:
        assert verify(issuer.token(), keys).subject == "alice"
    with pytest.raises(BadSignatureError):
        verify(issuers[4].token(), keys)


def test_point_20_without_a_kid_exactly_one_key_has_to_fit(idp: IdentityProvider) -> None:
    """A token that names no kid is verified by the only key for its algorithm, and by none of two."""
    rs256 = idp.add_key(kid="a")
    es256 = idp.add_key(kid="b", algorithm="ES256")
    keys = provider_of(idp)
    assert verify(rs256.token(header={"kid": None}), keys).subject == "alice"
    assert verify(es256.token(header={"kid": None}), keys).subject == "alice"

    idp.add_key(kid="c")
    keys = provider_of(idp)
    with pytest.raises(UnknownKeyError):
        verify(rs256.token(header={"kid": None}), keys)
    assert verify(es256.token(header={"kid": None}), keys).subject == "alice"


def test_point_20_a_kid_never_falls_back(idp: IdentityProvider) -> None:
    """A token that names a kid is not verified by keys of another one, or by those of several without."""
    issuer = idp.add_key(kid="a")
    with pytest.raises(UnknownKeyError):
        verify(issuer.token(header={"kid": "b"}), provider_of(idp))

    idp.jwks = {"keys": []}
    nameless = [idp.add_key(kid=None) for _ in range(2)]
    keys = provider_of(idp)
    for header in ({"kid": "b"}, {"kid": None}):
        with pytest.raises(UnknownKeyError):
            verify(nameless[0].token(header=header), keys)


def test_point_21_the_answer_says_how_long_keys_are_fresh(
    idp: IdentityProvider, clock: Any
) -> None:
    """After the seconds of max-age, and not before, old keys are old."""
    idp.add_key()
    idp.behave(headers={"Cache-Control": "max-age=600", "Age": "100"})
    keys = provider_of(idp, clock=clock, max_stale=0)
    keys.warm_up()
    assert keys.status()["stale_seconds_left"] == 0
    idp.stop()

    clock.move(499)
    assert keys.status()["state"] == "fresh"
    clock.move(1)
    assert keys.status()["state"] == "dead"
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()


@pytest.mark.parametrize("etag", [True, False], ids=["ETag", "no ETag"])
def test_point_21_an_unchanged_set_is_the_same_generation(
    idp: IdentityProvider, clock: Any, *, etag: bool
) -> None:
    """What did not change displaces nothing, whether the server says so or the set does."""
    idp.add_key()
    idp.behave(etag=etag, headers={"Cache-Control": "max-age=600"})
    keys = provider_of(idp, clock=clock)
    first = keys.key_set()
    clock.move(600)
    idp.behave(etag=etag, headers={"Cache-Control": "max-age=120"})

    assert keys.key_set() is first
    assert keys.generation == 1
    assert ("If-None-Match" in idp.requests[1].headers) is etag
    clock.move(119)
    assert keys.status()["state"] == "fresh"
    clock.move(1)
    idp.add_key(kid="new")
    assert keys.key_set() is not first
    assert (keys.generation, keys.status()["kids"]) == (2, ["key-1", "new"])


def test_point_21_what_surrounds_the_keys_is_no_change(
    idp: IdentityProvider, remote: RemoteKeySet
) -> None:
    """A set with a time of its own, or other white space, has the same keys; an ETag is kept up."""
    idp.add_key()
    keys = idp.jwks["keys"]
    first = remote()
    idp.jwks = json.dumps({"at": 1, "keys": keys}, indent=1)
    idp.behave(headers={"ETag": '"2"'})
    assert remote().keys is first.keys
    remote()
    assert idp.requests[-1].headers["If-None-Match"] == '"2"'


def test_point_7_a_removed_key_verifies_nothing_after_the_next_fetch(
    idp: IdentityProvider, clock: Any
) -> None:
    """A key that is gone from the set is gone from the provider."""
    old = idp.add_key(kid="a")
    keys = provider_of(idp, clock=clock)
    assert verify(old.token(), keys).subject == "alice"
    new = idp.rotate(kid="b")
    clock.move(300)

    with pytest.raises(UnknownKeyError):
        verify(old.token(), keys)
    assert verify(new.token(), keys).subject == "alice"


def test_point_14_a_rotation_is_seen_at_once(idp: IdentityProvider, clock: Any) -> None:
    """The first token of a new key causes the fetch that verifies it."""
    old = idp.add_key(kid="a")
    keys = provider_of(idp, clock=clock)
    assert verify(old.token(), keys).subject == "alice"
    new = idp.add_key(kid="b", algorithm="ES256")

    assert verify(new.token(), keys).subject == "alice"
    assert verify(old.token(), keys).subject == "alice"
    assert idp.count() == 2


def test_point_4_a_busy_server_is_left_alone_for_as_long_as_it_says(
    idp: IdentityProvider, clock: Any
) -> None:
    """Retry-After is passed on to the callers, and honoured."""
    issuer = idp.add_key()
    idp.behave(status=503, headers={"Retry-After": "90"})
    keys = provider_of(idp, clock=clock)
    with pytest.raises(VerificationUnavailable) as outage:
        keys.warm_up()
    assert outage.value.retry_after == 90
    idp.behave()

    clock.move(89)
    with pytest.raises(VerificationUnavailable):
        keys.warm_up()
    assert idp.count() == 1
    clock.move(1)
    assert verify(issuer.token(), keys).subject == "alice"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"hang": True}, id="hangs"),
        pytest.param({"drip": 20}, id="drips"),
        pytest.param({"drip_headers": 20}, id="drips headers"),
        pytest.param({"grow": 200}, id="200 MiB"),
        pytest.param({"reset": True}, id="resets"),
        pytest.param({"status": 500}, id="500"),
        pytest.param({"body": "<html>"}, id="HTML"),
    ],
)
def test_point_6_old_keys_serve_while_the_issuer_misbehaves(
    idp: IdentityProvider, clock: Any, how: dict[str, Any]
) -> None:
    """Whatever goes wrong, known keys verify, and it ends when the issuer recovers, on the same port."""
    issuer = idp.add_key()
    keys = provider_of(idp, clock=clock, fetch_timeout=0.5, max_wait=1)
    keys.warm_up()
    idp.behave(**how)
    clock.move(300)
    began = time.monotonic()

    assert verify(issuer.token(), keys).subject == "alice"
    assert time.monotonic() - began < PATIENCE
    assert keys.status()["state"] == "stale"
    idp.stop()
    idp.behave()
    idp.start()
    clock.move(30 * 1.2)
    deadline = time.monotonic() + PATIENCE
    while keys.status()["state"] != "fresh" and time.monotonic() < deadline:
        assert verify(issuer.token(), keys).subject == "alice"
        time.sleep(0.01)
    assert keys.status()["state"] == "fresh"


def test_point_21_a_session_may_be_handed_in(session: requests.Session) -> None:
    """Its CA and its headers are used."""
    with IdentityProvider(tls=True) as idp:
        issuer = idp.add_key()
        session.verify = str(idp.certificate)
        session.headers["X-Tenant"] = "acme"
        keys = JWKSKeyProvider(idp.jwks_url, session=session, fetch_timeout=PATIENCE)

        assert verify(issuer.token(), keys).subject == "alice"
        assert idp.requests[0].headers["X-Tenant"] == "acme"
