"""Files that are not there, or not any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.errors import UnknownKeyError

from .kit import A, B, C, Eyes, eventually, jwks_of, provider_of, shown, subject


def test_point_4_a_missing_file_is_no_empty_set(keys: Path, clock: Any) -> None:
    """As long as a file never was there nothing is decided: 503, also after a minute; then it is used."""
    provider = provider_of(keys / "a.json", clock=clock)
    for _ in range(4):
        with pytest.raises(VerificationUnavailable) as error:
            subject(A.token(), provider)
        clock.move(31)
    assert "ConfigurationError" in str(error.value)

    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), provider) == "alice"


def test_point_23_a_missing_file_takes_no_other_down(keys: Path, clock: Any) -> None:
    """Of several paths those that exist serve, and ``status`` names the others."""
    eyes = Eyes(clock, keys / "a.json", keys / "b.json", keys / "a.json" / "c.json")
    (keys / "a.json").write_text(jwks_of(A))
    key_set = eyes.look()
    assert key_set.kids == {"a"}
    assert key_set.skipped == (
        f"{shown(keys / 'b.json')}: No such file or directory",
        f"{shown(keys / 'a.json' / 'c.json')}: Not a directory",
    )

    (keys / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}
    (keys / "a.json").unlink()
    assert eyes.kids_agreed() == {"b"}


def test_point_8_an_empty_directory_is_an_empty_set(keys: Path, clock: Any) -> None:
    """A directory that is there and has no file in it says that there is no key."""
    assert Eyes(clock, keys).look().keys == ()


def test_point_23_a_file_whose_directory_became_a_file_is_gone(keys: Path, clock: Any) -> None:
    """However a file went, its keys went with it."""
    eyes = Eyes(clock, keys / "a.json", keys.parent / "b.json")
    (keys / "a.json").write_text(jwks_of(A))
    (keys.parent / "b.json").write_text(jwks_of(B))
    assert eyes.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    keys.rmdir()
    keys.write_text("no directory")
    assert eyes.kids() == {"a", "b"}
    assert eyes.kids() == {"b"}


@pytest.mark.parametrize("directory", [False, True], ids=["file", "directory"])
def test_point_8_that_all_files_are_gone_is_believed_in_the_end(
    keys: Path, clock: Any, directory: bool
) -> None:
    """The last key serves on until the files have been away for 30 seconds; then its tokens are refused."""
    provider = provider_of(keys if directory else keys / "a.json", clock=clock)
    (keys / "a.json").write_text(jwks_of(A))
    provider.warm_up()

    (keys / "a.json").unlink()
    for failures in (0, 1):
        clock.move(10)
        assert subject(A.token(), provider) == "alice"
        eventually(lambda: not provider.status()["fetching"])
        assert provider.status()["failures"] == failures
    clock.move(29)
    assert subject(A.token(), provider) == "alice"
    eventually(lambda: not provider.status()["fetching"])
    assert provider.status()["failures"] == 2
    clock.move(3)
    eventually(lambda: not provider.key_set().keys)
    with pytest.raises(UnknownKeyError):
        subject(A.token(), provider)

    (keys / "a.json").write_text(jwks_of(A))
    clock.move(10)
    assert subject(A.token(), provider) == "alice"


def test_point_8_a_deleted_file_counts_though_no_other_can_be_used(keys: Path, clock: Any) -> None:
    """A damaged file keeps its own keys alone: those of a file that was deleted go."""
    eyes = Eyes(clock, keys)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert eyes.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    (keys / "b.json").write_text("{")
    assert eyes.kids() == {"a", "b"}
    assert eyes.kids() == {"b"}
    assert "b.json" in eyes.fault()
    (keys / "b.json").write_text(jwks_of(C))
    assert eyes.kids_agreed() == {"c"}


@pytest.mark.parametrize("held_keys", [False, True], ids=["never a key file", "damaged for long"])
def test_point_8_a_file_without_keys_does_not_keep_those_of_a_deleted_one(
    keys: Path, clock: Any, held_keys: bool
) -> None:
    """When the last good file is deleted, no bad one that is left keeps the set from being empty."""
    eyes = Eyes(clock, keys, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    if held_keys:
        (keys / "b.json").write_text(jwks_of(B))
        assert eyes.kids() == {"a", "b"}
    (keys / "b.json").write_text("no key")
    assert "a" in eyes.kids()
    assert eyes.kids(after=100) == {"a"}

    (keys / "a.json").unlink()
    assert eyes.kids() == {"a"}
    for _ in range(2):
        key_set = eyes.look()
        assert key_set.keys == key_set.skipped == ()
