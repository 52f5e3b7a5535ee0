"""Keys in files and directories, and what is seen of them when they change."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from flask_jwtlib import (
    Authenticator,
    BadSignatureError,
    BearerToken,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
    KeySet,
    UnknownKeyError,
    UnverifiedHeader,
    VerificationUnavailable,
    key_event,
)
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib_strategies import _key_files
from flask_jwtlib_strategies.files import FileKeyProvider

PATIENCE = 30
INTERVAL = 5
MIB = 1024 * 1024
ALGORITHMS = ("ES256", "RS256", "EdDSA", "HS256")


def issuer_of(kid: str | None = None, algorithm: str = "ES256") -> TokenIssuer:
    """An issuer with a key of its own."""
    return TokenIssuer(algorithm=algorithm, kid=kid)


A, B, C = issuer_of("a"), issuer_of("b"), issuer_of("c")


def jwks_of(*issuers: TokenIssuer) -> str:
    """The JWK set of some issuers, as JSON."""
    return json.dumps({"keys": [issuer.jwk for issuer in issuers]})


def private_pem_of(issuer: TokenIssuer) -> str:
    """An issuer's private key, as PEM."""
    key: Any = issuer.private_key
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate_of(issuer: TokenIssuer) -> str:
    """A certificate of an issuer's key, as PEM."""
    key: Any = issuer.private_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def pkcs1_of(issuer: TokenIssuer) -> str:
    """An issuer's RSA key as PKCS#1 has it, as PEM."""
    key: Any = issuer.private_key
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        .decode()
    )


def openssh_of(issuer: TokenIssuer) -> str:
    """An issuer's public key as OpenSSH's line."""
    key: Any = issuer.private_key
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"{line.decode()} issuer@example\n"


def weak_pem() -> str:
    """An RSA key that is too short, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def secret_jwk() -> dict[str, str]:
    """A symmetric key as a JWK."""
    return {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def subject(token: str, keys: KeyProvider) -> str | None:
    """Whom a token is about, if a key verifies it."""
    return JWTValidator(algorithms=ALGORITHMS).validate(BearerToken(token), keys).subject


def same_keys(key_set: KeySet, *issuers: TokenIssuer) -> bool:
    """Whether a set has the keys of these issuers and no others, whatever their IDs."""

    def marks(key: Any) -> bytes:
        return key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    privates: list[Any] = [issuer.private_key for issuer in issuers]
    return sorted(marks(key.material) for key in key_set.keys) == sorted(
        marks(private.public_key()) for private in privates
    )


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what a thread is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def provider_of(*paths: Path, **options: Any) -> FileKeyProvider:
    """A provider that nobody has to be fast for."""
    return FileKeyProvider(*paths, **{"max_wait": PATIENCE, "fetch_timeout": PATIENCE, **options})


class Eyes:
    """A provider that is looked through by hand, without the engine around it."""

    def __init__(self, clock: Any, *paths: Path, **options: Any) -> None:
        self.clock = clock
        self.provider = provider_of(*paths, clock=clock, **options)

    def look(self, after: float = INTERVAL) -> KeySet:
        """What it sees some seconds later."""
        self.clock.move(after)
        fetched: Any = self.provider.fetch()
        assert isinstance(fetched.keys, KeySet)
        return fetched.keys

    def kids(self, after: float = INTERVAL) -> set[str]:
        """The key IDs that it sees some seconds later."""
        return set(self.look(after).kids)

    def fault(self, after: float = INTERVAL) -> str:
        """Why it sees nothing some seconds later."""
        with pytest.raises(ConfigurationError) as error:
            self.look(after)
        return str(error.value)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory for keys."""
    directory = tmp_path / "keys"
    directory.mkdir()
    return directory


