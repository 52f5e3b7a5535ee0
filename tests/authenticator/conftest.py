"""Fixtures for tests of a composed Authenticator."""

from __future__ import annotations

import pytest

from flask_jwtlib import Authenticator
from flask_jwtlib.testing import TokenIssuer


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator with default strategies that trusts ``issuer``."""
    return Authenticator(keys=issuer.verification_key)


@pytest.fixture
def token(issuer: TokenIssuer) -> str:
    """A valid token whose subject is Alice."""
    return issuer.token("alice")


@pytest.fixture
def expired(issuer: TokenIssuer) -> str:
    """A token of Alice's that expired long ago."""
    return issuer.token("alice", exp=1_000_000_000)
