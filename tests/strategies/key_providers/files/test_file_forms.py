"""The contents of key files: accepted forms, damage, and private keys."""

from __future__ import annotations

import json
import logging
import sys
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from flask_jwtlib import ConfigurationError, VerificationUnavailable
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.key_providers._files.content import UnknownFormatError, keys_of
from tests.kit import MIB

from .kit import (
    ED,
    RSA,
    A,
    B,
    C,
    Probe,
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
def test_accepted_forms_of_key_files(
    keys: Path, clock: Any, text: str, issuers: list[TokenIssuer]
) -> None:
    """PEM, OpenSSH lines, a JWK or a JWK set: all keys are used, and of a certificate chain the first."""
    (keys / "file").write_text(text, "utf-8")

    key_set = Probe(clock, keys / "file").read()
    assert same_keys(key_set, *issuers)
    assert key_set.skipped == ()


def test_text_around_pem_need_not_be_utf_8(keys: Path, clock: Any) -> None:
    """Text before PEM, as ``openssl`` writes it, may have any encoding."""
    (keys / "a.pem").write_bytes("Müller\n".encode("latin-1") + A.public_pem.encode())

    assert same_keys(Probe(clock, keys).read(), A)


def test_a_shared_secret_can_be_a_jwk(keys: Path, clock: Any) -> None:
    """A file may have a symmetric key, as a JWK of type ``oct``."""
    (keys / "shared.jwk").write_text(json.dumps(secret_jwk()))

    assert Probe(clock, keys).read().algorithms == {"HS256"}


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
            "it contains no public key",
        ),
        (jwks_of(A)[:-1].encode(), "isn't one"),
        (b'{"a":' * 100_000, "isn't one"),
        (b'{"keys": {}}', "not a JWK set"),
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
def test_a_file_without_a_valid_key_is_refused(
    keys: Path, clock: Any, content: bytes, message: str
) -> None:
    """The refresh fails, and the error names the file and the reason without quoting the file."""
    (keys / "file").write_bytes(content)
    probe = Probe(clock, keys / "file")

    # On a busy machine the file may take longer than one check waits for it.
    eventually(lambda: message in probe.fault())
    fault = probe.fault()
    assert f"no key file can be used: {shown(keys / 'file')}: " in fault
    assert "horse" not in fault


def test_a_file_of_one_mebibyte_is_read(keys: Path, clock: Any) -> None:
    """A file of exactly the maximum size is read."""
    text = jwks_of(A)
    (keys / "file").write_text(text + " " * (MIB - len(text)))
    (keys / "b.json").write_text(jwks_of(B))
    probe = Probe(clock, keys)

    # On a busy machine the file may take longer than one check waits for it.
    eventually(lambda: probe.kids() == {"a", "b"})


def test_an_unusable_key_of_a_set_is_skipped(keys: Path, clock: Any) -> None:
    """The valid keys of a JWK set are used, and the others are named with their file."""
    (keys / "jwks").write_text(json.dumps({"keys": [{"kty": "what"}, A.jwk, 3]}))

    key_set = Probe(clock, keys).read()
    assert same_keys(key_set, A)
    assert [reason.split(": ")[0] for reason in key_set.skipped] == [shown(keys / "jwks")] * 2


