"""When files are checked, and when they are read again."""

from __future__ import annotations

import os
import stat
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.errors import UnknownKeyError

from .kit import INTERVAL, A, B, C, Probe, eventually, jwks_of, provider_of, subject


def test_files_are_checked_at_most_every_five_seconds(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """Between checks the provider returns the same set, and says when to fetch again."""
    (keys / "a.json").write_text(jwks_of(A))
    probe = Probe(clock, keys / "a.json")
    assert probe.kids() == {"a"}
    assert counts["stat"] == 1

    (keys / "a.json").write_text(jwks_of(B))
    clock.move(1)
    fetched: Any = probe.provider.fetch()
    assert fetched.keys.kids == {"a"}
    assert fetched.ttl * 0.7 == pytest.approx(4)
    assert probe.kids(after=3.999) == {"a"}
    assert counts["stat"] == 1
    assert probe.kids(after=0.001) == {"a", "b"}
    assert counts["stat"] == 2
    assert probe.kids() == {"b"}
    assert counts["stat"] == 3


def test_the_engine_checks_files_about_every_five_seconds(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """In ten minutes of tokens, some with unknown kids, checks are 5 to 7.5 seconds apart."""
    (keys / "a.json").write_text(jwks_of(A))
    provider = provider_of(keys / "a.json", clock=clock)
    checks: list[float] = []

    for number in range(6000):
        before = counts["stat"]
        assert subject(A.token(), provider) == "alice"
        if number % 10 == 0:
            with pytest.raises(UnknownKeyError):
                subject(B.token(header={"kid": f"made up {number}"}), provider)
        eventually(lambda: not provider.status()["fetching"])
        checks += [clock.now] * (counts["stat"] - before)
        clock.move(0.1)

    gaps = [later - earlier for earlier, later in pairwise(checks)]
    assert min(gaps) >= INTERVAL - 1e-6
    assert max(gaps) < 1.5 * INTERVAL
    assert provider.generation == 1
    assert counts["parse"] == 1
    assert provider.status()["fetches"]["unknown_kid"]["succeeded"] > 2


def test_a_new_key_is_found_for_its_first_token_after_the_interval(keys: Path, clock: Any) -> None:
    """A token of a new key is verified as soon as a check is allowed, even if it was refused before."""
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


def test_unchanged_files_return_the_same_set(keys: Path, clock: Any, counts: Counter[str]) -> None:
    """Unchanged files are read twice and parsed once, and the set is the same object."""
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    (keys / "note").write_text("no key")
    (keys / "note.txt").write_text("not even opened")
    probe = Probe(clock, keys)

    first = probe.read()
    assert counts == {"stat": 4, "open": 3, "parse": 3}
    for _ in range(5):
        assert probe.read() is first
    assert counts == {"stat": 24, "open": 6, "parse": 3}

    (keys / "a.json").touch()
    assert probe.read() is first
    assert probe.read() is first
    assert probe.read() is first
    assert counts == {"stat": 36, "open": 8, "parse": 3}

    (keys / "b.json").write_text(jwks_of(C))
    assert probe.read().kids == {"a", "b", "c"}
    second = probe.read()
    assert second.kids == {"a", "c"}
    assert counts["parse"] == 4
    assert [key for key in second.keys if key in first.keys] == [
        key for key in first.keys if key.kid == "a"
    ]


class Status:
    """The status of a file that never seems to change."""

    def __init__(self) -> None:
        self.st_mode = stat.S_IFREG | 0o644
        self.st_dev = self.st_ino = self.st_size = self.st_mtime_ns = self.st_ctime_ns = 0


@pytest.fixture
def status(monkeypatch: pytest.MonkeyPatch) -> Status:
    """The status that all files seem to have."""
    status = Status()
    monkeypatch.setattr(Path, "stat", lambda self: status)
    monkeypatch.setattr(os, "fstat", lambda _: status)
    return status


def test_a_file_written_twice_in_one_clock_tick_is_noticed(
    keys: Path, clock: Any, status: Status
) -> None:
    """Since a file system's clock may be coarse, a changed file is read once more at the next check."""
    file = keys / "a.json"
    probe = Probe(clock, file)
    for tick in (1, 2):
        status.st_mtime_ns = tick
        file.write_text(jwks_of(A))
        assert "a" in probe.kids()
        file.write_text(jwks_of(B))
        assert probe.kids() == {"a", "b"}
        for _ in range(3):
            assert probe.kids() == {"b"}

    file.write_text(jwks_of(A))
    assert probe.kids() == {"b"}


@pytest.mark.parametrize("field", ["st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_any_change_of_the_status_causes_a_read(
    keys: Path, clock: Any, status: Status, field: str
) -> None:
    """Another device, inode, size or time means that the file has changed."""
    (keys / "a.json").write_text(jwks_of(A))
    probe = Probe(clock, keys / "a.json")
    for _ in range(3):
        assert probe.kids() == {"a"}

    (keys / "a.json").write_text(jwks_of(B))
    assert probe.kids() == {"a"}
    setattr(status, field, 1)
    assert probe.kids_after_two_reads() == {"b"}


def test_a_changed_ctime_causes_a_read(keys: Path, clock: Any) -> None:
    """A file of the same size and ``mtime`` is read again if its ``ctime`` differs."""
    file = keys / "a.json"
    file.write_text(jwks_of(A))
    status = file.stat()
    probe = Probe(clock, file)
    for _ in range(3):
        assert probe.kids() == {"a"}

    file.write_text(jwks_of(B))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    assert probe.kids_after_two_reads() == {"b"}


def test_an_interval_of_zero_reads_for_each_token(keys: Path) -> None:
    """With ``interval=0`` each token is verified by the current content of the files."""
    provider = provider_of(keys / "a.json", interval=0)
    for issuer in (A, B, A):
        (keys / "a.json").write_text(jwks_of(issuer))
        assert subject(issuer.token(), provider) == "alice"


def test_an_infinite_interval_never_reads_again(keys: Path, clock: Any) -> None:
    """With an infinite ``interval`` the first content is kept for good."""
    probe = Probe(clock, keys / "a.json", interval=float("inf"))
    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), probe.provider) == "alice"

    (keys / "a.json").unlink()
    assert probe.kids(after=1e9) == {"a"}
    assert subject(A.token(), probe.provider) == "alice"
