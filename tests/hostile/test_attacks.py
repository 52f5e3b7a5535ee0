"""Named attacks, one test each: the docstring says what the attacker does and what the result is."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    Issuer,
    JWTValidator,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import TokenType
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ExpiredTokenError,
    InvalidRequestError,
    MalformedTokenError,
    UnknownKeyError,
)
from flask_jwtlib.extractors import BearerTokenExtractor
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, base64url, bearer

Check = Callable[..., None]

RSA = TokenIssuer()
EC = TokenIssuer(algorithm="ES256")
ED = TokenIssuer(algorithm="EdDSA")
HMAC = TokenIssuer(
    algorithm="HS256",
    private_key=b"a secret of the issuer's that no forger knows, 64 bytes long....",
)


def validate(token: str, *keys: object, algorithms: Any) -> Claims:
    """Validate a token against some keys."""
    return JWTValidator(algorithms=algorithms).validate(
        BearerToken(token), StaticKeyProvider(*keys)
    )


def signed_by_hmac_with(secret: bytes, **header: Any) -> str:
    """Return a token that is MACed with anything that the attacker guesses as the secret."""
    return TokenIssuer(algorithm="HS256", private_key=secret).token("mallory", header=header)


def certificate(issuer: TokenIssuer) -> x509.Certificate:
    """Make an attacker's certificate."""
    key: Any = issuer.private_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256() if hasattr(key, "key_size") else None)
    )


def x5c(issuer: TokenIssuer) -> list[str]:
    """Return the header parameter with a key's certificate (RFC 7515 §4.1.6)."""
    return [b64encode(certificate(issuer).public_bytes(serialization.Encoding.DER)).decode()]


def thumbprint(issuer: TokenIssuer, digest: hashes.HashAlgorithm) -> str:
    """Return the header parameters that name a key's certificate (RFC 7515 §4.1.7)."""
    return base64url(certificate(issuer).fingerprint(digest))


def own_jwk(t: Any) -> dict[str, Any]:
    """Return the JWK of the key that the forger signs with."""
    if t.symmetric:
        return {
            "kty": "oct",
            "k": base64url(t.forger.private_key),
            "kid": "key-1",
            "alg": t.algorithm,
        }
    return dict(t.forger.jwk)


EMBEDDED: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "jwk": lambda t, url: {"jwk": own_jwk(t)},
    "jwk-as-text": lambda t, url: {"jwk": json.dumps(own_jwk(t))},
    "jwk-set": lambda t, url: {"jwk": {"keys": [own_jwk(t)]}},
    "jwks": lambda t, url: {"jwks": {"keys": [own_jwk(t)]}},
    "jwk-and-its-kid": lambda t, url: {"jwk": {**own_jwk(t), "kid": "forged"}, "kid": "forged"},
    "kid-is-a-jwk": lambda t, url: {"kid": json.dumps(own_jwk(t))},
    "kid-is-a-url": lambda t, url: {"kid": f"{url}/jwks.json"},
    "jku": lambda t, url: {"jku": f"{url}/jwks.json"},
    "jku-and-kid": lambda t, url: {"jku": f"{url}/jwks.json", "kid": "forged"},
    "jku-with-user": lambda t, url: {"jku": f"http://issuer.example@{url[7:]}/jwks.json"},
    "jku-list": lambda t, url: {"jku": [f"{url}/jwks.json"]},
    "jku-file": lambda t, url: {"jku": "file:///dev/null"},
    "jku-data": lambda t, url: {
        "jku": f"data:application/json,{json.dumps({'keys': [own_jwk(t)]})}"
    },
    "x5u": lambda t, url: {"x5u": f"{url}/cert.pem"},
    "x5u-and-x5t": lambda t, url: {"x5u": f"{url}/cert.pem", "x5t": "AAAA"},
    "x5c": lambda t, url: {"x5c": x5c(t.forger_with_a_public_key)},
    "x5c-as-text": lambda t, url: {"x5c": x5c(t.forger_with_a_public_key)[0]},
    "x5c-and-thumbprints": lambda t, url: {
        "x5c": x5c(t.forger_with_a_public_key),
        "x5t": thumbprint(t.forger_with_a_public_key, hashes.SHA1()),
        "x5t#S256": thumbprint(t.forger_with_a_public_key, hashes.SHA256()),
    },
    "iss-in-header": lambda t, url: {"iss": url},
    "all-of-them": lambda t, url: {
        "jwk": own_jwk(t),
        "jku": f"{url}/jwks.json",
        "x5u": f"{url}/cert.pem",
        "x5c": x5c(t.forger_with_a_public_key),
    },
}


