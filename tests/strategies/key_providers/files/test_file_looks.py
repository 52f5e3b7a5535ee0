"""When files are looked at, and when they are read again."""

from __future__ import annotations

import os
import stat
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.errors import UnknownKeyError

from .kit import INTERVAL, A, B, C, Eyes, eventually, jwks_of, provider_of, subject


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
    assert eyes.kids(after=0.001) == {"a", "b"}
    assert counts["stat"] == 2
    assert eyes.kids() == {"b"}
    assert counts["stat"] == 3


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
    (keys / "note").write_text("no key")
    (keys / "note.txt").write_text("not even opened")
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
    assert eyes.look().kids == {"a", "b", "c"}
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
        assert "a" in eyes.kids()
        file.write_text(jwks_of(B))
        assert eyes.kids() == {"a", "b"}
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
    assert eyes.kids_agreed() == {"b"}


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
    assert eyes.kids_agreed() == {"b"}


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
