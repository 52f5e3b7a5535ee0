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

pytest.importorskip("gunicorn")

WORKERS = 2
PATIENCE = 60
SLOW = "/slow-keys"


class Served:
    """An app under gunicorn, and the identity provider of its keys.

    Attributes:
        idp: The identity provider.
        issuer: Who signs its tokens, as both of its documents say.
    """

    def __init__(self, idp: IdentityProvider, log_file: Path) -> None:
        self.idp = idp
        self.issuer = idp.add_key(kid="a")
        self._log_file = log_file
        self._url = ""

    @property
    def log(self) -> str:
        """What the server wrote up to now."""
        return self._log_file.read_text(errors="replace")

    def wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until all workers are there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            listening = re.search(r"Listening at: (http://127\.0\.0\.1:\d+)", self.log)
            if listening and self.log.count("Booting worker") >= WORKERS:
                self._url = listening[1]
                return
            time.sleep(0.05)
        raise AssertionError(f"gunicorn did not start:\n{self.log}")

    def get(self, path: str, token: str | None = None) -> requests.Response:
        """Ask the app by a connection of its own."""
        headers = {} if token is None else bearer(token)
        return requests.get(self._url + path, headers=headers, timeout=PATIENCE)

    def by_all_workers(self, path: str, token: str | None = None) -> list[Any]:
        """Ask until each worker has answered; their answers, the last one of each."""
        answers: dict[int, Any] = {}
        end = time.monotonic() + PATIENCE
        while len(answers) < WORKERS:
            assert time.monotonic() < end, self.log
            answer = self.get(path, token)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            answers[body if isinstance(body, int) else body["pid"]] = body
        return list(answers.values())


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
            # Whatever the server keeps in the user's folders goes with the test.
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
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)


@pytest.fixture
def token(served: Served) -> str:
    """A good token."""
    return served.issuer.token()


def test_point_11_preloaded_keys_serve_in_all_workers(served: Served, token: str) -> None:
    """What was fetched before the fork is not fetched again."""
    served.by_all_workers("/warm", token)

    states = served.by_all_workers("/status")
    assert len({state["parent"] for state in states}) == 1
    assert [state["warm"]["state"] for state in states] == ["fresh"] * WORKERS
    assert [state["warm"]["generation"] for state in states] == [1] * WORKERS
    assert served.idp.count(served.idp.jwks_path) == 1


def test_point_11_a_fork_in_mid_fetch_blocks_no_worker(served: Served, token: str) -> None:
    """While the parent's fetch hangs to this moment, each worker makes one of its own."""
    served.by_all_workers("/slow", token)

    states = served.by_all_workers("/status")
    assert [state["slow"]["state"] for state in states] == ["fresh"] * WORKERS
    assert [state["slow"]["fetching"] for state in states] == [False] * WORKERS
    assert served.idp.count(SLOW) == 1 + WORKERS
    ports = Counter(request.client_port for request in served.idp.requests)
    assert set(ports.values()) == {1}


def test_point_11_a_rotation_is_seen_by_all_workers(served: Served, token: str) -> None:
    """The first token of a new key costs each worker one fetch, and nobody a refusal."""
    before = served.idp.count(served.idp.jwks_path)
    newcomer = served.idp.add_key(kid="b")
    served.by_all_workers("/warm", newcomer.token())
    served.by_all_workers("/warm", token)

    assert served.idp.count(served.idp.jwks_path) == before + WORKERS
    states = served.by_all_workers("/status")
    assert [state["warm"]["kids"] for state in states] == [["a", "b"]] * WORKERS


def test_point_15_made_up_kids_cost_each_worker_two_fetches(served: Served) -> None:
    """A flood of tokens with kids of the sender's invention is refused without questions."""
    before = served.idp.count(served.idp.jwks_path)
    stranger = TokenIssuer()
    for number in range(40):
        made_up = stranger.token(header={"kid": f"made-up-{number}"})
        assert served.get("/warm", made_up).status_code == 401

    assert served.idp.count(served.idp.jwks_path) - before <= 2 * WORKERS


def test_point_06_known_keys_serve_while_the_issuer_is_down(served: Served, token: str) -> None:
    """With the identity provider gone, tokens of its keys verify in all workers."""
    served.idp.stop()
    try:
        served.by_all_workers("/warm", token)
        served.by_all_workers("/slow", token)
    finally:
        served.idp.start()


def test_point_11_nothing_went_wrong_in_the_server(served: Served) -> None:
    """No worker died, no request hung, and no exception got to the log but those of the outage."""
    assert "Booting worker" in served.log
    assert served.log.count("Booting worker") == WORKERS
    for trouble in ("WORKER TIMEOUT", "Exception on", "Error handling", "Worker exiting"):
        assert trouble not in served.log


def test_point_12_no_token_gets_into_the_log(served: Served, token: str) -> None:
    """Neither refused ones nor accepted ones, nor any part of their signatures."""
    made_up = TokenIssuer().token(header={"kid": "made-up"})
    for each in (token, made_up):
        served.get("/warm", each)
        assert each.rpartition(".")[2] not in served.log
