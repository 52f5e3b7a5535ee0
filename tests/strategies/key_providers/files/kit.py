"""Issuers, keys in every form, and probes for the tests of key files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from flask_jwtlib import BearerToken, ConfigurationError, JWTValidator, KeyProvider, KeySet
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.key_providers._files.look import shown_path
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider
from tests.kit import PATIENCE

INTERVAL = 5
ALGORITHMS = ("ES256", "RS256", "EdDSA", "HS256")


def issuer_of(kid: str | None = None, algorithm: str = "ES256") -> TokenIssuer:
    """Return an issuer with a new key."""
    return TokenIssuer(algorithm=algorithm, kid=kid)


A, B, C = issuer_of("a"), issuer_of("b"), issuer_of("c")
RSA = issuer_of("r", "RS256")
ED = issuer_of("e", "EdDSA")


def jwks_of(*issuers: TokenIssuer) -> str:
    """Return the JWK set of some issuers, as JSON."""
    return json.dumps({"keys": [issuer.jwk for issuer in issuers]})


def private_pem_of(issuer: TokenIssuer) -> str:
    """Return an issuer's private key, as PEM."""
    key: Any = issuer.private_key
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate_of(issuer: TokenIssuer) -> str:
    """Return a certificate of an issuer's key, as PEM."""
    key: Any = issuer.private_key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def pkcs1_of(issuer: TokenIssuer) -> str:
    """Return an issuer's RSA key in PKCS#1, as PEM."""
    key: Any = issuer.private_key
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        .decode()
    )


def openssh_of(issuer: TokenIssuer) -> str:
    """Return an issuer's public key as an OpenSSH line."""
    key: Any = issuer.private_key
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"{line.decode()} issuer@example\n"


def weak_pem() -> str:
    """Return an RSA key that is too short, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def secret_jwk() -> dict[str, str]:
    """Return a symmetric key as a JWK."""
    return {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def subject(token: str, keys: KeyProvider) -> str | None:
    """Return the subject of a token that the keys verify."""
    return JWTValidator(algorithms=ALGORITHMS).validate(BearerToken(token), keys).subject


def same_keys(key_set: KeySet, *issuers: TokenIssuer) -> bool:
    """Return whether a set has exactly the keys of these issuers, whatever their IDs."""

    def der(key: Any) -> bytes:
        return key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    privates: list[Any] = [issuer.private_key for issuer in issuers]
    return sorted(der(key.material) for key in key_set.keys) == sorted(
        der(private.public_key()) for private in privates
    )


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def provider_of(*paths: Path, **options: Any) -> FileKeyProvider:
    """Return a provider with long timeouts."""
    return FileKeyProvider(*paths, **{"max_wait": PATIENCE, "fetch_timeout": PATIENCE, **options})


def shown(path: Path) -> str:
    """Return a path as log lines and messages show it."""
    return shown_path(path)


class Probe:
    """Reads the files of a provider directly, without the engine around it."""

    def __init__(self, clock: Any, *paths: Path, **options: Any) -> None:
        self.clock = clock
        self.provider = provider_of(*paths, clock=clock, **options)

    def read(self, after: float = INTERVAL) -> KeySet:
        """Return the keys that it reads some seconds later."""
        self.clock.move(after)
        fetched: Any = self.provider.fetch()
        assert isinstance(fetched.keys, KeySet)
        return fetched.keys

    def kids(self, after: float = INTERVAL) -> set[str]:
        """Return the key IDs that it reads some seconds later."""
        return set(self.read(after).kids)

    def kids_after_two_reads(self) -> set[str]:
        """Return the key IDs after two reads, without those that both reads lack."""
        self.read()
        return self.kids()

    def fault(self, after: float = INTERVAL) -> str:
        """Return the error message of a read some seconds later."""
        with pytest.raises(ConfigurationError) as error:
            self.read(after)
        return str(error.value)


class Volume:
    """A directory as Kubernetes mounts a Secret or ConfigMap: names that are links through ``..data``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0

    def publish(self, files: dict[str, str]) -> None:
        """Replace all files at once, in the steps of kubelet."""
        self._count += 1
        data = self.path / "..data"
        before = data.resolve() if data.is_symlink() else None
        content = self.path / f"..2024_01_01.{self._count}"
        content.mkdir()
        for name, text in files.items():
            (content / name).write_text(text)
        (self.path / "..data_tmp").symlink_to(content.name)
        (self.path / "..data_tmp").replace(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(Path("..data") / name)
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if before is not None:
            for file in before.iterdir():
                file.unlink()
            before.rmdir()