@pytest.fixture
def counts(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often something below the directory was asked for its state, opened or parsed."""
    counts: Counter[str] = Counter()
    look, open_, parse = Path.stat, Path.open, _key_files.keys_of

    def counted_stat(self: Path, **options: Any) -> os.stat_result:
        counts["stat"] += keys in (self, self.parent)
        return look(self, **options)

    def counted_open(self: Path, *args: Any, **options: Any) -> Any:
        counts["open"] += keys == self.parent and args == ("rb",)
        return open_(self, *args, **options)

    def counted_parse(content: bytes, **options: Any) -> KeySet:
        counts["parse"] += 1
        return parse(content, **options)

    monkeypatch.setattr(Path, "stat", counted_stat)
    monkeypatch.setattr(Path, "open", counted_open)
    monkeypatch.setattr(_key_files, "keys_of", counted_parse)
    return counts


class Volume:
    """A directory as Kubernetes mounts a Secret or ConfigMap: names that are links through ``..data``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0

    def publish(self, files: dict[str, str]) -> None:
        """Replace all files at once, in kubelet's steps."""
        self._count += 1
        data = self.path / "..data"
        before = data.resolve() if data.is_symlink() else None
        content = self.path / f"..2024_01_01.{self._count}"
        content.mkdir()
        for name, text in files.items():
            (content / name).write_text(text)
        (self.path / "..data_tmp").symlink_to(content.name)
        (self.path / "..data_tmp").replace(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(Path("..data") / name)
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if before is not None:
            for file in before.iterdir():
                file.unlink()
            before.rmdir()


class TestOfADirectory(KeyProviderContract):
    """It is a key provider as any other."""

    directory: Path

    @pytest.fixture(autouse=True)
    def _written(self, keys: Path) -> None:
        (keys / "a.json").write_text(jwks_of(A))
        (keys / "b.jwk").write_text(json.dumps(B.jwk))
        self.directory = keys

    def make_provider(self) -> KeyProvider:
        return FileKeyProvider(self.directory)

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("ES256", "a")

    def make_unavailable_provider(self) -> KeyProvider:
        return FileKeyProvider(self.directory / "no such file")


# --- How it is made


def test_point_1_making_it_reads_nothing(keys: Path, counts: Counter[str]) -> None:
    """A provider is made of paths that need not exist, and no file is looked at before it is needed."""
    provider = FileKeyProvider(keys / "a.pem", str(keys / "more"))
    assert counts.total() == 0

    (keys / "a.pem").write_text(A.public_pem)
    auth = Authenticator(keys=provider, validator=JWTValidator(algorithms="ES256"))
    assert counts.total() == 0
    assert provider.status()["state"] == "cold"

    request = make_request(headers=bearer(A.token()))
    assert auth.authenticate(request).subject == "alice"
    assert counts["open"] == 1


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "needs the path"),
        (("",), "not str"),
        ((b"/keys",), "not bytes"),
        ((None,), "not NoneType"),
        ((["/keys"],), "not list"),
        ((3,), "not int"),
        ((issuer_of().public_pem,), "give that as keys itself"),
        ((openssh_of(A),), "give that as keys itself"),
        ((issuer_of().public_pem.replace("\n", "\\n"),), "give that as keys itself"),
        ((jwks_of(A),), "give that as keys itself"),
    ],
    ids=[
        "none",
        "empty",
        "bytes",
        "None",
        "a list",
        "a number",
        "PEM",
        "OpenSSH",
        "PEM in one line",
        "JSON",
    ],
)
def test_what_is_no_path_is_refused_when_it_is_made(paths: tuple[Any, ...], message: str) -> None:
    """A composition without a path, or with something else for one, is a mistake, which quotes no key."""
    with pytest.raises(ConfigurationError, match=message) as error:
        FileKeyProvider(*paths)

    assert not paths or not paths[0] or str(paths[0]) not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {"interval": -1},
        {"interval": "5"},
        {"interval": True},
        {"interval": float("nan")},
        {"max_stale": -1},
        {"max_wait": None},
        {"fetch_timeout": "1"},
    ],
    ids=str,
)
def test_a_number_out_of_range_is_refused_when_it_is_made(options: dict[str, Any]) -> None:
    """So is an option that is out of range."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))} is a number of seconds"):
        FileKeyProvider("keys", **options)


def test_it_shows_how_it_was_made(keys: Path) -> None:
    """What it was given can be read from it: each path once."""
    provider = FileKeyProvider(keys, str(keys), interval=1, kid_from_name=True, max_stale=7)

    assert provider.paths == (keys,)
    assert provider.interval == 1
    assert provider.kid_from_name
    assert provider.max_stale == 7
    assert provider.ttl == pytest.approx(1 / 0.7)
    assert str(keys) in repr(provider)


def test_a_relative_path_stays_where_it_was(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that changes its directory later reads the same file."""
    (keys / "a.json").write_text(jwks_of(A))
    monkeypatch.chdir(keys)
    eyes = Eyes(clock, Path("a.json"))
    monkeypatch.chdir(keys.parent)

    assert eyes.kids() == {"a"}


# --- What a file may hold


RSA = issuer_of("r", "RS256")
ED = issuer_of("e", "EdDSA")


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
        (b"\x00\xff" * 40, "it is no PEM"),
        (b"correct horse battery staple", "it is no PEM"),
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
        (jwks_of(A)[:-1].encode(), "is none"),
        (b'{"a":' * 100_000, "is none"),
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
    assert f"no key file can be used: {keys / 'file'}: " in fault
    assert "horse" not in fault


def test_a_file_of_one_mebibyte_is_read(keys: Path, clock: Any) -> None:
    """The bound itself is allowed."""
    text = jwks_of(A)
    (keys / "file").write_text(text + " " * (MIB - len(text)))

    assert Eyes(clock, keys).kids() == {"a"}


