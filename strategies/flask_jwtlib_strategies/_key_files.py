"""Looks at key files, and reads those that changed."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import attrs
from attrs import define, field, frozen

from flask_jwtlib import ConfigurationError, FetchedKeys, KeySet
from flask_jwtlib.log_text import library_logger

from ._key_file_content import MAX_SIZE, PrivateKeyError, keys_of

__all__ = ["KeyFiles", "lifetime"]

_logger = library_logger("flask_jwtlib_strategies")

_MAX_KEYS = 100
_SUFFIXES = frozenset({".cer", ".crt", ".jwk", ".json", ".pem", ".pub"})


def lifetime(seconds: float) -> float:
    """How long keys are to be fresh so that they are fetched again after so many seconds at the earliest.

    ``TTLKeyProvider`` does so after 70 to 80 % of their time.
    """
    return seconds / 0.7


@frozen(eq=False)
class _KeyFile:
    """What is known of a file.

    Attributes:
        key_set: Its keys, as it held them when it was last good; None if it never was.
        good_at: When that was.
        digest: Of what it held when it was read.
        signature: What tells without reading whether it changed since.
        settled: Whether two looks read the same. Within one tick of the file system's clock a file
            may be written, read and written again, and its signature would not tell.
        fault: Why what it held can't be used, None if it can.
    """

    key_set: KeySet | None
    good_at: float
    digest: bytes
    signature: tuple[int, ...]
    settled: bool = False
    fault: str | None = None


@frozen(eq=False)
class _State:
    """What is known after a look. It is replaced as a whole, so that no lock is needed.

    Attributes:
        begun: When the look began.
        fresh: Whether its answer is good until the next look.
        files: The files, by their path.
        key_set: What was answered last, None if nothing was.
    """

    begun: float = -math.inf
    fresh: bool = False
    files: Mapping[Path, _KeyFile] = field(factory=dict[Path, _KeyFile])
    key_set: KeySet | None = None


@define(eq=False)
class KeyFiles:
    """Reads keys from files: a ``fetch`` for ``TTLKeyProvider``.

    While nothing changes, each look answers the same ``KeySet`` object.

    Args:
        paths: Files and directories.
        kid_from_name: Whether keys without a ``kid`` get their file's name for one.
        interval: Seconds from one look to the next at the least, unless it failed.
        max_stale: Seconds that what a file held serves on when it can't be used any more.
        clock: A clock in seconds that never jumps.
    """

    paths: tuple[Path, ...]
    kid_from_name: bool = field(kw_only=True)
    interval: float = field(kw_only=True)
    max_stale: float = field(kw_only=True, repr=False)
    clock: Callable[[], float] = field(kw_only=True, repr=False)
    _state: _State = field(init=False, factory=_State, repr=False)

    def __call__(self) -> FetchedKeys:
        """Look at the files, unless that was done a moment ago.

        Raises:
            ConfigurationError: None of them can be used, or they hold too many keys.
        """
        now = self.clock()
        before = self._state
        left = before.begun + self.interval - now
        if before.fresh and left > 0:
            return FetchedKeys(before.key_set, ttl=lifetime(left))
        look = _Look(before.files, now, kid_from_name=self.kid_from_name)
        for path in self.paths:
            look.visit(path)
        state = _State(now, files=look.good | look.bad, key_set=before.key_set)
        self._publish(state)
        key_set = look.key_set(before.key_set, self.max_stale)
        self._publish(attrs.evolve(state, fresh=True, key_set=key_set))
        return FetchedKeys(key_set)

    def _publish(self, state: _State) -> None:
        # A look that was given up, and came to its end all the same, says nothing new.
        if state.begun >= self._state.begun:
            self._state = state


@define(eq=False)
class _Look:
    """One look at all files.

    Attributes:
        known: What was known of the files before.
        now: When it began.
        kid_from_name: Whether keys without a ``kid`` get their file's name for one.
        good: What is known now of the files that can be used.
        bad: What is known of the others, which may have been good before.
        faults: Why files and directories can't be used.
    """

    known: Mapping[Path, _KeyFile]
    now: float
    kid_from_name: bool = field(kw_only=True)
    good: dict[Path, _KeyFile] = field(init=False, factory=dict[Path, _KeyFile])
    bad: dict[Path, _KeyFile] = field(init=False, factory=dict[Path, _KeyFile])
    faults: dict[Path, str] = field(init=False, factory=dict[Path, str])

    def visit(self, path: Path, *, within_directory: bool = False) -> None:
        """Look at a file, or at those of a directory."""
        try:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                self._visit_file(path, status)
            elif not within_directory:
                self._visit_directory(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not within_directory:
                self.faults[path] = _why(error)
        except (OSError, ConfigurationError) as error:
            # That it can't be looked at does not mean that it is gone.
            self.faults[path] = _why(error)
            self.bad.update(
                (known, file) for known, file in self.known.items() if path in (known, known.parent)
            )

    def key_set(self, before: KeySet | None, max_stale: float) -> KeySet:
        """Put the keys together: the set that was answered before, if it is the same.

        Raises:
            ConfigurationError: No file can be used, so that there is nothing new to answer; or there
                are too many keys.
        """
        serving = {
            path: file.key_set
            for path, file in (self.good | self.bad).items()
            if file.key_set is not None
            and (path in self.good or self.now - file.good_at < max_stale)
        }
        keys = tuple(key for key_set in serving.values() for key in key_set.keys)
        faults = tuple(f"{path}: {fault}" for path, fault in self.faults.items())
        if not self.good and self._tells_nothing(before):
            raise ConfigurationError(f"no key file can be used: {'; '.join(faults)}")
        if len(keys) > _MAX_KEYS:
            raise ConfigurationError(f"the files hold {len(keys)} keys, {_MAX_KEYS} are allowed")
        skipped = tuple(
            f"{path}: {reason}" for path, key_set in serving.items() for reason in key_set.skipped
        )
        if before is not None and (keys, skipped + faults) == (before.keys, before.skipped):
            return before
        exact = any(key_set.exact for key_set in serving.values() if key_set.keys)
        return KeySet(keys, skipped=skipped + faults, exact=exact)

    def _tells_nothing(self, before: KeySet | None) -> bool:
        """Whether files that all can't be used don't even tell that others were deleted."""
        if before is None:
            return bool(self.faults)
        held = {
            key
            for file in self.bad.values()
            if file.key_set is not None
            for key in file.key_set.keys
        }
        return bool(before.keys) and held.issuperset(before.keys)

    def _visit_directory(self, directory: Path) -> None:
        paths = sorted(
            path
            for path in directory.iterdir()
            if not path.name.startswith(".") and not path.name.endswith("~")
        )
        if len(paths) > _MAX_KEYS:
            raise ConfigurationError(f"it has {len(paths)} entries, {_MAX_KEYS} are allowed")
        for path in paths:
            self.visit(path, within_directory=True)

    def _visit_file(self, path: Path, status: os.stat_result) -> None:
        file = self.known.get(path)
        if file is None or not file.settled or file.signature != _signature(status):
            file = self._read(path, status, file)
        if file.fault is None:
            self.good[path] = attrs.evolve(file, good_at=self.now)
        else:
            self.bad[path] = file
            self.faults[path] = file.fault

    def _read(self, path: Path, status: os.stat_result, before: _KeyFile | None) -> _KeyFile:
        content, signature = _read(path, status)
        digest = sha256(content).digest()
        if before is None:
            file = _KeyFile(None, self.now, digest, signature)
        elif before.digest == digest:
            return attrs.evolve(before, signature=signature, settled=signature == before.signature)
        else:
            file = attrs.evolve(before, digest=digest, signature=signature, settled=False)
        try:
            return attrs.evolve(file, key_set=keys_of(content, kid=self._kid(path)), fault=None)
        except ConfigurationError as error:
            if isinstance(error, PrivateKeyError):
                _logger.error("%s: %s", path, error)  # noqa: TRY400 - a traceback says nothing more
            return attrs.evolve(file, fault=str(error))

    def _kid(self, path: Path) -> str | None:
        if not self.kid_from_name:
            return None
        return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def _signature(status: os.stat_result) -> tuple[int, ...]:
    """What changes with a file: by a swapped link, too, and where its time of change was set back."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _read(path: Path, status: os.stat_result) -> tuple[bytes, tuple[int, ...]]:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError("it is no regular file")
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        content = file.read(MAX_SIZE + 1)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ConfigurationError("it is being written")
    return content, _signature(before)


def _why(error: Exception) -> str:
    # The operating system's own word, without the path, which stands before it.
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
