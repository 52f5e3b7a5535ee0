"""An identity provider for tests: a real HTTP server on loopback that misbehaves on command."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ._behaviour import Answer, Behaviour, ReceivedRequest
from ._certificate import context_of, write_certificate
from ._misbehaving_server import MisbehavingServer
from .issuer import TokenIssuer

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Behaviour", "IdentityProvider", "ReceivedRequest"]

_HOST = "127.0.0.1"


class IdentityProvider:
    """Serves keys and metadata at 127.0.0.1, remembers who asked for what, and misbehaves on command.

    ::

        with IdentityProvider() as idp:
            issuer = idp.add_key(kid="a", algorithm="ES256")
            provider = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True)
            idp.behave(delay=1)
            successor = idp.rotate(kid="b")
            assert idp.count(idp.jwks_path) <= 2

    Args:
        path: What its issuer URL has beyond the host, such as ``"/tenant"``.
        tls: Serve HTTPS, with a certificate made for it.

    Attributes:
        tls: The settings of HTTPS, which may be changed, to ask clients for a certificate, say. None
            without HTTPS.
        documents: What it serves, by path: bytes and text as they are, anything else as JSON. A path
            that is not there answers 404.
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
        self._standing: dict[str | None, Behaviour] = {}
        self._passing: dict[str | None, list[Behaviour]] = {}
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
        """Listen: on a free port, and after ``stop`` on the same one again."""
        if self._server is None:
            self._server = MisbehavingServer(
                (_HOST, self._port),
                connected=self._connected,
                answering=self._answering,
                tls=self.tls,
            )
            self._port = self._server.port

    def stop(self) -> None:
        """Die: refuse connections, and break off those that are open. What it served and counted stays."""
        server, self._server = self._server, None
        if server is not None:
            server.closing.set()
            self.release()
            server.close()

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        if not self._port:
            raise RuntimeError("the identity provider was not started: use it in a with statement")
        return f"{self._scheme}://{_HOST}:{self._port}"

    @property
    def certificate(self) -> Path:
        """The file with the certificate that its clients have to trust, and the key. ``with`` removes it."""
        if self._folder is None:
            raise RuntimeError("the identity provider serves no HTTPS: make it with tls=True")
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
        """The path of its metadata by OpenID Connect Discovery 1.0 §4."""
        return f"{self._path}/.well-known/openid-configuration"

    @property
    def oauth_path(self) -> str:
        """The path of its metadata by RFC 8414 §3."""
        return f"/.well-known/oauth-authorization-server{self._path}"

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, as they are when it does not lie."""
        return {
            "issuer": self.issuer_url,
            "authorization_endpoint": f"{self.issuer_url}/authorize",
            "token_endpoint": f"{self.issuer_url}/token",
            "jwks_uri": self.jwks_url,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }

    @property
    def jwks(self) -> Any:
        """The JWK set that it serves. Assign to it anything that it shall serve instead."""
        return self.documents[self.jwks_path]

    @jwks.setter
    def jwks(self, jwks: Any) -> None:
        self.documents[self.jwks_path] = jwks

    def add_key(self, *, kid: str | None = "key-1", algorithm: str = "RS256") -> TokenIssuer:
        """Publish a new key, and answer the issuer that signs with it."""
        issuer = TokenIssuer(self.issuer_url, kid=kid, algorithm=algorithm)
        self.jwks = {"keys": [*self.jwks["keys"], issuer.jwk]}
        return issuer

    def remove_key(self, kid: str | None) -> None:
        """Publish the keys of this ID no longer."""
        self.jwks = {"keys": [jwk for jwk in self.jwks["keys"] if jwk.get("kid") != kid]}

    def rotate(self, *, kid: str | None, algorithm: str = "RS256") -> TokenIssuer:
        """Publish a new key in place of all others, and answer the issuer that signs with it."""
        issuer = TokenIssuer(self.issuer_url, kid=kid, algorithm=algorithm)
        self.jwks = issuer.jwks
        return issuer

    def behave(self, *, path: str | None = None, times: int | None = None, **how: Any) -> None:
        """Say how it answers from now on; without arguments, well.

        Args:
            path: The one path that this is for. By default it is for all, whatever was said before.
            times: For how many requests; those after them are answered as before.
            **how: The arguments of ``Behaviour``.
        """
        behaviour = Behaviour(**how)
        with self._changed:
            if times is not None:
                self._passing.setdefault(path, []).extend([behaviour] * times)
                return
            if path is None:
                self._passing.clear()
                self._standing.clear()
            self._passing.pop(path, None)
            self._standing[path] = behaviour

    def release(self) -> None:
        """Answer the requests that hang. Later ones hang anew, if it still behaves so."""
        with self._changed:
            hold, self._hold = self._hold, threading.Event()
        hold.set()

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests up to now, in the order they came in."""
        with self._changed:
            return tuple(self._requests)

    def count(self, path: str | None = None) -> int:
        """How many requests there were, for one path or for all."""
        with self._changed:
            return self._count(path)

    def wait_for(self, count: int, path: str | None = None, *, timeout: float = 30) -> None:
        """Wait until so many requests came in, for one path or for all.

        Raises:
            TimeoutError: They did not, within so many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(path) >= count, timeout):
                raise TimeoutError(f"{self._count(path)} requests came in, waiting for {count}")

    def forget(self) -> None:
        """Count from nothing again."""
        with self._changed:
            self._requests.clear()
            self._connections = 0
            self._peak = self._active

    @property
    def connections(self) -> int:
        """How many connections were made, with or without a request."""
        with self._changed:
            return self._connections

    @property
    def peak(self) -> int:
        """How many requests at most were being answered at the same time."""
        with self._changed:
            return self._peak

    def _count(self, path: str | None) -> int:
        return sum(path in (None, request.path) for request in self._requests)

    def _connected(self) -> None:
        with self._changed:
            self._connections += 1

    @contextmanager
    def _answering(
        self, request: ReceivedRequest
    ) -> Generator[tuple[Answer, threading.Event], None, None]:
        with self._changed:
            self._requests.append(request)
            self._active += 1
            self._peak = max(self._peak, self._active)
            answer = Answer(request, self._behaviour_for(request.path), self.documents)
            hold = self._hold
            self._changed.notify_all()
        try:
            yield answer, hold
        finally:
            with self._changed:
                self._active -= 1

    def _behaviour_for(self, path: str) -> Behaviour:
        for scope in (path, None):
            passing = self._passing.get(scope)
            if passing:
                return passing.pop(0)
        return self._standing.get(path) or self._standing.get(None) or Behaviour()
