"""What a key file may hold."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import (
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer

from .kit import (
    ED,
    MIB,
    RSA,
    A,
    B,
    C,
    Eyes,
    certificate_of,
    eventually,
    jwks_of,
    openssh_of,
    pkcs1_of,
    private_pem_of,
    provider_of,
    same_keys,
    secret_jwk,
    shown,
    subject,
    weak_pem,
)


@pytest.mark.parametrize(
    ("text", "issuers"),
    [
        (A.public_pem, [A]),
        (RSA.public_pem, [RSA]),
        (pkcs1_of(RSA), [RSA]),
        (f"{A.public_pem}\n# the next one\n{RSA.public_pem}{ED.public_pem}", [A, RSA, ED]),
        (A.public_pem.replace("\n", "\r\n"), [A]),
        (certificate_of(A), [A]),
        (certificate_of(A) + certificate_of(B), [A]),
        (certificate_of(A) + RSA.public_pem, [RSA, A]),
        (openssh_of(A), [A]),
        (f"# ours\n{openssh_of(A)}\n  {openssh_of(RSA)}# end", [A, RSA]),
        (json.dumps(A.jwk), [A]),
        (f"\ufeff \n{jwks_of(A, RSA, ED)}\n", [A, RSA, ED]),
    ],
    ids=[
        "PEM",
        "PEM of RSA",
        "PKCS#1",
        "several PEM blocks",
        "PEM of Windows",
        "certificate",
        "chain",
        "certificate and key",
        "OpenSSH",
        "OpenSSH lines",
        "JWK",
        "JWK set",
    ],
)
def test_point_23_a_file_holds_keys_in_many_forms(
    keys: Path, clock: Any, text: str, issuers: list[TokenIssuer]
) -> None:
    """PEM, OpenSSH lines, a JWK or a JWK set: all its keys count, and of certificates the first one."""
    (keys / "file").write_text(text, "utf-8")

    key_set = Eyes(clock, keys / "file").look()
    assert same_keys(key_set, *issuers)
    assert key_set.skipped == ()


def test_bytes_around_pem_need_not_be_utf_8(keys: Path, clock: Any) -> None:
    """Text before PEM, as ``openssl`` writes it, may be in any encoding."""
    (keys / "a.pem").write_bytes("Müller\n".encode("latin-1") + A.public_pem.encode())

    assert same_keys(Eyes(clock, keys).look(), A)


def test_a_shared_secret_is_a_jwk(keys: Path, clock: Any) -> None:
    """A symmetric key may stand in a file of ours, as a JWK of type ``oct``."""
    (keys / "shared.jwk").write_text(json.dumps(secret_jwk()))

    assert Eyes(clock, keys).look().algorithms == {"HS256"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\x00\xff" * 40, "it is not PEM"),
        (b"correct horse battery staple", "it is not PEM"),
        (b"ssh-dss AAAA", "not a plain RSA"),
        (b"ecdsa-sha2-nistp256 AAAA", "damaged"),
        (A.public_pem[:-30].encode(), "not complete"),
        ((A.public_pem + B.public_pem[:60]).encode(), "not complete"),
        (A.public_pem.replace("M", "!").encode(), "can be read"),
        (weak_pem().encode(), "1024 bits"),
        (
            b"-----BEGIN EC PARAMETERS-----\nBg==\n-----END EC PARAMETERS-----",
            "no public key in it",
        ),
        (jwks_of(A)[:-1].encode(), "isn't one"),
        (b'{"a":' * 100_000, "isn't one"),
        (b'{"keys": {}}', "a JWK set is"),
        (b'{"kid": "-----BEGIN CERTIFICATE-----"}', "no key of this PEM map"),
        (jwks_of(A).encode() + b" " * MIB, "more than 1048576 bytes"),
    ],
    ids=[
        "empty",
        "blank",
        "binary",
        "a secret",
        "DSA",
        "OpenSSH cut off",
        "PEM cut off",
        "second PEM cut off",
        "PEM damaged",
        "RSA too short",
        "no key",
        "JSON cut off",
        "JSON too deep",
        "no array",
        "no JWK",
        "too long",
    ],
)
def test_point_23_what_holds_no_key_is_refused(
    keys: Path, clock: Any, content: bytes, message: str
) -> None:
    """The refresh fails, and says of which file and why, without quoting it."""
    (keys / "file").write_bytes(content)

    fault = Eyes(clock, keys / "file").fault()
    assert message in fault
    assert f"no key file can be used: {shown(keys / 'file')}: " in fault
    assert "horse" not in fault


def test_a_file_of_one_mebibyte_is_read(keys: Path, clock: Any) -> None:
    """The bound itself is allowed."""
    text = jwks_of(A)
    (keys / "file").write_text(text + " " * (MIB - len(text)))

    assert Eyes(clock, keys).kids() == {"a"}


def test_point_18_a_bad_member_is_skipped(keys: Path, clock: Any) -> None:
    """Of a JWK set the good keys count, and the others are named with their file."""
    (keys / "jwks").write_text(json.dumps({"keys": [{"kty": "what"}, A.jwk, 3]}))

    key_set = Eyes(clock, keys).look()
    assert same_keys(key_set, A)
    assert [reason.split(": ")[0] for reason in key_set.skipped] == [shown(keys / "jwks")] * 2


def test_point_8_a_set_without_keys_is_an_answer(keys: Path, clock: Any) -> None:
    """``{"keys": []}`` says that there is no key: no fault of the file, and nobody else's keys are kept."""
    eyes = Eyes(clock, keys / "a")
    (keys / "a").write_text(jwks_of(A))
    assert eyes.kids() == {"a"}

    (keys / "a").write_text('{"keys": []}')
    assert eyes.kids() == {"a"}
    key_set = eyes.look()
    assert key_set.keys == key_set.skipped == ()


