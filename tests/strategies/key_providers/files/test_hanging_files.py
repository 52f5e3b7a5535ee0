"""Files that hang, as on a network mount whose server is down, don't delay other files."""

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
from tests.kit import PATIENCE

from .kit import A, B, C, Probe, eventually, jwks_of, private_pem_of, subject


class Mount:
    """A mount with paths at which a system call hangs until it is released.

    Attributes:
        dead: The paths that hang.
        waiting: The paths at which threads wait now.
        most: The most threads that ever waited at once for one path.
        calls: The number of calls that hung, by path.
    """

    def __init__(self) -> None:
        self.dead: set[Path] = set()
        self.waiting: list[Path] = []
        self.most = 0
        self.calls: Counter[Path] = Counter()
        self._back = threading.Event()
        self._lock = threading.Lock()

    def wait_if_dead(self, path: Any) -> None:
        """Hang if the path is dead."""
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

    def recover(self) -> None:
        """Release all calls, and let no further ones hang."""
        self.dead = set()
        self._back.set()


@pytest.fixture(params=["stat", "open", "scandir"])
def mount(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    """A mount on which one system call hangs."""
    mount = Mount()
    owner = Path if request.param == "stat" else os
    call = getattr(owner, request.param)

    def hanging(path: Any, *args: Any, **options: Any) -> Any:
        mount.wait_if_dead(path)
        return call(path, *args, **options)

    monkeypatch.setattr(owner, request.param, hanging)
    yield mount
    mount.recover()
    eventually(lambda: not mount.waiting)


def hang(mount: Mount, request: pytest.FixtureRequest, keys: Path, name: str) -> Path:
    """Make a file hang, or its directory, and return the path for the provider."""
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
def test_a_cold_start_with_a_hanging_file_uses_the_others(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest, first: bool
) -> None:
    """A process that starts while one file hangs has the keys of all others for its first request."""
    dead = hang(mount, request, keys, "dead")
    (keys / "a.json").write_text(jwks_of(A))
    paths = [dead, keys / "a.json"] if first else [keys / "a.json", dead]
    probe = Probe(clock, *paths)

    key_set = probe.read()
    assert key_set.kids == {"a"}
    (fault,) = key_set.skipped
    assert "it can't be read now" in fault
    assert subject(A.token(), probe.provider) == "alice"


def test_at_most_one_thread_waits_for_a_file(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """Other files are read at each check, and no second thread waits for the hanging one."""
    dead = hang(mount, request, keys, "dead")
    probe = Probe(clock, dead, keys / "a.json", dead.parent)
    before = threading.active_count()
    for number in range(30):
        issuer = (A, C)[number // 10 % 2]
        (keys / "a.json").write_text(jwks_of(issuer))
        assert issuer.kid in probe.kids()
    assert mount.most == 1
    assert mount.calls[dead] == 1
    assert threading.active_count() <= before + 1


def test_a_hanging_file_keeps_its_keys_and_is_read_again_when_it_recovers(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """A hanging file's keys are used for ``max_stale`` seconds, and updated once it can be read."""
    (keys / "a.json").write_text(jwks_of(A))
    dead = hang(mount, request, keys, "dead")
    mount.dead = set()
    probe = Probe(clock, dead, keys / "a.json", max_stale=60)
    assert probe.kids_after_two_reads() == {"a", "b"}
    (keys / "dead" / "b.json").write_text(jwks_of(C))
    mount.dead = {dead}
    for _ in range(10):
        assert probe.kids() == {"a", "b"}
    assert probe.kids(after=60) == {"a"}

    mount.recover()
    eventually(lambda: not mount.waiting)
    assert "c" in probe.kids()
    assert probe.kids_after_two_reads() == {"a", "c"}


def test_a_provider_whose_only_file_hangs_has_no_keys(
    keys: Path, clock: Any, mount: Mount, request: pytest.FixtureRequest
) -> None:
    """While it hangs the refresh fails, and the error says why."""
    dead = hang(mount, request, keys, "dead")
    assert "it can't be read now" in Probe(clock, dead).fault()


def test_a_late_result_is_used_by_the_next_check(
    keys: Path, clock: Any, mount: Mount, request: Any
) -> None:
    """A file that takes longer than a check waits is still used at the next check."""
    dead = hang(mount, request, keys, "dead")
    (keys / "a.json").write_text(jwks_of(A))
    probe = Probe(clock, dead, keys / "a.json")
    assert probe.kids() == {"a"}
    mount.recover()
    eventually(lambda: not mount.waiting and bool(probe.provider.fetch._patient._late))
    assert probe.kids() == {"a", "b"}


# --- PatientReader


def read_name(path: Path) -> Read[str]:
    """Return a path's name as its content."""
    return Read(path.name)


def reader_of(patience: float = 0.5) -> PatientReader[str]:
    """Return a reader."""
    return PatientReader(patience, timeout=PATIENCE)


def paths_of(number: int) -> list[Path]:
    """Return some paths."""
    return [Path(f"/{each}") for each in range(number)]


def test_each_path_is_read_once_with_the_paths_it_refers_to() -> None:
    """A path that occurs twice is read once."""
    calls: list[str] = []

    def read(path: Path) -> Read[str]:
        calls.append(path.name)
        return Read(path.name, (Path("/b"), Path("/a"), Path("/c")))

    outcomes = reader_of().read_all([Path("/a"), Path("/a"), Path("/b")], read)
    assert outcomes == {Path("/a"): "a", Path("/b"): "b", Path("/c"): "c"}
    assert sorted(calls) == ["a", "b", "c"]


@pytest.mark.parametrize("hanging", [1, 20, 40, 100])
def test_up_to_63_hanging_paths_do_not_stop_the_others(hanging: int) -> None:
    """Further threads are started for the other paths, up to a limit of 64."""
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
    assert len(reader.read_all(paths, read_name)) == hanging + 1


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()], ids=repr)
def test_if_no_thread_can_start_the_caller_reads(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A process at its limit of threads still reads its files."""

    def start(self: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(reader_of().read_all(paths_of(5), read_name)) == 5


def test_if_threads_never_run_the_caller_reads_after_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some servers start threads but never run them."""
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    assert len(reader_of(patience=0.05).read_all(paths_of(5), read_name)) == 5


def test_if_no_second_thread_can_start_the_read_ends_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the only thread hangs, the paths after it are missing from the result."""
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


def test_an_old_late_result_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result of a read that began long ago is ignored."""
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
    assert reader.read_all(paths, read_name) == {paths[0]: "0"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_read_that_raises_blocks_no_caller() -> None:
    """A path whose read raises is left out, and can be read again."""

    def read(path: Path) -> Read[str]:
        if path.name == "1":
            raise SystemExit
        return Read(path.name)

    reader = reader_of()
    paths = paths_of(3)
    assert set(reader.read_all(paths, read)) == {paths[0], paths[2]}
    assert len(reader.read_all(paths, read_name)) == 3


class DisturbingHandler(logging.Handler):
    """A log handler that raises, or hangs until it is released."""

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
def disturbed(handler: DisturbingHandler) -> Iterator[DisturbingHandler]:
    """Log with a handler, and release it at the end."""
    logger = logging.getLogger("flask_jwtlib_strategies")
    logger.addHandler(handler)
    try:
        yield handler
        # Without this check the test would pass if nothing was logged.
        assert handler.called.wait(PATIENCE)
    finally:
        handler.back.set()
        logger.removeHandler(handler)


def test_a_hanging_log_handler_delays_no_key(keys: Path, clock: Any) -> None:
    """The error about a private key is logged in the background, after the result is known."""
    (keys / "a.json").write_text(jwks_of(A))
    (keys / "private.pem").write_text(private_pem_of(B))
    with disturbed(DisturbingHandler()):
        assert Probe(clock, keys).kids() == {"a"}


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
def test_an_error_of_a_log_handler_affects_no_key(
    keys: Path,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    *,
    threads: bool,
) -> None:
    """This holds with threads, and when the caller reads the files itself."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    (keys / "a.json").write_text(jwks_of(A))
    (keys / "private.pem").write_text(private_pem_of(B))
    if not threads:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    with disturbed(DisturbingHandler(error)):
        assert Probe(clock, keys).kids() == {"a"}


def test_a_forked_process_resets_the_reader() -> None:
    """The child waits for no thread of its parent, and replaces a lock that one of them held."""
    back = threading.Event()
    reader = reader_of(patience=0.05)
    path = Path("/a")

    def wait(path: Path) -> Read[str]:
        assert back.wait(PATIENCE)
        return Read("late")

    assert reader.read_all([path], wait) == {}
    assert reader.read_all([path], read_name) == {}
    _patient_reader._start_anew_in_child()
    assert reader.read_all([path], read_name) == {path: "a"}
    back.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forked_while_a_file_hangs_reads_it(
    keys: Path, clock: Any, children: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting threads and their locks stay in the parent, so the child reads the file."""
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
    probe = Probe(clock, keys)
    assert probe.kids() == {"a"}
    patient = probe.provider.fetch._patient
    with patient._changed:
        pid = os.fork()
        if pid == 0:
            try:
                assert probe.kids() == {"a", "b"}
                os._exit(0)
            finally:
                os._exit(1)
    children.append(pid)
    back.set()


def test_the_result_of_an_older_check_is_ignored(keys: Path, clock: Any) -> None:
    """The result of a check that began before the latest one is ignored."""
    (keys / "a.json").write_text(jwks_of(A))
    probe = Probe(clock, keys)
    assert probe.kids() == {"a"}
    files: Any = probe.provider.fetch
    state = files._state
    files._publish(evolve(state, begun=state.begun - 1, key_set=None))
    assert files._state is state
