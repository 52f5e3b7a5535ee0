"""Files that can not be used."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, VerificationUnavailable
from flask_jwtlib.signals import key_event
from flask_jwtlib_strategies.key_providers._files import readings as _file_readings

from .kit import (
    PATIENCE,
    RSA,
    A,
    B,
    C,
    Eyes,
    eventually,
    jwks_of,
    provider_of,
    same_keys,
    shown,
    subject,
)


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
    assert key_set.skipped == (
        f"{shown(keys / 'a.json')}: it begins like a JSON object and isn't one",
    )
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
    assert "b.json': it begins like a JSON object" in warning.getMessage()
    assert provider.status()["state"] == "fresh"
    assert provider.status()["skipped"] == {
        f"{shown(keys / 'b.json')}: it begins like a JSON object and isn't one": 1
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
    keys: Path, clock: Any, all_told: Callable[[], None]
) -> None:
    """Its keys serve on as stale ones, and then nothing is decided: 503, never 401."""
    told: list[str] = []

    def listen(sender: object, event: str, **_: Any) -> None:
        told.append(event)

    provider = provider_of(keys / "a.json", clock=clock, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()
    all_told()
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
        all_told()

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

    assert seen <= {frozenset("ab"), frozenset("bcr"), frozenset("abcr")}
    assert set(Eyes(time.monotonic, file).provider.fetch().keys.kids) == set("bcr")  # type: ignore[attr-defined]


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
        f"{shown(keys / 'a.json')}: Input/output error",
        f"{shown(keys / 'b.json')}: Too many levels of symbolic links",
    )

    keys.rename(keys.parent / "moved")
    keys.symlink_to(keys.name)
    assert eyes.kids() == {"a", "b", "c"}
    keys.unlink()
    assert eyes.kids() == {"a", "b", "c"}
    assert eyes.kids() == {"c"}


def test_a_pipe_is_no_file(keys: Path, clock: Any) -> None:
    """What is no regular file is not opened, which might take for ever."""
    os.mkfifo(keys / "pipe.pem")

    assert Eyes(clock, keys).fault().endswith("it is not a regular file")


def test_an_error_without_words_is_named() -> None:
    """A file system that gives no reason is shown by the class of its error."""
    assert _file_readings._why(OSError()) == "OSError"


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
    assert eyes.kids(after=1) == {"a", "b"}
