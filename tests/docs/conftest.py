"""Fixtures for tests of documents and examples: the programs in a document, and how they run."""

from __future__ import annotations

import importlib
import logging
import os
import re
import select
import socket
import socketserver
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flask_jwtlib.testing import IdentityProvider, TokenIssuer

from .program_kit import KEY_URLS

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.rst",
    "docs/api_keys.rst",
    "docs/cookies.rst",
    "docs/delegation.rst",
    "docs/dev_token.rst",
    "docs/doctor.rst",
    "docs/explain.rst",
    "docs/extending.rst",
    "docs/identity.rst",
    "docs/integrations.rst",
    "docs/keys.rst",
    "docs/mcp.rst",
    "docs/migration.rst",
    "docs/openapi.rst",
    "docs/providers.rst",
    "docs/refusals.rst",
    "docs/routes.rst",
    "docs/testing.rst",
    "docs/token_places.rst",
    "docs/troubleshooting.rst",
)
HOSTS = (
    "acme.cloudflareaccess.com",
    "login.example",
    "example.eu.auth0.com",
    "sts.windows.net",
    "example.b2clogin.com",
    "adfs.example",
    "login.microsoftonline.com",
    "cognito-idp.eu-central-1.amazonaws.com",
    "www.googleapis.com",
)

# `python -m pytest` finds the examples by itself; at the end of the path they shadow nothing.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


@frozen
class Program:
    """A Python program in a document."""

    document: str
    line: int
    text: str

    def run(self) -> dict[str, Any]:
        """Run it in the current directory, and return the names that it defines."""
        names: dict[str, Any] = {"__name__": "program"}
        # The empty lines keep the document's line numbers in a traceback.
        text = "\n" * self.line + self.text
        # Not with this module's `from __future__ import annotations`.
        exec(compile(text, self.document, "exec", dont_inherit=True), names)
        return names


def programs(document: str) -> Iterator[Program]:
    """Return the blocks of a document that start with ``.. code-block:: python``."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.strip() != ".. code-block:: python":
            continue
        start = end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith("    ")):
            end += 1
        text = "\n".join(each[4:] for each in lines[start:end])
        yield Program(document, start, text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test that takes ``any_program`` with all programs of all documents."""
    if "any_program" in metafunc.fixturenames:
        metafunc.parametrize(
            "any_program",
            [
                pytest.param(
                    program,
                    id=f"{document}:{program.line}",
                    marks=pytest.mark.skipif(
                        "fastmcp" in program.text and sys.version_info < (3, 11),
                        reason="FastMCP needs Python 3.11",
                    ),
                )
                for document in DOCUMENTS
                for program in programs(document)
            ],
        )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory outside of the checkout, for the files that programs and examples write."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def workplace(elsewhere: Path, issuer: TokenIssuer, services: TokenIssuer) -> Iterator[Path]:
    """A current directory with the files that the documents mention.

    The log's level, which a program may change, is restored.
    """
    level = logging.getLogger("flask_jwtlib").level
    (elsewhere / "issuer.pem").write_text(issuer.public_pem)
    (elsewhere / "services.pem").write_text(services.public_pem)
    yield elsewhere
    logging.getLogger("flask_jwtlib").setLevel(level)


@pytest.fixture(scope="session")
def services() -> TokenIssuer:
    """An issuer of tokens for services."""
    return TokenIssuer(kid="services-1")


@pytest.fixture
def run(workplace: Path) -> Callable[[str, str], dict[str, Any]]:
    """Return a function that runs the one program of a document which contains a text."""

    def run(document: str, containing: str) -> dict[str, Any]:
        (program,) = (each for each in programs(document) if containing in each.text)
        return program.run()

    return run


@pytest.fixture
def first_program(workplace: Path) -> Program:
    """The first program of the README."""
    return next(programs("README.rst"))


