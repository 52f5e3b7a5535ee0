"""Keeps a server on loopback busy: ``python -m benchmarks.load PORT CONNECTIONS SECONDS``.

The value of the ``Authorization`` header is read from the standard input. What it prints is how many
requests per second were answered with 200.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator
from typing import cast

__all__ = ["requests_per_second"]

_PATIENCE = 30
_WARM_UP = 0.2


def requests_per_second(port: int, authorization: str, connections: int, seconds: float) -> float:
    """Ask over some connections that are kept alive, each as soon as it was answered.

    Raises:
        RuntimeError: An answer is not 200, or none comes.
    """
    request = (
        f"GET /resource HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
    ).encode()
    with selectors.DefaultSelector() as selector:
        opened = [
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
            for _ in range(connections)
        ]
        try:
            for connection in opened:
                selector.register(connection, selectors.EVENT_READ)
                connection.sendall(request)
            answers = _answers(selector, request)
            _rate(answers, min(_WARM_UP, seconds))
            return _rate(answers, seconds)
        finally:
            for connection in opened:
                connection.close()


def _rate(answers: Iterator[None], seconds: float) -> float:
    answered = 0
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        next(answers)
        answered += 1
    return answered / elapsed


def _answers(selector: selectors.BaseSelector, request: bytes) -> Iterator[None]:
    """Wait for an answer, ask its connection again, and so forth without end."""
    received: dict[int, bytes] = {}
    while True:
        ready = selector.select(_PATIENCE)
        if not ready:
            raise RuntimeError("the server does not answer")
        for key, _ in ready:
            connection = cast("socket.socket", key.fileobj)
            part = connection.recv(65536)
            if not part:
                raise RuntimeError("the server closed the connection")
            answer = received.pop(key.fd, b"") + part
            if not _is_complete(answer):
                received[key.fd] = answer
                continue
            connection.sendall(request)
            yield


def _is_complete(answer: bytes) -> bool:
    if not b"HTTP/1.1 200 ".startswith(answer[:13]):
        raise RuntimeError(f"the server answered {answer[:60]!r}")
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return len(body) >= int(length)


if __name__ == "__main__":
    print(
        requests_per_second(
            int(sys.argv[1]), sys.stdin.read(), int(sys.argv[2]), float(sys.argv[3])
        )
    )
