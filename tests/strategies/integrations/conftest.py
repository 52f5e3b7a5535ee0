"""Fixtures for the bridges."""

from __future__ import annotations

import pytest

from flask_jwtlib import Authenticator
from flask_jwtlib.testing import TokenIssuer


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An ``Authenticator`` of the issuer's tokens."""
    return Authenticator(keys=issuer.verification_key)
