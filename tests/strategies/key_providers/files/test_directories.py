"""Directories of key files, and volumes that are replaced as a whole."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.errors import UnknownKeyError
from tests.kit import PATIENCE

from .kit import A, B, C, Probe, Volume, jwks_of, provider_of, subject


def test_a_directory_stands_for_its_regular_files(keys: Path, clock: Any) -> None:
    """Hidden files, editors' copies, directories and dangling links are ignored."""
    (keys / "a.json").write_text(jwks_of(A))
    for name in (".hidden.json", "..data.json", "a.json~"):
        (keys / name).write_text(jwks_of(B))
    (keys / "below").mkdir()
    (keys / "below" / "b.json").write_text(jwks_of(B))
    (keys / "to nothing").symlink_to("nowhere")
    (keys / "linked.json").symlink_to(keys.parent / "elsewhere.json")
    (keys.parent / "elsewhere.json").write_text(jwks_of(C))

    key_set = Probe(clock, keys).read()
    assert key_set.kids == {"a", "c"}
    assert key_set.skipped == ()


def test_a_hidden_file_can_be_named(keys: Path, clock: Any) -> None:
    """A file that is ignored in a directory is read if its own path is given."""
    (keys / ".a.json").write_text(jwks_of(A))

    assert Probe(clock, keys / ".a.json").kids() == {"a"}


def test_files_can_be_added_and_deleted(keys: Path, clock: Any) -> None:
    """A new file adds its keys, and a deleted one removes them."""
    probe = Probe(clock, keys)
    (keys / "a.json").write_text(jwks_of(A))
    assert probe.kids() == {"a"}
    (keys / "b.json").write_text(jwks_of(B))
    assert probe.kids() == {"a", "b"}
    (keys / "a.json").unlink()
    assert probe.kids_after_two_reads() == {"b"}
    (keys / "b.json").rename(keys / "c.json")
    assert probe.kids() == {"b"}
    assert probe.kids() == {"b"}


def test_a_replaced_volume_is_noticed(keys: Path, clock: Any) -> None:
    """Keys that a Secret or ConfigMap adds, changes and removes are found at the next read."""
    volume = Volume(keys)
    provider = provider_of(keys, clock=clock)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert subject(A.token(), provider) == subject(B.token(), provider) == "alice"

    volume.publish({"b.json": jwks_of(B), "c.json": jwks_of(C)})
    clock.move(10)
    assert subject(B.token(), provider) == subject(C.token(), provider) == "alice"
    assert subject(A.token(), provider) == "alice"
    clock.move(10)
    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider)

    volume.publish({"b.json": jwks_of(A), "c.json": jwks_of(C)})
    clock.move(10)
    assert subject(A.token(), provider) == "alice"
    assert provider.generation == 4


def test_a_file_of_a_replaced_volume_is_noticed(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """Files that are named one by one are noticed too, and unchanged content is not parsed again."""
    volume = Volume(keys)
    probe = Probe(clock, keys / "a.json", keys / "b.json")
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert probe.kids() == {"a", "b"}

    volume.publish({"a.json": jwks_of(C), "b.json": jwks_of(B)})
    assert probe.kids() == {"a", "b", "c"}
    assert probe.kids() == {"b", "c"}
    assert counts["parse"] == 3


def test_replacing_a_volume_under_load_refuses_no_token(keys: Path) -> None:
    """A key that stays in the volume verifies at all times."""
    volume = Volume(keys)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    provider = provider_of(keys, interval=0.001)
    provider.warm_up()
    stop = threading.Event()
    results: Counter[str | None] = Counter()

    def use() -> None:
        while not stop.is_set():
            results["total"] += 1
            results[subject(A.token(), provider)] += 1

    user = threading.Thread(target=use)
    user.start()
    for number in range(100):
        volume.publish({"a.json": jwks_of(A), "b.json": jwks_of((B, C)[number % 2])})
    stop.set()
    user.join(PATIENCE)

    assert not user.is_alive()
    assert results["alice"] == results["total"] > 0