@pytest.mark.every_algorithm
@pytest.mark.parametrize(
    "embed", [pytest.param(embed, id=name) for name, embed in EMBEDDED.items()]
)
def test_embedded_key(
    embed: Callable[[Any, str], dict[str, Any]], target: Any, trap: Any, assert_token_refused: Check
) -> None:
    """The token has its own key, or a URL to fetch it from: both are ignored."""
    token = target.forged(
        header=target.header(**embed(target, trap.url)), payload=target.payload(iss=trap.url)
    )

    assert_token_refused(token, BadSignatureError, UnknownKeyError, MalformedTokenError)


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_key_location_under_a_good_signature(name: str, target: Any, trap: Any) -> None:
    """Even if the issuer's own token names a URL for keys, it is not fetched."""
    token = target.issuer.token(header={name: f"{trap.url}/jwks.json"})

    assert target.client.get("/required", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], {}, [[]], "x"], ids=repr)
@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty"])
def test_key_parameters_of_any_type(name: str, value: object, target: Any) -> None:
    """A header parameter that isn't read may have any type, and changes nothing."""
    header = target.header(**{name: value})

    for token, status in ((target.signed(header), 200), (target.forged(header), 401)):
        assert target.client.get("/required", headers=bearer(token)).status_code == status


def test_unsigned_token() -> None:
    """The attacker writes alg "none" and leaves the signature out."""
    token = RSA.compact(b'{"alg":"none"}', b'{"sub":"root"}').rpartition(".")[0] + "."

    with pytest.raises(MalformedTokenError):
        validate(token, RSA.verification_key, algorithms="RS256")


def test_public_key_as_hmac_secret_where_both_families_are_accepted() -> None:
    """The attacker MACs a token with the public key's text, and HS256 is accepted beside RS256."""
    token = signed_by_hmac_with(RSA.public_pem.encode())

    with pytest.raises(UnknownKeyError):
        validate(token, RSA.public_pem, algorithms=["RS256", "HS256"])


def test_public_key_as_hmac_secret_beside_a_real_secret_of_the_same_kid() -> None:
    """The same, with a real secret that has the RSA key's kid, so that HS256 has a key to try."""
    token = signed_by_hmac_with(RSA.public_pem.encode(), kid="key-1")

    with pytest.raises(BadSignatureError):
        validate(token, RSA.verification_key, HMAC.verification_key, algorithms=["RS256", "HS256"])


@pytest.mark.parametrize("algorithm", [["RS256", "HS256"], ["HS256", "RS256"]], ids=str)
def test_public_key_as_hmac_secret_in_the_module_api(algorithm: list[str]) -> None:
    """The same against the documented API, whose key may be a PEM or a secret, with JWT_ALGO a list."""
    flask_jwtlib.JWT_ALGO = algorithm
    flask_jwtlib.set_permanent_verification_key(RSA.public_pem)

    assert flask_jwtlib.check_token(RSA.token())
    for secret in (RSA.public_pem, RSA.public_pem.strip(), json.dumps(RSA.jwk)):
        assert not flask_jwtlib.check_token(signed_by_hmac_with(secret.encode()))


