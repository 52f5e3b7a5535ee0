"""Directories of key files, and volumes that are swapped as a whole."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.errors import UnknownKeyError

from .kit import (
    PATIENCE,
    A,
    B,
    C,
    Eyes,
    Volume,
    jwks_of,
    provider_of,
    subject,
)


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
    assert eyes.kids_agreed() == {"b"}
    (keys / "b.json").rename(keys / "c.json")
    assert eyes.kids() == {"b"}
    assert eyes.kids() == {"b"}


def test_point_23_a_swapped_volume_is_seen(keys: Path, clock: Any) -> None:
    """A Secret or ConfigMap that changes is seen at the next look: keys that come, change and go."""
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


def test_point_23_a_file_of_a_swapped_volume_is_seen(
    keys: Path, clock: Any, counts: Counter[str]
) -> None:
    """So it is where its files are named one by one, and what holds the same is not parsed again."""
    volume = Volume(keys)
    eyes = Eyes(clock, keys / "a.json", keys / "b.json")
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert eyes.kids() == {"a", "b"}

    volume.publish({"a.json": jwks_of(C), "b.json": jwks_of(B)})
    assert eyes.kids() == {"a", "b", "c"}
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
