"""The result of looking at all key files once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, evolve, field

from flask_jwtlib import ConfigurationError, KeySet
from flask_jwtlib.log_text import quoted

from .key_file import KeyFile
from .readings import Content, Directory, Gone, Reading, Unreadable
from .serving_keys import ServingKeys

__all__ = ["Look", "shown_path"]

_MAX_FAULTS = 10
_LONGEST_PATH = 100


@define(eq=False)
class Look:
    """Collects what is found at all paths, and makes a key set of it.

    Attributes:
        now: When the look began.
        files: What is known of each file now.
        faults: Why files and directories can't be used.
    """

    now: float
    files: dict[Path, KeyFile] = field(init=False, factory=dict[Path, KeyFile])
    faults: dict[Path, str] = field(init=False, factory=dict[Path, str])

    def take(self, path: Path, reading: Reading, known: KeyFile | None) -> None:
        """Add what was found at a path that the application passed."""
        if isinstance(reading, Directory):
            self._take(path, Gone("it is a directory"), known, reading.fault)
        else:
            self._take(path, reading, known, reading.fault)

    def take_listed(self, path: Path, reading: Reading, known: KeyFile | None) -> None:
        """Add what was found at a path that a directory lists or has listed before."""
        self.take(path, reading, known)
        is_other = isinstance(reading, Content) and reading.is_unknown
        if isinstance(reading, Gone) or (is_other and (known is None or not known.keys)):
            # It isn't a key file, or is no longer one.
            self.faults.pop(path, None)

    def take_unseen(self, path: Path, directory: Reading, known: KeyFile | None) -> None:
        """Add a file whose directory can't be read, or is no longer a directory."""
        is_gone = isinstance(directory, Gone | Content)
        self._take(path, Gone("") if is_gone else Unreadable(""), known, None)

    def _take(
        self,
        path: Path,
        reading: Content | Gone | Unreadable,
        known: KeyFile | None,
        fault: str | None,
    ) -> None:
        if fault is not None:
            self.faults[path] = fault
        file = (known or KeyFile(self.now)).after(reading, self.now)
        if file is not None:
            self.files[path] = file

    def key_set(self, before: KeySet | None, max_stale: float, max_keys: int) -> KeySet:
        """Return the keys of all files, as the same object as ``before`` if nothing has changed.

        Raises:
            ConfigurationError: No file can be used, so the look has found nothing new.
        """
        if self._tells_nothing(before):
            raise ConfigurationError(f"no key file can be used: {'; '.join(self._described())}")
        serving = {
            path: file
            for path, file in self.files.items()
            if file.fault is None or self.now - file.good_at < max_stale
        }
        keys = ServingKeys(serving, before, max_keys)
        key_set = keys.key_set()
        self.faults.update(keys.refused)
        # If all key files were removed, the set is empty on purpose, in spite of faults of other files.
        skipped = (*_skipped(serving), *self._described()) if key_set.keys else ()
        if before is not None and (key_set.keys, skipped) == (before.keys, before.skipped):
            return before
        return evolve(key_set, skipped=skipped)

    def _tells_nothing(self, before: KeySet | None) -> bool:
        """Return whether no file can be used, and no file that was used is gone."""
        if any(file.fault is None for file in self.files.values()):
            return False
        if before is None:
            return bool(self.faults)
        held = {key for file in self.files.values() for key in file.keys}
        return bool(before.keys) and held.issuperset(before.keys)

    def _described(self) -> list[str]:
        faults = [f"{shown_path(path)}: {fault}" for path, fault in self.faults.items()]
        if len(faults) > _MAX_FAULTS:
            faults[_MAX_FAULTS:] = [f"and {len(faults) - _MAX_FAULTS} more"]
        return faults


def _skipped(files: Mapping[Path, KeyFile]) -> Iterator[str]:
    for path, file in files.items():
        for reason in () if file.key_set is None else file.key_set.skipped:
            yield f"{shown_path(path)}: {reason}"


def shown_path(path: Path) -> str:
    """Return a path for a log or an error; the end of a long one."""
    text = str(path)
    return quoted(text if len(text) <= _LONGEST_PATH else f"...{text[-_LONGEST_PATH:]}", 200)
