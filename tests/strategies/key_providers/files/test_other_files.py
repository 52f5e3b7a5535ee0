"""Other files in a directory of key files, and files that an attacker adds: neither affects valid keys."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies.key_providers._files import readings as _file_readings
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider

from .kit import (
    A,
    B,
    C,
    Probe,
    eventually,
    issuer_of,
    jwks_of,
    private_pem_of,
    provider_of,
    shown,
    subject,
)


def set_of(number: int, prefix: str = "") -> str:
    """Return a JWK set of several keys, each with its own kid."""
    return json.dumps({"keys": [{**A.jwk, "kid": f"{prefix}{each}"} for each in range(number)]})


@pytest.mark.parametrize(
    "name", ["other{}.txt", "{}", "README.{}", ".hidden{}", "key{}.pem.bak", "{}.pem~"]
)
def test_other_files_of_a_directory_are_ignored(keys: Path, clock: Any, name: str) -> None:
    """Two hundred other files affect no key, and are not reported."""
    (keys / "a.json").write_text(jwks_of(A))
    for number in range(200):
        (keys / name.format(number)).write_text("nothing")
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a"}
    assert key_set.skipped == ()


def test_other_files_of_a_directory_are_not_opened(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """The name shows whether a file may have keys, so the others cost no system call each."""
    (keys / "a.json").write_text(jwks_of(A))
    for number in range(200):
        (keys / f"{number}.txt").write_text(jwks_of(B))
    assert Probe(clock, keys).kids() == {"a"}
    assert counts == {"stat": 2, "open": 1, "parse": 1}


def test_a_key_file_renamed_to_another_extension_is_removed(keys: Path, clock: Any) -> None:
    """Renaming a key file to another extension removes its key."""
    (keys / "a.pem").write_text(A.public_pem)
    (keys / "b.pem").write_text(B.public_pem)
    probe = Probe(clock, keys, kid_from_name=True)
    assert probe.kids_after_two_reads() == {"a", "b"}
    (keys / "a.pem").rename(keys / "a.pem.revoked")
    assert probe.kids_after_two_reads() == {"b"}


@pytest.mark.parametrize(
    "name",
    [
        "a.pem",
        "a.PUB",
        "a.crt",
        "a.cer",
        "a.cert",
        "a.der",
        "a.key",
        "a.jwk",
        "a.jwks",
        "a.json",
        "a",
    ],
)
def test_key_files_have_a_known_extension_or_none(keys: Path, clock: Any, name: str) -> None:
    """Each extension for keys is accepted, in any case, and is not part of the kid."""
    (keys / name).write_text(A.public_pem)
    assert Probe(clock, keys, kid_from_name=True).kids() == {"a"}


def test_the_error_of_a_directory_without_key_files_names_the_extensions(
    keys: Path, clock: Any
) -> None:
    """If all files have other extensions, the error says which ones are read."""
    (keys / "a.txt").write_text(A.public_pem)
    assert ".pem" in Probe(clock, keys).fault()


def test_a_file_without_an_extension_that_had_a_key_is_damaged(keys: Path, clock: Any) -> None:
    """Its keys stay in use, and the file is reported."""
    (keys / "a").write_text(A.public_pem)
    (keys / "b.json").write_text(jwks_of(B))
    probe = Probe(clock, keys, kid_from_name=True)
    assert probe.kids_after_two_reads() == {"a", "b"}
    (keys / "a").write_text("nothing")
    for _ in range(3):
        key_set = probe.read()
        assert key_set.kids == {"a", "b"}
        assert "is not PEM" in key_set.skipped[0]


def test_the_number_of_files_is_limited(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit, files whose keys are in use come first, and the directory is reported."""
    (keys / "z.json").write_text(jwks_of(A))
    probe = Probe(clock, keys)
    assert probe.kids_after_two_reads() == {"a"}
    monkeypatch.setattr(_file_readings, "_MAX_FILES", 3)
    for number in range(4):
        (keys / f"{number}.json").write_text(set_of(1, str(number)))
    key_set = probe.read()
    assert key_set.kids == {"a", "00", "10", "20"}
    assert key_set.skipped == (
        f"{shown(keys)}: it has 5 files that may contain keys; only the first 3 are read",
    )
    monkeypatch.setattr(_file_readings, "_MAX_ENTRIES", 1)
    key_set = probe.read()
    assert key_set.kids >= {"a", "00", "10", "20"}
    assert "more than 1 entries" in key_set.skipped[0]