def test_point_18_a_bad_member_is_skipped(keys: Path, clock: Any) -> None:
    """Of a set, of PEM blocks and of lines the good keys count, and the others are told with their file."""
    (keys / "jwks").write_text(json.dumps({"keys": [{"kty": "what"}, A.jwk, 3]}))
    (keys / "pem").write_text(weak_pem() + B.public_pem)
    (keys / "ssh").write_text(f"ssh-dss AAAA\n{openssh_of(C)}")

    key_set = Eyes(clock, keys, kid_from_name=True).look()
    assert same_keys(key_set, A, B, C)
    assert [reason.split(": ")[0] for reason in key_set.skipped] == [
        str(keys / name) for name in ("jwks", "jwks", "pem", "ssh")
    ]


def test_point_8_a_set_without_keys_is_an_answer(keys: Path, clock: Any) -> None:
    """``{"keys": []}`` says that there is no key: no fault of the file, and nobody else's keys are kept."""
    eyes = Eyes(clock, keys / "a")
    (keys / "a").write_text(jwks_of(A))
    assert eyes.kids() == {"a"}

    (keys / "a").write_text('{"keys": []}')
    key_set = eyes.look()
    assert key_set.keys == key_set.skipped == ()


# --- Key IDs


def test_keys_without_a_kid_are_tried_for_any(keys: Path, clock: Any) -> None:
    """A directory of PEM files verifies tokens whatever ``kid`` they name."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.pem").write_text(issuer.public_pem)
    provider = provider_of(keys, clock=clock)

    assert subject(A.token(), provider) == subject(B.token(), provider) == "alice"
    with pytest.raises(BadSignatureError):
        subject(C.token(), provider)


def test_a_set_without_keys_beside_them_changes_nothing(keys: Path, clock: Any) -> None:
    """So they are, too, while a JWK set in the same directory is empty."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.pem").write_text(issuer.public_pem)
    (keys / "none.json").write_text('{"keys": []}')

    assert subject(B.token(), provider_of(keys, clock=clock)) == "alice"


def test_two_sets_whose_keys_have_no_kid_are_not_tried_whole(keys: Path, clock: Any) -> None:
    """Keys of JWK sets are chosen as RFC 7517 says, in one file or in two: no one fits alone."""
    for name in ("1", "2"):
        (keys / name).write_text(jwks_of(issuer_of()))

    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider_of(keys, clock=clock))


def test_more_keys_without_a_kid_than_are_tried_are_refused(keys: Path, clock: Any) -> None:
    """The fifth is no key that is never tried, but an error that says what to do; so is a 101st key."""
    for number in range(5):
        (keys / f"{number}.pem").write_text(issuer_of().public_pem)
    eyes = Eyes(clock, keys)
    assert "give them kids" in eyes.fault()

    (keys / "0.pem").unlink()
    assert len(eyes.look().keys) == 4


def test_point_19_a_file_name_is_a_kid_where_it_is_asked_for(keys: Path, clock: Any) -> None:
    """With ``kid_from_name`` keys without a ``kid`` have their file's name, without a known ending."""
    issuers = {
        name: issuer_of(kid)
        for name, kid in {
            "2024-06.pem": "2024-06",
            "auth.example.com": "auth.example.com",
            "upper.PEM": "upper",
            "line.pub": "line",
            "one.jwk": "one",
            "certificate.crt": "certificate",
            "other.cer": "other",
        }.items()
    }
    for name, issuer in issuers.items():
        (keys / name).write_text(issuer.public_pem)
    (keys / "line.pub").write_text(openssh_of(issuers["line.pub"]))
    jwk = issuers["one.jwk"].jwk
    (keys / "one.jwk").write_text(json.dumps({**jwk, "kid": None}))
    (keys / "set.json").write_text(
        json.dumps({"keys": [A.jwk, {**ED.jwk, "kid": None}, {"kty": "what"}]})
    )
    eyes = Eyes(clock, keys, kid_from_name=True)
    names = {issuer.kid for issuer in issuers.values()}

    key_set = eyes.look()
    assert key_set.kids == {*names, "a", "set"}
    assert len(key_set.skipped) == 1
    for issuer in issuers.values():
        assert subject(issuer.token(), eyes.provider) == "alice"
    with pytest.raises(UnknownKeyError):
        subject(C.token(), eyes.provider)


# --- Private keys


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
    eyes = Eyes(clock, keys / "private")
    for _ in range(3):
        assert eyes.fault() == (
            f"no key file can be used: {keys / 'private'}: it holds a private key, which is not used"
        )
    assert len(caplog.records) == 1
    (keys / "c.json").write_text(jwks_of(C))
    with_another = Eyes(clock, keys)

    caplog.clear()
    for _ in range(3):
        key_set = with_another.look()
        assert key_set.kids == {"c"}
        assert key_set.skipped == (
            f"{keys / 'private'}: it holds a private key, which is not used",
        )
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name == "flask_jwtlib_strategies"
    assert record.getMessage() == f"{keys / 'private'}: it holds a private key, which is not used"


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


