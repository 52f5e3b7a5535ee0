"""An app that has fetched its keys, and is fetching others, when gunicorn forks its workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, jsonify

from flask_jwtlib import Authenticator, TTLKeyProvider, VerificationUnavailable

PATIENCE = 60
fetching = threading.Event()


def fetch_from(url: str) -> Callable[[], bytes]:
    """Return a function that fetches a JWK set on a new connection each time."""
    parts = urlsplit(url)

    def fetch() -> bytes:
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        try:
            connection.request("GET", parts.path)
            fetching.set()
            return connection.getresponse().read()
        finally:
            connection.close()

    return fetch


def provider_of(name: str) -> TTLKeyProvider:
    """Return a provider of the keys at a URL from the environment."""
    return TTLKeyProvider(fetch_from(os.environ[name]), fetch_timeout=PATIENCE)


def warm_up(provider: TTLKeyProvider) -> None:
    """Fetch the keys, however long it takes."""
    with suppress(VerificationUnavailable):
        provider.warm_up()


warm, slow = provider_of("TEST_JWKS_URL"), provider_of("TEST_SLOW_URL")
warm.warm_up()
fetching.clear()
threading.Thread(target=warm_up, args=(slow,), daemon=True).start()
fetching.wait(PATIENCE)

app = Flask(__name__)
by_warm, by_slow = Authenticator(keys=warm), Authenticator(keys=slow)


@app.get("/warm")
@by_warm.requires_authentication
def authenticated_by_warm() -> Any:
    """Return the ID of this process."""
    return jsonify(os.getpid())


@app.get("/slow")
@by_slow.requires_authentication
def authenticated_by_slow() -> Any:
    """Return the ID of this process."""
    return jsonify(os.getpid())


@app.get("/status")
def status() -> Any:
    """Return the status of both providers, and which process this is."""
    return jsonify(pid=os.getpid(), parent=os.getppid(), warm=warm.status(), slow=slow.status())
