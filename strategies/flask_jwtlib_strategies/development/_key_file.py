"""The file of a development key, which only its owner can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from errno import ELOOP, ENOTDIR
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from flask_jwtlib import ConfigurationError

from ._key import DevelopmentKey

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["KeyFileError", "key_file_of", "make_key", "read_key"]

_FOLDER = "flask-jwtlib"
_MODE = 0o600
_FOLDER_MODE = 0o700
_MAX_SIZE = 4096
_NEW_KEY = "delete it, and run flask jwtlib token for a new key"
_HAS_PERMISSIONS = os.name == "posix"


class KeyFileError(ConfigurationError):
    """The file of the development key can't be used."""


def key_file_of(app: Flask) -> Path:
    """Return the file of an app's key, which may not exist.

    It is in the user's folder for state, so that neither version control nor an image or a copy of the app's
    folder contains it: ``$XDG_STATE_HOME/flask-jwtlib``, by default ``~/.local/state/flask-jwtlib``. Each
    app has a file of its own, by its folder and name.

    Raises:
        KeyFileError: The user has no home folder, or the system has no POSIX permissions.
    """
    if not _HAS_PERMISSIONS:
        raise KeyFileError(
            "development tokens need a system with POSIX file permissions, such as Linux, macOS or WSL"
        )
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        # The XDG Base Directory Specification says to ignore a relative one.
        state = configured if configured.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        raise KeyFileError(
            "there is no folder for the development key: set HOME or XDG_STATE_HOME"
        ) from None
    identity = os.fsencode(Path(app.root_path).resolve()) + b"\0" + app.name.encode()
    name = re.sub("[^A-Za-z0-9_-]", "_", app.name)[:40]
    return state / _FOLDER / f"{name}-{sha256(identity).hexdigest()[:16]}.pem"


def read_key(app: Flask) -> DevelopmentKey | None:
    """Return an app's key; None if there is no file.

    Raises:
        KeyFileError: Others may have read or written the file, or it isn't a key.
    """
    file = key_file_of(app)
    try:
        with _opened_folder(file.parent) as folder:
            content = _read(file, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(file, error) from None
    try:
        return DevelopmentKey.from_pem(content)
    except ConfigurationError as error:
        raise KeyFileError(
            f"the development key {file} can't be used: {error}: {_NEW_KEY}"
        ) from None


def make_key(app: Flask) -> None:
    """Make the file of an app's key, with a new key, unless it exists.

    Of several processes that do so at the same time, the first one's key is kept.

    Raises:
        KeyFileError: It can't be made.
    """
    file = key_file_of(app)
    try:
        _make_folder(file.parent)
        with _opened_folder(file.parent) as folder:
            _write(folder, ".gitignore", b"*\n")
            _write(folder, file.name, DevelopmentKey.generate().pem)
    except OSError as error:
        raise _unusable(file, error) from None


@contextmanager
def _opened_folder(path: Path) -> Generator[int, None, None]:
    """Open a folder that only its owner can write to."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(folder)
        if found.st_uid != os.geteuid():
            raise KeyFileError(f"the folder {path} of the development key belongs to another user")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise KeyFileError(
                f"other users can write to the folder {path} of the development key: delete the keys in it, "
                f"and run chmod 700 on it"
            )
        yield folder
    finally:
        os.close(folder)


def _read(file: Path, folder: int) -> bytes:
    # Without O_NONBLOCK, opening a named pipe waits for a writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    opened = os.open(file.name, flags, dir_fd=folder)
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise KeyFileError(f"the development key {file} is not a regular file: {_NEW_KEY}")
        if found.st_uid != os.geteuid():
            raise KeyFileError(f"the development key {file} belongs to another user: {_NEW_KEY}")
        mode = stat.S_IMODE(found.st_mode)
        if mode != _MODE:
            raise KeyFileError(
                f"the development key {file} has the mode {mode:04o}, expected {_MODE:04o}. Others may have "
                f"read it: {_NEW_KEY}"
            )
        if found.st_size > _MAX_SIZE:
            raise KeyFileError(
                f"the development key {file} has {found.st_size} bytes, which no key has: {_NEW_KEY}"
            )
        return os.read(opened, _MAX_SIZE)
    finally:
        os.close(opened)


def _make_folder(path: Path) -> None:
    if not path.parent.exists():
        _make_folder(path.parent)
    path.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def _write(folder: int, name: str, content: bytes) -> None:
    """Make a file, at once with all its content, unless there is anything with its name."""
    temporary = f".{name}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, _MODE, dir_fd=folder), "wb") as opened:
        try:
            opened.write(content)
            opened.flush()
            # The process may have a umask that takes permissions from the owner, too.
            os.fchmod(opened.fileno(), _MODE)
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary, dir_fd=folder)


def _unusable(file: Path, error: OSError) -> KeyFileError:
    why = error.strerror
    if error.errno in (ELOOP, ENOTDIR):
        why = "it, or the folder that it is in, is a symbolic link or no folder"
    return KeyFileError(f"the development key {file} can't be used: {why}")