@pytest.fixture
def example() -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports an example anew, as a new process does."""
    imported: list[str] = []

    def example(name: str) -> ModuleType:
        full_name = f"examples.{name}"
        sys.modules.pop(full_name, None)
        imported.append(full_name)
        return importlib.import_module(full_name)

    yield example
    for name in imported:
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``python -m …`` to its end, in the test's current directory."""

    def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env=environment(**environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command


def environment(**changes: str) -> dict[str, str]:
    """The environment of a new process: this one's, without variables that colour output.

    It finds the examples, as in the repository's root.
    """
    kept = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts ``python -m …`` in the current directory; the test's end stops it."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@frozen
class Listed:
    """A name in ``docs/api.rst``.

    Attributes:
        name: The name as written.
        module: Where it is imported from.
        defined_in: The modules that the heading above it names.
    """

    name: str
    module: str
    defined_in: list[str]

    @property
    def bare(self) -> str:
        """The name without the module."""
        return self.name.rpartition(".")[2]


@pytest.fixture
def listed() -> list[Listed]:
    """Return the names in the first columns of the tables of ``docs/api.rst``, with their text."""
    names: list[Listed] = []
    headed: list[str] = []
    lines = (ROOT / "docs/api.rst").read_text(encoding="utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if following.startswith("---"):
            headed = re.findall("``(.*?)``", line)
        elif line.startswith("   * - ``"):
            name = line[9:-2]
            names.append(Listed(name, name.rpartition(".")[0] or "flask_jwtlib", headed))
    return names


class _Tunnel(socketserver.StreamRequestHandler):
    """Handles ``CONNECT`` as a proxy does, and connects to one port for each of our hosts."""

    def handle(self) -> None:
        """Handle one connection."""
        proxy: Any = self.server
        _, target, _ = self.rfile.readline().decode("ascii").split()
        while self.rfile.readline().strip():
            pass
        if target not in {f"{host}:443" for host in HOSTS}:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            with socket.create_connection(("127.0.0.1", proxy.port)) as host:
                other = {self.connection: host, host: self.connection}
                while True:
                    for ready in select.select([*other], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        other[ready].sendall(data)
        except OSError:
            # The port is closed, or one side has disconnected.
            return


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(("127.0.0.1", 0), _Tunnel)


class Clock:
    """A provider's clock, which stands still until it is moved.

    Args:
        provider: The provider that uses it from now on.
    """

    def __init__(self, provider: Any) -> None:
        self.now = provider.refresh.clock()
        object.__setattr__(provider.refresh, "clock", self)

    def __call__(self) -> float:
        return float(self.now)

    def move(self, seconds: float) -> None:
        """Move the time forward."""
        self.now += seconds


@pytest.fixture
def clock_of() -> type[Clock]:
    """Return what replaces the clock of a provider that a program or an example has made."""
    return Clock


@frozen
class Internet:
    """The hosts of the documents' issuers, reached through a proxy over HTTPS.

    Attributes:
        idp: The server that plays all of them: each has its own path.
    """

    idp: IdentityProvider

    def publish(self, issuer: str, jwks_uri: str, *keys: dict[str, str]) -> None:
        """Publish an issuer's metadata and keys."""
        for url, document in (
            (
                f"{issuer.removesuffix('/')}/.well-known/openid-configuration",
                {"issuer": issuer, "jwks_uri": jwks_uri},
            ),
            (jwks_uri, {"keys": list(keys)}),
        ):
            self.idp.documents[urlsplit(url).path] = document

    @property
    def asked(self) -> list[str]:
        """The URLs that were asked for."""
        return [f"https://{request.headers['Host']}{request.path}" for request in self.idp.requests]


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """The hosts of the documents' issuers: programs reach them without any change.

    The environment names a proxy and a certificate authority, as in many companies' networks.
    """
    for name in ("https_proxy", "all_proxy", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    certificate = tmp_path / "internet.pem"
    certificate.write_bytes(_certificate())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with IdentityProvider(tls=True) as idp:
        assert idp.tls is not None
        idp.tls.load_cert_chain(certificate)
        proxy = _Proxy(urlsplit(idp.url).port or 0)
        thread = Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        try:
            yield Internet(idp)
        finally:
            proxy.shutdown()
            thread.join()
            proxy.server_close()


def _certificate() -> bytes:
    """Return a key and a self-signed certificate for all our hosts, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests/docs")])
    now = datetime.now(timezone.utc)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, HOSTS)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(identifier, False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
        )
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def reach(internet: Any) -> Callable[..., TokenIssuer]:
    """Return a function that makes issuers publish a key, and returns the signing issuer."""

    def reach(*names: str, kid: str = "key-1") -> TokenIssuer:
        issuer = TokenIssuer(kid=kid)
        for name in names:
            internet.publish(name, KEY_URLS[name], issuer.jwk)
        return issuer

    return reach