KNOWN_SPELLINGS: dict[str, Callable[[bytes, dict[str, str]], bytes]] = {
    "hex-der": lambda der, jwk: der.hex().encode(),
    "base64url-der": lambda der, jwk: base64url(der).encode(),
    "quoted-base64-der": lambda der, jwk: b'"' + b64encode(der) + b'"',
    "der-and-newline": lambda der, jwk: der + b"\n",
    "utf-16-pem": lambda der, jwk: RSA.public_pem.encode("utf-16"),
    "base64-pem": lambda der, jwk: b64encode(RSA.public_pem.encode()),
    "jwk-list": lambda der, jwk: json.dumps([jwk]).encode(),
    "jwk-without-kty": lambda der, jwk: json.dumps({"n": jwk["n"], "e": jwk["e"]}).encode(),
    "jwk-lower-case": lambda der, jwk: json.dumps({**jwk, "kty": "rsa"}).encode(),
    "jwk-printed": lambda der, jwk: repr(jwk).encode(),
}


@pytest.mark.parametrize("fetched", [False, True], ids=["permanent", "fetched"])
@pytest.mark.parametrize("spelling", list(KNOWN_SPELLINGS))
def test_public_key_in_disguise_as_hmac_secret(spelling: str, fetched: bool) -> None:
    """The key is configured in a spelling that isn't read, and the attacker MACs with that very text."""
    key: Any = RSA.private_key
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    known = KNOWN_SPELLINGS[spelling](der, RSA.jwk)
    flask_jwtlib.JWT_ALGO = ["RS256", "HS256"]
    if fetched:
        flask_jwtlib.retrieve_verification_key = lambda: known
    else:
        # Text that can't be read as a public key is refused, so there is no key at all.
        with suppress(ConfigurationError):
            flask_jwtlib.set_permanent_verification_key(known)

    try:
        accepted = flask_jwtlib.check_token(signed_by_hmac_with(known))
    except VerificationUnavailable:
        accepted = False
    assert not accepted


def test_secret_as_public_key_algorithm() -> None:
    """The attacker keeps the MAC and writes RS256: a secret verifies no RSA signature."""
    header, payload, signature = HMAC.token().split(".")
    header = base64url(b'{"alg":"RS256"}')

    with pytest.raises(UnknownKeyError):
        validate(
            f"{header}.{payload}.{signature}", HMAC.verification_key, algorithms=["HS256", "RS256"]
        )


def test_kid_of_another_family() -> None:
    """The kid is the EC key's, alg and signature the RSA key's: a key verifies only its own algorithms."""
    keys = [
        VerificationKey(RSA.private_key.public_key(), kid="rsa"),  # type: ignore[union-attr]
        VerificationKey(EC.private_key.public_key(), kid="ec"),  # type: ignore[union-attr]
    ]

    with pytest.raises(UnknownKeyError):
        validate(RSA.token(header={"kid": "ec"}), *keys, algorithms=["RS256", "ES256"])


def test_kid_of_another_key_of_ours() -> None:
    """A tenant signs with its own key and names another tenant's kid: only the named key is tried."""
    tenant = TokenIssuer(kid="tenant")

    with pytest.raises(BadSignatureError):
        validate(
            tenant.token("root", header={"kid": "key-1"}),
            tenant.verification_key,
            RSA.verification_key,
            algorithms="RS256",
        )


