"""A verification key: the forms it is read from, what it verifies, and why one is refused."""

from __future__ import annotations

import json
import warnings
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, x25519

from flask_jwtlib import ConfigurationError, VerificationKey
from flask_jwtlib.errors import InsecureKeyWarning
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import certificate, certificate_pem, der, openssh, pem, private_pem

RSA = TokenIssuer()
ES256 = TokenIssuer(algorithm="ES256")
ES384 = TokenIssuer(algorithm="ES384")
ES512 = TokenIssuer(algorithm="ES512")
ED25519 = TokenIssuer(algorithm="EdDSA")
ES256K = TokenIssuer(algorithm="ES256K")
ED448 = TokenIssuer(algorithm="Ed448")
OPENSSH_ISSUERS = [
    pytest.param(issuer, id=issuer.algorithm) for issuer in (RSA, ES256, ES384, ES512, ED25519)
]
ISSUERS = [
    *OPENSSH_ISSUERS,
    *(pytest.param(issuer, id=issuer.algorithm) for issuer in (ES256K, ED448)),
    pytest.param(TokenIssuer(algorithm="EdDSA", private_key=ED448.private_key), id="EdDSA-Ed448"),
]
SECRET = b"an HMAC secret of sixty-four bytes, which is enough for HS512 too"[:64]
RSA_1024 = rsa.generate_private_key(public_exponent=65537, key_size=1024)
DSA = dsa.generate_private_key(key_size=2048)
SECP224R1 = ec.generate_private_key(ec.SECP224R1())
X25519 = x25519.X25519PrivateKey.generate()

Encoding = serialization.Encoding
PublicFormat = serialization.PublicFormat


def wrapped(line: str) -> str:
    """Wrap a line into lines of fifty characters."""
    return "\n".join(line[start : start + 50] for start in range(0, len(line), 50))


def verifies(key: VerificationKey, issuer: TokenIssuer) -> bool:
    """Return whether a key verifies an issuer's signature, and nothing that was changed."""
    good = issuer.sign(b"signed")
    assert not key.verify(issuer.algorithm, b"changed", good)
    return key.verify(issuer.algorithm, b"signed", good)


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda i: VerificationKey(i.private_key.public_key()), id="object"),
        pytest.param(lambda i: VerificationKey.from_pem(i.public_pem), id="pem"),
        pytest.param(lambda i: VerificationKey.from_pem(i.public_pem.encode()), id="pem-bytes"),
        pytest.param(
            lambda i: VerificationKey.from_pem(f"\n  {i.public_pem}\n\n"), id="pem-in-white-space"
        ),
        pytest.param(
            lambda i: VerificationKey.from_pem(i.public_pem.replace("\n", "\r\n")), id="pem-crlf"
        ),
        pytest.param(
            lambda i: VerificationKey.from_pem(certificate_pem(i.private_key)), id="certificate"
        ),
        pytest.param(
            lambda i: VerificationKey.from_pem(
                f"subject=x\n{certificate_pem(i.private_key)}{certificate_pem(RSA.private_key)}"
            ),
            id="certificate-chain",
        ),
        pytest.param(lambda i: VerificationKey.from_jwk(i.jwk), id="jwk"),
        pytest.param(lambda i: VerificationKey.from_jwk(json.dumps(i.jwk)), id="jwk-json"),
        pytest.param(
            lambda i: VerificationKey.from_jwk(json.dumps(i.jwk).encode()), id="jwk-json-bytes"
        ),
    ],
)
def test_a_public_key_is_read(
    make: Callable[[TokenIssuer], VerificationKey], issuer: TokenIssuer
) -> None:
    """Each form of each kind of key makes a key that verifies its owner's signatures."""
    assert verifies(make(issuer), issuer)


def test_pkcs1_is_read() -> None:
    """The older PEM form of RSA public keys is read, too."""
    text = pem(RSA.private_key, PublicFormat.PKCS1)
    assert "BEGIN RSA PUBLIC KEY" in text

    assert verifies(VerificationKey.from_pem(text), RSA)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda line: line, id="bare"),
        pytest.param(lambda line: f"{line} user@host", id="comment"),
        pytest.param(lambda line: f"{line} a comment of some words", id="long-comment"),
        pytest.param(lambda line: f"  {line}\n", id="white-space"),
        pytest.param(lambda line: line.replace(" ", "\t"), id="tab"),
        pytest.param(wrapped, id="wrapped"),
        pytest.param(lambda line: f"{wrapped(line)} user@host", id="wrapped-with-comment"),
        pytest.param(lambda line: wrapped(line).replace("\n", "\r\n  "), id="wrapped-and-indented"),
    ],
)
@pytest.mark.parametrize("issuer", OPENSSH_ISSUERS)
def test_openssh_text_may_be_wrapped(wrap: Callable[[str], str], issuer: TokenIssuer) -> None:
    """White space separates an OpenSSH key from its comment and may occur within it."""
    assert verifies(VerificationKey.from_openssh(wrap(openssh(issuer.private_key))), issuer)