# --- Looking again


def test_point_23_files_are_looked_at_every_five_seconds_at_most(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """In between the same set is answered, and it says when to ask again."""
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys / "a.json")
    assert eyes.kids() == {"a"}
    assert counts["stat"] == 1

    (keys / "a.json").write_text(jwks_of(B))
    clock.move(1)
    fetched: Any = eyes.provider.fetch()
    assert fetched.keys.kids == {"a"}
    assert fetched.ttl * 0.7 == pytest.approx(4)
    assert eyes.kids(after=3.999) == {"a"}
    assert counts["stat"] == 1
    assert eyes.kids(after=0.001) == {"b"}
    assert counts["stat"] == 2


def test_point_23_the_engine_looks_every_five_seconds_at_most(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """Over ten minutes of tokens, of unknown kids too, no two looks are closer, nor are they rare."""
    (keys / "a.json").write_text(jwks_of(A))
    provider = provider_of(keys / "a.json", clock=clock)
    looks: list[float] = []

    for number in range(6000):
        before = counts["stat"]
        assert subject(A.token(), provider) == "alice"
        if number % 10 == 0:
            with pytest.raises(UnknownKeyError):
                subject(B.token(header={"kid": f"made up {number}"}), provider)
        eventually(lambda: not provider.status()["fetching"])
        looks += [clock.now] * (counts["stat"] - before)
        clock.move(0.1)

    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert min(gaps) >= INTERVAL - 1e-6
    assert max(gaps) < 1.5 * INTERVAL
    assert provider.generation == 1
    assert counts["parse"] == 1
    assert provider.status()["fetches"]["unknown_kid"]["succeeded"] > 2


def test_point_14_a_new_key_is_found_for_its_first_token_after_the_interval(
    keys: Path, clock: Any
) -> None:
    """A token of a new key is verified as soon as a look is allowed, also if it was refused before."""
    provider = provider_of(keys, clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), provider) == "alice"

    (keys / "b.json").write_text(jwks_of(B))
    clock.move(INTERVAL - 1)
    with pytest.raises(UnknownKeyError):
        subject(B.token(), provider)
    clock.move(2)
    eventually(lambda: provider.key_set().kids == {"a", "b"})
    assert subject(B.token(), provider) == "alice"