def test_an_empty_set_removes_the_files_keys(keys: Path, clock: Any) -> None:
    """``{"keys": []}`` is valid and means that the file has no keys."""
    probe = Probe(clock, keys / "a")
    (keys / "a").write_text(jwks_of(A))
    assert probe.kids() == {"a"}

    (keys / "a").write_text('{"keys": []}')
    assert probe.kids() == {"a"}
    key_set = probe.read()
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
def test_a_file_with_a_private_key_is_refused(
    keys: Path, clock: Any, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Not even its public keys are used, and one error is logged; other files are used."""
    (keys / "private").write_text(text)
    message = (
        f"{shown(keys / 'private')}: it contains a private key, which is not used; "
        "expected public keys only"
    )
    probe = Probe(clock, keys / "private")
    for _ in range(3):
        assert probe.fault() == f"no key file can be used: {message}"
    eventually(lambda: len(caplog.records) == 1)
    (keys / "c.json").write_text(jwks_of(C))
    with_another = Probe(clock, keys)

    caplog.clear()
    for _ in range(3):
        key_set = with_another.read()
        assert key_set.kids == {"c"}
        assert key_set.skipped == (message,)
    eventually(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "flask_jwtlib_strategies"
    assert record.getMessage() == message


def test_a_public_key_overwritten_by_a_private_one_stays_in_use(keys: Path, clock: Any) -> None:
    """Overwriting the public key by the private one is an error, but no immediate outage."""
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


# --- Damaged files are not used in part


def boundaries(text: str, ends: list[str]) -> set[str]:
    """Return the beginnings of a text that end with one of its keys, without white space."""
    return {text[: text.index(end) + len(end)].strip() for end in ends}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_truncated_pem_file_is_damaged(newline: str) -> None:
    """Only a file that was cut exactly after a block can't be recognised as truncated."""
    text = f"{A.public_pem}{RSA.public_pem}{ED.public_pem}".replace("\n", newline)
    ends = [issuer.public_pem.strip().replace("\n", newline) for issuer in (A, RSA, ED)]
    whole = boundaries(text, ends)
    for length in range(len(text)):
        beginning = text[:length]
        if beginning.strip() not in whole:
            with pytest.raises(ConfigurationError):
                keys_of(beginning.encode())
    assert len(keys_of(text.encode()).keys) == 3


def test_a_truncated_openssh_file_is_damaged() -> None:
    """Only a file that was cut in a comment or after a line can't be recognised as truncated."""
    issuers = (A, RSA, ED)
    text = "# ours\n" + "".join(map(openssh_of, issuers))
    complete = [" ".join(openssh_of(issuer).split()[:2]) for issuer in issuers]
    for length in range(len(text)):
        beginning = text[:length]
        last = beginning.splitlines()[-1] if beginning else ""
        if not any(last.startswith(line) for line in complete):
            with pytest.raises(ConfigurationError):
                keys_of(beginning.encode())
    assert len(keys_of(text.encode()).keys) == 3


@pytest.mark.parametrize("text", [jwks_of(A, B), json.dumps(A.jwk)], ids=["JWK set", "JWK"])
def test_a_truncated_json_file_is_damaged(text: str) -> None:
    """Truncated JSON is always invalid."""
    for length in range(len(text)):
        with pytest.raises(ConfigurationError):
            keys_of(text[:length].encode())


LINE = openssh_of(A)


@pytest.mark.parametrize(
    "text",
    [
        A.public_pem + weak_pem(),
        A.public_pem + B.public_pem.replace("M", "!"),
        A.public_pem + "-----END PUBLIC KEY-----",
        LINE + "ssh-dss AAAA",
        LINE + "sk-ssh-ed25519@openssh.com AAAA",
        LINE + "nonsense\n" + openssh_of(B),
        LINE + f"restrict {openssh_of(B)}",
        LINE + openssh_of(B).replace("A", "!", 1),
        "{}\n" + LINE,
    ],
    ids=[
        "weak",
        "bad block",
        "lone end",
        "DSA",
        "security key",
        "nonsense",
        "options",
        "bad line",
        "JSON",
    ],
)
def test_an_unreadable_part_makes_the_whole_file_damaged(keys: Path, clock: Any, text: str) -> None:
    """Nothing in the file is used, and its previous keys stay in use."""
    (keys / "a.pem").write_text(text)
    probe = Probe(clock, keys, kid_from_name=True)
    probe.fault()
    (keys / "a.pem").write_text(C.public_pem)
    first = probe.read()
    (keys / "a.pem").write_text(text)
    (keys / "b.json").write_text(jwks_of(B))
    for _ in range(4):
        assert same_keys(probe.read(), C, B)
    assert first.keys[0] in probe.read().keys


def test_a_wrapped_openssh_key_is_one_key() -> None:
    """A line may be wrapped, for example by an editor, if each part belongs to the key."""
    name, encoded, comment = LINE.split()
    text = f"{name} {encoded[:60]}\n{encoded[60:]} {comment}\n{openssh_of(RSA)}"
    assert same_keys(keys_of(text.encode()), A, RSA)


def test_a_set_without_usable_keys_is_damaged() -> None:
    """A set whose keys are all unusable is an error, while an empty one isn't."""
    with pytest.raises(ConfigurationError, match="none of its 2 keys can be used"):
        keys_of(b'{"keys": [{}, 3]}')
    assert keys_of(b'{"keys": []}').keys == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize(
    "text", [A.public_pem, jwks_of(A), openssh_of(A)], ids=["PEM", "JWKS", "SSH"]
)
def test_text_encodings_of_windows_are_read(text: str, encoding: str) -> None:
    """UTF-16 with and without a byte order mark, and UTF-8 with one, are read."""
    assert same_keys(keys_of(text.encode(encoding)), A)


@pytest.mark.parametrize("text", [A.public_pem, certificate_of(A)], ids=["key", "certificate"])
def test_der_is_read(text: str) -> None:
    """A public key or a certificate may be DER, as Windows exports it."""
    der = b64decode("".join(text.splitlines()[1:-1]))
    assert same_keys(keys_of(der, kid="a"), A)
    assert keys_of(der, kid="a").kids == {"a"}


def private_bytes(encoding: Any, form: Any, password: bytes | None = None) -> bytes:
    """Return a private key in some form."""
    key: Any = RSA.private_key
    protection = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(encoding, form, protection)


PEM_KEY = private_pem_of(A)
DER_KEY = private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8)
PKCS12 = pkcs12.serialize_key_and_certificates(
    b"name",
    RSA.private_key,
    None,
    None,
    serialization.BestAvailableEncryption(b"word"),
)
PRIVATE_JWK = {**A.jwk, "d": "A" * 43}
PRIVATE_FILES = {
    "PKCS#8 DER": DER_KEY,
    "PKCS#1 DER": private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL
    ),
    "encrypted DER": private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, b"word"
    ),
    "encrypted PEM": private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, b"word"
    ),
    "OpenSSH": private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH),
    "PKCS#12": PKCS12,
    "Java key store": b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
    "UTF-16": PEM_KEY.encode("utf-16"),
    "UTF-16 without a mark": PEM_KEY.encode("utf-16-le"),
    "one line": PEM_KEY.replace("\n", "\\n").encode(),
    "base64 of PEM": b64encode(PEM_KEY.encode()),
    "base64 of DER": b64encode(DER_KEY),
    "base64url of DER": urlsafe_b64encode(DER_KEY).rstrip(b"="),
    "hexadecimal DER": DER_KEY.hex().encode(),
    "PuTTY": b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    "PGP": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----",
    "SSH1": b"SSH PRIVATE KEY FILE FORMAT 1.1\n\x00",
    "XML": b"<RSAKeyValue><Modulus>AAAA</Modulus><D>AAAA</D></RSAKeyValue>",
    "JWK in an array": json.dumps([PRIVATE_JWK]).encode(),
    "JWK deep within": json.dumps({"a": {"b": [1, {"c": PRIVATE_JWK}]}}).encode(),
    "JWK cut off": json.dumps(PRIVATE_JWK)[:-1].encode(),
    "printed dictionary": str(PRIVATE_JWK).encode(),
    "beside OpenSSH lines": (LINE + PEM_KEY).encode(),
    "PEM map": json.dumps({"a": A.public_pem, "b": PEM_KEY}).encode(),
}


