"""What the tests of key files share: issuers, keys in every form, and a provider looked through by hand."""

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
from flask_jwtlib_strategies.key_providers._files import key_files as _key_files
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider

PATIENCE = 30


INTERVAL = 5
MIB = 1024 * 1024
ALGORITHMS = ("ES256", "RS256", "EdDSA", "HS256")


def issuer_of(kid: str | None = None, algorithm: str = "ES256") -> TokenIssuer:
    """An issuer with a key of its own."""
    return TokenIssuer(algorithm=algorithm, kid=kid)


A, B, C = issuer_of("a"), issuer_of("b"), issuer_of("c")
RSA = issuer_of("r", "RS256")
ED = issuer_of("e", "EdDSA")


def jwks_of(*issuers: TokenIssuer) -> str:
    """The JWK set of some issuers, as JSON."""
    return json.dumps({"keys": [issuer.jwk for issuer in issuers]})


def private_pem_of(issuer: TokenIssuer) -> str:
    """An issuer's private key, as PEM."""
    key: Any = issuer.private_key
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate_of(issuer: TokenIssuer) -> str:
    """A certificate of an issuer's key, as PEM."""
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
    """An issuer's RSA key as PKCS#1 has it, as PEM."""
    key: Any = issuer.private_key
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        .decode()
    )


def openssh_of(issuer: TokenIssuer) -> str:
    """An issuer's public key as OpenSSH's line."""
    key: Any = issuer.private_key
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"{line.decode()} issuer@example\n"


def weak_pem() -> str:
    """An RSA key that is too short, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def secret_jwk() -> dict[str, str]:
    """A symmetric key as a JWK."""
    return {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def subject(token: str, keys: KeyProvider) -> str | None:
    """Whom a token is about, if a key verifies it."""
    return JWTValidator(algorithms=ALGORITHMS).validate(BearerToken(token), keys).subject


def same_keys(key_set: KeySet, *issuers: TokenIssuer) -> bool:
    """Whether a set has the keys of these issuers and no others, whatever their IDs."""

    def marks(key: Any) -> bytes:
        return key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    privates: list[Any] = [issuer.private_key for issuer in issuers]
    return sorted(marks(key.material) for key in key_set.keys) == sorted(
        marks(private.public_key()) for private in privates
    )


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what a thread is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def provider_of(*paths: Path, **options: Any) -> FileKeyProvider:
    """A provider that nobody has to be fast for."""
    return FileKeyProvider(*paths, **{"max_wait": PATIENCE, "fetch_timeout": PATIENCE, **options})


def shown(path: Path) -> str:
    """A path as log lines and messages show it."""
    return _key_files._shown(path)


class Eyes:
    """A provider that is looked through by hand, without the engine around it."""

    def __init__(self, clock: Any, *paths: Path, **options: Any) -> None:
        self.clock = clock
        self.provider = provider_of(*paths, clock=clock, **options)

    def look(self, after: float = INTERVAL) -> KeySet:
        """What it sees some seconds later."""
        self.clock.move(after)
        fetched: Any = self.provider.fetch()
        assert isinstance(fetched.keys, KeySet)
        return fetched.keys

    def kids(self, after: float = INTERVAL) -> set[str]:
        """The key IDs that it sees some seconds later."""
        return set(self.look(after).kids)

    def kids_agreed(self) -> set[str]:
        """The key IDs that it sees after two looks, when what both found missing is gone."""
        self.look()
        return self.kids()

    def fault(self, after: float = INTERVAL) -> str:
        """Why it sees nothing some seconds later."""
        with pytest.raises(ConfigurationError) as error:
            self.look(after)
        return str(error.value)


class Volume:
    """A directory as Kubernetes mounts a Secret or ConfigMap: names that are links through ``..data``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0

    def publish(self, files: dict[str, str]) -> None:
        """Replace all files at once, in kubelet's steps."""
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