def test_point_7_what_has_not_changed_is_the_same(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """Files that nobody changed are read twice and parsed once, and the set is the same object."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    (keys / "note.txt").write_text("no key")
    eyes = Eyes(clock, keys)

    first = eyes.look()
    assert counts == {"stat": 4, "open": 3, "parse": 3}
    for _ in range(5):
        assert eyes.look() is first
    assert counts == {"stat": 24, "open": 6, "parse": 3}

    (keys / "a.json").touch()
    assert eyes.look() is first
    assert eyes.look() is first
    assert eyes.look() is first
    assert counts == {"stat": 36, "open": 8, "parse": 3}

    (keys / "b.json").write_text(jwks_of(C))
    second = eyes.look()
    assert second.kids == {"a", "c"}
    assert counts["parse"] == 4
    assert [key for key in second.keys if key in first.keys] == [
        key for key in first.keys if key.kid == "a"
    ]


class Status:
    """What ``stat`` says of a file that never changes."""

    def __init__(self) -> None:
        self.st_mode = stat.S_IFREG | 0o644
        self.st_dev = self.st_ino = self.st_size = self.st_mtime_ns = self.st_ctime_ns = 0


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch) -> Status:
    """What ``stat`` says of all files."""
    status = Status()
    monkeypatch.setattr(Path, "stat", lambda self: status)
    monkeypatch.setattr(os, "fstat", lambda _: status)
    return status


def test_point_23_a_file_that_was_written_twice_in_one_tick_is_seen(
    keys: Path, clock: Any, status: Status
) -> None:
    """Where the file system's clock is coarse, the first look after a change doesn't believe ``stat``."""
    file = keys / "a.json"
    eyes = Eyes(clock, file)
    for tick in (1, 2):
        status.st_mtime_ns = tick
        file.write_text(jwks_of(A))
        assert eyes.kids() == {"a"}
        file.write_text(jwks_of(B))
        for _ in range(3):
            assert eyes.kids() == {"b"}

    file.write_text(jwks_of(A))
    assert eyes.kids() == {"b"}


@pytest.mark.parametrize("field", ["st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_point_23_a_file_is_read_again_when_anything_tells_of_a_change(
    keys: Path, clock: Any, status: Status, field: str
) -> None:
    """Another file in its place, or another size or time of it, is a change."""
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys / "a.json")
    for _ in range(3):
        assert eyes.kids() == {"a"}

    (keys / "a.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a"}
    setattr(status, field, 1)
    assert eyes.kids() == {"b"}


def test_point_23_the_time_of_a_change_may_be_set_back(keys: Path, clock: Any) -> None:
    """A file of the same size and the same ``mtime`` is read again where its ``ctime`` says so."""
    file = keys / "a.json"
    file.write_text(jwks_of(A))
    status = file.stat()
    eyes = Eyes(clock, file)
    for _ in range(3):
        assert eyes.kids() == {"a"}

    file.write_text(jwks_of(B))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    assert eyes.kids() == {"b"}


def test_an_interval_of_nothing_looks_each_time(keys: Path) -> None:
    """With ``interval=0`` each token is verified by what the files hold at that moment."""
    provider = provider_of(keys / "a.json", interval=0)
    for issuer in (A, B, A):
        (keys / "a.json").write_text(jwks_of(issuer))
        assert subject(issuer.token(), provider) == "alice"


def test_an_endless_interval_never_looks_again(keys: Path, clock: Any) -> None:
    """With an infinite ``interval`` what was read first is kept for good."""
    eyes = Eyes(clock, keys / "a.json", interval=float("inf"))
    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), eyes.provider) == "alice"

    (keys / "a.json").unlink()
    assert eyes.kids(after=1e9) == {"a"}
    assert subject(A.token(), eyes.provider) == "alice"


# --- Directories


def test_point_23_a_directory_is_its_plain_files(keys: Path, clock: Any) -> None:
    """Hidden files, copies that an editor left, directories and links to nothing are passed over."""
    (keys / "a.json").write_text(jwks_of(A))
    for name in (".hidden.json", "..data.json", "a.json~"):
        (keys / name).write_text(jwks_of(B))
    (keys / "below").mkdir()
    (keys / "below" / "b.json").write_text(jwks_of(B))
    (keys / "to nothing").symlink_to("nowhere")
    (keys / "linked.json").symlink_to(keys.parent / "elsewhere.json")
    (keys.parent / "elsewhere.json").write_text(jwks_of(C))

    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a", "c"}
    assert key_set.skipped == ()


def test_point_23_a_hidden_path_may_be_named(keys: Path, clock: Any) -> None:
    """What is passed over in a directory is read where it is asked for by its name."""
    (keys / ".a.json").write_text(jwks_of(A))

    assert Eyes(clock, keys / ".a.json").kids() == {"a"}


def test_point_23_files_come_and_go_in_a_directory(keys: Path, clock: Any) -> None:
    """A new file brings its keys, and one that is deleted takes them along."""
    eyes = Eyes(clock, keys)
    (keys / "a.json").write_text(jwks_of(A))
    assert eyes.kids() == {"a"}
    (keys / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}
    (keys / "a.json").unlink()
    assert eyes.kids() == {"b"}
    (keys / "b.json").rename(keys / "c.json")
    assert eyes.kids() == {"b"}


def test_a_directory_of_something_else_is_refused(keys: Path, clock: Any) -> None:
    """More than 100 files, or keys, are a wrong path rather than an issuer's."""
    for number in range(100):
        (keys / f"{number}.json").write_text(json.dumps({**A.jwk, "kid": str(number)}))
    assert len(Eyes(clock, keys).look().keys) == 100

    set_of_100 = json.dumps({"keys": [{**A.jwk, "kid": str(number)} for number in range(100)]})
    (keys.parent / "set.json").write_text(set_of_100)
    assert len(Eyes(clock, keys.parent / "set.json").look().keys) == 100
    fault = Eyes(clock, keys.parent / "set.json", keys / "0.json").fault()
    assert fault == "the files hold 101 keys, 100 are allowed"

    (keys / "one more").write_text("")
    fault = Eyes(clock, keys).fault()
    assert fault.endswith(f"{keys}: it has 101 entries, 100 are allowed")


def test_a_directory_that_grew_too_large_serves_on(keys: Path, clock: Any) -> None:
    """What it held before is not gone because there is too much in it now."""
    other = keys.parent / "other.json"
    other.write_text(jwks_of(C))
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, other, keys)
    assert eyes.kids() == {"a", "c"}

    for number in range(100):
        (keys / f"{number}.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "c"}
    for number in range(100):
        (keys / f"{number}.json").unlink()
    (keys / "a.json").unlink()
    assert eyes.kids() == {"c"}


# --- Kubernetes


def test_point_23_a_swapped_volume_is_seen(keys: Path, clock: Any) -> None:
    """A Secret or ConfigMap that changes is seen at the next look: keys that come, change and go."""
    volume = Volume(keys)
    provider = provider_of(keys, clock=clock)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert subject(A.token(), provider) == subject(B.token(), provider) == "alice"

    volume.publish({"b.json": jwks_of(B), "c.json": jwks_of(C)})
    clock.move(10)
    assert subject(B.token(), provider) == subject(C.token(), provider) == "alice"
    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider)

    volume.publish({"b.json": jwks_of(A), "c.json": jwks_of(C)})
    clock.move(10)
    assert subject(A.token(), provider) == "alice"
    assert provider.generation == 3


