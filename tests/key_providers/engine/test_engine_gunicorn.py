"""Keys that were fetched, or were being fetched, before gunicorn forked its workers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from tests.kit import PROCESS_PATIENCE

pytest.importorskip("gunicorn")

WORKERS = 2
SLOW = "/slow-keys"


class Served:
    """An app under gunicorn, and the identity provider of its keys.

    Attributes:
        idp: The identity provider.
        issuer: The issuer whose key is in both of its documents.
    """

    def __init__(self, idp: IdentityProvider, log_file: Path) -> None:
        self.idp = idp
        self.issuer = idp.add_key(kid="a")
        self._log_file = log_file
        self._url = ""

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._log_file.read_text(errors="replace")

    def wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until all workers run."""
        end = time.monotonic() + PROCESS_PATIENCE
        while time.monotonic() < end and process.poll() is None:
            listening = re.search(r"Listening at: (http://127\.0\.0\.1:\d+)", self.log)
            if listening and self.log.count("Booting worker") >= WORKERS:
                self._url = listening[1]
                return
            time.sleep(0.05)
        raise AssertionError(f"gunicorn did not start:\n{self.log}")

    def get(self, path: str, token: str | None = None) -> requests.Response:
        """Send a request on a new connection."""
        headers = {} if token is None else bearer(token)
        return requests.get(self._url + path, headers=headers, timeout=PROCESS_PATIENCE)

    def by_all_workers(self, path: str, token: str | None = None) -> list[Any]:
        """Send requests until each worker has responded; return the last response of each."""
        bodies: dict[int, Any] = {}
        end = time.monotonic() + PROCESS_PATIENCE
        while len(bodies) < WORKERS:
            assert time.monotonic() < end, self.log
            response = self.get(path, token)
            assert response.status_code == 200, response.text
            body = response.json()
            bodies[body if isinstance(body, int) else body["pid"]] = body
        return list(bodies.values())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app, loaded before the fork, with two workers of four threads."""
    folder = tmp_path_factory.mktemp("preloaded")
    command = [
        *(sys.executable, "-m", "gunicorn", "served_keys:app", "--preload"),
        *("--pythonpath", str(Path(__file__).parent)),
        *("--bind", "127.0.0.1:0"),
        *("--worker-class", "gthread"),
        *("--workers", str(WORKERS)),
        *("--threads", "4"),
        *("--graceful-timeout", "5"),
    ]
    with IdentityProvider() as idp:
        served = Served(idp, folder / "log")
        idp.documents[SLOW] = served.issuer.jwks
        idp.behave(path=SLOW, hang=True, times=1)
        environment = {
            **os.environ,
            "TEST_JWKS_URL": idp.jwks_url,
            "TEST_SLOW_URL": idp.url + SLOW,
            # Files that the server writes to the user's folders are removed with the test.
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            served.wait_until_up(process)
            yield served
        finally:
            idp.release()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PROCESS_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PROCESS_PATIENCE)


@pytest.fixture
def token(served: Served) -> str:
    """A valid token."""
    return served.issuer.token()


def test_all_workers_use_preloaded_keys(served: Served, token: str) -> None:
    """Keys that were fetched before the fork are not fetched again."""
    # Another test of this module may have made the workers fetch already.
    before = served.idp.count(served.idp.jwks_path)
    served.by_all_workers("/warm", token)

    states = served.by_all_workers("/status")
    assert len({state["parent"] for state in states}) == 1
    assert [state["warm"]["state"] for state in states] == ["fresh"] * WORKERS
    assert served.idp.count(served.idp.jwks_path) == before >= 1


def test_a_fork_during_a_fetch_blocks_no_worker(served: Served, token: str) -> None:
    """While the parent's fetch still hangs, each worker makes its own."""
    served.by_all_workers("/slow", token)

    states = served.by_all_workers("/status")
    assert [state["slow"]["state"] for state in states] == ["fresh"] * WORKERS
    assert [state["slow"]["fetching"] for state in states] == [False] * WORKERS
    assert served.idp.count(SLOW) == 1 + WORKERS
    ports = Counter(request.client_port for request in served.idp.requests)
    assert set(ports.values()) == {1}


def test_all_workers_find_a_new_key(served: Served, token: str) -> None:
    """The first token of a new key costs each worker one fetch, and no request is refused."""
    before = served.idp.count(served.idp.jwks_path)
    new_issuer = served.idp.add_key(kid="b")
    served.by_all_workers("/warm", new_issuer.token())
    served.by_all_workers("/warm", token)

    assert served.idp.count(served.idp.jwks_path) == before + WORKERS
    states = served.by_all_workers("/status")
    assert [state["warm"]["kids"] for state in states] == [["a", "b"]] * WORKERS


def test_made_up_kids_cost_each_worker_at_most_two_fetches(served: Served) -> None:
    """A flood of tokens with made-up kids gets 401 without further fetches."""
    before = served.idp.count(served.idp.jwks_path)
    stranger = TokenIssuer()
    for number in range(40):
        made_up = stranger.token(header={"kid": f"made-up-{number}"})
        assert served.get("/warm", made_up).status_code == 401

    assert served.idp.count(served.idp.jwks_path) - before <= 2 * WORKERS


def test_known_keys_verify_in_all_workers_while_the_issuer_is_down(
    served: Served, token: str
) -> None:
    """With the identity provider stopped, tokens of its keys verify."""
    served.by_all_workers("/warm", token)
    served.by_all_workers("/slow", token)
    served.idp.stop()
    try:
        served.by_all_workers("/warm", token)
        served.by_all_workers("/slow", token)
    finally:
        served.idp.start()


def test_the_server_logs_no_errors(served: Served) -> None:
    """No worker died, no request hung, and only the outage is in the log."""
    assert "Booting worker" in served.log
    assert served.log.count("Booting worker") == WORKERS
    for trouble in ("WORKER TIMEOUT", "Exception on", "Error handling", "Worker exiting"):
        assert trouble not in served.log


def test_the_log_shows_no_token(served: Served, token: str) -> None:
    """The log contains no signature of a refused or accepted token."""
    made_up = TokenIssuer().token(header={"kid": "made-up"})
    for each in (token, made_up):
        served.get("/warm", each)
        assert each.rpartition(".")[2] not in served.log
