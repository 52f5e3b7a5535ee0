"""Files of the development key that others may have read or written, or that are no key."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies.development.issue import issue_development_token

from .development_kit import Served

KEY = Ed25519PrivateKey.generate()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def chmod(mode: int) -> Callable[[Path], None]:
    """Return what changes the permissions of a file."""
    return lambda path: path.chmod(mode)


def fill(content: bytes) -> Callable[[Path], None]:
    """Return what changes the content of a file."""
    return lambda path: void(path.write_bytes(content))


def void(_: object) -> None:
    """Return nothing."""


def replace(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what puts something else into the place of a file."""

    def replaced(path: Path) -> None:
        path.unlink()
        make(path)

    return replaced


def link_to_copy(path: Path) -> None:
    """Make a symbolic link to a good key."""
    copied = path.with_name("copied")
    copied.write_bytes(PEM)
    copied.chmod(0o600)
    path.symlink_to(copied)


def folder_behind_link(path: Path) -> None:
    """Make the folder a symbolic link to a good folder."""
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


def folder_is_a_file(path: Path) -> None:
    """Put a file into the place of the folder."""
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.write_text("")


def encrypted() -> bytes:
    """Return a key that needs a password."""
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


def public() -> bytes:
    """Return a public key."""
    return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def of_other_type() -> bytes:
    """Return a private key of another type."""
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


LINKED = "is a symbolic link or no folder"
UNSAFE: dict[str, tuple[Callable[[Path], None], str]] = {
    "readable by the group": (chmod(0o640), "has the mode 0640, expected 0600"),
    "readable by all, as a checkout makes it": (chmod(0o644), "has the mode 0644, expected 0600"),
    "writable by all": (chmod(0o602), "has the mode 0602"),
    "executable": (chmod(0o700), "has the mode 0700"),
    "runs as its owner": (chmod(0o4600), "has the mode 4600"),
    "symbolic link to a good key": (replace(link_to_copy), LINKED),
    "link to nothing": (replace(lambda path: path.symlink_to("nothing")), LINKED),
    "folder": (replace(lambda path: path.mkdir(0o600)), "is not a regular file"),
    "named pipe": (replace(lambda path: os.mkfifo(path, 0o600)), "is not a regular file"),
    "empty": (fill(b""), "is not an Ed25519 key in PEM"),
    "damaged": (fill(PEM[:-40]), "is not an Ed25519 key in PEM"),
    "zeros": (fill(bytes(100)), "is not an Ed25519 key in PEM"),
    "needs a password": (fill(encrypted()), "is not an Ed25519 key in PEM"),
    "public key": (fill(public()), "is not an Ed25519 key in PEM"),
    "other type": (fill(of_other_type()), "is not an Ed25519 key in PEM"),
    "too large": (fill(PEM + b"\n" * 5000), "bytes, which no key has"),
    "folder is a symbolic link": (folder_behind_link, LINKED),
    "folder is a file": (folder_is_a_file, LINKED),
    "folder is writable by the group": (
        lambda path: path.parent.chmod(0o770),
        "other users can write to the folder",
    ),
    "folder is writable by others": (
        lambda path: path.parent.chmod(0o702),
        "other users can write to the folder",
    ),
    "folder is writable by all": (
        lambda path: path.parent.chmod(0o1777),
        "other users can write to the folder",
    ),
}


@pytest.mark.parametrize(("change", "text"), UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_file_is_refused(
    mine: Served, change: Callable[[Path], None], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server responds with 503, the command refuses to use it, and both say why and change nothing."""
    change(mine.key_file)

    assert mine.get().status_code == 503
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert text in record.getMessage()
    with pytest.raises(ConfigurationError) as refusal:
        issue_development_token(mine.app)
    assert text in str(refusal.value)
    for shown in (str(refusal.value), caplog.text):
        assert str(mine.key_file.parent) in shown
        assert "PRIVATE KEY" not in shown
    assert mine.get().status_code == 503


@pytest.mark.parametrize("what", ["file", "folder"])
def test_another_owner_is_refused(
    mine: Served, what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file or folder of another user, such as one that root made, is refused."""
    me = os.geteuid()
    owners = iter([me, me + 1] if what == "file" else [me + 1])
    monkeypatch.setattr(os, "geteuid", lambda: next(owners))

    assert mine.get().status_code == 503
    assert "belongs to another user" in caplog.text
    assert ("the folder" in caplog.text) == (what == "folder")
