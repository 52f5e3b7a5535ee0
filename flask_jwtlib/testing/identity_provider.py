"""An identity provider for tests: a local HTTP server that can be made to misbehave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ._behaviour import Behaviour, PlannedResponse, ReceivedRequest
from ._certificate import context_of, write_certificate
from ._metadata import metadata_of
from ._misbehaving_server import MisbehavingServer
from ._schedule import BehaviourSchedule
from .issuer import TokenIssuer

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Behaviour", "IdentityProvider", "ReceivedRequest"]

_HOST = "127.0.0.1"


class IdentityProvider:
    """Serves keys and metadata at 127.0.0.1, records the requests, and can be made to misbehave.

    It responds to POST as to GET, and records the body, for clients that send tokens or assertions.

    Use it to test how a provider of fetched keys handles key rotation and outages::

        with IdentityProvider() as idp:
            issuer = idp.add_key(kid="a", algorithm="ES256")
            provider = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True)
            idp.behave(delay=1)
            successor = idp.rotate(kid="b")
            assert idp.count(idp.jwks_path) <= 2

    Args:
        path: The path of its issuer URL, such as ``"/tenant"``.
        tls: Serve HTTPS, with a new certificate.

    Attributes:
        tls: The TLS settings, or None without HTTPS. You may change them, for example to require a client
            certificate.
        documents: The served documents, by path: bytes and text as they are, anything else as JSON. Other
            paths respond with 404.
    """

    def __init__(self, *, path: str = "", tls: bool = False) -> None:
        self.documents: dict[str, Any] = {}
        self.tls: ssl.SSLContext | None = None
        self._path = path
        self._scheme = "https" if tls else "http"
        self._folder: TemporaryDirectory[str] | None = None
        self._port = 0
        self._server: MisbehavingServer | None = None
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._connections = 0
        self._active = 0
        self._peak = 0
        self._schedule = BehaviourSchedule()
        self._hold = threading.Event()

    def __enter__(self) -> Self:
        if self._scheme == "https":
            self._folder = TemporaryDirectory(prefix="idp-")
            write_certificate(self.certificate, _HOST)
            self.tls = context_of(self.certificate)
        self.start()
        self.documents = {
            self.jwks_path: {"keys": []},
            self.openid_path: self.metadata,
            self.oauth_path: self.metadata,
            **self.documents,
        }
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def start(self) -> None:
        """Listen on a free port, and after ``stop`` on the same port again."""
        if self._server is None:
            self._server = MisbehavingServer(
                (_HOST, self._port),
                connected=self._connected,
                responding=self._responding,
                tls=self.tls,
            )
            self._port = self._server.port

    def stop(self) -> None:
        """Refuse new connections and close the open ones. Documents and records are kept."""
        server, self._server = self._server, None
        if server is not None:
            server.closing.set()
            self.release()
            server.close()

    @property
    def url(self) -> str:
        """Its URL, without a trailing slash."""
        if not self._port:
            raise RuntimeError("the identity provider was not started: use it in a with statement")
        return f"{self._scheme}://{_HOST}:{self._port}"

    @property
    def certificate(self) -> Path:
        """The file with its certificate, which clients must trust, and its key. Removed after ``with``."""
        if self._folder is None:
            raise RuntimeError("the identity provider doesn't serve HTTPS: make it with tls=True")
        return Path(self._folder.name) / "idp.pem"

    @property
    def issuer_url(self) -> str:
        """The ``iss`` of its tokens."""
        return self.url + self._path

    @property
    def jwks_path(self) -> str:
        """The path of its JWK set."""
        return f"{self._path}/jwks"

    @property
    def jwks_url(self) -> str:
        """The URL of its JWK set."""
        return self.url + self.jwks_path

    @property
    def openid_path(self) -> str:
        """The path of its metadata, by OpenID Connect Discovery 1.0 §4."""
        return f"{self._path}/.well-known/openid-configuration"

    @property
    def oauth_path(self) -> str:
        """The path of its metadata, by RFC 8414 §3."""
        return f"/.well-known/oauth-authorization-server{self._path}"

    @property
    def metadata(self) -> dict[str, Any]:
        """Its correct metadata."""
        return metadata_of(self.issuer_url, self.jwks_url)

    @property
    def jwks(self) -> Any:
        """The JWK set that it serves. Assign to it to serve something else."""
        return self.documents[self.jwks_path]

    @jwks.setter
    def jwks(self, jwks: Any) -> None:
        self.documents[self.jwks_path] = jwks

    def add_key(self, *, kid: str | None = "key-1", algorithm: str = "RS256") -> TokenIssuer:
        """Publish another key, and return the issuer that signs with it."""
        issuer = TokenIssuer(self.issuer_url, kid=kid, algorithm=algorithm)
        self.jwks = {"keys": [*self.jwks["keys"], issuer.jwk]}
        return issuer

    def remove_key(self, kid: str | None) -> None:
        """Stop publishing the keys with this ID."""
        self.jwks = {"keys": [jwk for jwk in self.jwks["keys"] if jwk.get("kid") != kid]}

    def rotate(self, *, kid: str | None, algorithm: str = "RS256") -> TokenIssuer:
        """Publish a new key instead of all others, and return the issuer that signs with it."""
        issuer = TokenIssuer(self.issuer_url, kid=kid, algorithm=algorithm)
        self.jwks = issuer.jwks
        return issuer

    def behave(self, *, path: str | None = None, times: int | None = None, **how: Any) -> None:
        """Set how it responds from now on. Without arguments, correctly.

        Args:
            path: Only for this path. By default for all paths, replacing what was set for single ones.
            times: Only for this many requests. Later ones get the behaviour set before.
            **how: The arguments of ``Behaviour``.
        """
        behaviour = Behaviour(**how)
        with self._changed:
            self._schedule.add(behaviour, path, times)

    def release(self) -> None:
        """Respond to the requests that hang. Later requests hang again, unless the behaviour changes."""
        with self._changed:
            hold, self._hold = self._hold, threading.Event()
        hold.set()

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests so far, in the order they came in."""
        return tuple(self._requests)

    def count(self, path: str | None = None) -> int:
        """Return the number of requests, for one path or for all."""
        with self._changed:
            return sum(path in (None, request.path) for request in self._requests)

    def wait_for(self, count: int, path: str | None = None, *, timeout: float = 30) -> None:
        """Wait until this many requests came in, for one path or for all.

        Raises:
            TimeoutError: They didn't come in within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.count(path) >= count, timeout):
                raise TimeoutError(f"{self.count(path)} requests came in, expected {count}")

    def forget(self) -> None:
        """Forget the recorded requests and start counting again."""
        with self._changed:
            self._requests.clear()
            self._connections = 0
            self._peak = self._active

    @property
    def connections(self) -> int:
        """The number of connections, with or without a request."""
        return self._connections

    @property
    def peak(self) -> int:
        """The largest number of concurrent requests."""
        return self._peak

    def _connected(self) -> None:
        with self._changed:
            self._connections += 1

    @contextmanager
    def _responding(
        self, request: ReceivedRequest
    ) -> Generator[tuple[PlannedResponse, threading.Event], None, None]:
        with self._changed:
            self._requests.append(request)
            self._active += 1
            self._peak = max(self._peak, self._active)
            behaviour = self._schedule.next_for(request.path)
            response = PlannedResponse(request, behaviour, self.documents)
            hold = self._hold
            self._changed.notify_all()
        try:
            yield response, hold
        finally:
            with self._changed:
                self._active -= 1