@pytest.mark.parametrize("issuer", OPENSSH_ISSUERS)
def test_openssh_text_is_parsed_once(issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many words follow, the key's own length says where it ends."""
    parsed: list[bytes] = []
    load = serialization.load_ssh_public_key

    def counted(data: bytes) -> Any:
        parsed.append(data)
        return load(data)

    monkeypatch.setattr(serialization, "load_ssh_public_key", counted)
    line = openssh(issuer.private_key)
    name, encoded = line.split()
    assert verifies(VerificationKey.from_openssh(f"{line}{' A' * 50_000}"), issuer)
    assert verifies(VerificationKey.from_openssh(f"{name} {' '.join(encoded)} A comment"), issuer)
    assert parsed == [line.encode()] * 2

    for damaged in (
        f"{name}{' A' * 50_000}",
        f"{name} {encoded[:-8]} user@host{' A' * 50_000}",
        f"{name} {encoded}A",
        f"{name} A{encoded}",
        f"{name} {encoded[:40]}",
    ):
        with pytest.raises(ConfigurationError, match="damaged"):
            VerificationKey.from_openssh(damaged)
    assert len(parsed) <= 4


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: VerificationKey(SECRET), id="bytes"),
        pytest.param(lambda: VerificationKey.from_secret(SECRET), id="secret-bytes"),
        pytest.param(lambda: VerificationKey.from_secret(SECRET.decode()), id="secret-text"),
        pytest.param(
            lambda: VerificationKey.from_jwk({"kty": "oct", "k": base64url(SECRET)}), id="jwk"
        ),
    ],
)
def test_a_secret_is_read(make: Callable[[], VerificationKey], algorithm: str) -> None:
    """A secret is given as bytes, as text in UTF-8, or as a JWK's ``k``."""
    assert verifies(make(), TokenIssuer(algorithm=algorithm, private_key=SECRET))


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param('{"not": "a JWK", "but": "a secret like any other"}', id="json"),
        pytest.param("  white space belongs to a secret as well as the rest \n", id="white-space"),
        pytest.param("ein Geheimnis mit Umlauten: \u00e4\u00f6\u00fc, und lang genug", id="utf-8"),
        pytest.param("MIIBIjANBgNVBAMMBm5vYm9keTANBgNVBAMMBm5vYm9k", id="looks-like-base64-of-der"),
        pytest.param("\x00" * 32, id="nul"),
    ],
)
def test_a_secrets_text_is_used_as_it_is(secret: str) -> None:
    """A secret's text is neither decoded nor stripped."""
    assert verifies(
        VerificationKey.from_secret(secret),
        TokenIssuer(algorithm="HS256", private_key=secret.encode()),
    )


@pytest.mark.parametrize(
    ("issuer", "key_type", "algorithms"),
    [
        pytest.param(RSA, "RSA", ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), id="RSA"),
        pytest.param(ES256, "EC", ("ES256",), id="P-256"),
        pytest.param(ES384, "EC", ("ES384",), id="P-384"),
        pytest.param(ES512, "EC", ("ES512",), id="P-521"),
        pytest.param(ES256K, "EC", ("ES256K",), id="secp256k1"),
        pytest.param(ED25519, "OKP", ("EdDSA", "Ed25519"), id="Ed25519"),
        pytest.param(ED448, "OKP", ("EdDSA", "Ed448"), id="Ed448"),
    ],
)
def test_a_public_keys_type_determines_its_algorithms(
    issuer: TokenIssuer, key_type: str, algorithms: tuple[str, ...]
) -> None:
    """Without explicit algorithms, a key verifies all that its type and curve support."""
    key = VerificationKey.from_pem(issuer.public_pem)

    assert (key.key_type, key.algorithms, key.kid) == (key_type, algorithms, None)


@pytest.mark.parametrize(
    ("size", "algorithms"),
    [
        (32, ("HS256",)),
        (47, ("HS256",)),
        (48, ("HS256", "HS384")),
        (63, ("HS256", "HS384")),
        (64, ("HS256", "HS384", "HS512")),
    ],
)
def test_a_secrets_length_determines_its_algorithms(size: int, algorithms: tuple[str, ...]) -> None:
    """A secret verifies with hashes that are no longer than it is (RFC 7518 §3.2)."""
    key = VerificationKey(bytes(range(size)))

    assert (key.key_type, key.algorithms) == ("oct", algorithms)


@pytest.mark.parametrize(
    "algorithms",
    ["PS256", ["PS256"], ("PS256",), iter(["PS256"])],
    ids=["text", "list", "tuple", "iterator"],
)
def test_algorithms_narrow_a_key(algorithms: Any) -> None:
    """A key with explicit algorithms verifies only those."""
    key = VerificationKey.from_pem(RSA.public_pem, algorithms=algorithms)

    assert key.algorithms == ("PS256",)
    assert not key.verify("RS256", b"signed", RSA.sign(b"signed"))
    assert verifies(key, TokenIssuer(algorithm="PS256", private_key=RSA.private_key))


