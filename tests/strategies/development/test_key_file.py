"""The file of the development key: where it is, who can read it, and what is refused."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies.development import _key_file
from flask_jwtlib_strategies.development.issue import issue_development_token

from .development_kit import Served, app_of, composed, serve


def mode_of(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277], ids=oct)
def test_only_the_owner_can_read_it(state: Path, umask: int) -> None:
    """Whatever the process's umask, the file has the mode 0600 and its folder 0700."""
    previous = os.umask(umask)
    try:
        if umask == 0o277:
            # Without write permission, no folder below the new ones could be made.
            (state / "flask-jwtlib").mkdir(parents=True)
            state.chmod(0o700)
            (state / "flask-jwtlib").chmod(0o700)
        key_file = serve().key_file
    finally:
        os.umask(previous)

    assert key_file.parent == state / "flask-jwtlib"
    assert mode_of(key_file) == 0o600
    assert mode_of(key_file.parent) == 0o700
    assert mode_of(state) == 0o700


def test_it_is_outside_of_version_control(mine: Served, tmp_path: Path) -> None:
    """It isn't in the app's folder, and in a repository of the whole home folder Git ignores it."""
    folder = mine.key_file.parent
    assert not mine.key_file.is_relative_to(mine.app.root_path)
    assert not mine.key_file.is_relative_to(mine.app.instance_path)
    assert (folder / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", mine.key_file.name]


def test_each_app_has_a_key_of_its_own(mine: Served, tmp_path: Path) -> None:
    """A token of one app is refused by another, which has another name or folder."""
    for other in (Flask("other"), Flask("development_app", root_path=str(tmp_path))):
        app = app_of(composed(), name=other.name)
        app.root_path = other.root_path
        token = issue_development_token(app, "ada").value
        assert mine.get(token).status_code == 401
        assert Served(app, token, mine.key_file).get().text == "ada"


@pytest.mark.parametrize("given", ["", "relative/folder"])
def test_the_default_is_the_users_folder_for_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Without an absolute XDG_STATE_HOME, it is ``~/.local/state``."""
    monkeypatch.setenv("XDG_STATE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert serve().key_file.parent == tmp_path / ".local" / "state" / "flask-jwtlib"


def test_a_user_without_a_home_folder_needs_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no home folder, the error says what to set."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(ConfigurationError, match="set HOME or XDG_STATE_HOME"):
        serve()


def test_a_system_without_permissions_is_refused(
    mine: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a mode protects nothing, no key is made, and none is used."""
    monkeypatch.setattr(_key_file, "_HAS_PERMISSIONS", False)
    with pytest.raises(ConfigurationError, match="need a system with POSIX file permissions"):
        serve()
    assert mine.get().status_code == 503
    assert "need a system with POSIX file permissions" in caplog.text


def test_the_server_makes_no_file(mine: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Without the file, a token is refused, and nothing is made."""
    mine.key_file.unlink()
    assert mine.get().status_code == 401
    assert "this app has no key for them, which flask jwtlib token makes" in caplog.text
    assert not mine.key_file.exists()

    (mine.key_file.parent / ".gitignore").unlink()
    mine.key_file.parent.rmdir()
    assert mine.get().status_code == 401
    assert not mine.key_file.parent.exists()


def test_a_deleted_key_is_replaced(mine: Served, caplog: pytest.LogCaptureFixture) -> None:
    """To delete the file withdraws all tokens. A running server reads the next key by itself."""
    mine.key_file.unlink()
    issued = issue_development_token(mine.app, "grace")

    assert issued.is_new_key
    assert mine.get(issued.value).text == "grace"
    assert mine.get().status_code == 401
    assert "made with another key" in caplog.text


def test_a_key_is_used_again(mine: Served) -> None:
    """A second token is signed by the same key."""
    issued = issue_development_token(mine.app, "grace")
    assert not issued.is_new_key
    assert [mine.get(token).text for token in (mine.token, issued.value)] == ["ada", "grace"]


def test_similar_names_have_different_files() -> None:
    """Characters that a file's name doesn't have make a difference."""
    names = ("a.b", "a_b", "a/b", "a" * 60, "a" * 61)
    assert len({_key_file.key_file_of(Flask(name, root_path="/")) for name in names}) == len(names)


def test_an_unwritable_folder_is_one_sentence(state: Path) -> None:
    """A file in the place of the folder for state, or a full disk, is no traceback."""
    state.write_text("")
    with pytest.raises(ConfigurationError, match=r"the development key .* can't be used"):
        serve()


def test_nothing_is_left_of_a_failed_write(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file can't be finished, its beginning is removed."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        serve()
    assert list((state / "flask-jwtlib").iterdir()) == []


def test_a_key_that_is_deleted_at_once_is_one_sentence(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the new file is gone before it is read, the error says so."""
    monkeypatch.setattr(os, "link", lambda *_, **__: None)
    with pytest.raises(ConfigurationError, match="was deleted meanwhile"):
        serve()


def test_threads_that_make_it_at_once_share_it(state: Path) -> None:
    """Of several that make the first token at the same time, all use the first one's key."""
    app = app_of(composed())
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda _: issue_development_token(app), range(16)))

    assert len({each.claims["iss"] for each in issued}) == 1
    assert {Served(app, each.value, each.key_file).get().status_code for each in issued} == {200}


PROGRAM = """
import sys
from flask import Flask
from flask_jwtlib_strategies.development._key_file import make_key, read_key
app = Flask("raced", root_path="/")
sys.stdin.read()
make_key(app)
print(read_key(app).issuer)
"""


def test_processes_that_make_it_at_once_share_it(state: Path) -> None:
    """Processes that start together end with one key."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.close()
    outputs = {each.stdout.read() for each in running if each.stdout is not None}
    for each in running:
        assert each.stdout is not None
        each.stdout.close()
        assert each.wait() == 0

    assert len(outputs) == 1
    assert len(list((state / "flask-jwtlib").glob("*.pem"))) == 1
