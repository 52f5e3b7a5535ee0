"""Making a provider of keys from files, and which keys it selects for a token."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import (
    Authenticator,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
    UnverifiedHeader,
)
from flask_jwtlib.errors import BadSignatureError, UnknownKeyError
from flask_jwtlib.testing import bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider

from .kit import (
    ED,
    A,
    B,
    C,
    Probe,
    eventually,
    issuer_of,
    jwks_of,
    openssh_of,
    provider_of,
    subject,
)


class TestOfADirectory(KeyProviderContract):
    """FileKeyProvider meets the contract of key providers."""

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


def test_making_a_provider_reads_nothing(keys: Path, counts: Counter[str]) -> None:
    """Paths need not exist yet, and no file operation happens before the first token."""
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
        ((), "needs at least one path"),
        (("",), "not str"),
        ((b"/keys",), "not bytes"),
        ((None,), "not NoneType"),
        ((["/keys"],), "not list"),
        ((3,), "not int"),
        ((issuer_of().public_pem,), "expected a path, not the content"),
        ((openssh_of(A),), "expected a path, not the content"),
        ((issuer_of().public_pem.replace("\n", "\\n"),), "expected a path, not the content"),
        ((jwks_of(A),), "expected a path, not the content"),
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
def test_invalid_paths_are_refused(paths: tuple[Any, ...], message: str) -> None:
    """Without a path, or with something else, the constructor raises without quoting a key."""
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
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """An option out of range raises when the provider is made."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(options))}.* number of seconds"):
        FileKeyProvider("keys", **options)


def test_options_are_attributes(keys: Path) -> None:
    """The options are attributes, each path once, and the representation shows the paths."""
    provider = FileKeyProvider(keys, str(keys), interval=1, kid_from_name=True, max_stale=7)

    assert provider.paths == (keys,)
    assert provider.interval == 1
    assert provider.kid_from_name
    assert provider.refresh.max_stale == 7
    assert provider.ttl == pytest.approx(1 / 0.7)
    assert str(keys) in repr(provider)


def test_a_relative_path_is_resolved_when_the_provider_is_made(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that changes its working directory later reads the same file."""
    (keys / "a.json").write_text(jwks_of(A))
    monkeypatch.chdir(keys)
    probe = Probe(clock, Path("a.json"))
    monkeypatch.chdir(keys.parent)

    assert probe.kids() == {"a"}


def test_keys_without_a_kid_are_tried_for_any_token(keys: Path, clock: Any) -> None:
    """A directory of PEM files verifies tokens whatever ``kid`` they name."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.pem").write_text(issuer.public_pem)
    provider = provider_of(keys, clock=clock)

    assert subject(A.token(), provider) == subject(B.token(), provider) == "alice"
    with pytest.raises(BadSignatureError):
        subject(C.token(), provider)


def test_an_empty_set_beside_pem_files_changes_nothing(keys: Path, clock: Any) -> None:
    """PEM files are tried for any token, too, if the directory also has an empty JWK set."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.pem").write_text(issuer.public_pem)
    (keys / "none.json").write_text('{"keys": []}')

    assert subject(B.token(), provider_of(keys, clock=clock)) == "alice"


def test_keys_without_a_kid_of_several_sets_are_not_all_tried(keys: Path, clock: Any) -> None:
    """Keys of JWK sets are selected by RFC 7517, in one file or in two: no single key fits."""
    for name in ("1", "2"):
        (keys / name).write_text(jwks_of(issuer_of()))

    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider_of(keys, clock=clock))


def test_kid_from_name_uses_the_file_name_as_kid(keys: Path, clock: Any) -> None:
    """Keys without a ``kid`` get their file's name, without a known extension."""
    issuers = {
        name: issuer_of(kid)
        for name, kid in {
            "2024-06.pem": "2024-06",
            "auth.example.com.pem": "auth.example.com",
            "bare": "bare",
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
    probe = Probe(clock, keys, kid_from_name=True)
    names = {issuer.kid for issuer in issuers.values()}

    key_set = probe.read()
    assert key_set.kids == {*names, "a", "set"}
    assert len(key_set.skipped) == 1
    for issuer in issuers.values():
        assert subject(issuer.token(), probe.provider) == "alice"
    with pytest.raises(UnknownKeyError):
        subject(C.token(), probe.provider)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_continues_to_read(keys: Path, clock: Any, children: list[int]) -> None:
    """A worker keeps what its parent read, and notices later changes."""
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


@pytest.mark.parametrize("name", ["min_ttl", "max_ttl"])
def test_a_bound_that_does_not_apply_is_a_type_error(name: str, tmp_path: Path) -> None:
    """``interval`` says how often the files are checked, so the bounds of a lifetime are refused."""
    times: Any = {name: 60}
    with pytest.raises(TypeError, match=f"^{name} doesn't apply to this provider$"):
        FileKeyProvider(tmp_path, **times)