PRIVATE = {
    "PEM": private_pem_of(A),
    "PEM beside a public one": A.public_pem + private_pem_of(A),
    "SSH2": "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    "JWK": json.dumps({**A.jwk, "d": "AAAA"}),
    "JWK set": json.dumps({"keys": [B.jwk, {**RSA.jwk, "p": "AAAA"}]}),
    "service account": json.dumps({"type": "service_account", "private_key": private_pem_of(A)}),
}


@pytest.mark.parametrize("text", PRIVATE.values(), ids=PRIVATE)
def test_point_23_a_file_with_a_private_key_is_refused(
    keys: Path, clock: Any, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Nothing in it is used, also not its public keys, and the log says so once; other files serve."""
    (keys / "private").write_text(text)
    told = f"{shown(keys / 'private')}: it holds a private key, which is not used: give the public key only"
    eyes = Eyes(clock, keys / "private")
    for _ in range(3):
        assert eyes.fault() == f"no key file can be used: {told}"
    eventually(lambda: len(caplog.records) == 1)
    (keys / "c.json").write_text(jwks_of(C))
    with_another = Eyes(clock, keys)

    caplog.clear()
    for _ in range(3):
        key_set = with_another.look()
        assert key_set.kids == {"c"}
        assert key_set.skipped == (told,)
    eventually(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "flask_jwtlib_strategies"
    assert record.getMessage() == told


def test_point_23_what_a_private_key_replaced_serves_on(keys: Path, clock: Any) -> None:
    """Who writes the private key over the public one gets an error, and not an outage."""
    provider = provider_of(keys / "a.pem", clock=clock, max_stale=60)
    (keys / "a.pem").write_text(A.public_pem)
    provider.warm_up()

    (keys / "a.pem").write_text(private_pem_of(A))
    clock.move(10)
    assert subject(A.token(), provider) == "alice"
    assert provider.status()["state"] == "stale"
    assert provider.status()["last_error"] == "ConfigurationError"

    clock.move(60)
    with pytest.raises(VerificationUnavailable):
        subject(A.token(), provider)
