"""Deadlines for whole HTTP responses, which ``requests`` doesn't have."""

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
    """Makes connections whose responses must be complete before a deadline.

    A timeout of ``requests`` limits each single wait. A server or proxy that sends a byte now and then
    could keep its client waiting forever.

    Args:
        deadline: Reading raises ``TimeoutError`` when ``time.monotonic()`` reaches this.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections to the host or its proxy."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind: type[Any] = pool.ConnectionCls
        make = partial(_DeadlineResponse, deadline=self._deadline)
        pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": staticmethod(make)})
        return pool


class _DeadlineResponse(HTTPResponse):
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
