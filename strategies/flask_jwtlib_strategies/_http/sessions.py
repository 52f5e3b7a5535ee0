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
    """Provides a session that no other process uses.

    Args:
        session: The application's session. A child process opens its own connections. Without one, each
            fetch has a new session, whose responses end at the deadline.

    Raises:
        ConfigurationError: It isn't a session.
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
            deadline: The ``time.monotonic()`` at which the fetch has to end.
            credentials: Whether the host may see what the application's session sends. If not, this is a new
                session, with no more of the application's than what belongs to its side of the connection:
                the proxies, the CA to trust, the hooks, and an adapter mounted for this very host.
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
        """After a fork: leave the parent its connections, and the locks that its threads may hold."""
        for adapter in session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                self._renew(adapter)
        session.cookies = copy.copy(session.cookies)
        self._process = os.getpid()

    def _renew(self, adapter: Any) -> None:
        pools = adapter.poolmanager
        # If nothing referred to them, they would be closed, under those locks.
        self._inherited += (pools, adapter.proxy_manager)
        # As a pickle does, but what a subclass added stays as it is.
        adapter.__setstate__(adapter.__getstate__())
        adapter.poolmanager.connection_pool_kw = pools.connection_pool_kw


def _lend(own: requests.Session, session: requests.Session, url: str) -> dict[str, Any]:
    """Give a new session what it may have of the application's, and return the adapters among it."""
    session.trust_env = own.trust_env
    session.proxies = own.proxies
    session.verify = own.verify
    session.hooks = own.hooks
    # An adapter for all hosts may have a client certificate in its TLS settings.
    host = urlsplit(url).netloc.lower()
    lent = {
        prefix: adapter
        for prefix, adapter in own.adapters.items()
        if urlsplit(prefix).netloc.lower() == host
    }
    for prefix, adapter in lent.items():
        session.mount(prefix, adapter)
    return lent