@pytest.mark.parametrize("algorithm", ["", "none", "RS1", "rs256", "HS256", "ES256", "EdDSA"])
def test_a_key_verifies_nothing_by_other_algorithms(algorithm: str) -> None:
    """With an algorithm that isn't its own, a key returns False."""
    assert not VerificationKey.from_pem(RSA.public_pem).verify(
        algorithm, b"signed", RSA.sign(b"signed")
    )


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63, 64, 65, 96, 132, 255, 256, 257, 4096])
@pytest.mark.parametrize(
    "issuer",
    [*ISSUERS, pytest.param(TokenIssuer(algorithm="HS256", private_key=SECRET), id="HS256")],
)
def test_a_signature_of_any_length_is_checked(issuer: TokenIssuer, length: int) -> None:
    """Zeros of any length aren't a signature, and raise nothing."""
    key = issuer.verification_key

    for algorithm in key.algorithms:
        assert key.verify(algorithm, b"signed", bytes(length)) is False


@pytest.mark.parametrize("salt", [0, 20, 48, 222])
def test_pss_salts_must_be_as_long_as_the_hash(salt: int) -> None:
    """PS256 with a salt of another length than 32 doesn't conform to RFC 7518 §3.5."""
    digest = hashes.SHA256()
    key: Any = RSA.private_key
    signature = key.sign(b"signed", padding.PSS(padding.MGF1(digest), salt), digest)

    assert not VerificationKey.from_pem(RSA.public_pem).verify("PS256", b"signed", signature)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda kid: VerificationKey(SECRET, kid=kid), id="object"),
        pytest.param(lambda kid: VerificationKey.from_secret(SECRET, kid=kid), id="secret"),
        pytest.param(lambda kid: VerificationKey.from_pem(RSA.public_pem, kid=kid), id="pem"),
        pytest.param(
            lambda kid: VerificationKey.from_openssh(openssh(RSA.private_key), kid=kid),
            id="openssh",
        ),
        pytest.param(
            lambda kid: VerificationKey.from_jwk({**RSA.jwk, "kid": "other"}, kid=kid), id="jwk"
        ),
    ],
)
def test_a_kid_must_be_text(make: Callable[[Any], VerificationKey]) -> None:
    """A kid may be any text, and nothing else."""
    assert make("key-7").kid == "key-7"
    with pytest.raises(ConfigurationError, match="a key ID is a string, not int"):
        make(7)


def test_a_jwks_kid_and_alg_are_the_default() -> None:
    """A JWK's kid and alg are used if no other is given."""
    key = VerificationKey.from_jwk({**RSA.jwk, "kid": "mine", "alg": "PS512"})

    assert (key.kid, key.algorithms) == ("mine", ("PS512",))


def test_a_jwk_without_alg_has_its_types_algorithms() -> None:
    """Neither kid nor alg are required in a JWK."""
    members = {name: value for name, value in RSA.jwk.items() if name not in {"kid", "alg", "use"}}

    key = VerificationKey.from_jwk(members)

    assert key.kid is None
    assert "PS512" in key.algorithms


def test_a_jwks_alg_must_be_among_those_given() -> None:
    """A JWK for RS256 isn't a key for PS256, and one for RS256 and PS256 stays one for RS256."""
    assert VerificationKey.from_jwk(RSA.jwk, algorithms=["PS256", "RS256"]).algorithms == ("RS256",)
    with pytest.raises(ConfigurationError, match="only for RS256"):
        VerificationKey.from_jwk(RSA.jwk, algorithms="PS256")


def test_key_ops_may_allow_verifying() -> None:
    """A JWK whose key_ops include "verify" verifies."""
    assert verifies(VerificationKey.from_jwk({**RSA.jwk, "key_ops": ["encrypt", "verify"]}), RSA)


WEAK = [
    pytest.param(
        lambda **o: VerificationKey(RSA_1024.public_key(), **o), "1024 bits", id="rsa-object"
    ),
    pytest.param(
        lambda **o: VerificationKey.from_pem(pem(RSA_1024), **o), "1024 bits", id="rsa-pem"
    ),
    pytest.param(
        lambda **o: VerificationKey.from_pem(certificate_pem(RSA_1024), **o),
        "1024 bits",
        id="rsa-certificate",
    ),
    pytest.param(
        lambda **o: VerificationKey.from_openssh(openssh(RSA_1024), **o),
        "1024 bits",
        id="rsa-openssh",
    ),
    pytest.param(
        lambda **o: VerificationKey.from_jwk(TokenIssuer(private_key=RSA_1024).jwk, **o),
        "1024 bits",
        id="rsa-jwk",
    ),
    pytest.param(lambda **o: VerificationKey.from_secret("short", **o), "5 bytes", id="secret"),
    pytest.param(
        lambda **o: VerificationKey.from_secret(SECRET[:31], **o),
        "31 bytes",
        id="secret-one-byte-short",
    ),
    pytest.param(
        lambda **o: VerificationKey.from_secret(SECRET[:32], algorithms=["HS256", "HS512"], **o),
        "32 bytes",
        id="secret-for-hs512",
    ),
    pytest.param(
        lambda **o: VerificationKey.from_jwk({"kty": "oct", "k": "c2hvcnQ"}, **o),
        "5 bytes",
        id="secret-jwk",
    ),
]


