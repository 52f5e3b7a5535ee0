"""Verification keys from files: PEM, OpenSSH lines, JWKs and JWK sets, alone or in directories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import Factory, field, frozen

from flask_jwtlib import ConfigurationError, Refresh, TTLKeyProvider
from flask_jwtlib.log_text import quoted

from ._files.key_files import KeyFiles
from ._files.readings import FileReader
from ._set_limits import SetLimits

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flask_jwtlib.key_providers import RefreshTimes

__all__ = ["FileKeyProvider"]


def _derived(path: str) -> Any:
    """Make a field that shows an option of the provider's ``fetch``."""
    option = attrgetter(f"fetch.{path}")
    return field(init=False, default=Factory(option, takes_self=True))


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
        refresh: How long the keys of an unreadable file are used (``max_stale``), how long a request waits
            for a look (``max_wait``), and how long a look takes (``fetch_timeout``). A look waits for one
            file at most a quarter of that, and at most one second. ``min_ttl`` and ``max_ttl`` don't apply.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: There is no path, one is not a path, or an option is out of range.
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
        refresh = Refresh.of(refresh, times)
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