def test_no_kid_where_several_keys_would_fit() -> None:
    """The attacker leaves the kid out to have every key tried: none is."""
    other = TokenIssuer(kid="key-2")

    with pytest.raises(UnknownKeyError):
        validate(
            RSA.token(header={"kid": None}),
            RSA.verification_key,
            other.verification_key,
            algorithms="RS256",
        )


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_another_algorithm_of_the_same_key(algorithm: str) -> None:
    """The issuer's key signed with an RSA algorithm other than its configured one (RFC 8725 §3.1)."""
    token = TokenIssuer(algorithm=algorithm, private_key=RSA.private_key).token()

    with pytest.raises(UnknownKeyError):
        validate(token, RSA.verification_key, algorithms=["RS256", algorithm])


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_psychic_signature(algorithm: str) -> None:
    """An ECDSA signature of zeros, which some libraries accepted for any text (CVE-2022-21449)."""
    issuer = TokenIssuer(algorithm=algorithm)
    text, _, signature = issuer.token("root").rpartition(".")
    zeros = base64url(bytes(len(signature) * 3 // 4))

    with pytest.raises(BadSignatureError):
        validate(f"{text}.{zeros}", issuer.verification_key, algorithms=algorithm)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_der_signature(algorithm: str) -> None:
    """The issuer's own ECDSA signature in DER: a second spelling of one token (RFC 7518 §3.4)."""
    issuer = TokenIssuer(algorithm=algorithm)
    key = issuer.private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    text = issuer.token().rpartition(".")[0]
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[
        algorithm
    ]
    signature = base64url(key.sign(text.encode(), ec.ECDSA(digest)))

    with pytest.raises(BadSignatureError):
        validate(f"{text}.{signature}", issuer.verification_key, algorithms=algorithm)


def test_rsa_signature_plus_the_modulus() -> None:
    """An RSA signature with the modulus added: a second spelling of one token (RFC 8017 §8.2.2)."""
    key = RSA.private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    modulus = key.public_key().public_numbers().n
    for attempt in range(200):
        text, _, encoded = RSA.token(jti=str(attempt)).rpartition(".")
        number = int.from_bytes(RSA.sign(text.encode()), "big") + modulus
        if number < 2**2048:
            break
    # If no sum fits into 256 bytes, it is sent in 257.
    size = 256 if number < 2**2048 else 257
    signature = base64url(number.to_bytes(size, "big"))
    assert signature != encoded

    with pytest.raises(BadSignatureError):
        validate(f"{text}.{signature}", RSA.verification_key, algorithms="RS256")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "PS512"])
def test_rsa_signature_without_its_leading_zeros(algorithm: str) -> None:
    """The holder drops a signature's leading zeros: a second spelling of one token (RFC 8017 §8.1.2)."""
    issuer = TokenIssuer(algorithm=algorithm, private_key=RSA.private_key)
    for attempt in range(20_000):
        text = issuer.token(jti=str(attempt)).rpartition(".")[0]
        signature = issuer.sign(text.encode())
        if signature[0] == 0:
            break
    assert validate(f"{text}.{base64url(signature)}", issuer.verification_key, algorithms=algorithm)
    short = signature.lstrip(b"\0")

    for respelt in (short, signature[1:], b"\0" + signature, b"\0" + short):
        if respelt != signature:
            with pytest.raises(BadSignatureError):
                validate(
                    f"{text}.{base64url(respelt)}", issuer.verification_key, algorithms=algorithm
                )


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "ES256K"])
def test_ec_signature_of_another_length(algorithm: str) -> None:
    """The holder writes r or s with more or fewer bytes: a second spelling of one token (RFC 7518 §3.4)."""
    issuer = TokenIssuer(algorithm=algorithm)
    for attempt in range(20_000):
        text = issuer.token(jti=str(attempt)).rpartition(".")[0]
        signature = issuer.sign(text.encode())
        size = len(signature) // 2
        if signature[0] == 0:
            break
    assert validate(f"{text}.{base64url(signature)}", issuer.verification_key, algorithms=algorithm)
    r, s = signature[:size], signature[size:]

    for respelt in (r + b"\0" + s, b"\0" + r + s, r[1:] + s, r + s.lstrip(b"\0") + b"\0"):
        if respelt != signature:
            with pytest.raises(BadSignatureError):
                validate(
                    f"{text}.{base64url(respelt)}", issuer.verification_key, algorithms=algorithm
                )