def test_point_23_a_file_of_a_swapped_volume_is_seen(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """So it is where its files are named one by one, and what holds the same is not parsed again."""
    volume = Volume(keys)
    eyes = Eyes(clock, keys / "a.json", keys / "b.json")
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert eyes.kids() == {"a", "b"}

    volume.publish({"a.json": jwks_of(C), "b.json": jwks_of(B)})
    assert eyes.kids() == {"b", "c"}
    assert counts["parse"] == 3


def test_point_23_a_volume_is_swapped_while_tokens_come(keys: Path) -> None:
    """Whenever a look falls, a key that stays in the volume verifies without a refusal."""
    volume = Volume(keys)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    provider = provider_of(keys, interval=0.001)
    provider.warm_up()
    stop = threading.Event()
    answers: Counter[str | None] = Counter()

    def use() -> None:
        while not stop.is_set():
            answers["asked"] += 1
            answers[subject(A.token(), provider)] += 1

    user = threading.Thread(target=use)
    user.start()
    for number in range(100):
        volume.publish({"a.json": jwks_of(A), "b.json": jwks_of((B, C)[number % 2])})
    stop.set()
    user.join(PATIENCE)

    assert not user.is_alive()
    assert answers["alice"] == answers["asked"] > 0


# --- Files that can't be used


def test_point_23_a_half_written_file_keeps_its_previous_keys(keys: Path, clock: Any) -> None:
    """While one file is cut off, its old keys serve and the other files are updated."""
    eyes = Eyes(clock, keys)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b"}

    new = jwks_of(A, C)
    (keys / "a.json").write_text(new[: len(new) // 2])
    (keys / "b.json").write_text(jwks_of(B, RSA))
    key_set = eyes.look()
    assert key_set.kids == {"a", "b", "r"}
    assert key_set.skipped == (f"{keys / 'a.json'}: it begins like a JSON object and is none",)
    assert eyes.look() is key_set

    (keys / "a.json").write_text(new)
    key_set = eyes.look()
    assert key_set.kids == {"a", "b", "c", "r"}
    assert key_set.skipped == ()


def test_point_23_the_log_tells_of_a_bad_file_once(
    keys: Path, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that stays half-written is one warning, and not one at each look."""
    provider = provider_of(keys, clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text(jwks_of(B))
    provider.warm_up()

    (keys / "b.json").write_text("{")
    for _ in range(5):
        clock.move(10)
        assert subject(B.token(), provider) == "alice"

    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert str(keys / "b.json") in warning.getMessage()
    assert provider.status()["state"] == "fresh"
    assert provider.status()["skipped"] == {
        f"{keys / 'b.json'}: it begins like a JSON object and is none": 1
    }
    json.dumps(provider.status())


def test_point_6_the_keys_of_a_bad_file_serve_for_so_long_only(keys: Path, clock: Any) -> None:
    """Beside good files, too, what a damaged one held is used for ``max_stale`` seconds."""
    eyes = Eyes(clock, keys, max_stale=60)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b"}
    assert eyes.kids(after=100) == {"a", "b"}

    (keys / "a.json").write_text("{")
    assert eyes.kids(after=59) == {"a", "b"}
    assert eyes.kids() == {"b"}
    (keys / "a.json").write_text(jwks_of(A))
    assert eyes.kids() == {"a", "b"}
    assert eyes.kids(after=100) == {"a", "b"}


def test_point_6_no_keys_of_a_bad_file_serve_where_that_is_strict(keys: Path, clock: Any) -> None:
    """With ``max_stale=0`` a file that is damaged loses its keys at once, and good ones keep theirs."""
    eyes = Eyes(clock, keys, max_stale=0)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b"}

    (keys / "a.json").write_text("{")
    assert eyes.kids() == {"b"}


def test_point_6_a_lone_file_that_is_damaged_serves_for_so_long_only(
    keys: Path, clock: Any
) -> None:
    """Its keys serve on as stale ones, and then nothing is decided: 503, never 401."""
    told: list[str] = []

    def listen(sender: object, event: str, **_: Any) -> None:
        told.append(event)

    provider = provider_of(keys / "a.json", clock=clock, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()
    (keys / "a.json").write_text("")
    with key_event.connected_to(listen, provider):
        for _ in range(6):
            clock.move(10)
            assert subject(A.token(), provider) == "alice"
            eventually(lambda: not provider.status()["fetching"])
        for _ in range(6):
            clock.move(10)
            with pytest.raises(VerificationUnavailable):
                subject(A.token(), provider)
            eventually(lambda: not provider.status()["fetching"])
        (keys / "a.json").write_text(jwks_of(A))
        clock.move(60)
        assert subject(A.token(), provider) == "alice"

    assert [event for event in told if event != "refresh_failed"] == [
        "serving_stale",
        "dead",
        "refreshed",
        "recovered",
    ]


def test_point_23_a_new_file_that_is_bad_is_passed_over(keys: Path, clock: Any) -> None:
    """It is looked at again when it has changed, and takes no other file down."""
    eyes = Eyes(clock, keys)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text("{")
    assert eyes.kids() == {"a"}
    (keys / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}


def test_point_23_a_file_is_not_believed_while_it_is_written(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what grows while it is read, the beginning does not count, though it be whole."""
    file = keys / "a.pem"
    file.write_text(A.public_pem)
    eyes = Eyes(clock, file)
    fstat = os.fstat

    def fstat_of_a_growing_file(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        with file.open("a") as writer:
            writer.write(B.public_pem)
        return status

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fstat_of_a_growing_file)
        assert eyes.fault().endswith("it is being written")
    file.write_text(A.public_pem + B.public_pem)
    assert same_keys(eyes.look(), A, B)


def test_point_23_a_slow_writer_is_never_half_believed(keys: Path) -> None:
    """While a file is written bit by bit, over and over, each answer is one that was written whole."""
    file = keys / "a.json"
    versions = [jwks_of(A, B), jwks_of(B, C, RSA)]
    file.write_text(versions[0])
    provider = provider_of(file, interval=0)
    provider.warm_up()
    done = threading.Event()

    def write_slowly() -> None:
        for number in range(1, 20):
            text = versions[number % 2]
            with file.open("w") as writer:
                for start in range(0, len(text), 100):
                    writer.write(text[start : start + 100])
                    writer.flush()
                    time.sleep(0.001)
        done.set()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    seen: set[frozenset[str]] = set()
    while not done.is_set():
        try:
            fetched: Any = provider.fetch()
        except ConfigurationError:
            continue
        seen.add(fetched.keys.kids)
    writer.join(PATIENCE)

    assert seen <= {frozenset("ab"), frozenset("bcr")}
    assert set(Eyes(time.monotonic, file).provider.fetch().keys.kids) == set("bcr")  # type: ignore[attr-defined]


def test_point_7_a_look_that_was_given_up_changes_nothing(
    keys: Path, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """What a hung file system answers late is not what the next fetch answers."""
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys, interval=100)
    look = Path.stat
    asked, let_go = threading.Event(), threading.Event()
    late: list[KeySet] = []

    def hung_stat(self: Path, **options: Any) -> os.stat_result:
        status = look(self, **options)
        if threading.current_thread() is hung and self.parent == keys:
            asked.set()
            assert let_go.wait(PATIENCE)
        return status

    hung = threading.Thread(target=lambda: late.append(eyes.look(after=0)))
    monkeypatch.setattr(Path, "stat", hung_stat)
    hung.start()
    assert asked.wait(PATIENCE)
    (keys / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}

    let_go.set()
    hung.join(PATIENCE)
    assert [key_set.kids for key_set in late] == [{"a"}]
    assert eyes.kids(after=1) == {"a", "b"}


@pytest.mark.skipif(
    sys.platform != "linux", reason="no file of another system is unreadable to root"
)
def test_point_23_a_file_that_can_not_be_read_is_not_gone(keys: Path, clock: Any) -> None:
    """An error of the file system keeps a file's keys, where its absence would withdraw them."""
    eyes = Eyes(clock, keys, keys.parent / "c.json")
    (keys.parent / "c.json").write_text(jwks_of(C))
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b", "c"}

    (keys / "a.json").unlink()
    (keys / "a.json").symlink_to("/proc/self/mem")
    (keys / "b.json").unlink()
    (keys / "b.json").symlink_to("b.json")
    key_set = eyes.look()
    assert key_set.kids == {"a", "b", "c"}
    assert key_set.skipped == (
        f"{keys / 'a.json'}: Input/output error",
        f"{keys / 'b.json'}: Too many levels of symbolic links",
    )

    keys.rename(keys.parent / "moved")
    keys.symlink_to(keys.name)
    assert eyes.kids() == {"a", "b", "c"}
    keys.unlink()
    assert eyes.kids() == {"c"}


def test_a_pipe_is_no_file(keys: Path, clock: Any) -> None:
    """What is no regular file is not opened, which might take for ever."""
    os.mkfifo(keys / "pipe")

    assert Eyes(clock, keys).fault().endswith("it is no regular file")


def test_an_error_without_words_is_named() -> None:
    """A file system that gives no reason is shown by the class of its error."""
    assert _key_files._why(OSError()) == "OSError"


def test_point_4_a_look_that_failed_is_repeated_sooner(keys: Path, clock: Any) -> None:
    """After a failure nobody waits for the interval's end: the engine says when it is tried again."""
    eyes = Eyes(clock, keys / "a.json")
    assert "No such file" in eyes.fault()
    assert "No such file" in eyes.fault(after=1)
    (keys / "a.json").write_text(jwks_of(A))
    assert eyes.kids(after=1) == {"a"}

    (keys / "a.json").write_text("{")
    assert "JSON" in eyes.fault()
    (keys / "a.json").write_text(jwks_of(B))
    assert eyes.kids(after=1) == {"b"}


# --- Files that are not there


def test_point_4_a_missing_file_is_no_empty_set(keys: Path, clock: Any) -> None:
    """As long as a file never was there nothing is decided: 503, also after a minute; then it is used."""
    provider = provider_of(keys / "a.json", clock=clock)
    for _ in range(4):
        with pytest.raises(VerificationUnavailable) as error:
            subject(A.token(), provider)
        clock.move(31)
    assert "ConfigurationError" in str(error.value)

    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), provider) == "alice"


def test_point_23_a_missing_file_takes_no_other_down(keys: Path, clock: Any) -> None:
    """Of several paths those that exist serve, and ``status`` names the others."""
    eyes = Eyes(clock, keys / "a.json", keys / "b.json", keys / "a.json" / "c.json")
    (keys / "a.json").write_text(jwks_of(A))
    key_set = eyes.look()
    assert key_set.kids == {"a"}
    assert key_set.skipped == (
        f"{keys / 'b.json'}: No such file or directory",
        f"{keys / 'a.json' / 'c.json'}: Not a directory",
    )

    (keys / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}
    (keys / "a.json").unlink()
    assert eyes.kids() == {"b"}


def test_point_8_an_empty_directory_is_an_empty_set(keys: Path, clock: Any) -> None:
    """A directory that is there and has no file in it says that there is no key."""
    assert Eyes(clock, keys).look().keys == ()


def test_point_23_a_file_whose_directory_became_a_file_is_gone(keys: Path, clock: Any) -> None:
    """However a file went, its keys went with it."""
    eyes = Eyes(clock, keys / "a.json", keys.parent / "b.json")
    (keys / "a.json").write_text(jwks_of(A))
    (keys.parent / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    keys.rmdir()
    keys.write_text("no directory")
    assert eyes.kids() == {"b"}


@pytest.mark.parametrize("directory", [False, True], ids=["file", "directory"])
def test_point_8_that_all_files_are_gone_is_believed_in_the_end(
    keys: Path, clock: Any, directory: bool
) -> None:
    """The last key serves on until the files have been away for 30 seconds; then its tokens are refused."""
    provider = provider_of(keys if directory else keys / "a.json", clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()

    (keys / "a.json").unlink()
    clock.move(10)
    assert subject(A.token(), provider) == "alice"
    eventually(lambda: not provider.status()["fetching"])
    assert provider.status()["failures"] == 1
    clock.move(29)
    assert subject(A.token(), provider) == "alice"
    eventually(lambda: not provider.status()["fetching"])
    assert provider.status()["failures"] == 2
    clock.move(3)
    eventually(lambda: not provider.key_set().keys)
    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider)

    (keys / "a.json").write_text(jwks_of(A))
    clock.move(10)
    assert subject(A.token(), provider) == "alice"


def test_point_8_a_deleted_file_counts_though_no_other_can_be_used(keys: Path, clock: Any) -> None:
    """A damaged file keeps its own keys alone: those of a file that was deleted go."""
    eyes = Eyes(clock, keys)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    (keys / "b.json").write_text("{")
    assert eyes.kids() == {"b"}
    assert "b.json" in eyes.fault()
    (keys / "b.json").write_text(jwks_of(C))
    assert eyes.kids() == {"c"}


@pytest.mark.parametrize("held_keys", [False, True], ids=["never a key file", "damaged for long"])
def test_point_8_a_file_without_keys_does_not_keep_those_of_a_deleted_one(
    keys: Path, clock: Any, held_keys: bool
) -> None:
    """When the last good file is deleted, no bad one that is left keeps the set from being empty."""
    eyes = Eyes(clock, keys, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    if held_keys:
        (keys / "b.json").write_text(jwks_of(B))
        assert eyes.kids() == {"a", "b"}
    (keys / "b.json").write_text("no key")
    assert "a" in eyes.kids()
    assert eyes.kids(after=100) == {"a"}

    (keys / "a.json").unlink()
    assert eyes.look().keys == ()
    assert eyes.look().keys == ()


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Processes that were forked, which are waited for."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_point_11_a_forked_process_goes_on_looking(
    keys: Path, clock: Any, children: list[int]
) -> None:
    """A worker keeps what its parent read, and sees what changes after that."""
    provider = provider_of(keys / "a.json", clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()
    eventually(lambda: not provider.status()["fetching"])

    pid = os.fork()
    if pid == 0:
        try:
            assert subject(A.token(), provider) == "alice"
            (keys / "a.json").write_text(jwks_of(B))
            clock.move(10)
            assert subject(B.token(), provider) == "alice"
            os._exit(0)
        finally:
            os._exit(1)
    children.append(pid)
