"""What else lies in a directory of key files, or is put there: it takes no good key down."""

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
    Eyes,
    eventually,
    issuer_of,
    jwks_of,
    private_pem_of,
    provider_of,
    shown,
    subject,
)


def set_of(number: int, prefix: str = "") -> str:
    """A JWK set of so many keys, each with a kid of its own."""
    return json.dumps({"keys": [{**A.jwk, "kid": f"{prefix}{each}"} for each in range(number)]})


@pytest.mark.parametrize(
    "name", ["other{}.txt", "{}", "README.{}", ".hidden{}", "key{}.pem.bak", "{}.pem~"]
)
def test_other_files_of_a_directory_are_no_faults(keys: Path, clock: Any, name: str) -> None:
    """Two hundred of them keep no key from serving, and nobody is told of them."""
    (keys / "a.json").write_text(jwks_of(A))
    for number in range(200):
        (keys / name.format(number)).write_text("nothing")
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a"}
    assert key_set.skipped == ()


def test_other_files_of_a_directory_are_not_opened(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """Whether a file counts is told by its name: the others cost no system call each."""
    (keys / "a.json").write_text(jwks_of(A))
    for number in range(200):
        (keys / f"{number}.txt").write_text(jwks_of(B))
    assert Eyes(clock, keys).kids() == {"a"}
    assert counts == {"stat": 2, "open": 1, "parse": 1}


def test_a_key_that_was_renamed_out_of_the_way_does_not_serve(keys: Path, clock: Any) -> None:
    """Who puts a key aside under another ending has withdrawn it."""
    (keys / "a.pem").write_text(A.public_pem)
    (keys / "b.pem").write_text(B.public_pem)
    eyes = Eyes(clock, keys, kid_from_name=True)
    assert eyes.kids_agreed() == {"a", "b"}
    (keys / "a.pem").rename(keys / "a.pem.revoked")
    assert eyes.kids_agreed() == {"b"}


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
def test_a_key_file_counts_by_its_ending_or_by_having_none(
    keys: Path, clock: Any, name: str
) -> None:
    """Each ending for keys counts, in any case, and gives the kid without itself."""
    (keys / name).write_text(A.public_pem)
    assert Eyes(clock, keys, kid_from_name=True).kids() == {"a"}


def test_a_directory_whose_files_all_have_other_names_says_so(keys: Path, clock: Any) -> None:
    """Who named the key files otherwise is told which endings count."""
    (keys / "a.txt").write_text(A.public_pem)
    assert ".pem" in Eyes(clock, keys).fault()


def test_a_file_without_an_ending_that_held_a_key_is_damaged_and_not_another_file(
    keys: Path, clock: Any
) -> None:
    """Its keys serve on, and it is named."""
    (keys / "a").write_text(A.public_pem)
    (keys / "b.json").write_text(jwks_of(B))
    eyes = Eyes(clock, keys, kid_from_name=True)
    assert eyes.kids_agreed() == {"a", "b"}
    (keys / "a").write_text("nothing")
    for _ in range(3):
        key_set = eyes.look()
        assert key_set.kids == {"a", "b"}
        assert "is not PEM" in key_set.skipped[0]


def test_very_many_files_are_bounded(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than are looked at, those that served before go on, and the directory is named."""
    (keys / "z.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys)
    assert eyes.kids_agreed() == {"a"}
    monkeypatch.setattr(_file_readings, "_MAX_FILES", 3)
    for number in range(4):
        (keys / f"{number}.json").write_text(set_of(1, str(number)))
    key_set = eyes.look()
    assert key_set.kids == {"a", "00", "10", "20"}
    assert key_set.skipped == (
        f"{shown(keys)}: it has 5 files that may hold keys; the first 3 are read",
    )
    monkeypatch.setattr(_file_readings, "_MAX_ENTRIES", 1)
    key_set = eyes.look()
    assert key_set.kids >= {"a", "00", "10", "20"}
    assert "more than 1 entries" in key_set.skipped[0]


def test_many_damaged_files_make_no_long_message(keys: Path, clock: Any) -> None:
    """Ten of them are named, and the others counted."""
    for number in range(200):
        (keys / f"{number}.json").write_text("{")
    fault = Eyes(clock, keys).fault()
    assert fault.endswith("and 190 more")
    (keys / "a.json").write_text(jwks_of(A))
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a"}
    assert len(key_set.skipped) == 11


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "link to a device"])
def test_what_is_not_a_regular_file_is_not_opened(keys: Path, clock: Any, kind: str) -> None:
    """It might block, or do something when it is opened. The other files serve."""
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
    key_set = Eyes(clock, *paths).look()
    listener.close()
    assert key_set.kids == {"b"}
    assert {reason.rpartition(": ")[2] for reason in key_set.skipped} == {
        "it is not a regular file"
    }


def test_a_fifo_that_takes_a_files_place_does_not_block(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not between the system calls that look at it and open it."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text(jwks_of(B))
    open_ = os.open

    def swapped(path: Any, *args: Any, **options: Any) -> int:
        if Path(path).name == "a.json":
            Path(path).unlink()
            os.mkfifo(path)
        return open_(path, *args, **options)

    monkeypatch.setattr(os, "open", swapped)
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"b"}
    assert key_set.skipped == (f"{shown(keys / 'a.json')}: it is not a regular file",)


# --- One file against the others


def test_a_file_of_many_keys_crowds_out_no_other(keys: Path, clock: Any) -> None:
    """Beyond ``max_keys`` the files with the fewest keys serve, whatever they are called."""
    (keys / "0 many.json").write_text(set_of(99, "x"))
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a", "b"}
    (reason,) = key_set.skipped
    assert reason.startswith(f"{shown(keys / '0 many.json')}: its keys are not used: ")
    assert reason.endswith("all files together may hold 100 keys (max_keys)")
    assert len(Eyes(clock, keys, max_keys=101).look().keys) == 101


def test_a_new_file_crowds_out_none_that_serves(keys: Path, clock: Any) -> None:
    """Files whose keys serve already come first, also where a new one has fewer."""
    (keys / "ab.json").write_text(jwks_of(A, B))
    eyes = Eyes(clock, keys, max_keys=2)
    assert eyes.kids_agreed() == {"a", "b"}
    (keys / "0.json").write_text(jwks_of(C))
    assert eyes.kids_agreed() == {"a", "b"}


@pytest.mark.parametrize("number", [101, 5000])
def test_a_file_of_more_keys_than_are_allowed_is_damaged(
    keys: Path, clock: Any, number: int
) -> None:
    """In every format it is refused by its number of keys, and the other files serve."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "set.json").write_text(json.dumps({"keys": [{}] * number}))
    (keys / "pem.pem").write_text(B.public_pem * number)
    (keys / "ssh.pub").write_text("ssh-ed25519 AAAA\n" * number)
    (keys / "map.json").write_text(json.dumps({str(n): "-----BEGIN " for n in range(number)}))
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a"}
    assert len([reason for reason in key_set.skipped if "100 are allowed" in reason]) == 4


def test_the_fifth_key_without_a_kid_takes_no_other_down(keys: Path, clock: Any) -> None:
    """Four are tried for one algorithm: the file with one more is named, with what to do."""
    issuers = [issuer_of() for _ in range(5)]
    for number, issuer in enumerate(issuers):
        (keys / f"{number}.pem").write_text(issuer.public_pem)
    eyes = Eyes(clock, keys)
    key_set = eyes.look()
    assert len(key_set.keys) == 4
    assert "4.pem" in key_set.skipped[0]
    assert "give them kids" in key_set.skipped[0]
    assert subject(issuers[0].token(), eyes.provider) == "alice"


def test_four_other_keys_of_a_kid_take_no_key_down(keys: Path, clock: Any) -> None:
    """Four keys of one kid are tried: a file that brings as many more is left out, wherever it stands."""
    others = [issuer_of("a").jwk for _ in range(4)]
    (keys / "0.json").write_text(json.dumps({"keys": others}))
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys)
    assert "of one kid" in eyes.look().skipped[0]
    assert subject(A.token(), eyes.provider) == "alice"


def test_the_keys_of_one_kid_in_two_files_count_once_if_they_are_the_same(
    keys: Path, clock: Any
) -> None:
    """Copies of a file take no room."""
    for number in range(6):
        (keys / f"{number}.json").write_text(jwks_of(A))
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a"}
    assert key_set.skipped == ()


def test_keys_of_a_set_without_kids_do_not_crowd(keys: Path, clock: Any) -> None:
    """They are not tried one after the other, so any number of them is allowed."""
    jwks = [issuer_of().jwk for _ in range(6)]
    (keys / "set.json").write_text(json.dumps({"keys": jwks}))
    key_set = Eyes(clock, keys).look()
    assert len(key_set.keys) == 6


def test_a_surprise_in_one_file_takes_no_other_down(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library raises about a file, that file is damaged and no other."""
    read = _file_readings.keys_of

    def surprising(content: bytes, **options: Any) -> Any:
        if content == b"surprise":
            raise KeyError("secret text")
        return read(content, **options)

    monkeypatch.setattr(_file_readings, "keys_of", surprising)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "s.pem").write_text("surprise")
    key_set = Eyes(clock, keys).look()
    assert key_set.kids == {"a"}
    assert key_set.skipped == (f"{shown(keys / 's.pem')}: it can't be read as a key (KeyError)",)


# --- Names of files in the log

EVIL = "evil\nFORGED: all is well\x1b[2J\x9b31m\udcff"


@pytest.mark.parametrize("good", [True, False], ids=["beside a good file", "alone"])
@pytest.mark.parametrize(
    "text", ["-----BEGIN nothing", private_pem_of(A)], ids=["damaged", "private"]
)
def test_the_name_of_a_file_writes_no_log_line(
    keys: Path, caplog: pytest.LogCaptureFixture, good: bool, text: str
) -> None:
    """Line breaks and control characters of a name are escaped wherever it is shown, and it is bounded."""
    caplog.set_level(logging.DEBUG)
    for name in (EVIL, f"{'long' * 50}{EVIL}"):
        (keys / f"{name}.pem").write_text(text)
    if good:
        (keys / "good.json").write_text(jwks_of(A))
    provider = provider_of(keys)
    try:
        provider.warm_up()
    except Exception:  # noqa: BLE001 - there is no key
        assert not good
    # What is logged comes after the result, by another thread.
    eventually(
        lambda: any(
            "FORGED" in record.getMessage() + str(record.exc_text or record.exc_info)
            for record in caplog.records
        )
    )
    if text != "-----BEGIN nothing":
        eventually(lambda: sum(r.levelno == logging.ERROR for r in caplog.records) >= 2)
    told = [logging.Formatter().format(record) for record in caplog.records]
    told += provider.status()["skipped"]
    assert any(r"evil\nFORGED" in text or "FORGED" in text for text in told)
    for line in told:
        assert "\nFORGED" not in line
        assert "\x1b" not in line
        assert line.isascii()
        assert len(line) < 4000


@pytest.mark.parametrize("value", [0, 1001, True, 1.5, "10", None])
def test_the_number_of_keys_is_checked_when_it_is_made(value: Any) -> None:
    """It is a number from 1 to 1,000."""
    with pytest.raises(ConfigurationError, match="max_keys must be a whole number from 1 to 1000"):
        FileKeyProvider("keys", max_keys=value)


def test_the_uses_of_jwks_are_an_option(keys: Path, clock: Any) -> None:
    """A JWK, or a member of a set, whose ``use`` is another one is read where that is named."""
    jwk = {**A.jwk, "use": "jwt-svid"}
    (keys / "a.json").write_text(json.dumps({"keys": [jwk]}))
    (keys / "b.json").write_text(json.dumps({**B.jwk, "use": "jwt-svid"}))
    assert "use" in Eyes(clock, keys).fault()
    eyes = Eyes(clock, keys, uses=["sig", "jwt-svid"])
    assert eyes.kids() == {"a", "b"}
    assert eyes.provider.uses == ("sig", "jwt-svid")
    assert FileKeyProvider("keys", uses="jwt-svid").uses == ("jwt-svid",)
    with pytest.raises(ConfigurationError, match="uses="):
        FileKeyProvider("keys", uses=())
