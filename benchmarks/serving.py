"""Requests per second behind a real server: gunicorn on loopback, a worker of four threads.

Two servers are up, of the bare route and of the guarded one. The load, a process of its own, turns to
one and the other: ratios are formed between neighbours in time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from .measuring import Spread
from .scenarios import Service, make_scenarios, make_services

__all__ = ["JWK", "Served", "is_possible", "measure_serving", "server"]

JWK = "FLASK_JWTLIB_BENCHMARK_JWK"
"""The environment variable by which a server gets the key."""

_ROOT = Path(__file__).parents[1]
_THREADS = 4
_CONNECTIONS = 8
_PATIENCE = 60


@frozen
class Served:
    """Requests per second of the bare and the guarded route, and the ratio of neighbours."""

    bare: Spread
    guarded: Spread
    ratio: Spread


def is_possible() -> bool:
    """Whether gunicorn is installed."""
    return find_spec("gunicorn") is not None


def measure_serving(turns: int, seconds: float) -> Served:
    """Ask both servers in turn, so many times, for so many seconds each time."""
    service = make_services()["RS256"]
    scenarios = make_scenarios({service.algorithm: service})
    good = next(each for each in scenarios if each.name == service.algorithm)
    with server("bare", service) as bare, server("guarded", service) as guarded:
        for port in (bare, guarded):
            _load(port, good.authorization, seconds)
        pairs = [
            (_load(bare, good.authorization, seconds), _load(guarded, good.authorization, seconds))
            for _ in range(turns)
        ]
    return Served(
        Spread.of([bare for bare, _ in pairs]),
        Spread.of([guarded for _, guarded in pairs]),
        Spread.of([guarded / bare for bare, guarded in pairs]),
    )


@contextmanager
def server(app: str, service: Service) -> Iterator[int]:
    """Serve an app of ``served.py``, on the port that is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # It inherits the socket, so that connections wait there until it is ready.
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", f"benchmarks.served:{app}"),
                *("--bind", f"fd://{listener.fileno()}"),
                *("--worker-class", "gthread", "--workers", "1", "--threads", str(_THREADS)),
                *("--graceful-timeout", "1", "--log-level", "error"),
            ],
            cwd=_ROOT,
            env={**os.environ, JWK: json.dumps(service.jwk)},
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _load(port: int, authorization: str | None, seconds: float) -> float:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.load"),
            *(str(port), str(_CONNECTIONS), str(seconds)),
        ],
        cwd=_ROOT,
        input=authorization,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=_PATIENCE + seconds,
    )
    return float(done.stdout)
