"""The HTTP session for one fetch: the application's, or a new one."""

from __future__ import annotations

import copy
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from flask_jwtlib import ConfigurationError

from .client_library import requests
from .deadlines import DeadlineAdapter

__all__ = ["SessionKeeper"]


class SessionKeeper:
    """Provides the session for a fetch, with connections that no other process uses.

    Args:
        session: The application's session. After a fork, the child process opens new connections. Without
            it, each fetch has a new session, whose responses end at the deadline.

    Raises:
        ConfigurationError: ``session`` isn't a ``requests.Session``.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        if session is not None and not isinstance(session, requests.Session):
            raise ConfigurationError(
                f"session must be a requests.Session, not {type(session).__name__}"
            )
        self._session = session
        self._process = os.getpid()
        self._inherited: list[object] = []

    @contextmanager
    def session_for(
        self, url: str, deadline: float, *, credentials: bool
    ) -> Generator[requests.Session, None, None]:
        """Provide a session for one fetch.

        Args:
            url: The URL to fetch.
            deadline: The ``time.monotonic()`` at which the fetch must end.
            credentials: Whether to send the host what the application's session sends. If not, the fetch has
                a new session, which takes from the application's only its proxies, trusted CA, hooks, and an
                adapter mounted for this host.
        """
        if self._session is not None and self._process != os.getpid():
            self._disinherit(self._session)
        if self._session is not None and credentials:
            yield self._session
            return
        with requests.Session() as session:
            session.mount("https://", DeadlineAdapter(deadline))
            session.mount("http://", DeadlineAdapter(deadline))
            lent = {} if self._session is None else _lend(self._session, session, url)
            try:
                yield session
            finally:
                # Closing the session must not close the application's adapters.
                for prefix in lent:
                    del session.adapters[prefix]

    def _disinherit(self, session: requests.Session) -> None:
        """After a fork, give a session new connections and locks: the parent may be using the old ones."""
        for adapter in session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                self._renew(adapter)
        session.cookies = copy.copy(session.cookies)
        self._process = os.getpid()

    def _renew(self, adapter: Any) -> None:
        pools = adapter.poolmanager
        # Garbage collection would close the parent's connections, and wait for its locks.
        self._inherited += (pools, adapter.proxy_manager)
        # Restores the adapter as unpickling does, but keeps what a subclass added.
        adapter.__setstate__(adapter.__getstate__())
        adapter.poolmanager.connection_pool_kw = pools.connection_pool_kw


def _lend(own: requests.Session, session: requests.Session, url: str) -> dict[str, Any]:
    """Give a new session the settings that it may take from the application's; return the adapters."""
    session.trust_env = own.trust_env
    session.proxies = own.proxies
    session.verify = own.verify
    session.hooks = own.hooks
    # An adapter for all hosts may have a client certificate, which this host must not see.
    host = urlsplit(url).netloc.lower()
    lent = {
        prefix: adapter
        for prefix, adapter in own.adapters.items()
        if urlsplit(prefix).netloc.lower() == host
    }
    for prefix, adapter in lent.items():
        session.mount(prefix, adapter)
    return lent
