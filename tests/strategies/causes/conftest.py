"""The provider of the situations."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from flask_jwtlib.testing import IdentityProvider

from .situation_kit import World


@pytest.fixture(scope="module")
def world() -> Generator[World, None, None]:
    """A served provider, and the app that has its keys."""
    with IdentityProvider() as idp:
        yield World.of(idp)
