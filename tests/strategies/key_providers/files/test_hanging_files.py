"""Files that hang, as on a network mount whose server is gone: they delay no other file."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from flask_jwtlib_strategies.key_providers._files import patient_reader as _patient_reader
from flask_jwtlib_strategies.key_providers._files.patient_reader import PatientReader, Read

from .kit import PATIENCE, A, B, C, Eyes, eventually, jwks_of, private_pem_of, subject


class Mount:
    """Paths at which a system call hangs until it is let go, and who waits there.

    Attributes:
        dead: The paths that hang.
        waiting: The paths at which threads wait now.
        most: The most threads that ever waited at once for one path.
        calls: How many calls hung at each path.
    """

    def __init__(self) -> None:
        self.dead: set[Path] = set()
        self.waiting: list[Path] = []
        self.most = 0
        self.calls: Counter[Path] = Counter()
        self._back = threading.Event()
        self._lock = threading.Lock()

    def pass_by(self, path: Any) -> None:
        """Hang if the path does."""
        path = Path(path)
        if path not in self.dead:
            return
        with self._lock:
            self.waiting.append(path)
            self.calls[path] += 1
            self.most = max(self.most, self.waiting.count(path))
        assert self._back.wait(PATIENCE)
        with self._lock:
            self.waiting.remove(path)

    def come_back(self) -> None:
        """Hang no more."""
        self.dead = set()
        self._back.set()


@pytest.fixture(params=["stat", "open", "scandir"])
def mount(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    """A mount on which one system call hangs."""
    mount = Mount()
    owner = Path if request.param == "stat" else os
    call = getattr(owner, request.param)

    def hanging(path: Any, *args: Any, **options: Any) -> Any:
        mount.pass_by(path)
        return call(path, *args, **options)

    monkeypatch.setattr(owner, request.param, hanging)
    yield mount
    mount.come_back()
    eventually(lambda: not mount.waiting)


def hang(mount: Mount, request: pytest.FixtureRequest, keys: Path, name: str) -> Path:
    """Let a file hang, or the directory that it is alone in, and return the path to look at."""
    (keys / name).mkdir()
    (keys / name / "b.json").write_text(jwks_of(B))
    dead = (
        keys / name
        if request.node.callspec.params["mount"] == "scandir"
        else keys / name / "b.json"
    )
    mount.dead.add(dead)
    return dead


@pytest.mark.parametrize("first", [True, False], ids=["read first", "read last"])
def test_at_a_cold_start_the_other_files_serve(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest, first: bool
) -> None:
    """A process that starts beside a file that hangs has the keys of all others at its first request."""
    dead = hang(mount, request, keys, "dead")
    (keys / "a.json").write_text(jwks_of(A))
    paths = [dead, keys / "a.json"] if first else [keys / "a.json", dead]
    eyes = Eyes(clock, *paths)

    key_set = eyes.look()
    assert key_set.kids == {"a"}
    (fault,) = key_set.skipped
    assert "it can't be read at the moment" in fault
    assert subject(A.token(), eyes.provider) == "alice"


def test_one_thread_at_most_waits_for_a_file(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """However many looks are made, other files are read, and no further thread waits for the dead one."""
    dead = hang(mount, request, keys, "dead")
    eyes = Eyes(clock, dead, keys / "a.json", dead.parent)
    before = threading.active_count()
    for number in range(30):
        issuer = (A, C)[number // 10 % 2]
        (keys / "a.json").write_text(jwks_of(issuer))
        assert issuer.kid in eyes.kids()
    assert mount.most == 1
    assert mount.calls[dead] == 1
    assert threading.active_count() <= before + 1


def test_what_hangs_keeps_its_keys_and_is_read_again_when_it_comes_back(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """A file whose mount goes away serves on for ``max_stale`` seconds, and is up to date afterwards."""
    (keys / "a.json").write_text(jwks_of(A))
    dead = hang(mount, request, keys, "dead")
    mount.dead = set()
    eyes = Eyes(clock, dead, keys / "a.json", max_stale=60)
    assert eyes.kids_agreed() == {"a", "b"}
    (keys / "dead" / "b.json").write_text(jwks_of(C))
    mount.dead = {dead}
    for _ in range(10):
        assert eyes.kids() == {"a", "b"}
    assert eyes.kids(after=60) == {"a"}

    mount.come_back()
    eventually(lambda: not mount.waiting)
    assert "c" in eyes.kids()
    assert eyes.kids_agreed() == {"a", "c"}


def test_a_provider_whose_only_file_hangs_has_no_keys(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """Nothing is decided as long as it hangs: the refresh fails, and says why."""
    dead = hang(mount, request, keys, "dead")
    assert "it can't be read at the moment" in Eyes(clock, dead).fault()


def test_a_late_result_is_used_by_the_next_look(
    keys: Path, clock: Any, mount: Mount, request: Any
) -> None:
    """A file that takes longer than a look waits is not read for ever in vain."""
    dead = hang(mount, request, keys, "dead")
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, dead, keys / "a.json")
    assert eyes.kids() == {"a"}
    mount.come_back()
    eventually(lambda: not mount.waiting and bool(eyes.provider.fetch._patient._late))  # type: ignore[attr-defined]
    assert eyes.kids() == {"a", "b"}


# --- The reader by itself


def read_nothing(path: Path) -> Read[str]:
    """Read a path that is always the same."""
    return Read(path.name)


def reader_of(patience: float = 0.5) -> PatientReader[str]:
    """A reader."""
    return PatientReader(patience, timeout=PATIENCE)


def paths_of(number: int) -> list[Path]:
    """Some paths."""
    return [Path(f"/{each}") for each in range(number)]


def test_paths_are_read_each_once_with_those_that_they_lead_to() -> None:
    """A path that is met twice is read once."""
    calls: list[str] = []

    def read(path: Path) -> Read[str]:
        calls.append(path.name)
        return Read(path.name, (Path("/b"), Path("/a"), Path("/c")))

    outcomes = reader_of().read_all([Path("/a"), Path("/a"), Path("/b")], read)
    assert outcomes == {Path("/a"): "a", Path("/b"): "b", Path("/c"): "c"}
    assert sorted(calls) == ["a", "b", "c"]


@pytest.mark.parametrize("hanging", [1, 20, 40, 100])
def test_many_paths_that_hang_do_not_keep_the_last_from_being_read(hanging: int) -> None:
    """As many threads as are needed help, up to a bound, beyond which the paths are left alone."""
    back = threading.Event()
    reader = reader_of(patience=0.2)
    before = threading.active_count()

    def read(path: Path) -> Read[str]:
        if path != Path("/good"):
            assert back.wait(PATIENCE)
        return Read(path.name)

    try:
        paths = [*paths_of(hanging), Path("/good")]
        outcomes: dict[Path, str] = {}
        for _ in range(3):
            outcomes |= reader.read_all(paths, read)
        assert threading.active_count() - before <= min(hanging, 64)
        assert (Path("/good") in outcomes) == (hanging < 64)
        for _ in range(80):
            reader.read_all(paths, read)
        assert threading.active_count() - before <= min(hanging, 64)
    finally:
        back.set()
    eventually(lambda: threading.active_count() <= before)
    assert len(reader.read_all(paths, read_nothing)) == hanging + 1


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()], ids=repr)
def test_where_no_thread_can_be_had_the_caller_reads(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A process at its limit of threads reads its files all the same."""

    def start(self: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(reader_of().read_all(paths_of(5), read_nothing)) == 5


def test_where_threads_do_not_run_the_caller_reads_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some servers begin threads and run none of them."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    assert len(reader_of(patience=0.05).read_all(paths_of(5), read_nothing)) == 5


def test_no_thread_more_can_be_had_when_one_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the paths behind it are missing from the result, and the call ends in time."""
    back = threading.Event()
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_one(self: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    def read(path: Path) -> Read[str]:
        assert back.wait(PATIENCE)
        return Read(path.name)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    reader: PatientReader[str] = PatientReader(0.05, timeout=0.2)
    assert reader.read_all(paths_of(2), read) == {}
    back.set()
    started[0].join(PATIENCE)


def test_a_late_result_that_is_old_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hung reading began long ago says nothing about the present."""
    back = threading.Event()
    reader = reader_of(patience=0.05)

    def read_late(path: Path) -> Read[str]:
        assert back.wait(PATIENCE)
        return Read("late")

    paths = paths_of(1)
    assert reader.read_all(paths, read_late) == {}
    back.set()
    eventually(lambda: bool(reader._late))
    monkeypatch.setattr("flask_jwtlib_strategies.key_providers._files.patient_reader._LATE", -1)
    assert reader.read_all(paths, read_nothing) == {paths[0]: "0"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reading_that_raises_keeps_nobody_waiting() -> None:
    """A mistake of ours in reading one path leaves it out, and it can be read again."""

    def read(path: Path) -> Read[str]:
        if path.name == "1":
            raise SystemExit
        return Read(path.name)

    reader = reader_of()
    paths = paths_of(3)
    assert set(reader.read_all(paths, read)) == {paths[0], paths[2]}
    assert len(reader.read_all(paths, read_nothing)) == 3


class Disturbing(logging.Handler):
    """A log handler that hangs until it is let go, or raises."""

    def __init__(self, error: type[BaseException] | None = None) -> None:
        super().__init__()
        self.error = error
        self.called = threading.Event()
        self.back = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.called.set()
        if self.error is not None:
            raise self.error
        assert self.back.wait(PATIENCE)


@contextmanager
def disturbed(handler: Disturbing) -> Iterator[Disturbing]:
    """Log by a handler, and let it go at the end."""
    logger = logging.getLogger("flask_jwtlib_strategies")
    logger.addHandler(handler)
    try:
        yield handler
        # Or the test would pass because nothing is logged.
        assert handler.called.wait(PATIENCE)
    finally:
        handler.back.set()
        logger.removeHandler(handler)


def test_a_log_handler_that_hangs_delays_no_key(keys: Path, clock: Any) -> None:
    """The error about a private key is logged in the background, when the result is known."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "private.pem").write_text(private_pem_of(B))
    with disturbed(Disturbing()):
        assert Eyes(clock, keys).kids() == {"a"}


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
def test_a_log_handler_that_raises_changes_no_key(
    keys: Path,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    *,
    threads: bool,
) -> None:
    """Whatever it raises, also in the thread of the request that looks at the files itself."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    (keys / "a.json").write_text(jwks_of(A))
    (keys / "private.pem").write_text(private_pem_of(B))
    if not threads:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    with disturbed(Disturbing(error)):
        assert Eyes(clock, keys).kids() == {"a"}


def test_a_forked_process_forgets_who_waits() -> None:
    """No thread of the parent's is waited for, and a lock that one of them held is replaced."""
    back = threading.Event()
    reader = reader_of(patience=0.05)
    path = Path("/a")

    def wait(path: Path) -> Read[str]:
        assert back.wait(PATIENCE)
        return Read("late")

    assert reader.read_all([path], wait) == {}
    assert reader.read_all([path], read_nothing) == {}
    _patient_reader._start_anew_in_child()
    assert reader.read_all([path], read_nothing) == {path: "a"}
    back.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forked_while_a_file_hangs_reads_it(
    keys: Path, clock: Any, children: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits for it is the parent's, and so is a lock that it holds: the child has its own."""
    back = threading.Event()
    open_: Callable[..., int] = os.open
    parent = os.getpid()

    def hanging(path: Any, *args: Any, **options: Any) -> int:
        if os.getpid() == parent and Path(path).name == "b.json":
            assert back.wait(PATIENCE)
        return open_(path, *args, **options)

    monkeypatch.setattr(os, "open", hanging)
    for issuer in (A, B):
        (keys / f"{issuer.kid}.json").write_text(jwks_of(issuer))
    eyes = Eyes(clock, keys)
    assert eyes.kids() == {"a"}
    patient = eyes.provider.fetch._patient  # type: ignore[attr-defined]
    with patient._changed:
        pid = os.fork()
        if pid == 0:
            try:
                assert eyes.kids() == {"a", "b"}
                os._exit(0)
            finally:
                os._exit(1)
    children.append(pid)
    back.set()


def test_a_look_that_was_given_up_changes_nothing(keys: Path, clock: Any) -> None:
    """What a look brings that began before the latest one is old."""
    (keys / "a.json").write_text(jwks_of(A))
    eyes = Eyes(clock, keys)
    assert eyes.kids() == {"a"}
    files: Any = eyes.provider.fetch
    state = files._state
    files._publish(evolve(state, begun=state.begun - 1, key_set=None))
    assert files._state is state
