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
    """Make a fetch of a JWK set, by a connection of its own each time."""
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
    """A provider of the keys at a URL that the environment names."""
    return TTLKeyProvider(fetch_from(os.environ[name]), fetch_timeout=PATIENCE)


def warm_up(provider: TTLKeyProvider) -> None:
    """Fetch, for as long as it takes."""
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
    """Answer which process this is."""
    return jsonify(os.getpid())


@app.get("/slow")
@by_slow.requires_authentication
def authenticated_by_slow() -> Any:
    """Answer which process this is."""
    return jsonify(os.getpid())


@app.get("/status")
def status() -> Any:
    """Answer how the keys are in this process, and in which one they were fetched first."""
    return jsonify(pid=os.getpid(), parent=os.getppid(), warm=warm.status(), slow=slow.status())