@pytest.mark.parametrize("content", PRIVATE_FILES.values(), ids=PRIVATE_FILES)
@pytest.mark.parametrize("name", ["id", "key.pem", "key.ppk", "key.p12"])
def test_a_private_key_in_any_form_is_recognised(
    keys: Path, clock: Any, caplog: pytest.LogCaptureFixture, content: bytes, name: str
) -> None:
    """Beside valid files that are used, its file is refused and logged as an error."""
    (keys / name).write_bytes(content)
    (keys / "c.json").write_text(jwks_of(C))
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"c"}
    (reason,) = key_set.skipped
    assert reason.startswith(f"{shown(keys / name)}: it contains a private key")
    eventually(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, reason)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**A.jwk, "d": None}),
        json.dumps({"keys": [{**A.jwk, "p": None, "q": ""}], "description": "a note"}),
        "A" * 33,
        "ab" * 32,
        "0" * 64,
    ],
)
def test_other_content_is_not_mistaken_for_a_private_key(text: str) -> None:
    """Null members, members of other objects, and text that isn't a key are not private keys."""
    with suppress(UnknownFormatError):
        assert keys_of(text.encode()).kids == {"a"}


HOSTILE = {
    "OpenSSH words": lambda n: "ssh-rsa" + " A" * n,
    "OpenSSH short lines": lambda n: "ssh-rsa\n" + "A\n" * n,
    "OpenSSH bad lines": lambda n: "ssh-rsa AAAA\n" * n,
    "PEM beginnings": lambda n: "-----BEGIN A-----" * n,
    "PEM unknown blocks": lambda n: "-----BEGIN A-----\n-----END A-----\n" * n,
    "PEM long label": lambda n: "-----BEGIN " + "A" * n,
    "spaces": lambda n: " " * n + "x",
    "blank lines": lambda n: " \n" * n + "ssh-rsa",
    "comments": lambda n: "#\n" * n,
    "base64": lambda n: "A" * (n + 1),
    "JSON braces": lambda n: "{" * n,
    "JSON members": lambda n: '{"keys": [' + "{}," * n + "{}]}",
    "JSON digits": lambda n: '{"n": ' + "9" * n + "}",
    "JWK modulus": lambda n: json.dumps({"kty": "RSA", "e": "AQAB", "n": "A" * n}),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_parsing_time_of_a_hostile_file_is_linear(
    make: Callable[[int], str],
) -> None:
    """Eight times the text takes about eight times the calls; quadratic parsing would take 64 times."""

    def steps(content: str) -> int:
        count = 0

        def trace(frame: Any, event: str, arg: Any) -> None:
            nonlocal count
            count += 1

        sys.setprofile(trace)
        try:
            keys_of(content.encode())
        except ConfigurationError:
            pass
        finally:
            sys.setprofile(None)
        return count

    few, many = steps(make(4000)), steps(make(32_000))
    assert many <= 10 * few + 1000
