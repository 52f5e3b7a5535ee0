"""A gunicorn with two workers of four threads on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_jwtlib.testing import TokenIssuer

WORKERS = 2
THREADS = 4
START_SECONDS = 60
STOP_SECONDS = 20
# More than the app accepts for a token, so that its own limit applies before the server's.
HEADER_LIMIT = 32_000


class Server:
    """A running server.

    Attributes:
        port: The port it listens on at 127.0.0.1.
        log: What it has written to its error stream so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self._process = process
        self._log_file = log_file
        self.port = self._wait_for_port()

    @property
    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running():
            listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", self.log)
            if listening and self.log.count("Booting worker") >= WORKERS:
                return int(listening[1])
            time.sleep(0.05)
        raise AssertionError(f"gunicorn did not start:\n{self.log}")


@pytest.fixture(scope="session")
def server(issuer: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve ``served.py`` until the last test is done."""
    folder = tmp_path_factory.mktemp("gunicorn")
    log_file = folder / "log"
    command = [
        *(sys.executable, "-m", "gunicorn", "served:app"),
        *("--pythonpath", str(Path(__file__).parent)),
        *("--bind", "127.0.0.1:0"),
        *("--worker-class", "gthread"),
        *("--workers", str(WORKERS)),
        *("--threads", str(THREADS)),
        *("--limit-request-field_size", str(HEADER_LIMIT)),
        *("--graceful-timeout", "5"),
    ]
    environment = {
        **os.environ,
        "TEST_JWKS": json.dumps(issuer.jwks),
        # The server's files in the user's folders are removed with the test.
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
    }
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield Server(process, log_file)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
