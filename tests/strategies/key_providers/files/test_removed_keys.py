"""A key is gone when two readings in a row lack it, and not before."""

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

from .kit import RSA, A, B, C, Eyes, Volume, issuer_of, jwks_of, openssh_of, provider_of, subject


def rewrite(keys: Path) -> Callable[[], object]:
    """Take a key out of a file, and put it back."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").write_text(jwks_of(B))
    return lambda: (keys / "ab.json").write_text(text)


def empty(keys: Path) -> Callable[[], object]:
    """Leave an empty JWK set in a file."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").write_text('{"keys": []}')
    return lambda: (keys / "ab.json").write_text(text)


def delete(keys: Path) -> Callable[[], object]:
    """Delete a file."""
    text = (keys / "ab.json").read_text()
    (keys / "ab.json").unlink()
    return lambda: (keys / "ab.json").write_text(text)


def replace_by_directory(keys: Path) -> Callable[[], object]:
    """Put a directory in a file's place."""
    put_back = delete(keys)
    (keys / "ab.json").mkdir()

    def again() -> None:
        (keys / "ab.json").rmdir()
        put_back()

    return again


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
    """Put a file in the directory's place."""
    move_back = delete_directory(keys)
    keys.write_text("a file")

    def again() -> None:
        keys.unlink()
        move_back()

    return again


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
    """A way to remove a key, which returns the way to put it back."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def eyes(keys: Path, clock: Any) -> Eyes:
    """A provider that has seen the keys ``a``, ``b`` and ``c`` twice, and a file elsewhere."""
    (keys / "ab.json").write_text(jwks_of(A, B))
    (keys / "c.json").write_text(jwks_of(C))
    (keys.parent / "r.json").write_text(jwks_of(RSA))
    eyes = Eyes(clock, keys, keys.parent / "r.json")
    assert eyes.kids_agreed() == {"a", "b", "c", "r"}
    return eyes


def test_a_key_serves_until_a_second_reading_agrees(
    keys: Path, eyes: Eyes, remove: Callable[[Path], object]
) -> None:
    """However it was removed, it serves after the next look, and not after the one that follows."""
    remove(keys)
    assert eyes.kids() == {"a", "b", "c", "r"}
    kids = eyes.kids()
    assert "a" not in kids
    assert "r" in kids
    assert eyes.kids() == kids


def test_a_key_that_was_missing_for_a_moment_is_never_lost(
    keys: Path, eyes: Eyes, remove: Callable[[Path], Callable[[], object]]
) -> None:
    """Whatever one reading did not find, and the next one finds, serves all the time."""
    for _ in range(3):
        put_back = remove(keys)
        assert eyes.kids() == {"a", "b", "c", "r"}
        put_back()
        assert eyes.kids() == {"a", "b", "c", "r"}


def test_a_damaged_reading_between_two_others_makes_them_no_pair(keys: Path, eyes: Eyes) -> None:
    """The two readings that agree are consecutive: one that can't be used lies not between them."""
    for _ in range(3):
        (keys / "ab.json").write_text(jwks_of(B))
        assert eyes.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").write_text("{")
        assert eyes.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").unlink()
        assert eyes.kids() == {"a", "b", "c", "r"}
        (keys / "ab.json").write_text("")
        assert eyes.kids() == {"a", "b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(B))
    assert eyes.kids_agreed() == {"b", "c", "r"}


def test_two_readings_agree_about_each_key_by_itself(keys: Path, eyes: Eyes) -> None:
    """A file that changes at each look loses what two readings lack, and keeps what one of them has."""
    (keys / "ab.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(RSA))
    assert eyes.kids() == {"b", "c", "r"}
    (keys / "ab.json").write_text(jwks_of(A))
    assert eyes.kids() == {"a", "c", "r"}


def test_a_new_key_of_an_old_kid_serves_at_once_beside_the_old_one(keys: Path, clock: Any) -> None:
    """A key that is replaced under its own ID serves for one more look; the new one serves at once."""
    new = issuer_of("a")
    (keys / "a.json").write_text(jwks_of(A))
    provider = provider_of(keys, clock=clock, interval=0)
    assert subject(A.token(), provider) == "alice"

    (keys / "a.json").write_text(jwks_of(new))
    assert subject(new.token(), provider) == subject(new.token(), provider) == "alice"
    with pytest.raises(Exception, match="signature is not by the key"):
        subject(A.token(), provider)


@pytest.mark.parametrize("text_of", [lambda i: json.dumps({"keys": [i.jwk]}), openssh_of])
def test_a_rotation_makes_no_token_ambiguous_that_names_no_kid(
    keys: Path, clock: Any, text_of: Callable[[Any], str]
) -> None:
    """While the old key and the new one serve, tokens of both verify that fit one key of each reading."""
    (keys / "key.pub").write_text(text_of(A))
    eyes = Eyes(clock, keys)
    eyes.look()

    def accepted(key_set: KeySet, issuer: Any) -> bool:
        class Fixed:
            def keys_for(self, header: Any) -> Any:
                return key_set.select(header)

        try:
            return subject(issuer.token(header={"kid": None}), Fixed()) == "alice"  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - refused, for whatever reason
            return False

    (keys / "key.pub").write_text(text_of(B))
    rotating = eyes.look()
    assert accepted(rotating, A)
    assert accepted(rotating, B)
    assert rotating.algorithms == {"ES256"}
    assert not rotating.lacks("a")
    rotated = eyes.look()
    assert not accepted(rotated, A)
    assert accepted(rotated, B)


def test_a_key_that_moves_to_another_file_counts_once(keys: Path, eyes: Eyes) -> None:
    """A renamed file changes no key, and brings none twice."""
    (keys / "c.json").rename(keys / "d.json")
    assert sorted(key.kid or "" for key in eyes.look().keys) == ["a", "b", "c", "r"]


def test_after_a_long_pause_two_readings_are_made_at_once(
    keys: Path, eyes: Eyes, remove: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key withdrawn while nobody looked does not serve until the next look after that."""
    monkeypatch.setattr(_key_files, "_PAUSE", 0)
    remove(keys)
    assert "a" in eyes.kids(after=300)
    assert "a" not in eyes.kids(after=301)
    (keys.parent / "r.json").unlink()
    assert "r" not in eyes.kids(after=301)


def test_each_swap_of_a_volume_keeps_its_keys_for_one_more_look(keys: Path, clock: Any) -> None:
    """An atomic replacement is a change as any other: what it lacks goes when a second reading agrees."""
    volume = Volume(keys)
    eyes = Eyes(clock, keys)
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(B)})
    assert eyes.kids() == {"a", "b"}
    volume.publish({"b.json": jwks_of(B), "c.json": jwks_of(C)})
    assert eyes.kids() == {"a", "b", "c"}
    volume.publish({"a.json": jwks_of(A), "b.json": jwks_of(C), "c.json": jwks_of(C)})
    assert eyes.kids() == {"a", "b", "c"}
    assert eyes.kids() == {"a", "c"}


def test_the_provider_refuses_a_removed_key_after_two_looks(keys: Path, clock: Any) -> None:
    """Through the engine: accepted while one look missed it, refused when the second one did."""
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