# The points of small order on edwards25519, canonical and not: for each, a signature of R = a point of small
# order and S = 0 is valid for at least every eighth text.
SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_ed25519_key_that_anyone_can_sign_for(point: str) -> None:
    """A key of small order is added to the issuer's set, and tokens are signed without a private key."""
    raw = bytes.fromhex(point)
    key_set = KeySet.from_jwks(
        {"keys": [ED.jwk, {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw), "kid": "planted"}]}
    )
    assert key_set.kids == {"key-1"}
    assert len(key_set.skipped) == 1
    planted = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    forged = 0
    for attempt in range(64):
        text = TokenIssuer(algorithm="EdDSA", kid="planted").token("root", jti=str(attempt))
        text = text.rpartition(".")[0]
        signature = (1).to_bytes(32, "little") + bytes(32)
        try:
            planted.verify(signature, text.encode())
        except InvalidSignature:
            continue
        forged += 1
        with pytest.raises(UnknownKeyError):
            validate(f"{text}.{base64url(signature)}", key_set, algorithms="EdDSA")
    assert forged, "OpenSSL alone refuses what is tried here"


def test_rsa_key_that_anyone_can_factor() -> None:
    """A modulus of two equal primes: its root reveals the private key, which signs tokens."""
    prime = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers().p
    jwk = {
        "kty": "RSA",
        "n": base64url((prime * prime).to_bytes(256, "big")),
        "e": "AQAB",
        "kid": "planted",
    }

    key_set = KeySet.from_jwks({"keys": [RSA.jwk, jwk]})

    assert key_set.kids == {"key-1"}


def test_ed25519_signature_plus_the_order() -> None:
    """An Ed25519 signature with the order added to S: a second spelling of one token (RFC 8032 §8.4)."""
    order = 2**252 + 27742317777372353535851937790883648493
    text = ED.token().rpartition(".")[0]
    good = ED.sign(text.encode())
    s = int.from_bytes(good[32:], "little") + order

    with pytest.raises(BadSignatureError):
        validate(
            f"{text}.{base64url(good[:32] + s.to_bytes(32, 'little'))}",
            ED.verification_key,
            algorithms="EdDSA",
        )


def test_the_mirrored_ecdsa_signature_is_valid() -> None:
    """If r and s verify, r and n - s verify as well: RFC 7518 permits this.

    It is the only second spelling of an accepted token and changes nothing that was signed. A revocation
    therefore goes by the ``jti``.
    """
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    text = EC.token().rpartition(".")[0]
    good = EC.sign(text.encode())
    mirrored = good[:32] + (order - int.from_bytes(good[32:], "big")).to_bytes(32, "big")

    for signature in (good, mirrored):
        claims = validate(f"{text}.{base64url(signature)}", EC.verification_key, algorithms="ES256")
        assert claims.subject == "alice"


def test_truncated_mac() -> None:
    """A MAC truncated to its first bytes, which can be guessed one after the other."""
    text = HMAC.token().rpartition(".")[0]
    good = HMAC.sign(text.encode())

    for size in range(1, len(good)):
        with pytest.raises(BadSignatureError):
            validate(f"{text}.{base64url(good[:size])}", HMAC.verification_key, algorithms="HS256")


def test_kid_of_an_empty_file() -> None:
    """The kid is the path of an empty file, and the token is MACed with no bytes (RFC 8725 §3.10)."""
    for kid in ("/dev/null", "../../../../dev/null"):
        token = TokenIssuer(algorithm="HS256", kid=kid, private_key=b"").token("root")

        with pytest.raises(UnknownKeyError):
            validate(token, HMAC.verification_key, algorithms="HS256")


def test_critical_extension() -> None:
    """The token names a critical extension that isn't supported (RFC 7515 §4.1.11)."""
    token = RSA.token(
        header={"crit": ["https://example.com/bound"], "https://example.com/bound": "elsewhere"}
    )

    with pytest.raises(MalformedTokenError):
        validate(token, RSA.verification_key, algorithms="RS256")


