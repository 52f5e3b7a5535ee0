"""Verification keys from files: PEM, OpenSSH lines, JWKs and JWK sets, alone or in directories."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import ConfigurationError, TTLKeyProvider
from flask_jwtlib.log_text import quoted

from ._files.key_files import KeyFiles, lifetime
from ._files.readings import FileReader
from ._set_limits import SetLimits

__all__ = ["FileKeyProvider"]


@frozen(init=False, eq=False)
class FileKeyProvider(TTLKeyProvider):
    """Reads keys from files, and looks for changes every few seconds while tokens come.

    A file holds one of:

    - PEM: public keys, all of which are used, or X.509 certificates, of which the first one is, as
      in a chain
    - one public key or certificate in DER
    - public keys in OpenSSH's format, one per line
    - a JWK, a JWK set (RFC 7517) or a PEM map, ``{kid: PEM}``

    In a directory, a file counts as a key file if its name ends in ``.pem``, ``.pub``, ``.crt``,
    ``.cer``, ``.cert``, ``.der``, ``.key``, ``.jwk``, ``.jwks`` or ``.json``. A file whose name has
    no ending counts if it holds a key. Other files, hidden ones and subdirectories don't count, and
    no key is read from them. A path that is passed by name is always read. Symbolic links are
    followed, so that a mounted Secret or ConfigMap of Kubernetes is seen as soon as its ``..data``
    changes. A file may have 1 MiB.

    **A file is good as a whole or damaged.** Where a PEM block or a line with a key is incomplete,
    unreadable or too weak, nothing in the file is used. Of a JWK set, whose end is known, members
    that can't be used are skipped, unless none is left. While a file is damaged, the keys that it
    held before serve on for ``max_stale`` seconds, and ``status()`` names it under ``skipped``. If
    no file can be used, the refresh has failed, as with any ``TTLKeyProvider``. A file with a
    private key in it is never used, and is logged as an error by name.

    **A key is removed when two looks in a row agree** that it is missing: from a file, with a file,
    or with the directory. After five minutes without a look, both are made at once. To withdraw all
    keys, delete all files or write ``{"keys": []}``: that is believed when it is still so after 30
    seconds.

    **No file delays or crowds out the others.** Each look waits for a file that hangs, as on a dead
    network mount, for a second at most. One thread waits for that file until it can be read;
    further looks go on without it. Only regular files are opened. If all files together hold more
    than ``max_keys`` keys, or more than four of one ``kid``, the files with the most keys are left
    out and named.

    Keys without a ``kid`` are tried for tokens of any ``kid``, up to four per algorithm, as long as
    no key has one: see ``KeySet``, and ``kid_from_name``.

    Args:
        *paths: Files and directories, which need not exist yet. Relative ones are resolved now.
        kid_from_name: Give keys that have no ``kid`` the name of their file for one, without an
            ending of those above. It suits a directory of PEM files, one for each key.
        max_keys: The most keys of one file, and of all files together: 1 to 1,000.
        uses: The values of a JWK's ``use`` that mark a key for signatures, one or several.
        interval: Shortest time between two looks, in seconds. Only files that changed are read
            again.
        max_stale: Longest time that the keys of files that can't be read any more serve on, in
            seconds. 0 is strict.
        max_wait: Longest time that a request waits for a look when recently expired keys could be
            used instead, in seconds.
        fetch_timeout: Longest time that a look takes, in seconds. A look waits for one file at most
            a quarter of it, and at most one second.
        clock: A clock in seconds that never jumps.

    Raises:
        ConfigurationError: There is no path, one is not a path, or an option is out of range.
    """

    paths: tuple[Path, ...]
    kid_from_name: bool = field(kw_only=True)
    max_keys: int = field(kw_only=True)
    uses: tuple[str, ...] = field(kw_only=True)
    interval: float = field(kw_only=True)

    def __init__(
        self,
        *paths: str | os.PathLike[str],
        kid_from_name: bool = False,
        max_keys: int = 100,
        uses: str | Iterable[str] = ("sig",),
        interval: float = 5,
        max_stale: float = 14400,
        max_wait: float = 2,
        fetch_timeout: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_seconds("interval", interval)
        _check_seconds("fetch_timeout", fetch_timeout)
        limits = SetLimits(uses=uses, max_keys=max_keys)
        files = KeyFiles(
            _as_paths(paths),
            reader=FileReader(kid_from_name=kid_from_name, max_keys=max_keys, uses=limits.uses),
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
        object.__setattr__(self, "uses", limits.uses)
        object.__setattr__(self, "interval", interval)


def _check_seconds(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        raise ConfigurationError(f"{name} is a number of seconds, 0 or more, not {quoted(value)}")


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
