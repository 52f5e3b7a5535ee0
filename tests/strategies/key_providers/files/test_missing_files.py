"""Files that don't exist, or no longer exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import VerificationUnavailable
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.log_text import error_text

from .kit import A, B, C, Probe, eventually, jwks_of, provider_of, shown, subject


def test_a_missing_file_is_an_outage(keys: Path, clock: Any) -> None:
    """Until the file exists tokens get 503, not 401; then it is used."""
    provider = provider_of(keys / "a.json", clock=clock)
    for _ in range(4):
        with pytest.raises(VerificationUnavailable) as error:
            subject(A.token(), provider)
        clock.move(31)
    assert "ConfigurationError" in error_text(error.value)

    (keys / "a.json").write_text(jwks_of(A))
    assert subject(A.token(), provider) == "alice"


def test_a_missing_file_does_not_affect_the_others(keys: Path, clock: Any) -> None:
    """Files that exist are used, and ``skipped`` names the others."""
    probe = Probe(clock, keys / "a.json", keys / "b.json", keys / "a.json" / "c.json")
    (keys / "a.json").write_text(jwks_of(A))
    key_set = probe.read()
    assert key_set.kids == {"a"}
    assert key_set.skipped == (
        f"{shown(keys / 'b.json')}: No such file or directory",
        f"{shown(keys / 'a.json' / 'c.json')}: Not a directory",
    )

    (keys / "b.json").write_text(jwks_of(B))
    assert probe.kids() == {"a", "b"}
    (keys / "a.json").unlink()
    assert probe.kids_after_two_reads() == {"b"}


def test_an_empty_directory_is_an_empty_set(keys: Path, clock: Any) -> None:
    """A directory without files means that there are no keys."""
    assert Probe(clock, keys).read().keys == ()


def test_a_file_whose_directory_became_a_file_is_deleted(keys: Path, clock: Any) -> None:
    """However a file was removed, its keys are removed."""
    probe = Probe(clock, keys / "a.json", keys.parent / "b.json")
    (keys / "a.json").write_text(jwks_of(A))
    (keys.parent / "b.json").write_text(jwks_of(B))
    assert probe.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    keys.rmdir()
    keys.write_text("no directory")
    assert probe.kids() == {"a", "b"}
    assert probe.kids() == {"b"}


@pytest.mark.parametrize("directory", [False, True], ids=["file", "directory"])
def test_keys_are_used_for_30_seconds_after_all_files_are_deleted(
    keys: Path, clock: Any, directory: bool
) -> None:
    """The last key is used until the files have been missing for 30 seconds; then its tokens are refused."""
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


def test_a_deleted_file_loses_its_keys_beside_damaged_files(keys: Path, clock: Any) -> None:
    """A damaged file keeps only its own keys, not those of a deleted file."""
    probe = Probe(clock, keys)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    assert probe.kids() == {"a", "b"}

    (keys / "a.json").unlink()
    (keys / "b.json").write_text("{")
    assert probe.kids() == {"a", "b"}
    assert probe.kids() == {"b"}
    assert "b.json" in probe.fault()
    (keys / "b.json").write_text(jwks_of(C))
    assert probe.kids_after_two_reads() == {"c"}


@pytest.mark.parametrize("held_keys", [False, True], ids=["never a key file", "damaged for long"])
def test_an_unusable_file_does_not_keep_the_keys_of_a_deleted_one(
    keys: Path, clock: Any, held_keys: bool
) -> None:
    """When the last valid file is deleted, the set becomes empty, though an unusable file is left."""
    probe = Probe(clock, keys, max_stale=60)
    (keys / "a.json").write_text(jwks_of(A))
    if held_keys:
        (keys / "b.json").write_text(jwks_of(B))
        assert probe.kids() == {"a", "b"}
    (keys / "b.json").write_text("no key")
    assert "a" in probe.kids()
    assert probe.kids(after=100) == {"a"}

    (keys / "a.json").unlink()
    assert probe.kids() == {"a"}
    for _ in range(2):
        key_set = probe.read()
        assert key_set.keys == key_set.skipped == ()