def test_unencoded_payload() -> None:
    """With b64 false the signature is over other bytes than those that would be read (RFC 7797)."""
    header = base64url(b'{"alg":"RS256","b64":false}')
    payload = base64url(b'{"sub":"root"}')
    signature = base64url(RSA.sign(f"{header}.{payload}".encode()))

    with pytest.raises(MalformedTokenError):
        validate(f"{header}.{payload}.{signature}", RSA.verification_key, algorithms="RS256")


def test_zip_bomb() -> None:
    """A compressed payload would expand to any size: zip is refused (RFC 8725 §3.6)."""
    with pytest.raises(MalformedTokenError):
        validate(RSA.token(header={"zip": "DEF"}), RSA.verification_key, algorithms="RS256")


def test_one_name_twice() -> None:
    """Parsers disagree on which of two members with one name counts: both are refused."""
    exp = b'"exp":9999999999'
    for payload in (
        b'{"sub":"alice","sub":"root",%b}' % exp,
        b'{"sub":"alice","\\u0073ub":"root",%b}' % exp,
        b'{"s\\u0075b":"alice","sub":"root",%b}' % exp,
    ):
        with pytest.raises(MalformedTokenError):
            validate(
                RSA.compact(b'{"alg":"RS256"}', payload), RSA.verification_key, algorithms="RS256"
            )


def test_claims_named_like_attributes() -> None:
    """Claims named like attributes of ``Claims`` change neither the time of the check nor the header."""
    names = {
        "checked_at": 0,
        "header": {"typ": "at+jwt"},
        "__class__": "x",
        "subject": "root",
        "expires_at": 0,
    }

    def token(**claims: Any) -> str:
        return RSA.compact(b'{"alg":"RS256","typ":"JWT"}', json.dumps({**names, **claims}).encode())

    claims = validate(token(sub="alice"), RSA.verification_key, algorithms="RS256")

    assert claims.checked_at > 1_600_000_000
    assert claims.header["typ"] == "JWT"
    assert claims.subject == "alice"
    assert type(claims) is Claims
    with pytest.raises(ExpiredTokenError):
        validate(token(exp=1), RSA.verification_key, algorithms="RS256")


def test_json_at_the_depth_limit_is_read() -> None:
    """JSON of 32 levels is read, and brackets within strings don't count."""
    nested: Any = []
    for _ in range(30):
        nested = [nested]

    claims = validate(
        RSA.token(nested=nested, text='[{"' * 500), RSA.verification_key, algorithms="RS256"
    )

    assert claims["nested"] == nested


class CountedKeys:
    def __init__(self) -> None:
        self.lookups = 0

    def keys_for(self, header: UnverifiedHeader) -> tuple[VerificationKey, ...]:
        self.lookups += 1
        return (RSA.verification_key,)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("a" * 1_000_000, id="1-mb"),
        pytest.param(RSA.token(pad="x" * 8000), id="too-long-and-signed"),
        pytest.param(RSA.token() + ".x", id="four-parts"),
        pytest.param(EC.token(), id="other-algorithm"),
        pytest.param(
            RSA.compact(b'{"alg":"RS256","a":%b' % (b"[" * 3000), b"{}"), id="deep-header"
        ),
    ],
)
def test_malformed_tokens_cause_no_key_lookup(token: str) -> None:
    """A malformed token is refused before any key lookup, so it can't cause requests to a key server."""
    keys = CountedKeys()

    with pytest.raises((MalformedTokenError, AlgorithmError)):
        JWTValidator().validate(BearerToken(token), keys)

    assert keys.lookups == 0


def test_flood_of_unknown_key_ids() -> None:
    """Each token has another unknown kid: after two fetches the key server is left alone."""
    fetches: list[int] = []

    def fetch() -> dict[str, Any]:
        fetches.append(1)
        return RSA.jwks

    keys = TTLKeyProvider(fetch)
    for number in range(50):
        token = RSA.token(header={"kid": f"unknown-{number}"})
        with pytest.raises(UnknownKeyError):
            JWTValidator().validate(BearerToken(token), keys)

    assert len(fetches) == 1 + 2


