"""A real OpenID provider on loopback: the npm package ``oidc-provider``.

Its packages are in the folder INTEROP_PROVIDER_FOLDER, by default in ``provider/`` beside this file,
where ``npm install`` puts them. Without them, or without Node.js, these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from tests.kit import PROCESS_PATIENCE

PROVIDER = Path(__file__).parent / "provider"


class OpenIDProvider:
    """A running provider, with a client for each signing algorithm.

    Attributes:
        issuer: Its issuer URL.
    """

    def __init__(self, process: subprocess.Popen[str], log_file: Path) -> None:
        self._process = process
        self._log_file = log_file
        self._one_command = threading.Lock()
        started = self._read_reply()
        self.issuer: str = started["issuer"]
        self._client_secret: str = started["client_secret"]

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata (OpenID Connect Discovery 1.0 §4)."""
        return self._json(
            requests.get(
                f"{self.issuer}/.well-known/openid-configuration", timeout=PROCESS_PATIENCE
            )
        )

    @staticmethod
    def client(algorithm: str) -> str:
        """Return the client whose ID tokens are signed with an algorithm."""
        return f"client-{algorithm}"

    @staticmethod
    def resource(algorithm: str, name: str = "reports") -> str:
        """Return the resource of that name whose access tokens are signed with an algorithm."""
        return f"https://{name}.example/{algorithm}"

    def jwks(self) -> dict[str, Any]:
        """Return the public keys that it publishes."""
        return self._json(requests.get(self.metadata["jwks_uri"], timeout=PROCESS_PATIENCE))

    def token(self, algorithm: str, resource: str | None = "reports", **form: str) -> str:
        """Get an access token by client credentials (RFC 6749 §4.4) for a resource (RFC 8707 §2)."""
        if resource is not None:
            form["resource"] = self.resource(algorithm, resource)
        response = requests.post(
            f"{self.issuer}/token",
            auth=(self.client(algorithm), self._client_secret),
            data={"grant_type": "client_credentials", "scope": "reports:read", **form},
            timeout=PROCESS_PATIENCE,
        )
        token: str = self._json(response)["access_token"]
        return token

    def id_token(self, algorithm: str) -> str:
        """Get an ID token (OpenID Connect Core 1.0 §2)."""
        token: str = self._command(f"id-token {algorithm}")["id_token"]
        return token

    def rotate(self) -> None:
        """Sign with new keys, and publish them beside the old ones."""
        self._command("rotate")

    def drop_old(self) -> None:
        """Publish only the latest keys."""
        self._command("drop-old")

    def stop(self) -> None:
        """Stop the process, so that it refuses connections."""
        if self._process.poll() is None:
            # The process ends when its input is closed.
            self._process.communicate(timeout=PROCESS_PATIENCE)

    def _command(self, line: str) -> dict[str, Any]:
        with self._one_command:
            commands: IO[str] | None = self._process.stdin
            assert commands is not None
            commands.write(f"{line}\n")
            commands.flush()
            return self._read_reply()

    def _read_reply(self) -> dict[str, Any]:
        replies: IO[str] | None = self._process.stdout
        assert replies is not None
        overdue = threading.Timer(PROCESS_PATIENCE, self._process.kill)
        overdue.start()
        try:
            line = replies.readline()
        finally:
            overdue.cancel()
        reply: dict[str, Any] = json.loads(line) if line else {"error": "the provider has ended"}
        assert "error" not in reply, f"{reply['error']}\n{self._log_file.read_text()}"
        return reply

    def _json(self, response: requests.Response) -> dict[str, Any]:
        assert response.status_code == 200, f"{response.text}\n{self._log_file.read_text()}"
        value: dict[str, Any] = response.json()
        return value


def what_is_missing(folder: Path) -> str | None:
    """Return why the provider can't run with the packages of a folder, or None."""
    node = shutil.which("node")
    if node is None:
        return "Node.js is not installed"
    needed = json.loads((PROVIDER / "package.json").read_text())["engines"]["node"]
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if numbers(version) < numbers(needed):
        return f"Node.js {needed} is needed, this is {version.strip()}"
    if not (folder / "node_modules" / "oidc-provider" / "package.json").is_file():
        return f"oidc-provider is not installed: run npm install in {folder}"
    return None


def numbers(version: str) -> list[int]:
    """Return the numbers of a version, for comparison."""
    return [int(number) for number in re.findall(r"\d+", version)]


@contextmanager
def running(folder: Path, log_file: Path) -> Iterator[OpenIDProvider]:
    """Run a provider with the packages of a folder."""
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            ["node", str(PROVIDER / "provider.mjs"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            provider = OpenIDProvider(process, log_file)
            yield provider
            provider.stop()
        finally:
            process.kill()


@pytest.fixture(scope="session")
def provider_folder() -> Path:
    """The folder of the provider's packages. Without them the test is skipped."""
    folder = Path(os.environ.get("INTEROP_PROVIDER_FOLDER") or PROVIDER)
    missing = what_is_missing(folder)
    if missing:
        pytest.skip(missing)
    return folder


@pytest.fixture(scope="session")
def openid_provider(
    provider_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenIDProvider]:
    """A provider that all tests share, whose keys don't change."""
    log_file = tmp_path_factory.mktemp("openid_provider") / "log"
    with running(provider_folder, log_file) as provider:
        yield provider


@pytest.fixture
def own_provider(provider_folder: Path, tmp_path: Path) -> Iterator[OpenIDProvider]:
    """A provider for one test, which may rotate its keys or stop it."""
    with running(provider_folder, tmp_path / "log") as provider:
        yield provider