def test_the_message_about_many_damaged_files_is_short(keys: Path, clock: Any) -> None:
    """Ten files are named, and the others counted."""
    for number in range(200):
        (keys / f"{number}.json").write_text("{")
    fault = Probe(clock, keys).fault()
    assert fault.endswith("and 190 more")
    (keys / "a.json").write_text(jwks_of(A))
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a"}
    assert len(key_set.skipped) == 11


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "link to a device"])
def test_a_file_that_is_not_regular_is_not_opened(keys: Path, clock: Any, kind: str) -> None:
    """Opening it might block or have an effect. Other files are used."""
    (keys / "b.json").write_text(jwks_of(B))
    path = keys / "a.pem"
    listener = socket.socket(socket.AF_UNIX)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        there = Path.cwd()
        os.chdir(keys)
        listener.bind("a.pem")
        os.chdir(there)
    else:
        path.symlink_to("/dev/null")
    paths = [keys, Path("/dev/zero")] if kind == "device" else [keys]
    key_set = Probe(clock, *paths).read()
    listener.close()
    assert key_set.kids == {"b"}
    assert {reason.rpartition(": ")[2] for reason in key_set.skipped} == {
        "it is not a regular file"
    }


def test_a_fifo_that_takes_a_files_place_does_not_block(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named pipe doesn't block, even if it replaces the file between ``stat`` and ``open``."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text(jwks_of(B))
    open_ = os.open

    def swapped(path: Any, *args: Any, **options: Any) -> int:
        if Path(path).name == "a.json":
            Path(path).unlink()
            os.mkfifo(path)
        return open_(path, *args, **options)

    monkeypatch.setattr(os, "open", swapped)
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"b"}
    assert key_set.skipped == (f"{shown(keys / 'a.json')}: it is not a regular file",)


# --- Limits of keys


def test_files_with_the_fewest_keys_come_first(keys: Path, clock: Any) -> None:
    """Beyond ``max_keys`` the files with the most keys are left out, whatever their names."""
    (keys / "0 many.json").write_text(set_of(99, "x"))
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a", "b"}
    (reason,) = key_set.skipped
    assert reason.startswith(f"{shown(keys / '0 many.json')}: its keys are not used: ")
    assert reason.endswith("all files together may have 100 keys (max_keys)")
    assert len(Probe(clock, keys, max_keys=101).read().keys) == 101


def test_files_in_use_come_before_new_ones(keys: Path, clock: Any) -> None:
    """A new file doesn't displace keys that are in use, even if it has fewer."""
    (keys / "ab.json").write_text(jwks_of(A, B))
    probe = Probe(clock, keys, max_keys=2)
    assert probe.kids_after_two_reads() == {"a", "b"}
    (keys / "0.json").write_text(jwks_of(C))
    assert probe.kids_after_two_reads() == {"a", "b"}


@pytest.mark.parametrize("number", [101, 2000])
def test_a_file_with_too_many_keys_is_damaged(keys: Path, clock: Any, number: int) -> None:
    """Every format is refused by its number of keys, and other files are used."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "set.json").write_text(json.dumps({"keys": [{}] * number}))
    (keys / "pem.pem").write_text(B.public_pem * number)
    (keys / "ssh.pub").write_text("ssh-ed25519 AAAA\n" * number)
    (keys / "map.json").write_text(json.dumps({str(n): "-----BEGIN " for n in range(number)}))
    probe = Probe(clock, keys)

    def refused_files() -> int:
        key_set = probe.read()
        assert key_set.kids == {"a"}
        return sum("100 are allowed" in reason for reason in key_set.skipped)

    # On a busy machine a file may take longer than one check waits for it.
    eventually(lambda: refused_files() == 4)


def test_a_fifth_key_without_a_kid_is_left_out(keys: Path, clock: Any) -> None:
    """Four are tried per algorithm: the file with the fifth is reported, with a suggestion."""
    issuers = [issuer_of() for _ in range(5)]
    for number, issuer in enumerate(issuers):
        (keys / f"{number}.pem").write_text(issuer.public_pem)
    probe = Probe(clock, keys)
    key_set = probe.read()
    assert len(key_set.keys) == 4
    assert "4.pem" in key_set.skipped[0]
    assert "give each key a kid" in key_set.skipped[0]
    assert subject(issuers[0].token(), probe.provider) == "alice"


def test_a_file_with_four_more_keys_of_a_kid_is_left_out(keys: Path, clock: Any) -> None:
    """Four keys of one kid are tried: a file that adds four more is left out, whatever its name."""
    others = [issuer_of("a").jwk for _ in range(4)]
    (keys / "0.json").write_text(json.dumps({"keys": others}))
    (keys / "a.json").write_text(jwks_of(A))
    probe = Probe(clock, keys)
    assert "with one kid" in probe.read().skipped[0]
    assert subject(A.token(), probe.provider) == "alice"


def test_identical_keys_in_several_files_count_once(keys: Path, clock: Any) -> None:
    """Copies of a file don't count against the limits."""
    for number in range(6):
        (keys / f"{number}.json").write_text(jwks_of(A))
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a"}
    assert key_set.skipped == ()


