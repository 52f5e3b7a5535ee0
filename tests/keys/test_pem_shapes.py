"""PEM as it arrives through environment variables, JSON, base64, consoles and editors."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey
from flask_jwtlib.keys import _text as _key_text
from flask_jwtlib.testing import TokenIssuer

from .kit import certificate_pem, private_pem

ISSUERS = {
    name: TokenIssuer(algorithm=name) for name in ("RS256", "ES256", "ES256K", "EdDSA", "Ed448")
}


def certificate(issuer: TokenIssuer) -> str:
    """Return an issuer's certificate in PEM."""
    return certificate_pem(issuer.private_key)


def private(issuer: TokenIssuer) -> str:
    """Return a private key in PEM."""
    return private_pem(issuer.private_key)


def encrypted(issuer: TokenIssuer) -> str:
    """Return an encrypted private key in PEM."""
    return private_pem(issuer.private_key, password=b"password")


def spki(issuer: TokenIssuer) -> str:
    """Return a public key in PEM."""
    return issuer.public_pem


def pkcs1(issuer: TokenIssuer) -> str:
    """Return a public key in PEM, for RSA in the older form."""
    if issuer.algorithm != "RS256":
        return issuer.public_pem
    key: Any = issuer.verification_key.material
    return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def body(pem: str) -> str:
    """Return the text between the BEGIN and END lines, on one line."""
    return "".join(pem.splitlines()[1:-1])


def der(pem: str) -> bytes:
    """Return the DER that PEM encodes."""
    return b64decode(body(pem))


