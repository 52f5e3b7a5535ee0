"""The verification key: every form in which it may be given, and what is never one."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, base64url, bearer


def _rsa_key(issuer: TokenIssuer) -> rsa.RSAPrivateKey:
    key = issuer.private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _public(issuer: TokenIssuer, encoding: Encoding, format_: PublicFormat) -> bytes:
    return _rsa_key(issuer).public_key().public_bytes(encoding, format_)


def _pkcs1(issuer: TokenIssuer) -> str:
    return _public(issuer, Encoding.PEM, PublicFormat.PKCS1).decode()


def _openssh(issuer: TokenIssuer) -> str:
    return (
        _public(issuer, Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        + " ops@example, key of 2024"
    )


def _wrapped(text: str, newline: str = "\n") -> str:
    return newline.join(text[start : start + 70] for start in range(0, len(text), 70)) + newline


def _certificate(issuer: TokenIssuer, encoding: Encoding = Encoding.PEM) -> bytes:
    key = _rsa_key(issuer)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(encoding)
    )


def _private_pem(issuer: TokenIssuer) -> str:
    key = _rsa_key(issuer)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_FORMS: dict[str, Callable[[TokenIssuer], Any]] = {
    "PEM": lambda issuer: issuer.public_pem,
    "PEM as bytes": lambda issuer: issuer.public_pem.encode(),
    "PEM with CRLF": lambda issuer: issuer.public_pem.replace("\n", "\r\n"),
    "PEM amid white space": lambda issuer: f"\n  {issuer.public_pem.strip()}  \n\n",
    "PEM without a last newline": lambda issuer: issuer.public_pem.rstrip("\n"),
    "PEM PKCS#1": _pkcs1,
    "PEM certificate": lambda issuer: _certificate(issuer).decode(),
    "PEM with escaped newlines": lambda issuer: issuer.public_pem.replace("\n", "\\n"),
    "PEM with escaped newlines, quoted": lambda issuer: json.dumps(issuer.public_pem),
    "base64 of PEM": lambda issuer: b64encode(issuer.public_pem.encode()).decode(),
    "base64 of DER": lambda issuer: "".join(issuer.public_pem.splitlines()[1:-1]),
    "base64 of a certificate": lambda issuer: b64encode(
        _certificate(issuer, Encoding.DER)
    ).decode(),
    "DER": lambda issuer: _public(issuer, Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "PEM map": lambda issuer: {str(issuer.kid): issuer.public_pem},
    "PEM map as JSON": lambda issuer: json.dumps({str(issuer.kid): issuer.public_pem}),
    "PEM map of certificates as JSON": lambda issuer: json.dumps(
        {str(issuer.kid): _certificate(issuer).decode(), "other": "not found"}, indent=1
    ),
    "JWK with nulls": lambda issuer: json.dumps({**issuer.jwk, "d": None, "x5c": None, "use": ""}),
    "JWK": lambda issuer: issuer.jwk,
    "JWK of the bare numbers": lambda issuer: {
        name: issuer.jwk[name] for name in ("kty", "n", "e")
    },
    "JWK as JSON": lambda issuer: json.dumps(issuer.jwk),
    "JWK as indented JSON": lambda issuer: "\n" + json.dumps(issuer.jwk, indent=4) + "\n",
    "JWK as JSON bytes": lambda issuer: json.dumps(issuer.jwk).encode(),
    "JWK set": lambda issuer: issuer.jwks,
    "JWK set as JSON": lambda issuer: json.dumps(issuer.jwks),
    "OpenSSH": _openssh,
    "OpenSSH without comment": lambda issuer: _openssh(issuer).rsplit(" ops@", 1)[0],
    "OpenSSH with a newline": lambda issuer: _openssh(issuer) + "\n",
    "OpenSSH wrapped": lambda issuer: _wrapped(_openssh(issuer)),
    "OpenSSH wrapped with CRLF": lambda issuer: _wrapped(_openssh(issuer), "\r\n"),
    "OpenSSH wrapped and indented": lambda issuer: _wrapped(_openssh(issuer), "\n    "),
    "OpenSSH as bytes": lambda issuer: _openssh(issuer).encode(),
    "key object": lambda issuer: _rsa_key(issuer).public_key(),
    "VerificationKey": lambda issuer: issuer.verification_key,
    "list of PEM": lambda issuer: [issuer.public_pem],
    "list of key objects": lambda issuer: [_rsa_key(issuer).public_key()],
    "list of VerificationKey": lambda issuer: [issuer.verification_key],
}


@pytest.mark.parametrize("source", ["permanent", "fetched"])
@pytest.mark.parametrize("form", _FORMS)
def test_a_key_is_accepted_in_every_form(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, form: str, source: str
) -> None:
    """It verifies only its issuer's tokens, and ``verification_key()`` returns it unchanged."""
    material = _FORMS[form](issuer)
    if source == "permanent":
        flask_jwtlib.set_permanent_verification_key(material)
    else:
        flask_jwtlib.retrieve_verification_key = lambda: material
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 401
    assert flask_jwtlib.verification_key() == material


