"""A key provider for files and directories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import ConfigurationError, TTLKeyProvider
from flask_jwtlib.key_providers import Refresh
from flask_jwtlib.log_text import quoted

from ._files.key_files import KeyFiles
from ._files.readings import FileReader
from ._set_limits import SetLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flask_jwtlib.key_providers import RefreshTimes

__all__ = ["FileKeyProvider"]


def _derived(path: str) -> Any:
    """Make a field with the value of an attribute of the provider's ``fetch``."""
    option = attrgetter(f"fetch.{path}")
    return field(init=False, default=Factory(option, takes_self=True))


@frozen(init=False, eq=False)
class FileKeyProvider(TTLKeyProvider):
    """Reads keys from files and directories, and reads them again when they change.

    Use it for keys that are deployed as files, such as a Secret or ConfigMap that Kubernetes mounts. While
    tokens arrive, the provider looks for changes every few seconds.

    A file contains one of:

    - public keys in PEM, or X.509 certificates in PEM, of which only the first is used, as in a chain
    - one public key or certificate in DER
    - public keys in OpenSSH's format, one per line
    - a JWK, a JWK set (RFC 7517) or a PEM map, ``{kid: PEM}``

    In a directory, the key files are those with the ending ``.pem``, ``.pub``, ``.crt``, ``.cer``, ``.cert``,
    ``.der``, ``.key``, ``.jwk``, ``.jwks`` or ``.json``, and those without an ending that contain a key.
    Other files, hidden files and subdirectories are ignored. A file whose path you pass is always read.
    Symbolic links are followed, so a change of Kubernetes's ``..data`` link is seen. A file may have 1 MiB.

    **A damaged file isn't used at all.** If a PEM block or a line with a key is incomplete, unreadable or too
    weak, no key of the file is used. In a JWK set, members that can't be used are skipped, unless all of them
    are. While a file is damaged, its former keys are used for ``max_stale`` seconds, and ``status()`` names
    the file under ``skipped``. If no file can be used, the refresh fails, as with any ``TTLKeyProvider``. A
    file with a private key is never used, and its name is logged as an error.

    **A key is removed when two successive checks miss it**, because it is no longer in the file, or its file
    or directory is gone. After five minutes without a check, both checks are made at once. To withdraw all
    keys, delete all files or write ``{"keys": []}``; this takes effect after 30 seconds.

    **No file delays or displaces the others.** A check waits at most a second for a file that hangs, such as
    one on a dead network mount, and continues without it. One thread waits for that file. Only regular files
    are opened. If all files together have more than ``max_keys`` keys, or more than four with one ``kid``,
    the files with the most keys are left out, and ``status()`` names them.

    Keys without a ``kid`` are tried for tokens with any ``kid``, up to four per algorithm, if no key has a
    ``kid``: see ``KeySet``, and ``kid_from_name``.

    Args:
        *paths: Files and directories, which need not exist yet. Relative paths are resolved now.
        kid_from_name: Use a file's name, without one of the endings above, as the ``kid`` of keys that have
            none. This suits a directory with one PEM file for each key.
        max_keys: Maximum number of keys in one file, and in all files together: 1 to 1,000.
        uses: The values of a JWK's ``use`` that mark a key for signatures, one or several.
        interval: Shortest time between two checks, in seconds. Only files that changed are read again.
        refresh: How long the keys of an unreadable file are used (``max_stale``), how long a request waits
            for a check (``max_wait``), and how long a check may take (``fetch_timeout``). A check waits for
            one file at most a quarter of that, and at most one second. ``min_ttl`` and ``max_ttl``
            don't apply.
        **times: Fields of ``Refresh`` except ``min_ttl`` and ``max_ttl``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: There is no path, an argument isn't a path, or an option is out of range.
    """

    paths: tuple[Path, ...] = _derived("paths")
    kid_from_name: bool = _derived("reader.kid_from_name")
    max_keys: int = _derived("max_keys")
    uses: tuple[str, ...] = _derived("reader.uses")
    interval: float = _derived("interval")

    def __init__(
        self,
        *paths: str | os.PathLike[str],
        kid_from_name: bool = False,
        max_keys: int = 100,
        uses: str | Iterable[str] = ("sig",),
        interval: float = 5,
        refresh: Refresh | None = None,
        **times: Unpack[RefreshTimes],
    ) -> None:
        _check_seconds("interval", interval)
        refresh = Refresh.of(refresh, times, ttl_bounds=False)
        limits = SetLimits(uses=uses, max_keys=max_keys)
        fetch = KeyFiles(
            _as_paths(paths),
            reader=FileReader(kid_from_name=kid_from_name, max_keys=max_keys, uses=limits.uses),
            max_keys=max_keys,
            interval=interval,
            refresh=refresh,
        )
        super().__init__(fetch, ttl=Refresh.ttl_for(interval), refresh=refresh, app_context=False)


def _check_seconds(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        raise ConfigurationError(
            f"{name} must be a number of seconds, 0 or more, not {quoted(value)}"
        )


def _as_paths(paths: tuple[Any, ...]) -> tuple[Path, ...]:
    if not paths:
        raise ConfigurationError("FileKeyProvider needs at least one path of a file or directory")
    return tuple(dict.fromkeys(_as_path(path) for path in paths))


def _as_path(value: Any) -> Path:
    try:
        text = cast("object", os.fspath(value))
    except TypeError:
        text = ""
    if not isinstance(text, str) or not text:
        raise ConfigurationError(
            f"a path must be a pathlib.Path or a non-empty string, not {type(value).__name__}"
        )
    if "-----BEGIN " in text or "\n" in text or text.startswith("{"):
        # Not shown: paths are logged, and this may be a private key.
        raise ConfigurationError(
            "expected a path, not the content of a key file: pass the content itself as keys="
        )
    # A server may change its working directory before the first request.
    return Path(text).absolute()
