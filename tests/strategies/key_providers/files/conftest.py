"""What the tests of key files share: a directory, and counts of file operations in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import KeySet
from flask_jwtlib_strategies.key_providers._files import readings as _file_readings


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory for keys."""
    directory = tmp_path / "keys"
    directory.mkdir()
    return directory


@pytest.fixture
def counts(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts of the calls that stat, open or parse something in the directory."""
    counts: Counter[str] = Counter()
    stat, open_, parse = Path.stat, os.open, _file_readings.keys_of

    def counted_stat(self: Path, **options: Any) -> os.stat_result:
        counts["stat"] += keys in (self, self.parent)
        return stat(self, **options)

    def counted_open(path: Any, *args: Any, **options: Any) -> int:
        counts["open"] += keys == Path(path).parent
        return open_(path, *args, **options)

    def counted_parse(content: bytes, **options: Any) -> KeySet:
        counts["parse"] += 1
        return parse(content, **options)

    monkeypatch.setattr(Path, "stat", counted_stat)
    monkeypatch.setattr(os, "open", counted_open)
    monkeypatch.setattr(_file_readings, "keys_of", counted_parse)
    return counts


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Process IDs of forked children, which are waited for."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
