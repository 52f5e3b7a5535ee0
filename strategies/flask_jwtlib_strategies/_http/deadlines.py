"""Connections of ``requests`` whose answers end at a deadline, however slowly they come."""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["DeadlineAdapter"]


class DeadlineAdapter(HTTPAdapter):
    """Makes connections whose answers must have come, to the last byte, before a deadline.

    A timeout of ``requests`` bounds each single wait. Whoever sends a byte now and then, in a
    header, between two chunks or in a proxy's answer, keeps its reader for as long as they like.

    Args:
        deadline: When ``time.monotonic()`` has reached this, reading raises ``TimeoutError``.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Choose the pool of connections, directly or by way of a proxy."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind: type[Any] = pool.ConnectionCls
        answer = partial(_Answer, deadline=self._deadline)
        pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": staticmethod(answer)})
        return pool


class _Answer(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock, deadline))


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self._stream = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