@pytest.mark.parametrize(("make", "size"), WEAK)
def test_a_weak_key_is_refused(make: Callable[..., VerificationKey], size: str) -> None:
    """A key shorter than RFC 7518 §3.2 and §3.3 require is refused; the error says how to accept it."""
    with pytest.raises(ConfigurationError, match=f"{size} is too short.*allow_weak=True"):
        make()


@pytest.mark.parametrize(("make", "size"), WEAK)
def test_a_weak_key_is_accepted_with_a_warning(
    make: Callable[..., VerificationKey], size: str
) -> None:
    """With allow_weak the same key works, and a warning names the line that makes it."""
    with pytest.warns(InsecureKeyWarning, match=f"{size} is too short") as caught:
        key = make(allow_weak=True)

    assert len(caught) == 1
    assert caught[0].filename == __file__, "the warning names the line that made the key"
    assert key.algorithms


def test_a_weak_secret_verifies_with_every_hash() -> None:
    """Short secrets of existing users keep working with their algorithm."""
    with pytest.warns(InsecureKeyWarning):
        key = VerificationKey.from_secret("short", allow_weak=True)

    for algorithm in ("HS256", "HS384", "HS512"):
        assert verifies(key, TokenIssuer(algorithm=algorithm, private_key=b"short"))


def test_a_strong_key_causes_no_warning() -> None:
    """allow_weak causes no warning for strong keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VerificationKey.from_secret(SECRET, allow_weak=True)
        VerificationKey.from_pem(RSA.public_pem, allow_weak=True)


JWK = {name: value for name, value in RSA.jwk.items() if name not in {"alg", "kid"}}
P256 = {name: value for name, value in ES256.jwk.items() if name not in {"alg", "kid"}}
OKP = {name: value for name, value in ED25519.jwk.items() if name not in {"alg", "kid"}}
OCT = {"kty": "oct", "k": base64url(SECRET)}


# A SubjectPublicKeyInfo whose curve has an unknown object identifier.
UNKNOWN_CURVE = (
    "-----BEGIN PUBLIC KEY-----\n"
    + b64encode(
        der(ES256.private_key).replace(
            bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
        )
    ).decode()
    + "\n-----END PUBLIC KEY-----\n"
)


def from_jwk(jwk: Any, **options: Any) -> Callable[[], VerificationKey]:
    """Return a call of ``from_jwk``, for a table."""
    return lambda: VerificationKey.from_jwk(jwk, **options)


def from_pem(text: Any, **options: Any) -> Callable[[], VerificationKey]:
    """Return a call of ``from_pem``, for a table."""
    return lambda: VerificationKey.from_pem(text, **options)


def from_openssh(text: Any) -> Callable[[], VerificationKey]:
    """Return a call of ``from_openssh``, for a table."""
    return lambda: VerificationKey.from_openssh(text)


def from_secret(secret: Any, **options: Any) -> Callable[[], VerificationKey]:
    """Return a call of ``from_secret``, for a table."""
    return lambda: VerificationKey.from_secret(secret, **options)


def from_object(material: Any, **options: Any) -> Callable[[], VerificationKey]:
    """Return a call of the class, for a table."""
    return lambda: VerificationKey(material, **options)


PRIVATE: dict[str, Callable[[], VerificationKey]] = {
    "pkcs8": from_pem(private_pem(RSA.private_key)),
    "pkcs8-bytes": from_pem(private_pem(ES256.private_key).encode()),
    "traditional": from_pem(private_pem(RSA.private_key, "TraditionalOpenSSL")),
    "traditional-ec": from_pem(private_pem(ES256.private_key, "TraditionalOpenSSL")),
    "encrypted": from_pem(private_pem(RSA.private_key, password=b"pw")),
    "traditional-encrypted": from_pem(private_pem(RSA.private_key, "TraditionalOpenSSL", b"pw")),
    "openssh": from_pem(private_pem(ED25519.private_key, "OpenSSH")),
    "beside-a-public-one": from_pem(RSA.public_pem + private_pem(RSA.private_key)),
    "beside-a-certificate": from_pem(
        certificate_pem(RSA.private_key) + private_pem(RSA.private_key)
    ),
    "jwk-rsa": from_jwk({**JWK, "d": "AQAB"}),
    "jwk-rsa-primes-alone": from_jwk({**JWK, "p": "AQAB", "q": "AQAB"}),
    "jwk-rsa-crt": from_jwk({**JWK, "dp": "AQAB"}),
    "jwk-ec": from_jwk({**P256, "d": "AQAB"}),
    "jwk-okp": from_jwk({**OKP, "d": "AQAB"}),
    "jwk-json": from_jwk(json.dumps({**JWK, "d": "AQAB"})),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PRIVATE.items()])
def test_a_private_key_is_refused(make: Callable[[], VerificationKey]) -> None:
    """A resource server must not have a private key, in any form."""
    with pytest.raises(ConfigurationError, match=r"holds a private key: .* only the public key"):
        make()


PUBLIC_TEXTS: dict[str, str | bytes] = {
    "pem": RSA.public_pem,
    "pem-bytes": RSA.public_pem.encode(),
    "pem-in-white-space": f"\n\n  {RSA.public_pem}",
    "pem-without-newlines": RSA.public_pem.replace("\n", ""),
    "pem-with-escaped-newlines": RSA.public_pem.replace("\n", "\\n"),
    "pem-with-byte-order-mark": "\ufeff" + RSA.public_pem,
    "pem-without-its-first-line": "\n".join(RSA.public_pem.splitlines()[1:]),
    "pem-without-its-last-line": "\n".join(RSA.public_pem.splitlines()[:-1]),
    "pem-with-four-dashes": RSA.public_pem.replace("-----", "----"),
    "pem-body": "\n".join(RSA.public_pem.splitlines()[1:-1]),
    "pem-body-one-line": "".join(RSA.public_pem.splitlines()[1:-1]),
    "pkcs1-pem": pem(RSA.private_key, PublicFormat.PKCS1),
    "private-pem": private_pem(RSA.private_key),
    "ec-pem": ES256.public_pem,
    "ed25519-pem": ED25519.public_pem,
    "certificate-pem": certificate_pem(RSA.private_key),
    "certificate-der": certificate(RSA.private_key).public_bytes(Encoding.DER),
    "der": der(RSA.private_key),
    "der-base64": b64encode(der(RSA.private_key)),
    "ec-der": der(ES256.private_key),
    "ed25519-der": der(ED25519.private_key),
    "pkcs1-der": RSA.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),  # type: ignore[union-attr]
    "private-der": RSA.private_key.private_bytes(  # type: ignore[union-attr]
        Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ),
    "ssh2-pem": (
        f"---- BEGIN SSH2 PUBLIC KEY ----\n{openssh(RSA.private_key).split()[1]}\n"
        "---- END SSH2 PUBLIC KEY ----"
    ),
    "openssh-rsa": openssh(RSA.private_key),
    "openssh-rsa-wrapped": wrapped(openssh(RSA.private_key)),
    "openssh-rsa-in-white-space": f"\n {openssh(RSA.private_key)}\n",
    "openssh-rsa-with-options": f"restrict {openssh(RSA.private_key)}",
    "openssh-rsa-blob": openssh(RSA.private_key).split()[1],
    "openssh-ecdsa": openssh(ES256.private_key),
    "openssh-ecdsa-with-options": f"restrict {openssh(ES256.private_key)}",
    "openssh-ecdsa-blob": openssh(ES256.private_key).split()[1],
    "openssh-ed25519": openssh(ED25519.private_key),
    "openssh-ed25519-with-byte-order-mark": "\ufeff" + openssh(ED25519.private_key),
    "openssh-ed25519-blob": openssh(ED25519.private_key).split()[1],
    "openssh-security-key": "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t",
    "jwk": json.dumps(RSA.jwk),
    "jwk-indented": json.dumps(ES256.jwk, indent=2),
    "jwk-in-white-space": f"\n {json.dumps(ED25519.jwk)} ",
    "jwk-bytes": json.dumps(RSA.jwk).encode(),
    "jwks": json.dumps(RSA.jwks),
    "base64-of-pem": b64encode(RSA.public_pem.encode()),
}


@pytest.mark.parametrize(
    "secret", [pytest.param(text, id=name) for name, text in PUBLIC_TEXTS.items()]
)
def test_a_public_key_is_not_a_secret(secret: str | bytes) -> None:
    """A public key, or a key of another kind, is never an HMAC secret (RFC 8725 §2.1)."""
    for allow_weak in (False, True):
        with pytest.raises(ConfigurationError):
            VerificationKey.from_secret(secret, allow_weak=allow_weak)


def test_a_public_key_in_an_oct_jwk_is_not_a_secret() -> None:
    """A public key within a JWK of type oct isn't a secret either."""
    with pytest.raises(ConfigurationError, match="this HMAC secret is a public key"):
        VerificationKey.from_jwk({"kty": "oct", "k": base64url(RSA.public_pem.encode())})


