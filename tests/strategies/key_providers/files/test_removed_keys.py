"""A key is removed when two reads in a row lack it, and not before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import KeySet
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib_strategies.key_providers._files import key_files as _key_files
from tests.kit import raises

from .kit import RSA, A, B, C, Probe, Volume, issuer_of, jwks_of, openssh_of, provider_of, subject


def rewrite(keys: Path) -> Callable[[], object]:
    """Remove a key from a file."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").write_text(jwks_of(B))
    return lambda: (keys / "ab.json").write_text(text)


def empty(keys: Path) -> Callable[[], object]:
    """Write an empty JWK set to a file."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").write_text('{"keys": []}')
    return lambda: (keys / "ab.json").write_text(text)


def delete(keys: Path) -> Callable[[], object]:
    """Delete a file."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").unlink()
    return lambda: (keys / "ab.json").write_text(text)


def replace_by_directory(keys: Path) -> Callable[[], object]:
    """Replace a file by a directory."""
    restore = delete(keys)
    (keys / "ab.json").mkdir()

    def undo() -> None:
        (keys / "ab.json").rmdir()
        restore()

    return undo


def empty_directory(keys: Path) -> Callable[[], object]:
    """Delete all files."""
    texts = {file: file.read_text() for file in keys.iterdir()}
    for file in texts:
        file.unlink()
    return lambda: [file.write_text(text) for file, text in texts.items()]


def delete_directory(keys: Path) -> Callable[[], object]:
    """Delete the directory."""
    aside = keys.with_name("aside")
    keys.rename(aside)
    return lambda: aside.rename(keys)


def replace_directory_by_file(keys: Path) -> Callable[[], object]:
    """Replace the directory by a file."""
    restore = delete_directory(keys)
    keys.write_text("a file")

    def undo() -> None:
        keys.unlink()
        restore()

    return undo


@pytest.fixture(
    params=[
        rewrite,
        empty,
        delete,
        replace_by_directory,
        empty_directory,
        delete_directory,
        replace_directory_by_file,
    ],
    ids=lambda act: act.__name__,
)
def remove(request: pytest.FixtureRequest) -> Callable[[Path], Callable[[], object]]:
    """A way to remove a key, which returns a function that restores it."""
    return request.param


@pytest.fixture
def probe(keys: Path, clock: Any) -> Probe:
    """A probe that has read the keys ``a``, ``b`` and ``c`` twice, and ``r`` in a file elsewhere."""
    (keys / "ab.json").write_text(jwks_of(A, B))
    (keys / "c.json").write_text(jwks_of(C))
    (keys.parent / "r.json").write_text(jwks_of(RSA))
    probe = Probe(clock, keys, keys.parent / "r.json")
    assert probe.kids_after_two_reads() == {"a", "b", "c", "r"}
    return probe


def test_a_key_is_removed_after_two_reads_without_it(
    keys: Path, probe: Probe, remove: Callable[[Path], object]
) -> None:
    """However it was removed, it is still used after the first read, and not after the second."""
    remove(keys)
    assert probe.kids() == {"a", "b", "c", "r"}
    kids = probe.kids()
    assert "a" not in kids
    assert "r" in kids
    assert probe.kids() == kids


def test_a_key_that_is_briefly_missing_is_always_used(
    keys: Path, probe: Probe, remove: Callable[[Path], Callable[[], object]]
) -> None:
    """A key that one read lacks and the next one finds is used all the time."""
    for _ in range(3):
        restore = remove(keys)
        assert probe.kids() == {"a", "b", "c", "r"}
        restore()
        assert probe.kids() == {"a", "b", "c", "r"}


