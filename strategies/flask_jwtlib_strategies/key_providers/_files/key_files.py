"""Key files as they are over several looks: which keys serve, and since when one is missing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import define, evolve, field, frozen

from flask_jwtlib import ConfigurationError, KeySet, Refresh
from flask_jwtlib.key_providers import DeferredCalls, FetchedKeys
from flask_jwtlib.log_text import library_logger, quoted

from .key_file import KeyFile
from .patient_reader import PatientReader, Read
from .readings import Content, Directory, FileReader, Gone, Reading, Unreadable
from .serving_keys import ServingKeys

__all__ = ["KeyFiles"]

_logger = library_logger("flask_jwtlib_strategies")

# Seconds without a look after which a key that is gone must not serve until the next one: the longest
# that keys from other sources serve unseen.
_IDLE = 300
# Seconds between two readings of one look.
_PAUSE = 0.2
_MAX_FAULTS = 10
_LONGEST_PATH = 100
_HANGS = Unreadable("it can't be read at the moment: that takes too long")


@frozen(eq=False)
class _State:
    """What is known after a look. It is replaced as a whole, so that no lock is needed.

    Attributes:
        begun: When the look began.
        fresh: Whether its result is good until the next look.
        files: The files, by their path.
        key_set: What was returned last, None if nothing was.
    """

    begun: float = -math.inf
    fresh: bool = False
    files: Mapping[Path, KeyFile] = field(factory=dict[Path, KeyFile])
    key_set: KeySet | None = None


@define(eq=False)
class KeyFiles:
    """Reads keys from files: a ``fetch`` for ``TTLKeyProvider``.

    While nothing changes, each look returns the same ``KeySet`` object.

    Args:
        paths: Files and directories.
        reader: Looks at one path.
        max_keys: The most keys of all files together.
        interval: Seconds from one look to the next at least, unless it failed.
        refresh: How long the keys of a file are used that can't be read any more, how long a look may take,
            and the clock.
    """

    paths: tuple[Path, ...]
    reader: FileReader = field(kw_only=True, repr=False)
    max_keys: int = field(kw_only=True)
    interval: float = field(kw_only=True)
    refresh: Refresh = field(kw_only=True, repr=False)
    _state: _State = field(init=False, factory=_State, repr=False)
    _patient: PatientReader[Reading] = field(init=False, repr=False)
    _calls: DeferredCalls = field(init=False, factory=DeferredCalls, repr=False)

    def __attrs_post_init__(self) -> None:
        patience = max(0.05, min(1, self.refresh.fetch_timeout / 4))
        self._patient = PatientReader(patience, timeout=max(0.1, self.refresh.fetch_timeout * 0.8))

    def __call__(self) -> FetchedKeys:
        """Look at the files, unless that was done a moment ago.

        Raises:
            ConfigurationError: None of them can be used.
        """
        now = self.refresh.clock()
        before = self._state
        left = before.begun + self.interval - now
        if before.fresh and left > 0:
            return FetchedKeys(before.key_set, ttl=self.refresh.ttl_for(left))
        look = self._look(before.files, now)
        if _IDLE < now - before.begun < math.inf and any(
            file.leaving for file in look.files.values()
        ):
            time.sleep(_PAUSE)
            look = self._look(look.files, now)
        state = _State(now, files=look.files, key_set=before.key_set)
        self._publish(state)
        try:
            key_set = look.key_set(before.key_set, self.refresh.max_stale, self.max_keys)
            self._publish(evolve(state, fresh=True, key_set=key_set))
        finally:
            self._calls.start()
        return FetchedKeys(key_set)

    def _look(self, known: Mapping[Path, KeyFile], now: float) -> _Look:
        readings = self._patient.read_all(self.paths, partial(self._read, known))
        look = _Look(now)
        for path in self.paths:
            reading = readings.get(path, _HANGS)
            look.take(path, reading, known.get(path))
            for child in self._children(path, reading, known):
                if isinstance(reading, Directory):
                    look.take_listed(child, readings.get(child, _HANGS), known.get(child))
                else:
                    look.take_unseen(child, reading, known.get(child))
        return look

    def _read(self, known: Mapping[Path, KeyFile], path: Path) -> Read[Reading]:
        file = known.get(path)
        content = None if file is None else file.content
        reading = self.reader.read(
            path,
            content,
            settled=file is not None and file.is_settled,
            listed=path not in self.paths,
        )
        if isinstance(reading, Directory):
            return Read(reading, self._children(path, reading, known))
        if not isinstance(reading, Content):
            return Read(reading)
        if reading.is_private and (content is None or content.digest != reading.digest):
            self._calls.add(_logger.error, "%s: %s", _shown(path), reading.fault)
        return Read(reading)

    def _children(
        self, path: Path, reading: Reading, known: Mapping[Path, KeyFile]
    ) -> Sequence[Path]:
        """The files of a directory, those that it lists and those that it listed before, by name."""
        listed = reading.files if isinstance(reading, Directory) else ()
        below = [each for each in known if each.parent == path]
        return sorted({*listed, *below}.difference(self.paths))

    def _publish(self, state: _State) -> None:
        # A look that was given up, and came to its end all the same, says nothing new.
        if state.begun >= self._state.begun:
            self._state = state


@define(eq=False)
class _Look:
    """What one look found.

    Attributes:
        now: When it began.
        files: What is known now of the files.
        faults: Why files and directories can't be used.
    """

    now: float
    files: dict[Path, KeyFile] = field(init=False, factory=dict[Path, KeyFile])
    faults: dict[Path, str] = field(init=False, factory=dict[Path, str])

    def take(self, path: Path, reading: Reading, known: KeyFile | None) -> None:
        """Take what was found at a path that was named."""
        if isinstance(reading, Directory):
            self._take(path, Gone("it is a directory"), known, reading.fault)
        else:
            self._take(path, reading, known, reading.fault)

    def take_listed(self, path: Path, reading: Reading, known: KeyFile | None) -> None:
        """Take what was found at a path that a directory lists, or listed before."""
        self.take(path, reading, known)
        is_other = isinstance(reading, Content) and reading.is_unknown
        if isinstance(reading, Gone) or (is_other and (known is None or not known.keys)):
            # It is not a key file, or not any more.
            self.faults.pop(path, None)

    def take_unseen(self, path: Path, directory: Reading, known: KeyFile | None) -> None:
        """Take what is known of a file whose directory can't be read, or is none any more."""
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
        """Put the keys together: the set that was returned before, if it is the same.

        Raises:
            ConfigurationError: No file can be used, so that there is nothing new to return.
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
        # A set that lacks keys because its files are gone is empty on purpose, whatever else is there.
        skipped = (*_skipped(serving), *self._described()) if key_set.keys else ()
        if before is not None and (key_set.keys, skipped) == (before.keys, before.skipped):
            return before
        return evolve(key_set, skipped=skipped)

    def _tells_nothing(self, before: KeySet | None) -> bool:
        """Whether no file can be used, and none that was used is missing either."""
        if any(file.fault is None for file in self.files.values()):
            return False
        if before is None:
            return bool(self.faults)
        held = {key for file in self.files.values() for key in file.keys}
        return bool(before.keys) and held.issuperset(before.keys)

    def _described(self) -> list[str]:
        faults = [f"{_shown(path)}: {fault}" for path, fault in self.faults.items()]
        if len(faults) > _MAX_FAULTS:
            faults[_MAX_FAULTS:] = [f"and {len(faults) - _MAX_FAULTS} more"]
        return faults


def _skipped(files: Mapping[Path, KeyFile]) -> Iterator[str]:
    for path, file in files.items():
        for reason in () if file.key_set is None else file.key_set.skipped:
            yield f"{_shown(path)}: {reason}"


def _shown(path: Path) -> str:
    """Show a path: of a long one its end, which tells most."""
    text = str(path)
    return quoted(text if len(text) <= _LONGEST_PATH else f"...{text[-_LONGEST_PATH:]}", 200)
