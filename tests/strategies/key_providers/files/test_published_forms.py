"""Key files in forms that issuers and consoles export: PEM maps, reshaped PEM, JWKs with nulls."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_jwtlib.testing import TokenIssuer

from .kit import Probe, weak_pem

ISSUER = TokenIssuer(kid="a")
WEAK = TokenIssuer(private_key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
FORMS: dict[str, Callable[[], str]] = {
    "PEM map": lambda: json.dumps({"a": ISSUER.public_pem}),
    "PEM map with a bad member": lambda: json.dumps(
        {"a": ISSUER.public_pem, "b": "none"}, indent=1
    ),
    "JWK with nulls": lambda: json.dumps({**ISSUER.jwk, "d": None, "use": "", "key_ops": None}),
    "JWK set with nulls": lambda: json.dumps({"keys": [{**ISSUER.jwk, "d": None, "p": None}]}),
    "padded JWK": lambda: json.dumps({**ISSUER.jwk, "n": ISSUER.jwk["n"] + "=="}),
    "literal newlines": lambda: ISSUER.public_pem.replace("\n", "\\n"),
    "quoted literal newlines": lambda: json.dumps(ISSUER.public_pem),
    "base64 of PEM": lambda: b64encode(ISSUER.public_pem.encode()).decode(),
    "PEM's body": lambda: "".join(ISSUER.public_pem.splitlines()[1:-1]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_published_form_is_read(keys: Path, clock: Any, form: str) -> None:
    """The file's key verifies the issuer's tokens, and gets the file's name if it has no kid."""
    (keys / "a.json").write_text(FORMS[form]())

    (key,) = Probe(clock, keys, kid_from_name=True).read().keys
    assert key.kid == "a"
    assert key.verify("RS256", b"signed", ISSUER.sign(b"signed"))


@pytest.mark.parametrize(
    "content",
    [weak_pem(), json.dumps(WEAK.jwk), json.dumps(WEAK.jwks), json.dumps({"a": weak_pem()})],
    ids=["PEM", "JWK", "JWK set", "PEM map"],
)
def test_the_error_of_a_weak_key_does_not_suggest_allow_weak(
    keys: Path, clock: Any, content: str
) -> None:
    """``allow_weak`` isn't an option of a file provider, so its error doesn't name it."""
    (keys / "file").write_text(content)

    fault = Probe(clock, keys / "file").fault()
    assert "1024 bits" in fault
    assert "allow_weak" not in fault