def test_log_flood(target: Any, log: list[str]) -> None:
    """A header's long texts don't make long log lines."""
    for name in ("alg", "kid", "typ"):
        target.client.get(
            "/required", headers=bearer(target.forged(header=target.header(**{name: "x" * 5000})))
        )
    target.client.get(
        "/required", headers=bearer(target.signed(payload=target.payload(aud=["x" * 5000])))
    )

    assert log
    assert max(map(len, log)) < 500


def test_form_beyond_the_apps_limit(
    assert_anonymous: Callable[[Flask, dict[str, Any]], int],
) -> None:
    """A form that is larger than the app allows is not read for an anonymous caller: 401."""
    app = guarded_app()
    app.config["MAX_CONTENT_LENGTH"] = 1000
    form = {"method": "POST", "data": {"access_token": RSA.token(), "pad": "x" * 2000}}

    assert assert_anonymous(app, form) == 401


class CountedStream(BytesIO):
    """A body that records how much of it was read."""

    def __init__(self, size: int) -> None:
        super().__init__(b"access_token=" + b"x" * size)
        self.was_read = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.was_read += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.was_read += count
        return count


@pytest.mark.parametrize("limit", [100_000, 50_000_000, None], ids=repr)
def test_form_beyond_every_token(limit: int | None) -> None:
    """A form that is many times longer than a token is not read, whatever the app's own limit."""
    app = guarded_app()
    app.config["MAX_FORM_MEMORY_SIZE"] = limit
    body = CountedStream(5_000_000)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "5000013"}

    response = app.test_client().post(
        "/required", content_type="application/x-www-form-urlencoded", environ_overrides=environ
    )

    assert response.status_code == 401
    assert body.was_read == 0


def guarded_app() -> Flask:
    """An app with a required and an optional route."""
    app = Flask("guarded")
    app.testing = True
    auth = Authenticator(keys=RSA.verification_key)

    @app.route("/required", methods=["GET", "POST"])
    @auth.requires_authentication
    def required() -> str:
        return flask_jwtlib.current_principal.subject or ""

    @app.route("/optional", methods=["GET", "POST"])
    @auth.optional_authentication
    def optional() -> str:
        return (
            flask_jwtlib.current_principal.subject or ""
            if flask_jwtlib.current_principal
            else "anonymous"
        )

    return app


@pytest.fixture
def assert_anonymous() -> Callable[[Flask, dict[str, Any]], int]:
    """Assert that both routes treat a request as anonymous, and return the refusal's status."""

    def check(app: Flask, request: dict[str, Any]) -> int:
        client = app.test_client()
        optional = client.open("/optional", **request)
        assert "alice" not in optional.text
        refused = client.open("/required", **request)
        assert "alice" not in refused.text
        assert refused.status_code >= 400
        return refused.status_code

    return check


def test_the_previous_callers_name() -> None:
    """A request without a token, right after a valid one on the same connection, is anonymous."""
    client = guarded_app().test_client()

    assert client.get("/optional", headers=bearer(RSA.token())).text == "alice"
    assert client.get("/optional").text == "anonymous"
    assert client.get("/optional", headers=bearer(RSA.token() + "x")).text == "anonymous"
    assert client.get("/required").status_code == 401


def test_pollution_by_a_second_token(
    assert_anonymous: Callable[[Flask, dict[str, Any]], int],
) -> None:
    """A proxy that checks the query's token and an app that uses the header's would see two callers: 400."""
    request = {
        "headers": bearer(RSA.token("alice")),
        "query_string": {"access_token": RSA.token("bob")},
    }

    assert assert_anonymous(guarded_app(), request) == 400


