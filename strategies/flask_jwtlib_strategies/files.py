"""Verification keys from files: PEM, OpenSSH lines, JWKs and JWK sets, alone or in directories."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import ConfigurationError, TTLKeyProvider
from flask_jwtlib.log_text import quoted

from ._file_readings import FileReader
from ._key_files import KeyFiles, lifetime

__all__ = ["FileKeyProvider"]


@frozen(init=False, eq=False)
class FileKeyProvider(TTLKeyProvider):
    """Reads keys from files, and looks every few seconds, while they are in use, whether they changed.

    A file holds one of:

    - PEM: public keys, of which all are taken, or X.509 certificates, of which the first one is, as
      in a chain
    - public keys in OpenSSH's format, a line each
    - a JWK or a JWK set (RFC 7517)

    Of a directory every file counts whose name neither begins with a dot nor ends with ``~``; what
    lies deeper does not. Symbolic links are followed, so that a mounted Secret or ConfigMap of
    Kubernetes is seen as soon as its ``..data`` is another one. A file has 1 MiB at most, and all of
    them have 100 keys.

    A file that can't be used, half-written, damaged or unreadable, takes no other one down. What it
    held before serves on, for ``max_stale`` seconds, and ``status()`` names it under ``skipped``. If
    no file can be used, the refresh has failed, as with any ``TTLKeyProvider``. A file with a
    private key is never used, and is logged as an error: a resource server has no business with one.

    A file that is deleted takes its keys along. To withdraw all keys at once, delete all files, or
    write ``{"keys": []}``: it is believed when it is still so after 30 seconds. A damaged or an
    empty file withdraws nothing.

    Keys that have no ``kid`` are tried for tokens of any ``kid``, up to four for one algorithm, as
    long as no key has one: see ``KeySet``, and ``kid_from_name``.

    Args:
        *paths: Files and directories, which need not exist yet. Relative ones count from the
            directory that is current now.
        kid_from_name: Give keys that have no ``kid`` the name of their file for one, without its
            ending ``.pem``, ``.pub``, ``.crt``, ``.cer``, ``.jwk`` or ``.json``. It suits a
            directory of PEM files, one for each key.
        interval: Seconds between two looks at the least. Only files that changed are read again.
        max_stale: Seconds that keys may serve on that can't be read any more. 0 is strict.
        max_wait: Seconds that a caller waits whom keys might serve that are hardly too old.
        fetch_timeout: Seconds that a look may take, for files on other machines.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: There is no path, one is none, or a number is out of range.
    """

    paths: tuple[Path, ...]
    kid_from_name: bool = field(kw_only=True)
    max_keys: int = field(kw_only=True)
    interval: float = field(kw_only=True)

    def __init__(
        self,
        *paths: str | os.PathLike[str],
        kid_from_name: bool = False,
        max_keys: int = 100,
        interval: float = 5,
        max_stale: float = 14400,
        max_wait: float = 2,
        fetch_timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_seconds("interval", interval)
        _check_seconds("fetch_timeout", fetch_timeout)
        _check_max_keys(max_keys)
        files = KeyFiles(
            _as_paths(paths),
            reader=FileReader(kid_from_name=kid_from_name, max_keys=max_keys),
            max_keys=max_keys,
            interval=interval,
            max_stale=max_stale,
            timeout=fetch_timeout,
            clock=clock,
        )
        super().__init__(
            files,
            ttl=lifetime(interval),
            max_stale=max_stale,
            max_wait=max_wait,
            fetch_timeout=fetch_timeout,
            app_context=False,
            clock=clock,
        )
        object.__setattr__(self, "paths", files.paths)
        object.__setattr__(self, "kid_from_name", kid_from_name)
        object.__setattr__(self, "max_keys", max_keys)
        object.__setattr__(self, "interval", interval)


def _check_seconds(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        raise ConfigurationError(f"{name} is a number of seconds, 0 or more, not {quoted(value)}")


def _check_max_keys(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise ConfigurationError(f"max_keys must be a number from 1 to 1000, not {quoted(value)}")


def _as_paths(paths: tuple[Any, ...]) -> tuple[Path, ...]:
    if not paths:
        raise ConfigurationError("FileKeyProvider needs the path of a file or a directory at least")
    return tuple(dict.fromkeys(_as_path(path) for path in paths))


def _as_path(value: Any) -> Path:
    try:
        text = cast("object", os.fspath(value))
    except TypeError:
        text = ""
    if not isinstance(text, str) or not text:
        raise ConfigurationError(
            f"a path is a pathlib.Path, or a string that is not empty, not {type(value).__name__}"
        )
    if "-----BEGIN " in text or "\n" in text or text.startswith("{"):
        # A path is shown in the log.
        raise ConfigurationError("this is no path but what a file holds: give that as keys itself")
    # A server may change its directory before the first request.
    return Path(text).absolute()
