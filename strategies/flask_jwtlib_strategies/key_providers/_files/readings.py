"""Reads one path: a directory, or a file that may contain keys."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from itertools import islice
from pathlib import Path

import attrs
from attrs import field, frozen

from flask_jwtlib import ConfigurationError, KeySet
from flask_jwtlib.log_text import error_text

from .content import MAX_SIZE, PrivateKeyError, UnknownFormatError, keys_of

__all__ = ["Content", "Directory", "FileReader", "Gone", "Reading", "Unreadable"]

_KEY_ENDINGS = (
    ".cer", ".cert", ".crt", ".der", ".jwk", ".jwks", ".json", ".key", ".pem", ".pub"
)  # fmt: skip
# Read only to report the private keys in them.
_PRIVATE_ENDINGS = (".jks", ".p12", ".p8", ".pfx", ".pk8", ".ppk")
_MAX_ENTRIES = 10_000
_MAX_FILES = 1000
# O_NONBLOCK: opening a FIFO that replaces the file between two system calls must not block.
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


@frozen(eq=False)
class Content:
    """The content of a file.

    Attributes:
        signature: The file's status, which shows later changes without reading the file.
        digest: The SHA-256 of its bytes.
        key_set: Its keys, None if it can't be used.
        fault: Why it can't be used, None if it can.
        is_private: Whether it contains a private key.
        is_unknown: Whether it doesn't look like a key file.
    """

    signature: tuple[int, ...]
    digest: bytes
    key_set: KeySet | None = None
    fault: str | None = field(default=None, kw_only=True)
    is_private: bool = field(default=False, kw_only=True)
    is_unknown: bool = field(default=False, kw_only=True)


@frozen(eq=False)
class Directory:
    """The files of a directory that may contain keys, and why some are left out, if so."""

    files: tuple[Path, ...]
    fault: str | None = None


@frozen(eq=False)
class Gone:
    """There is no file at the path. ``fault`` says why."""

    fault: str


@frozen(eq=False)
class Unreadable:
    """The path can't be read now; the file may still be there. ``fault`` says why."""

    fault: str


Reading = Content | Directory | Gone | Unreadable


@frozen(eq=False)
class FileReader:
    """Reads paths.

    Args:
        kid_from_name: Whether a file's name is used as the ``kid`` of keys that have none.
        max_keys: Maximum number of keys in a file.
        uses: The values of ``use`` that mark a JWK for signatures.
    """

    kid_from_name: bool = field(kw_only=True)
    max_keys: int = field(kw_only=True)
    uses: tuple[str, ...] = field(kw_only=True)

    def read(self, path: Path, known: Content | None, *, settled: bool, listed: bool) -> Reading:
        """Read a path.

        Args:
            path: The path.
            known: Its content at the last reading.
            settled: Whether two successive readings were the same. Only then does an unchanged signature
                mean an unchanged file: a file may be written, read and written again within one tick of the
                file system's clock.
            listed: Whether the path was found in a directory, where subdirectories are ignored.

        Returns:
            The content, or what else was found; ``known`` itself if nothing has changed.
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
        except Exception as error:  # noqa: BLE001 - one file must not make the others unusable
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
        fault = f"it has more than {_MAX_ENTRIES} entries; the others are ignored"
    elif len(files) > _MAX_FILES:
        fault = (
            f"it has {len(files)} files that may contain keys; only the first {_MAX_FILES} are read"
        )
    elif not files and any(not name.startswith(".") for name in names):
        fault = f"none of its files has a key file's ending; expected {' '.join(_KEY_ENDINGS)}"
    return Directory(tuple(path / name for name in files[:_MAX_FILES]), fault)


def _may_hold_keys(name: str) -> bool:
    """Return whether a file in a directory may be a key file, by its ending or because it has none."""
    if name.startswith(".") or name.endswith("~"):
        return False
    _, dot, ending = name.rpartition(".")
    return not dot or f".{ending.lower()}" in _KEY_ENDINGS + _PRIVATE_ENDINGS


def _signature(status: os.stat_result) -> tuple[int, ...]:
    """Return numbers that change with a file, also when a link is replaced or its mtime is set back."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _bytes_of(path: Path, status: os.stat_result) -> tuple[bytes, tuple[int, ...]]:
    # Opening a device may have side effects.
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
    # The system's message without the path, which is shown in front of it.
    return (
        error.strerror or type(error).__name__ if isinstance(error, OSError) else error_text(error)
    )
