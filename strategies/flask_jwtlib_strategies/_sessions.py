"""The HTTP session that something is fetched with: one's own, or a new one each time."""

from __future__ import annotations

import copy
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from flask_jwtlib import ConfigurationError

from ._deadlines import DeadlineAdapter

__all__ = ["SessionKeeper"]


class SessionKeeper:
    """Hands out a session that no other process uses.

    Args:
        session: The one to hand out. A child process makes its connections anew. By default each
            fetch has a session of its own, whose answers end at the deadline.

    Raises:
        ConfigurationError: It is no session.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        if session is not None and not isinstance(session, requests.Session):
            raise ConfigurationError(f"want a requests.Session, not {type(session).__name__}")
        self._session = session
        self._process = os.getpid()
        self._inherited: list[object] = []

    @contextmanager
    def session_until(self, deadline: float) -> Generator[requests.Session, None, None]:
        """Hand out a session for one fetch.

        Args:
            deadline: Which ``time.monotonic()`` the fetch has to end at.
        """
        if self._session is not None:
            if self._process != os.getpid():
                self._disinherit(self._session)
            yield self._session
            return
        with requests.Session() as session:
            session.mount("https://", DeadlineAdapter(deadline))
            session.mount("http://", DeadlineAdapter(deadline))
            yield session

    def _disinherit(self, session: requests.Session) -> None:
        """After a fork: leave the parent its connections, and the locks that its threads may hold."""
        for adapter in session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                self._renew(adapter)
        session.cookies = copy.copy(session.cookies)
        self._process = os.getpid()

    def _renew(self, adapter: Any) -> None:
        pools = adapter.poolmanager
        # Forgotten, they would be closed, under those locks.
        self._inherited += (pools, adapter.proxy_manager)
        # What a pickle does, except that all that a subclass added stays as it is.
        adapter.__setstate__(adapter.__getstate__())
        adapter.poolmanager.connection_pool_kw = pools.connection_pool_kw
