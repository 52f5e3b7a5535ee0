"""Servers and certificates for the tests of the doctor."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flask_jwtlib.testing import IdentityProvider
from tests.kit import PATIENCE

Serve = Callable[..., str]


def certificate(
    file: Path, *, begins: float = -1, ends: float = 90, name: str = "127.0.0.1"
) -> Path:
    """Write a key and its self-signed certificate, with its validity in days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(timezone.utc)
    is_address = name[0].isdigit()
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    alternative = x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        # Newer versions of Python require these.
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture(scope="module")
def tls_idp() -> Iterator[IdentityProvider]:
    """An identity provider with a key, at an https URL."""
    with IdentityProvider(tls=True) as idp:
        idp.add_key(kid="a")
        yield idp


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves the same bytes to every client, and returns the host and port.

    Args of that function:
        response: What is sent when the client has sent something.
        tls: The settings for TLS that begins after the response, as in a tunnel through a proxy.
    """
    listeners: list[socket.socket] = []

    def handle(connection: socket.socket, response: bytes, tls: ssl.SSLContext | None) -> None:
        with suppress(OSError), connection:
            connection.settimeout(PATIENCE)
            connection.recv(65536)
            connection.sendall(response)
            if tls is not None:
                tls.wrap_socket(connection, server_side=True).close()

    def accept(listener: socket.socket, response: bytes, tls: ssl.SSLContext | None) -> None:
        with suppress(OSError):
            while True:
                handle(listener.accept()[0], response, tls)

    def start(response: bytes, tls: ssl.SSLContext | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, response, tls), daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        # Closing alone doesn't wake the thread that waits for a client.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