def test_keys_without_a_kid_in_a_set_are_not_limited_to_four(keys: Path, clock: Any) -> None:
    """They are not tried one after the other, so any number of them is allowed."""
    jwks = [issuer_of().jwk for _ in range(6)]
    (keys / "set.json").write_text(json.dumps({"keys": jwks}))
    key_set = Probe(clock, keys).read()
    assert len(key_set.keys) == 6


def test_an_unexpected_error_in_one_file_does_not_affect_the_others(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library raises for a file, only that file is damaged."""
    read = _file_readings.keys_of

    def failing(content: bytes, **options: Any) -> Any:
        if content == b"trigger":
            raise KeyError("secret text")
        return read(content, **options)

    monkeypatch.setattr(_file_readings, "keys_of", failing)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "s.pem").write_text("trigger")
    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a"}
    assert key_set.skipped == (f"{shown(keys / 's.pem')}: it can't be read as a key (KeyError)",)


# --- Names of files in the log

EVIL = "evil\nFORGED: all is well\x1b[2J\x9b31m\udcff"


@pytest.mark.parametrize("good", [True, False], ids=["beside a good file", "alone"])
@pytest.mark.parametrize(
    "text", ["-----BEGIN nothing", private_pem_of(A)], ids=["damaged", "private"]
)
def test_a_file_name_cannot_forge_a_log_line(
    keys: Path, caplog: pytest.LogCaptureFixture, good: bool, text: str
) -> None:
    """Line breaks and control characters of a name are escaped in every text, and its length is limited."""
    caplog.set_level(logging.DEBUG)
    for name in (EVIL, f"{'long' * 50}{EVIL}"):
        (keys / f"{name}.pem").write_text(text)
    if good:
        (keys / "good.json").write_text(jwks_of(A))
    provider = provider_of(keys)
    try:
        provider.warm_up()
    except Exception:  # noqa: BLE001 - any error means that there is no key
        assert not good
    # Another thread logs after the result is known.
    eventually(
        lambda: any(
            "FORGED" in record.getMessage() + str(record.exc_text or record.exc_info)
            for record in caplog.records
        )
    )
    if text != "-----BEGIN nothing":
        eventually(lambda: sum(r.levelno == logging.ERROR for r in caplog.records) >= 2)
    lines = [logging.Formatter().format(record) for record in caplog.records]
    lines += provider.status()["skipped"]
    assert any(r"evil\nFORGED" in text or "FORGED" in text for text in lines)
    for line in lines:
        assert "\nFORGED" not in line
        assert "\x1b" not in line
        assert line.isascii()
        assert len(line) < 4000


@pytest.mark.parametrize("value", [0, 1001, True, 1.5, "10", None])
def test_invalid_max_keys_is_refused(value: Any) -> None:
    """The limit must be a whole number from 1 to 1,000."""
    with pytest.raises(ConfigurationError, match="max_keys must be a whole number from 1 to 1000"):
        FileKeyProvider("keys", max_keys=value)


def test_uses_selects_keys_by_their_use(keys: Path, clock: Any) -> None:
    """A JWK with another ``use`` is read if the option names it."""
    jwk = {**A.jwk, "use": "jwt-svid"}
    (keys / "a.json").write_text(json.dumps({"keys": [jwk]}))
    (keys / "b.json").write_text(json.dumps({**B.jwk, "use": "jwt-svid"}))
    assert "use" in Probe(clock, keys).fault()
    probe = Probe(clock, keys, uses=["sig", "jwt-svid"])
    assert probe.kids() == {"a", "b"}
    assert probe.provider.uses == ("sig", "jwt-svid")
    assert FileKeyProvider("keys", uses="jwt-svid").uses == ("jwt-svid",)
    with pytest.raises(ConfigurationError, match="uses="):
        FileKeyProvider("keys", uses=())
