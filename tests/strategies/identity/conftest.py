"""Fixtures for the tests of identities."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from flask_jwtlib import Authenticator
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.identity.users import UserLoader

from .kit import ISSUER, OTHER_ISSUER, Database, User


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Alice is a user, another issuer's alice is another one, and bob is disabled."""
    database = Database(tmp_path / "users.db")
    database.add(
        User(issuer=ISSUER, subject="alice", name="Alice"),
        User(issuer=OTHER_ISSUER, subject="alice", name="Another Alice"),
        User(issuer=ISSUER, subject="bob", name="Bob", active=False),
    )
    return database


@pytest.fixture
def users(database: Database) -> UserLoader[User]:
    """The users of the database."""
    return UserLoader(database.load_user)


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` of the issuer's tokens."""
    return Authenticator(keys=issuer.verification_key)


@pytest.fixture
def app() -> Flask:
    """An app as it is in production."""
    return Flask("resource_server")


@pytest.fixture
def alice(issuer: TokenIssuer) -> dict[str, str]:
    """The header of a user."""
    return bearer(issuer.token("alice", iss=ISSUER))


@pytest.fixture
def bob(issuer: TokenIssuer) -> dict[str, str]:
    """The header of a disabled user."""
    return bearer(issuer.token("bob", iss=ISSUER))