def test_two_authorization_headers(
    assert_anonymous: Callable[[Flask, dict[str, Any]], int],
) -> None:
    """Two Authorization headers, which servers join by a comma, are malformed credentials: 400."""
    token = RSA.token()

    assert (
        assert_anonymous(
            guarded_app(), {"headers": {"Authorization": f"Bearer {token},Bearer {token}"}}
        )
        == 400
    )


def test_query_that_is_not_text(assert_anonymous: Callable[[Flask, dict[str, Any]], int]) -> None:
    """A raw byte that isn't UTF-8 in the query, beside a token, is a client error: 400."""
    request = {"environ_overrides": {"QUERY_STRING": f"access_token={RSA.token()}&x=\xff"}}

    assert assert_anonymous(guarded_app(), request) == 400


def test_form_that_is_not_text_beside_a_header() -> None:
    """A form that can't be read may hide a second token: with one in the header as well, it is refused."""
    app = guarded_app()
    with (
        app.test_request_context(
            "/required",
            method="POST",
            headers=bearer(RSA.token()),
            data=f"access_token={RSA.token('bob')}&x=".encode() + b"\xff",
            content_type="application/x-www-form-urlencoded",
        ) as context,
        pytest.raises(InvalidRequestError),
    ):
        BearerTokenExtractor().extract(context.request)


def test_response_header_injection(target: Any) -> None:
    """Line breaks and quotes in a token are in no response header."""
    text = 'x"\r\nSet-Cookie: admin=1\r\n'
    tokens = [
        target.forged(header=target.header(kid=text, typ=text)),
        target.signed(payload=target.payload(aud=text)),
    ]

    for token in tokens:
        response = target.client.get("/required", headers=bearer(token))

        assert response.status_code == 401
        assert "admin" not in str(response.headers)
        assert "\n" not in response.headers["WWW-Authenticate"]


def test_the_challenge_reveals_no_claim_rules(target: Any) -> None:
    """A forger learns nothing of the rules: the response names only the bad signature."""
    responses = {
        target.client.get(
            "/required", headers=bearer(target.forged(payload=target.payload(**claims)))
        ).headers["WWW-Authenticate"]
        for claims in ({}, {"exp": 1}, {"aud": "x"}, {"nbf": 9_999_999_998}, {"iss": 5})
    }

    assert len(responses) == 1


@pytest.mark.parametrize(
    "typ",
    [
        pytest.param("JWT", id="as-issuers-write-it"),
        pytest.param(None, id="without-a-type"),
        pytest.param("id+jwt", id="of-another-type"),
        pytest.param("at+jwt-not", id="of-a-longer-type"),
        pytest.param(["at+jwt"], id="of-a-list"),
    ],
)
def test_id_token_as_an_access_token(typ: object) -> None:
    """A client sends the ID token of its login, even one for our audience (RFC 8725 §3.12): 401."""
    auth = Authenticator(
        keys=RSA.public_pem,
        validator=JWTValidator(
            rules=[Issuer(RSA.issuer), Audience("https://api.example"), TokenType("at+jwt")]
        ),
    )
    app = Flask(__name__)
    app.add_url_rule("/", "index", auth.requires_authentication(lambda: "in"))
    claims: dict[str, Any] = {
        "aud": "https://api.example",
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
    }

    response = app.test_client().get("/", headers=bearer(RSA.token(header={"typ": typ}, **claims)))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]

    access = RSA.token(header={"typ": "at+jwt"}, aud="https://api.example")
    assert app.test_client().get("/", headers=bearer(access)).text == "in"


def test_errors_contain_no_secret() -> None:
    """An error that an app logs with its traceback, or pickles into a report, shows no token."""
    token = RSA.compact(b'{"alg":"RS256","kid":"a","kid":"b"}', b"{}")

    with pytest.raises(AuthenticationError) as refusal:
        validate(token, RSA.verification_key, algorithms="RS256")

    error = refusal.value
    assert error.__context__ is None
    for text in (error_text(error), str(error), repr(error), repr(error.args), repr(vars(error))):
        assert token not in text
        assert token.split(".")[2] not in text
