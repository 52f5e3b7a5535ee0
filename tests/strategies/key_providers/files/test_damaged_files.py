"""Key files that can't be used."""

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
from tests.kit import PATIENCE

from .kit import RSA, A, B, C, Probe, eventually, jwks_of, provider_of, same_keys, shown, subject


def test_a_half_written_file_keeps_its_previous_keys(keys: Path, clock: Any) -> None:
    """While one file is truncated, its old keys stay in use and other files are updated."""
    probe = Probe(clock, keys)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert probe.kids() == {"a", "b"}

    new = jwks_of(A, C)
    (keys / "a.json").write_text(new[: len(new) // 2])
    (keys / "b.json").write_text(jwks_of(B, RSA))
    key_set = probe.read()
    assert key_set.kids == {"a", "b", "r"}
    assert key_set.skipped == (
        f"{shown(keys / 'a.json')}: it starts like a JSON object but isn't one",
    )
    assert probe.read() is key_set

    (keys / "a.json").write_text(new)
    key_set = probe.read()
    assert key_set.kids == {"a", "b", "c", "r"}
    assert key_set.skipped == ()


def test_a_damaged_file_is_logged_once(
    keys: Path, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that stays half-written causes one warning, not one per read."""
    provider = provider_of(keys, clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text(jwks_of(B))
    provider.warm_up()

    (keys / "b.json").write_text("{")
    for _ in range(5):
        clock.move(10)
        assert subject(B.token(), provider) == "alice"

    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "b.json': it starts like a JSON object" in warning.getMessage()
    assert provider.status()["state"] == "fresh"
    assert provider.status()["skipped"] == {
        f"{shown(keys / 'b.json')}: it starts like a JSON object but isn't one": 1
    }
    json.dumps(provider.status())


def test_keys_of_a_damaged_file_are_used_for_max_stale(keys: Path, clock: Any) -> None:
    """A damaged file's keys are used for ``max_stale`` seconds, also beside valid files."""
    probe = Probe(clock, keys, max_stale=60)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert probe.kids() == {"a", "b"}
    assert probe.kids(after=100) == {"a", "b"}

    (keys / "a.json").write_text("{")
    assert probe.kids(after=59) == {"a", "b"}
    assert probe.kids() == {"b"}
    (keys / "a.json").write_text(jwks_of(A))
    assert probe.kids() == {"a", "b"}
    assert probe.kids(after=100) == {"a", "b"}


def test_with_max_stale_zero_a_damaged_file_loses_its_keys_at_once(keys: Path, clock: Any) -> None:
    """With ``max_stale=0`` a damaged file's keys aren't used, and valid files keep theirs."""
    probe = Probe(clock, keys, max_stale=0)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert probe.kids() == {"a", "b"}

    (keys / "a.json").write_text("{")
    assert probe.kids() == {"b"}


def test_a_damaged_only_file_is_an_outage_after_max_stale(
    keys: Path, clock: Any, calls_made: Callable[[], None]
) -> None:
    """The keys are used as stale ones, and then tokens get 503, never 401."""
    events: list[str] = []

    def listen(sender: object, event: str, **_: Any) -> None:
        events.append(event)

    provider = provider_of(keys / "a.json", clock=clock, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()
    calls_made()
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
        calls_made()

    assert [event for event in events if event != "refresh_failed"] == [
        "serving_stale",
        "dead",
        "refreshed",
        "recovered",
    ]


def test_a_new_damaged_file_is_ignored(keys: Path, clock: Any) -> None:
    """It is read again when it has changed, and doesn't affect other files."""
    probe = Probe(clock, keys)
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text("{")
    assert probe.kids() == {"a"}
    (keys / "b.json").write_text(jwks_of(B))
    assert probe.kids() == {"a", "b"}


def test_a_file_that_grows_while_it_is_read_is_not_used(
    keys: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of a growing file is not used, even if it is a complete key."""
    file = keys / "a.pem"
    file.write_text(A.public_pem)
    probe = Probe(clock, file)
    fstat = os.fstat

    def fstat_of_a_growing_file(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        with file.open("a") as writer:
            writer.write(B.public_pem)
        return status

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fstat_of_a_growing_file)
        assert probe.fault().endswith("it is being written")
    file.write_text(A.public_pem + B.public_pem)
    assert same_keys(probe.read(), A, B)


def test_a_file_under_slow_rewriting_is_never_used_in_part(keys: Path) -> None:
    """While a file is rewritten piece by piece, each result is a version that was written completely."""
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
    assert set(Probe(time.monotonic, file).provider.fetch().keys.kids) == set("bcr")


@pytest.mark.skipif(
    sys.platform != "linux", reason="no file of another system is unreadable to root"
)
def test_an_unreadable_file_keeps_its_keys(keys: Path, clock: Any) -> None:
    """An error of the file system keeps a file's keys, while a missing file loses them."""
    probe = Probe(clock, keys, keys.parent / "c.json")
    (keys.parent / "c.json").write_text(jwks_of(C))
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert probe.kids() == {"a", "b", "c"}

    (keys / "a.json").unlink()
    (keys / "a.json").symlink_to("/proc/self/mem")
    (keys / "b.json").unlink()
    (keys / "b.json").symlink_to("b.json")
    key_set = probe.read()
    assert key_set.kids == {"a", "b", "c"}
    assert key_set.skipped == (
        f"{shown(keys / 'a.json')}: Input/output error",
        f"{shown(keys / 'b.json')}: Too many levels of symbolic links",
    )

    keys.rename(keys.parent / "moved")
    keys.symlink_to(keys.name)
    assert probe.kids() == {"a", "b", "c"}
    keys.unlink()
    assert probe.kids() == {"a", "b", "c"}
    assert probe.kids() == {"c"}


def test_a_named_pipe_is_not_opened(keys: Path, clock: Any) -> None:
    """A file that isn't regular is not opened, which might block."""
    os.mkfifo(keys / "pipe.pem")

    assert Probe(clock, keys).fault().endswith("it is not a regular file")


def test_an_error_without_a_message_is_named_by_its_class() -> None:
    """An OSError without a reason is shown by its class."""
    assert _file_readings._why(OSError()) == "OSError"


def test_a_failed_read_is_repeated_before_the_interval(keys: Path, clock: Any) -> None:
    """After a failure the next read doesn't wait for the interval: the engine's backoff decides."""
    probe = Probe(clock, keys / "a.json")
    assert "No such file" in probe.fault()
    assert "No such file" in probe.fault(after=1)
    (keys / "a.json").write_text(jwks_of(A))
    assert probe.kids(after=1) == {"a"}

    (keys / "a.json").write_text("{")
    assert "JSON" in probe.fault()
    (keys / "a.json").write_text(jwks_of(B))
    assert probe.kids(after=1) == {"a", "b"}