def test_the_two_reads_without_a_key_must_be_consecutive(keys: Path, probe: Probe) -> None:
    """Two reads with an unusable one in between don't remove a key."""
    for _ in range(3):
        (keys / "ab.json").write_text(jwks_of(B))
        assert probe.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").write_text("{")
        assert probe.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").unlink()
        assert probe.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").write_text("")
        assert probe.kids() == {"a", "b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(B))
    assert probe.kids_after_two_reads() == {"b", "c", "r"}


def test_two_reads_are_compared_key_by_key(keys: Path, probe: Probe) -> None:
    """A file that changes at each read loses the keys that two reads lack, and keeps those that one has."""
    (keys / "ab.json").write_text(jwks_of(B))
    assert probe.kids() == {"a", "b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(RSA))
    assert probe.kids() == {"b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(A))
    assert probe.kids() == {"a", "c", "r"}


def test_a_new_key_of_an_old_kid_is_used_at_once(keys: Path, clock: Any) -> None:
    """A key that is replaced under its own ID is used for one more read, beside the new one."""
    new = issuer_of("a")
    (keys / "a.json").write_text(jwks_of(A))
    provider = provider_of(keys, clock=clock, interval=0)
    assert subject(A.token(), provider) == "alice"

    (keys / "a.json").write_text(jwks_of(new))
    assert subject(new.token(), provider) == subject(new.token(), provider) == "alice"
    with raises(Exception, match="signature does not match the key"):
        subject(A.token(), provider)


@pytest.mark.parametrize("text_of", [lambda i: json.dumps({"keys": [i.jwk]}), openssh_of])
def test_a_rotation_refuses_no_token_without_a_kid(
    keys: Path, clock: Any, text_of: Callable[[Any], str]
) -> None:
    """While the old and the new key are used, tokens without a kid verify if each read has one key."""
    (keys / "key.pub").write_text(text_of(A))
    probe = Probe(clock, keys)
    probe.read()

    def accepted(key_set: KeySet, issuer: Any) -> bool:
        class Fixed:
            def keys_for(self, header: Any) -> Any:
                return key_set.select(header)

        try:
            return subject(issuer.token(header={"kid": None}), Fixed()) == "alice"
        except Exception:  # noqa: BLE001 - any refusal counts
            return False

    (keys / "key.pub").write_text(text_of(B))
    rotating = probe.read()
    assert accepted(rotating, A)
    assert accepted(rotating, B)
    assert rotating.algorithms == {"ES256"}
    assert not rotating.lacks("a")
    rotated = probe.read()
    assert not accepted(rotated, A)
    assert accepted(rotated, B)


def test_a_key_that_moves_to_another_file_counts_once(keys: Path, probe: Probe) -> None:
    """A renamed file neither changes nor duplicates a key."""
    (keys / "c.json").rename(keys / "d.json")
    assert sorted(key.kid or "" for key in probe.read().keys) == ["a", "b", "c", "r"]


def test_after_a_long_pause_files_are_read_twice_at_once(
    keys: Path, probe: Probe, remove: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was removed during the pause is not used until the next check."""
    monkeypatch.setattr(_key_files, "_PAUSE", 0)
    remove(keys)
    assert "a" in probe.kids(after=300)
    assert "a" not in probe.kids(after=301)
    (keys.parent / "r.json").unlink()
    assert "r" not in probe.kids(after=301)


def test_a_replaced_volume_keeps_its_old_keys_for_one_more_read(keys: Path, clock: Any) -> None:
    """Like any other change, an atomic replacement removes keys at the second read without them."""
    volume = Volume(keys)
    probe = Probe(clock, keys)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert probe.kids() == {"a", "b"}
    volume.publish({"b.json": jwks_of(B), "c.json": jwks_of(C)})
    assert probe.kids() == {"a", "b", "c"}
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(C), "c.json": jwks_of(C)})
    assert probe.kids() == {"a", "b", "c"}
    assert probe.kids() == {"a", "c"}


def test_the_provider_refuses_a_removed_key_after_two_reads(keys: Path, clock: Any) -> None:
    """With the engine, a removed key is accepted after one read without it, and refused after the second."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "b.json").write_text(jwks_of(B))
    provider = provider_of(keys, clock=clock)
    assert subject(A.token(), provider) == "alice"
    (keys / "a.json").unlink()
    clock.move(10)
    assert subject(A.token(), provider) == "alice"
    clock.move(10)
    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider)
    assert subject(B.token(), provider) == "alice"
    shutil.rmtree(keys)
    clock.move(10)
    assert subject(B.token(), provider) == "alice"
