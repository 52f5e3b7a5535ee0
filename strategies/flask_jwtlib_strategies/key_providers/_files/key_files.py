"""The ``fetch`` of ``FileKeyProvider``, which looks at its files again and again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import define, evolve, field, frozen

from flask_jwtlib import KeySet
from flask_jwtlib.key_providers import DeferredCalls, FetchedKeys, Refresh
from flask_jwtlib.log_text import library_logger

from .key_file import KeyFile
from .look import Look, shown_path
from .patient_reader import PatientReader, Read
from .readings import Content, Directory, FileReader, Reading, Unreadable

__all__ = ["KeyFiles"]

_logger = library_logger("flask_jwtlib_strategies")

# Seconds without a look after which a removed key must not be used until the next one, because keys of other
# sources aren't used longer without a refresh.
_IDLE = 300
# Seconds between the two looks that are made at once then.
_PAUSE = 0.2
_HANGS = Unreadable("it can't be read now: reading it takes too long")


@frozen(eq=False)
class _State:
    """What is known after a look. The value is replaced, never changed, so no lock is needed.

    Attributes:
        begun: When the look began.
        fresh: Whether its result may be used until the next look.
        files: The files by their path.
        key_set: The key set that was returned last, None before the first one.
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
        reader: Reads one path.
        max_keys: Maximum number of keys in all files together.
        interval: Shortest time between two looks, in seconds, unless the first one failed.
        refresh: How long the keys of an unreadable file are used, how long a look may take, and the clock.
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
        """Look at the files, unless the last look was less than ``interval`` seconds ago.

        Raises:
            ConfigurationError: No file can be used.
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

    def _look(self, known: Mapping[Path, KeyFile], now: float) -> Look:
        readings = self._patient.read_all(self.paths, partial(self._read, known))
        look = Look(now)
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
            self._calls.add(_logger.error, "%s: %s", shown_path(path), reading.fault)
        return Read(reading)

    def _children(
        self, path: Path, reading: Reading, known: Mapping[Path, KeyFile]
    ) -> Sequence[Path]:
        """Return the files of a directory that it lists or has listed before, by name."""
        listed = reading.files if isinstance(reading, Directory) else ()
        below = [each for each in known if each.parent == path]
        return sorted({*listed, *below}.difference(self.paths))

    def _publish(self, state: _State) -> None:
        # An abandoned look that ends late must not overwrite a later one.
        if state.begun >= self._state.begun:
            self._state = state
