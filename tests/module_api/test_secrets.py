"""HMAC secrets: any text, byte for byte, with a warning for a weak one."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, base64url, bearer


def _accepts(client: FlaskClient, material: Any, signer: TokenIssuer) -> bool:
    flask_jwtlib.set_permanent_verification_key(material)
    return client.get("/required", headers=bearer(signer.token())).status_code == 200


_SECRETS = {
    "words": "correct horse battery staple, and then some",
    "digits": "0123456789" * 4,
    "digits that are a JSON number": "9" * 40,
    "a float": "3.14159265358979323846264338327950288",
    "hexadecimal": "c0ffee" * 8,
    "base64": b64encode(bytes(range(48))).decode(),
    "like an object": '{"this": looks like JSON, and breaks off here',
    "like an array": "[1, 2, 3, and so on, for thirty-two characters]",
    "like a string": '"a quotation mark that nothing closes again',
    "like null": "nullable is what this secret's first word says",
    "like true": "true love waits for thirty-two characters",
    "like false": "false friends wait for as many characters",
    "like NaN": "NaN" * 12,
    "like a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    "with white space around": "  spaces belong to it, before and behind  ",
    "with a newline at its end": "read from a file, with its last newline\n",
    "with NUL": "nothing ends at the \0 within, all of it counts",
    "beyond ASCII": "пароль, который никто не знает",
    "dashes": "-----this is no PEM, whatever it looks like-----",
    "percent and backslash": r"%s %(x)s {} \n \u0041 are no escapes here",
}


@pytest.mark.parametrize("source", ["permanent", "fetched"])
@pytest.mark.parametrize("kind", _SECRETS)
def test_text_is_an_hmac_secret_byte_for_byte(client: FlaskClient, kind: str, source: str) -> None:
    """Tokens MACed with the text's UTF-8 bytes are accepted; stripped or changed text is refused."""
    secret = _SECRETS[kind]
    flask_jwtlib.JWT_ALGO = "HS256"
    if source == "permanent":
        flask_jwtlib.set_permanent_verification_key(secret)
    else:
        flask_jwtlib.retrieve_verification_key = lambda: secret
    signer = TokenIssuer(algorithm="HS256", private_key=secret.encode())
    assert client.get("/required", headers=bearer(signer.token())).status_code == 200
    assert flask_jwtlib.verification_key() is secret
    for changed in (secret + "\n", secret + " ", secret.strip(), secret[:-1], secret.lower()):
        forger = TokenIssuer(algorithm="HS256", private_key=changed.encode())
        expected = 200 if changed == secret else 401
        assert client.get("/required", headers=bearer(forger.token())).status_code == expected


def test_bytes_are_an_hmac_secret(client: FlaskClient) -> None:
    """Bytes that aren't text are used as they are."""
    secret = bytes(range(128, 192))
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(secret)
    signer = TokenIssuer(algorithm="HS256", private_key=secret)
    assert client.get("/required", headers=bearer(signer.token())).status_code == 200


@pytest.mark.parametrize("as_json", [False, True], ids=["mapping", "JSON"])
def test_an_oct_jwk_is_the_secret_that_it_holds(
    client: FlaskClient, hmac_issuer: TokenIssuer, secret: str, as_json: bool
) -> None:
    """A JWK is read as one even if an HMAC secret is expected; its own text isn't a secret."""
    jwk = {"kty": "oct", "k": base64url(secret.encode())}
    text = json.dumps(jwk)
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(text if as_json else jwk)
    assert client.get("/required", headers=bearer(hmac_issuer.token())).status_code == 200
    by_text = TokenIssuer(algorithm="HS256", private_key=text.encode())
    assert client.get("/required", headers=bearer(by_text.token())).status_code == 401


@pytest.mark.parametrize(
    ("algorithm", "secret"),
    [("HS256", "secret"), ("HS256", "1234"), ("HS512", "thirty-two bytes suit HS256 only")],
    ids=["word", "digits", "HS512"],
)
def test_a_weak_secret_works_with_a_warning(
    client: FlaskClient, algorithm: str, secret: str
) -> None:
    """A secret shorter than the hash is accepted, and ``InsecureKeyWarning`` names the required length."""
    flask_jwtlib.JWT_ALGO = algorithm
    signer = TokenIssuer(algorithm=algorithm, private_key=secret.encode())
    with pytest.warns(flask_jwtlib.errors.InsecureKeyWarning, match="too short"):
        assert _accepts(client, secret, signer)
    assert client.get("/required", headers=bearer(signer.token())).status_code == 200