NO_KEYS: dict[str, tuple[Callable[[], VerificationKey], str]] = {
    "private-object": (from_object(RSA.private_key), "this holds a private key"),
    "text": (from_object(RSA.public_pem), "a str can't verify"),
    "none": (from_object(None), "a NoneType can't verify"),
    "bytearray": (from_object(bytearray(SECRET)), "a bytearray can't verify"),
    "class": (from_object(rsa.RSAPublicKey), "can't verify"),
    "dsa-object": (
        from_object(DSA.public_key()),
        "expected an RSA, EC, Ed25519 or Ed448 public key",
    ),
    "secp224r1-object": (from_object(SECP224R1.public_key()), "no JWS algorithm uses the curve"),
    "x25519-object": (
        from_object(X25519.public_key()),
        "expected an RSA, EC, Ed25519 or Ed448 public key",
    ),
    "certificate-object": (from_object(certificate(RSA.private_key)), "can't verify"),
    "algorithm-of-another-type": (
        from_pem(RSA.public_pem, algorithms="ES256"),
        "it can't verify ES256",
    ),
    "algorithm-of-another-curve": (
        from_pem(ES256.public_pem, algorithms="ES384"),
        "verifies ES256; it can't verify ES384",
    ),
    "algorithm-hs-of-a-public-key": (
        from_pem(RSA.public_pem, algorithms="HS256"),
        "it can't verify HS256",
    ),
    "algorithm-rs-of-a-secret": (from_secret(SECRET, algorithms="RS256"), "it can't verify RS256"),
    "algorithm-none": (
        from_pem(RSA.public_pem, algorithms="none"),
        "'none' is not a known signature algorithm",
    ),
    "algorithm-unknown-among-good-ones": (
        from_pem(RSA.public_pem, algorithms=["RS256", "RS1"]),
        "RS1",
    ),
    "algorithms-empty": (from_pem(RSA.public_pem, algorithms=[]), "algorithms is empty"),
    "algorithms-number": (from_pem(RSA.public_pem, algorithms=5), ""),
    "algorithms-none-in-list": (from_pem(RSA.public_pem, algorithms=[None]), ""),
    "algorithms-list-in-list": (from_pem(RSA.public_pem, algorithms=[["RS256"]]), ""),
    "pem-empty": (from_pem(""), "does not hold a public key"),
    "pem-text": (from_pem("a secret"), "does not hold a public key"),
    "pem-damaged": (from_pem(RSA.public_pem.replace("A", "B")), "does not hold a public key"),
    "pem-cut": (from_pem(RSA.public_pem[:200]), "cut off: it has no END line"),
    "pem-unknown-curve": (from_pem(UNKNOWN_CURVE), "doesn't support the key in this PEM"),
    "pem-surrogate": (from_pem("-----BEGIN PUBLIC KEY-----\ud800"), ""),
    "pem-binary": (from_pem(bytes(range(256))), "does not hold a public key"),
    "pem-none": (from_pem(None), ""),
    "pem-dsa": (from_pem(pem(DSA)), "expected an RSA, EC, Ed25519 or Ed448 public key"),
    "pem-secp224r1": (from_pem(pem(SECP224R1)), "no JWS algorithm uses the curve secp224r1"),
    "pem-x25519": (from_pem(pem(X25519)), "expected an RSA, EC, Ed25519 or Ed448 public key"),
    "certificate-damaged": (
        from_pem(certificate_pem(RSA.private_key).replace("AA", "BB")),
        "does not hold a public key",
    ),
    "certificate-secp224r1": (from_pem(certificate_pem(SECP224R1)), "secp224r1"),
    "certificate-request": (
        from_pem("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        "holds a CERTIFICATE REQUEST, expected one of: PUBLIC KEY, RSA PUBLIC KEY, CERTIFICATE",
    ),
    "openssh-empty": (from_openssh(""), ""),
    "openssh-white-space": (from_openssh(" \n"), ""),
    "openssh-type-alone": (from_openssh("ssh-rsa"), "damaged"),
    "openssh-damaged": (from_openssh(openssh(RSA.private_key)[:-20]), "damaged"),
    "openssh-no-base64": (from_openssh("ssh-rsa ???? user@host"), "damaged"),
    "openssh-other-type-inside": (
        from_openssh(openssh(ED25519.private_key).replace("ssh-ed25519", "ssh-rsa")),
        "damaged",
    ),
    "openssh-non-ascii": (from_openssh("ssh-rsa \u00e9\u00e9\u00e9\u00e9"), "damaged"),
    "openssh-surrogate": (from_openssh("ssh-rsa AAAA\ud800"), ""),
    "openssh-dsa": (from_openssh("ssh-dss AAAAB3NzaC1kc3M="), "not a plain RSA, ECDSA or Ed25519"),
    "openssh-security-key": (
        from_openssh("sk-ssh-ed25519@openssh.com AAAA"),
        "not a plain RSA, ECDSA or Ed25519",
    ),
    "openssh-certificate": (
        from_openssh("ssh-rsa-cert-v01@openssh.com AAAA"),
        "not a plain RSA, ECDSA or Ed25519",
    ),
    "openssh-text": (from_openssh("a secret"), "not a plain RSA, ECDSA or Ed25519"),
    "secret-empty": (from_secret(""), "empty"),
    "secret-empty-bytes": (from_secret(b"", allow_weak=True), "empty"),
    "secret-none": (from_secret(None), "string or bytes, not NoneType"),
    "secret-number": (from_secret(12345), "string or bytes, not int"),
    "secret-list": (from_secret(["a", "b"]), "string or bytes, not list"),
    "secret-surrogate": (from_secret("a secret of more than thirty-two bytes \ud800"), ""),
    "secret-that-jose-dislikes": (
        from_secret("a secret that has ssh-rsa in the middle of it"),
        "looks like a public key",
    ),
    "jwk-no-json": (from_jwk("{"), "not JSON"),
    "jwk-deep-json": (from_jwk("[" * 100_000), "not JSON"),
    "jwk-bytes-no-utf-8": (from_jwk(b"\xff\xfe\xff"), "not JSON"),
    "jwk-array": (from_jwk("[]"), "not a JWK: expected a JSON object"),
    "jwk-null": (from_jwk("null"), "not a JWK: expected a JSON object"),
    "jwk-none": (from_jwk(None), "not a JWK: expected a JSON object"),
    "jwk-number": (from_jwk(5), "not a JWK: expected a JSON object"),
    "jwk-empty": (from_jwk({}), "not a JWK of a known type"),
    "jwk-error-body": (from_jwk({"error": "not found"}), "not a JWK of a known type"),
    "jwk-kty-unknown": (from_jwk({"kty": "XYZ"}), "not a JWK of a known type"),
    "jwk-kty-lower-case": (from_jwk({**JWK, "kty": "rsa"}), "not a JWK of a known type"),
    "jwk-kty-list": (from_jwk({**JWK, "kty": ["RSA"]}), "not a JWK of a known type"),
    "jwk-for-encryption": (from_jwk({**JWK, "use": "enc"}), "not for signatures"),
    "jwk-use-list": (from_jwk({**JWK, "use": ["sig"]}), "not for signatures"),
    "jwk-for-signing-alone": (from_jwk({**JWK, "key_ops": ["sign"]}), "key_ops lack"),
    "jwk-for-no-operation": (from_jwk({**JWK, "key_ops": []}), "key_ops lack"),
    "jwk-key-ops-text": (from_jwk({**JWK, "key_ops": "verify"}), "key_ops lack"),
    "jwk-alg-of-another-type": (from_jwk({**JWK, "alg": "ES256"}), "alg doesn't fit"),
    "jwk-alg-none": (from_jwk({**JWK, "alg": "none"}), "alg doesn't fit"),
    "jwk-alg-for-encryption": (from_jwk({**JWK, "alg": "RSA-OAEP"}), "alg doesn't fit"),
    "jwk-alg-number": (from_jwk({**JWK, "alg": 256}), "alg doesn't fit"),
    "jwk-alg-list": (from_jwk({**JWK, "alg": ["RS256"]}), "alg doesn't fit"),
    "jwk-alg-of-another-curve": (from_jwk({**P256, "alg": "ES512"}), "alg doesn't fit"),
    "jwk-kid-number": (from_jwk({**JWK, "kid": 1}), "a key ID is a string"),
    "jwk-without-n": (from_jwk({"kty": "RSA", "e": "AQAB"}), "'n' is missing or not base64url"),
    "jwk-without-e": (from_jwk({**JWK, "e": None}), "'e' is missing or not base64url"),
    "jwk-n-empty": (from_jwk({**JWK, "n": ""}), "'n' is missing or not base64url"),
    "jwk-n-with-newline": (
        from_jwk({**JWK, "n": JWK["n"] + "\n"}),
        "'n' is missing or not base64url",
    ),
    "jwk-n-of-length-4n+1": (from_jwk({**JWK, "n": "AAAAA"}), "'n' is missing or not base64url"),
    "jwk-n-number": (from_jwk({**JWK, "n": 12345}), "'n' is missing or not base64url"),
    "jwk-e-zero": (from_jwk({**JWK, "e": "AA"}), "does not hold a valid key"),
    "jwk-e-one": (from_jwk({**JWK, "e": "AQ"}), "does not hold a valid key"),
    "jwk-e-even": (from_jwk({**JWK, "e": "AQAC"}), "does not hold a valid key"),
    "jwk-n-tiny": (from_jwk({**JWK, "n": "Aw"}), ""),
    "jwk-ec-without-crv": (
        from_jwk({"kty": "EC", "x": P256["x"], "y": P256["y"]}),
        "crv must be one of P-256, P-384, P-521, secp256k1",
    ),
    "jwk-ec-crv-unknown": (from_jwk({**P256, "crv": "P-257"}), "crv must be one of P-256"),
    "jwk-ec-crv-secp256k1": (from_jwk({**P256, "crv": "secp256k1"}), "EC JWK does not hold"),
    "jwk-ec-crv-list": (from_jwk({**P256, "crv": ["P-256"]}), "crv must be one of P-256"),
    "jwk-ec-other-curve": (from_jwk({**P256, "crv": "P-384"}), "EC JWK does not hold a valid key"),
    "jwk-ec-off-the-curve": (
        from_jwk({**P256, "x": P256["y"]}),
        "EC JWK does not hold a valid key",
    ),
    "jwk-ec-infinity": (
        from_jwk({**P256, "x": "AA", "y": "AA"}),
        "EC JWK does not hold a valid key",
    ),
    "jwk-ec-without-y": (from_jwk({"kty": "EC", "crv": "P-256", "x": P256["x"]}), "'y' is missing"),
    "jwk-okp-x25519": (from_jwk({**OKP, "crv": "X25519"}), "crv must be one of Ed25519, Ed448"),
    "jwk-okp-other-curve": (from_jwk({**OKP, "crv": "Ed448"}), "OKP JWK does not hold a valid key"),
    "jwk-okp-curve-of-ec": (from_jwk({**OKP, "crv": "P-256"}), "crv must be one of Ed25519, Ed448"),
    "jwk-okp-without-crv": (from_jwk({"kty": "OKP", "x": OKP["x"]}), "crv must be one of Ed25519"),
    "jwk-okp-short": (from_jwk({**OKP, "x": "AAAA"}), "OKP JWK does not hold a valid key"),
    "jwk-okp-long": (from_jwk({**OKP, "x": OKP["x"] + "AAAA"}), ""),
    "jwk-oct-empty": (from_jwk({"kty": "oct", "k": ""}), "'k' is missing"),
    "jwk-oct-no-base64url": (
        from_jwk({"kty": "oct", "k": "a secret"}),
        "'k' is missing or not base64url",
    ),
    "jwk-oct-for-rs256": (from_jwk({**OCT, "alg": "RS256"}), "alg doesn't fit"),
    "jwk-oct-for-encryption": (from_jwk({**OCT, "alg": "A256GCM"}), "alg doesn't fit"),
}


@pytest.mark.parametrize(
    ("make", "reason"),
    [pytest.param(make, reason, id=name) for name, (make, reason) in NO_KEYS.items()],
)
def test_an_invalid_key_is_refused(make: Callable[[], VerificationKey], reason: str) -> None:
    """Each raises a ``ConfigurationError``, which is a ``ValueError``, and says what is wrong."""
    with pytest.raises(ConfigurationError) as refusal:
        make()

    assert reason in str(refusal.value)
    assert isinstance(refusal.value, ValueError)


def test_a_certificate_of_an_unknown_version_is_refused() -> None:
    """A certificate with an undefined version holds no readable key."""
    data = certificate(RSA.private_key).public_bytes(Encoding.DER)
    version = b"\xa0\x03\x02\x01\x02"
    assert version in data
    changed = b64encode(data.replace(version, b"\xa0\x03\x02\x01\x09")).decode()

    with pytest.raises(ConfigurationError, match="does not hold a public key or a certificate"):
        VerificationKey.from_pem(
            f"-----BEGIN CERTIFICATE-----\n{changed}\n-----END CERTIFICATE-----\n"
        )


SHOWN = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(from_secret(f"{SHOWN}\ud800"), id="secret-surrogate"),
        pytest.param(from_secret(SHOWN, algorithms="RS256"), id="secret-for-rs256"),
        pytest.param(from_secret(SHOWN[:20]), id="secret-weak"),
        pytest.param(from_secret([SHOWN]), id="secret-list"),
        pytest.param(from_secret(f"{SHOWN} ssh-rsa {SHOWN}"), id="secret-that-jose-dislikes"),
        pytest.param(
            from_pem(f"-----BEGIN PUBLIC KEY-----\n{SHOWN}\n-----END PUBLIC KEY-----\n"), id="pem"
        ),
        pytest.param(
            from_pem(f"-----BEGIN PRIVATE KEY-----\n{SHOWN}\n-----END PRIVATE KEY-----\n"),
            id="private-pem",
        ),
        pytest.param(from_pem(f"-----BEGIN PUBLIC KEY-----\n{SHOWN}\ud800"), id="pem-surrogate"),
        pytest.param(from_openssh(f"ssh-rsa {SHOWN}"), id="openssh"),
        pytest.param(from_openssh(f"{SHOWN} x"), id="openssh-text"),
        pytest.param(from_object(SHOWN), id="text"),
        pytest.param(from_jwk(f'{{"k":"{SHOWN}"'), id="jwk-no-json"),
        pytest.param(from_jwk(f'"{SHOWN}"'), id="jwk-text"),
        pytest.param(from_jwk({"kty": SHOWN}), id="jwk-kty"),
        pytest.param(from_jwk({**JWK, "d": SHOWN}), id="jwk-private"),
        pytest.param(from_jwk({**JWK, "n": f"{SHOWN}!"}), id="jwk-no-base64url"),
        pytest.param(from_jwk({**P256, "x": SHOWN}), id="jwk-off-the-curve"),
        pytest.param(from_jwk({"kty": "oct", "k": SHOWN, "alg": "HS512"}), id="jwk-weak"),
        pytest.param(from_jwk({"kty": "oct", "k": SHOWN, "alg": SHOWN}), id="jwk-alg"),
        pytest.param(from_jwk({**OKP, "x": SHOWN}), id="jwk-okp"),
    ],
)
def test_an_error_does_not_show_the_key(make: Callable[[], VerificationKey]) -> None:
    """Refused key text may be a secret: neither the error nor its cause quotes it."""
    with pytest.raises(ConfigurationError) as refusal:
        make()

    error: BaseException | None = refusal.value
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    while error is not None:
        assert SHOWN[:20] not in str(error) + repr(error)
        error = error.__cause__


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        pytest.param(VerificationKey.from_secret(SECRET, kid="k"), SECRET.decode(), id="secret"),
        pytest.param(VerificationKey.from_jwk({**OCT, "kid": "k"}), OCT["k"], id="jwk"),
    ],
)
def test_the_repr_does_not_show_the_key(key: VerificationKey, hidden: str) -> None:
    """The repr has the algorithms and the kid, and no key material."""
    for text in (repr(key), str(key), f"{[key]}"):
        assert hidden not in text
        assert "HS512" in text
        assert "kid='k'" in text


def test_a_key_cannot_be_changed() -> None:
    """A key's algorithms can't be changed."""
    key: Any = VerificationKey.from_pem(RSA.public_pem)

    with pytest.raises(AttributeError):
        key.algorithms = ("none",)