@pytest.mark.parametrize(
    "algorithm",
    ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"],
)
@pytest.mark.parametrize("form", ["PEM", "JWK", "JWK as JSON"])
def test_keys_of_other_types_are_accepted(client: FlaskClient, algorithm: str, form: str) -> None:
    """PEM and JWK of an RSA, EC, Ed25519 or Ed448 key verify by the assigned algorithm."""
    signer = TokenIssuer(algorithm=algorithm)
    flask_jwtlib.JWT_ALGO = algorithm
    flask_jwtlib.set_permanent_verification_key(_FORMS[form](signer))
    assert client.get("/required", headers=bearer(signer.token())).status_code == 200
    assert (
        client.get(
            "/required", headers=bearer(TokenIssuer(algorithm=algorithm).token())
        ).status_code
        == 401
    )


# Public keys, which anyone may know.

_NO_SECRETS: dict[str, Callable[[TokenIssuer], str | bytes]] = {
    "PEM": lambda issuer: issuer.public_pem,
    "PEM as bytes": lambda issuer: issuer.public_pem.encode(),
    "PEM PKCS#1": _pkcs1,
    "PEM certificate": lambda issuer: _certificate(issuer).decode(),
    "PEM private key": _private_pem,
    "PEM on one line": lambda issuer: issuer.public_pem.replace("\n", " "),
    "PEM with escaped newlines": lambda issuer: issuer.public_pem.replace("\n", "\\n"),
    "PEM after other text": lambda issuer: f"the key is: {issuer.public_pem}",
    "PEM, damaged": lambda issuer: issuer.public_pem.replace("MII", "XXX"),
    "OpenSSH": _openssh,
    "OpenSSH wrapped": lambda issuer: _wrapped(_openssh(issuer)),
    "OpenSSH amid white space": lambda issuer: f"\n\t {_openssh(issuer)}\n",
    "OpenSSH with options": lambda issuer: f"restrict {_openssh(issuer)}",
    "OpenSSH below a comment": lambda issuer: f"# the issuer's key\n{_openssh(issuer)}",
    "OpenSSH without its first word": lambda issuer: _openssh(issuer).split()[1],
    "OpenSSH, damaged": lambda issuer: _openssh(issuer)[:40],
    "SSH2": lambda issuer: (
        "---- BEGIN SSH2 PUBLIC KEY ----\n"
        f"{_wrapped(_openssh(issuer).split()[1])}"
        "---- END SSH2 PUBLIC KEY ----\n"
    ),
    "DER": lambda issuer: _public(issuer, Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "DER PKCS#1": lambda issuer: _public(issuer, Encoding.DER, PublicFormat.PKCS1),
    "DER certificate": lambda issuer: _certificate(issuer, Encoding.DER),
    "base64 of DER": lambda issuer: "".join(issuer.public_pem.splitlines()[1:-1]),
    "base64 of DER, wrapped": lambda issuer: "\n".join(issuer.public_pem.splitlines()[1:-1]),
    "base64 of DER PKCS#1": lambda issuer: "".join(_pkcs1(issuer).splitlines()[1:-1]),
    "base64 of a certificate": lambda issuer: b64encode(
        _certificate(issuer, Encoding.DER)
    ).decode(),
    "JWK as JSON": lambda issuer: json.dumps(issuer.jwk),
    "JWK set as JSON": lambda issuer: json.dumps(issuer.jwks),
    "PEM map as JSON": lambda issuer: json.dumps({"key-1": issuer.public_pem}),
    "PEM map of certificates as JSON": lambda issuer: json.dumps(
        {"key-1": _certificate(issuer).decode()}, indent=1
    ),
}


@pytest.mark.parametrize("source", ["permanent", "fetched"])
@pytest.mark.parametrize("form", _NO_SECRETS)
def test_a_public_key_is_never_an_hmac_secret(
    client: FlaskClient, issuer: TokenIssuer, form: str, source: str
) -> None:
    """With an HS algorithm assigned by mistake, a MAC by the public key's text is refused."""
    material = _NO_SECRETS[form](issuer)
    flask_jwtlib.JWT_ALGO = "HS256"
    if source == "permanent":
        try:
            flask_jwtlib.set_permanent_verification_key(material)
        except flask_jwtlib.ConfigurationError:
            return
    else:
        flask_jwtlib.retrieve_verification_key = lambda: material
    text = material if isinstance(material, bytes) else material.encode()
    forger = TokenIssuer(algorithm="HS256", private_key=text)
    for route in ("/required", "/optional"):
        assert client.get(route, headers=bearer(forger.token("root"))).status_code == 503


def test_a_list_of_both_families_does_not_make_a_public_key_a_secret(
    client: FlaskClient, issuer: TokenIssuer
) -> None:
    """With RS256 and HS256 accepted and a PEM as the key, the PEM verifies only RS256."""
    flask_jwtlib.JWT_ALGO = ["RS256", "HS256"]
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    forger = TokenIssuer(algorithm="HS256", private_key=issuer.public_pem.encode())
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert client.get("/required", headers=bearer(forger.token("root"))).status_code == 401


# Values that aren't keys.

_NO_KEYS: dict[str, Any] = {
    "empty text": "",
    "white space": " \n\t",
    "empty bytes": b"",
    "null": "null",
    "null amid white space": " null\n",
    "true": "true",
    "a JSON string": '"Internal Server Error"',
    "an error body": '{"error": "invalid_client", "error_description": "who are you?"}',
    "an error body as bytes": b'{"message": "Forbidden"}',
    "an error body with a byte order mark": '\ufeff{"error": "who are you?"}',
    "an error body as bytes with a byte order mark": b'\xef\xbb\xbf{"message": "Forbidden"}',
    "an error body in UTF-16": '{"message": "Forbidden"}'.encode("utf-16"),
    "an error body in UTF-16 without a mark": '{"message": "Forbidden"}'.encode("utf-16-be"),
    "an error body in UTF-32": '{"message": "Forbidden"}'.encode("utf-32"),
    "an error body after a wide space": '\u00a0{"message": "Forbidden"}',
    "an empty object": "{}",
    "an array": '[{"kty": "oct", "k": "c2VjcmV0"}]',
    "an empty JWK set": '{"keys": []}',
    "an invalid JWK set": '{"keys": "none"}',
    "a JWK of unknown type": '{"kty": "quantum"}',
    "a JWK without its numbers": {"kty": "RSA"},
    "a mapping that is no JWK": {"error": "not found"},
    "False": False,
    "a number": 7,
    "an object": object(),
    "an empty list": [],
}


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
@pytest.mark.parametrize("kind", _NO_KEYS)
def test_an_invalid_permanent_key_is_refused(
    client: FlaskClient, issuer: TokenIssuer, kind: str, algorithm: str
) -> None:
    """It raises ``ConfigurationError``, a ``ValueError``, and the previous key stays."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    flask_jwtlib.JWT_ALGO = algorithm
    with pytest.raises(flask_jwtlib.ConfigurationError) as refusal:
        flask_jwtlib.set_permanent_verification_key(_NO_KEYS[kind])
    assert isinstance(refusal.value, ValueError)
    flask_jwtlib.JWT_ALGO = "RS256"
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.parametrize("route", ["/required", "/optional"])
@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
@pytest.mark.parametrize("kind", [*_NO_KEYS, "None"])
def test_an_invalid_key_from_the_callback_is_a_failed_fetch(
    client: FlaskClient,
    issuer: TokenIssuer,
    hmac_issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    algorithm: str,
    route: str,
    calls_made: Callable[[], None],
) -> None:
    """Tokens get a 503 with ``Retry-After``; the log names the cause."""
    flask_jwtlib.JWT_ALGO = algorithm
    flask_jwtlib.retrieve_verification_key = lambda: _NO_KEYS.get(kind)
    signer = issuer if algorithm == "RS256" else hmac_issuer
    response = client.get(route, headers=bearer(signer.token()))
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    calls_made()
    assert "ConfigurationError" in caplog.text


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
def test_a_private_key_is_refused(issuer: TokenIssuer, algorithm: str) -> None:
    """The error says that the key is private, and doesn't quote it."""
    flask_jwtlib.JWT_ALGO = algorithm
    pem = _private_pem(issuer)
    numbers = _rsa_key(issuer).private_numbers()
    jwk = {**issuer.jwk, "d": base64url(numbers.d.to_bytes(256, "big"))}
    for material in (pem, jwk, json.dumps(jwk)):
        with pytest.raises(flask_jwtlib.ConfigurationError, match="private key") as refusal:
            flask_jwtlib.set_permanent_verification_key(material)
        assert pem.splitlines()[1] not in str(refusal.value)
        assert jwk["d"] not in str(refusal.value)


def test_a_secret_is_refused_where_a_public_key_is_expected(
    client: FlaskClient, issuer: TokenIssuer, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With RS256 a secret is a 503; the log says what is expected, without the secret."""
    flask_jwtlib.set_permanent_verification_key(secret)
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    assert "not a PEM, JWK or OpenSSH public key" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize("alg", [{}, {"alg": None}, {"alg": ""}], ids=["absent", "null", "blank"])
def test_a_secret_jwk_is_for_the_configured_algorithms(
    client: FlaskClient, alg: dict[str, Any]
) -> None:
    """Without an ``alg`` it isn't used, and causes no warning, for algorithms it is too short for."""
    secret = bytes(range(32))
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key({"kty": "oct", "k": base64url(secret), **alg})
    token = TokenIssuer(algorithm="HS256", private_key=secret).token()

    assert client.get("/required", headers=bearer(token)).status_code == 200


# A weak key of an existing user.


def _accepts(client: FlaskClient, material: Any, signer: TokenIssuer) -> bool:
    flask_jwtlib.set_permanent_verification_key(material)
    return client.get("/required", headers=bearer(signer.token())).status_code == 200


@pytest.mark.parametrize("form", ["PEM", "PEM PKCS#1", "JWK", "JWK set", "OpenSSH"])
def test_a_short_rsa_key_works_with_a_warning(client: FlaskClient, form: str) -> None:
    """A key of 1024 bits is accepted, and ``InsecureKeyWarning`` names the required size."""
    signer = TokenIssuer(private_key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    with pytest.warns(flask_jwtlib.errors.InsecureKeyWarning, match="2048"):
        assert _accepts(client, _FORMS[form](signer), signer)