SHAPES: dict[str, Callable[[str], str | bytes]] = {
    "as it is": lambda pem: pem,
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "CR": lambda pem: pem.replace("\n", "\r"),
    "no last newline": str.strip,
    "indented": lambda pem: "\n".join("    " + line for line in pem.splitlines()),
    "byte order mark": lambda pem: "\ufeff" + pem,
    "text around": lambda pem: f"# the realm's key\n{pem}\nend of file\n",
    "spaces for newlines": lambda pem: pem.replace("\n", " "),
    "no newlines": lambda pem: pem.replace("\n", ""),
    "one long line": lambda pem: "\n".join([pem.splitlines()[0], body(pem), pem.splitlines()[-1]]),
    "literal \\n": lambda pem: pem.replace("\n", "\\n"),
    "literal \\r\\n": lambda pem: pem.replace("\n", "\\r\\n"),
    "literal \\\\n": lambda pem: pem.replace("\n", "\\\\n"),
    "literal \\n within JSON": json.dumps,
    "literal \\n within quoted JSON": lambda pem: json.dumps(json.dumps(pem)),
    "quoted": lambda pem: f"'{pem}'",
    "quoted literal \\n": lambda pem: '"' + pem.strip().replace("\n", "\\n") + '"',
    "base64 of PEM": lambda pem: b64encode(pem.encode()).decode(),
    "base64 of PEM, wrapped": lambda pem: "\n".join(
        b64encode(pem.encode()).decode()[at : at + 76] for at in range(0, 4 * len(pem) // 3 + 4, 76)
    ),
    "base64url of PEM": lambda pem: urlsafe_b64encode(pem.encode()).rstrip(b"=").decode(),
    "base64 of PEM with literal \\n": lambda pem: b64encode(
        pem.replace("\n", "\\n").encode()
    ).decode(),
    "quoted base64 of PEM": lambda pem: f'"{b64encode(pem.encode()).decode()}"\n',
    "body": body,
    "body, wrapped": lambda pem: "\n".join(pem.splitlines()[1:-1]),
    "body amid white space": lambda pem: f"\n  {body(pem)}\n\n",
    "body without padding": lambda pem: body(pem).rstrip("="),
    "body in base64url": lambda pem: body(pem).replace("+", "-").replace("/", "_"),
    "UTF-8 bytes": str.encode,
    "UTF-8 bytes with a byte order mark": lambda pem: pem.encode("utf-8-sig"),
    "UTF-16 bytes": lambda pem: pem.encode("utf-16"),
    "UTF-16 bytes, little-endian": lambda pem: pem.encode("utf-16-le"),
    "UTF-16 bytes, big-endian": lambda pem: pem.encode("utf-16-be"),
    "body in bytes": lambda pem: body(pem).encode(),
    "DER": der,
}
KINDS: dict[str, Callable[[TokenIssuer], str]] = {
    "public key": spki,
    "PKCS#1": pkcs1,
    "certificate": certificate,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, name in product(KINDS, ISSUERS) if kind != "PKCS#1" or name == "RS256"],
)
def test_every_shape_is_read(shape: str, kind: str, name: str) -> None:
    """As a key of a set and as a single PEM, each shape of each kind verifies its issuer's signature."""
    issuer = ISSUERS[name]
    given = SHAPES[shape](KINDS[kind](issuer))

    (key,) = KeySet.of(given).keys
    for made in (key, VerificationKey.from_pem(given)):
        assert made.verify(name, b"signed", issuer.sign(b"signed"))
        assert not made.verify(name, b"other", issuer.sign(b"signed"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [private, encrypted])
@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA"])
def test_a_private_key_is_refused_in_every_shape(
    shape: str, kind: Callable[[TokenIssuer], str], name: str
) -> None:
    """The error says that it is a private key, and doesn't quote it."""
    pem = kind(ISSUERS[name])
    for make in (KeySet.of, VerificationKey.from_pem):
        with pytest.raises(ConfigurationError, match="private key") as refusal:
            make(SHAPES[shape](pem))
        assert body(pem)[:20] not in str(refusal.value)
        assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    "shape",
    [name for name in SHAPES if "body" not in name and name not in {"DER", "one long line"}],
)
def test_a_chain_has_its_first_certificates_key(shape: str) -> None:
    """The first of several certificates has the key, in every shape that such PEM has."""
    chain = certificate(ISSUERS["RS256"]) + certificate(ISSUERS["ES256"])
    assert "RS256" in KeySet.of(SHAPES[shape](chain)).algorithms


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "cut off": (ISSUERS["RS256"].public_pem[:200], "cut off: it has no END line"),
    "base64 of PEM that is cut off": (
        b64encode(ISSUERS["RS256"].public_pem[:200].encode()),
        "cut off",
    ),
    "request": (
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        "holds a CERTIFICATE REQUEST, expected one of: PUBLIC KEY, RSA PUBLIC KEY, CERTIFICATE",
    ),
    "parameters": ("-----BEGIN EC PARAMETERS-----\nBg==\n-----END EC PARAMETERS-----", "EC PARAM"),
    "PGP": (
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nAA\n-----END PGP PUBLIC KEY BLOCK-----",
        "a PGP",
    ),
    "damaged": (ISSUERS["RS256"].public_pem.replace("A", "B"), "does not hold a public key"),
    "damaged certificate": (certificate(ISSUERS["RS256"]).replace("AA", "BB"), "does not hold"),
    "odd label": ("-----BEGIN public\x1b[31m key-----\n-----END ", "does not hold a public key"),
    "body that is cut off": (
        body(ISSUERS["RS256"].public_pem)[:200],
        "a public key that is cut off",
    ),
    "body that is damaged": (
        "MIIB" + body(ISSUERS["RS256"].public_pem)[8:],
        "nor the base64 text of one",
    ),
    "DER that is cut off": (
        der(ISSUERS["RS256"].public_pem)[:-1],
        "a public key that is cut off or damaged",
    ),
    "base64 of something else": (b64encode(b"0" * 99).decode(), "nor the base64 text of one"),
    "one character of base64": ("A", "not a PEM, JWK or OpenSSH"),
    "NUL": (b"\0", "not a PEM, JWK or OpenSSH"),
    "half of UTF-16": (b"\xff\xfe\x2d", "not a PEM, JWK or OpenSSH"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_error_says_what_cannot_be_read(name: str) -> None:
    """The error says what is wrong, without quoting the text."""
    given, reason = FAULTS[name]
    with pytest.raises(ConfigurationError) as refusal:
        KeySet.of(given)

    assert reason in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert "AAAA" not in str(refusal.value)


@pytest.mark.parametrize("given", ["", "a secret", b"\xff", "{}", "ssh-rsa AAAA"], ids=repr)
def test_other_text_is_not_pem(given: str | bytes) -> None:
    """``from_pem`` says that text without BEGIN lines isn't PEM."""
    with pytest.raises(ConfigurationError, match="it has no BEGIN line"):
        VerificationKey.from_pem(given)


def test_a_secret_that_happens_to_be_base64_is_not_a_key() -> None:
    """Only base64 text that decodes to a whole key counts as a key."""
    for data in (bytes(48), b"0" + bytes(47), b"\x30\x2e" + bytes(46)):
        assert _key_text.find_key(b64encode(data).decode()) is None


def test_json_text_is_a_jwk_or_a_map() -> None:
    """Text that begins like a JSON object is read as JSON, also with a byte order mark or in UTF-16."""
    issuer = ISSUERS["RS256"]
    for text in (json.dumps(issuer.jwk), json.dumps({"k": issuer.public_pem})):
        for given in ("\ufeff" + text, text.encode("utf-8-sig"), text.encode("utf-16")):
            assert len(KeySet.of(given).keys) == 1
