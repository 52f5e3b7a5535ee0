"""Looks at one path: at a directory, or at a file that may hold keys."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from itertools import islice
from pathlib import Path

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet

from .content import MAX_SIZE, PrivateKeyError, UnknownFormatError, keys_of

__all__ = ["Content", "Directory", "FileReader", "Gone", "Reading", "Unreadable"]

_KEY_ENDINGS = (
    ".cer", ".cert", ".crt", ".der", ".jwk", ".jwks", ".json", ".key", ".pem", ".pub"
)  # fmt: skip
# Read only so that a private key in them is named.
_PRIVATE_ENDINGS = (".jks", ".p12", ".p8", ".pfx", ".pk8", ".ppk")
_MAX_ENTRIES = 10_000
_MAX_FILES = 1000
# O_NONBLOCK: a FIFO that takes a file's place between two system calls must not block.
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


@frozen(eq=False)
class Content:
    """What a file held when it was read.

    Attributes:
        signature: What tells, without reading the file, whether it changed since.
        digest: Of its bytes.
        key_set: Its keys, None if it can't be used.
        fault: Why it can't be used, None if it can.
        is_private: Whether it holds a private key.
        is_unknown: Whether it doesn't look like a key file at all.
    """

    signature: tuple[int, ...]
    digest: bytes
    key_set: KeySet | None = None
    fault: str | None = field(default=None, kw_only=True)
    is_private: bool = field(default=False, kw_only=True)
    is_unknown: bool = field(default=False, kw_only=True)


@frozen(eq=False)
class Directory:
    """The files of a directory that may hold keys, and why not all of them are there, if so."""

    files: tuple[Path, ...]
    fault: str | None = None


@frozen(eq=False)
class Gone:
    """Nothing is at a path that could hold keys, and why."""

    fault: str


@frozen(eq=False)
class Unreadable:
    """What is at a path can't be read at the moment, and why. It does not mean that it is gone."""

    fault: str


Reading = Content | Directory | Gone | Unreadable


@frozen(eq=False)
class FileReader:
    """Looks at paths.

    Args:
        kid_from_name: Whether keys without a ``kid`` get their file's name for one.
        max_keys: The most keys that a file may hold.
        uses: The values of ``use`` that mark a JWK for signatures.
    """

    kid_from_name: bool = field(kw_only=True)
    max_keys: int = field(kw_only=True)
    uses: tuple[str, ...] = field(kw_only=True)

    def read(self, path: Path, known: Content | None, *, settled: bool, listed: bool) -> Reading:
        """Look at a path.

        Args:
            path: The path.
            known: What it held when it was read last.
            settled: Whether two readings agreed. Within one tick of the file system's clock a file may be
                written, read and written again, and its signature would not tell.
            listed: Whether it was found in a directory, where directories don't count.

        Returns:
            What was found: the very object ``known`` if nothing changed.
        """
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                return Gone("it is a directory") if listed else _directory(path)
            if known is not None and settled and known.signature == _signature(status):
                return known
            content, signature = _bytes_of(path, status)
            digest = sha256(content).digest()
            if known is not None and known.digest == digest:
                return attrs.evolve(known, signature=signature)
            return self._content(path, content, signature, digest)
        except (FileNotFoundError, NotADirectoryError) as error:
            return Gone(_why(error))
        except (OSError, ConfigurationError) as error:
            return Unreadable(_why(error))

    def _content(
        self, path: Path, content: bytes, signature: tuple[int, ...], digest: bytes
    ) -> Content:
        try:
            key_set = keys_of(content, kid=self._kid(path), max_keys=self.max_keys, uses=self.uses)
        except ConfigurationError as error:
            return Content(
                signature,
                digest,
                fault=error.fault,
                is_private=isinstance(error, PrivateKeyError),
                is_unknown=isinstance(error, UnknownFormatError) and not path.suffix,
            )
        except Exception as error:  # noqa: BLE001 - no file takes the others down
            return Content(
                signature, digest, fault=f"it can't be read as a key ({type(error).__name__})"
            )
        return Content(signature, digest, key_set)

    def _kid(self, path: Path) -> str | None:
        if not self.kid_from_name:
            return None
        return path.stem if path.suffix.lower() in _KEY_ENDINGS else path.name


def _directory(path: Path) -> Directory:
    with os.scandir(path) as entries:
        names = [entry.name for entry in islice(entries, _MAX_ENTRIES + 1)]
    files = sorted(filter(_may_hold_keys, names))
    fault: str | None = None
    if len(names) > _MAX_ENTRIES:
        fault = f"it has more than {_MAX_ENTRIES} entries; the others are not looked at"
    elif len(files) > _MAX_FILES:
        fault = f"it has {len(files)} files that may hold keys; the first {_MAX_FILES} are read"
    elif not files and any(not name.startswith(".") for name in names):
        fault = f"none of its files counts as a key file, by its ending: {' '.join(_KEY_ENDINGS)}"
    return Directory(tuple(path / name for name in files[:_MAX_FILES]), fault)


def _may_hold_keys(name: str) -> bool:
    """Whether a file of a directory counts by its name: by its ending, or because it has none."""
    if name.startswith(".") or name.endswith("~"):
        return False
    _, dot, ending = name.rpartition(".")
    return not dot or f".{ending.lower()}" in _KEY_ENDINGS + _PRIVATE_ENDINGS


def _signature(status: os.stat_result) -> tuple[int, ...]:
    """What changes with a file: by a swapped link, too, and where its time of change was set back."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _bytes_of(path: Path, status: os.stat_result) -> tuple[bytes, tuple[int, ...]]:
    # Opening a device may do something by itself.
    _check_regular(status)
    with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
        before = os.fstat(file.fileno())
        _check_regular(before)
        content = file.read(MAX_SIZE + 1)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ConfigurationError("it is being written")
    return content, _signature(before)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError("it is not a regular file")


def _why(error: Exception) -> str:
    # The operating system's own word, without the path, which is shown anyway.
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
