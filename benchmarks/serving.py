"""Requests per second of the bare and the guarded route under gunicorn, on loopback.

Both servers run at the same time, and the load turns from one to the other, so that ratios are formed between
neighbours in time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import cast

from flask import Flask

from .contenders import BARE, COMPOSED, Contender
from .measuring import Spread
from .report import check, written
from .scenarios import AUDIENCE, BASIC, ISSUER, Service, make_scenarios, make_services

_CONNECTIONS = 8
_PATIENCE = 30


def serving_section(scale: float) -> tuple[str, list[str]]:
    """Measure both routes, and write their requests per second."""
    if find_spec("gunicorn") is None:
        return "left out: gunicorn is not installed", []
    rates = measure_serving(max(1, round(12 * scale)), min(0.8, 0.05 + scale))
    bare, guarded = (Spread.of(each) for each in zip(*rates, strict=True))
    ratio = Spread.of(guarded / bare for bare, guarded in rates)
    text = f"bare {written(bare, 0)}, guarded {written(guarded, 0)}; ratio {written(ratio, 3)}"
    verdict = check("requests per second, guarded / bare", ratio.median, "at least", 0.68)
    return f"Requests per second: {text}", [verdict]


def measure_serving(turns: int, seconds: float) -> list[list[float]]:
    """Send requests to both servers, in this many turns of so many seconds each."""
    service = make_services(BASIC)[BASIC]
    good, *_ = make_scenarios({BASIC: service})
    request = (
        f"GET /resource HTTP/1.1\r\nHost: localhost\r\nAuthorization: {good.authorization}\r\n\r\n"
    )
    with (
        _server(BARE, service) as bare,
        _server(COMPOSED, service) as guarded,
        # The load is a process of its own, so that it and this one don't share an interpreter.
        ProcessPoolExecutor(1, get_context("spawn")) as load,
    ):
        return [
            [
                load.submit(_rate, port, request.encode(), seconds).result()
                for port in (bare, guarded)
            ]
            for _ in range(turns)
        ]


def app(name: str, jwk: str) -> Flask:
    """Make the app of a contender, for gunicorn, from the public key."""
    (contender,) = (each for each in (BARE, COMPOSED) if each.name == name)
    known = SimpleNamespace(jwk=json.loads(jwk), algorithm=BASIC, issuer=ISSUER, audience=AUDIENCE)
    return contender.app(cast("Service", known))


@contextmanager
def _server(contender: Contender, service: Service) -> Iterator[int]:
    """Serve a contender's app, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The server inherits the socket, so that connections wait there until it is ready.
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn"),
                f"benchmarks.serving:app({contender.name!r}, {json.dumps(service.jwk)!r})",
                *("--bind", f"fd://{listener.fileno()}"),
                *("--worker-class", "gthread", "--workers", "1", "--threads", "4"),
                *("--graceful-timeout", "1", "--log-level", "error"),
            ],
            cwd=Path(__file__).parents[1],
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


def _rate(port: int, request: bytes, seconds: float) -> float:
    """Send requests over some connections, each as soon as the previous one has its response."""
    ready = Barrier(_CONNECTIONS, timeout=_PATIENCE)

    def send(_: int) -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            _exchange(connection, request)
            ready.wait()
            end = time.perf_counter() + seconds
            responses = 0
            while time.perf_counter() < end:
                _exchange(connection, request)
                responses += 1
        return responses

    with ThreadPoolExecutor(_CONNECTIONS) as connections:
        return sum(connections.map(send, range(_CONNECTIONS))) / seconds


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    response = b""
    # The JSON of the response ends like this, and its head doesn't.
    while not response.endswith(b"}\n"):
        part = connection.recv(65536)
        response += part
        if not part or not response.startswith(b"HTTP/1.1 200 "[: len(response)]):
            raise RuntimeError(f"unexpected response {response[:60]!r}")
