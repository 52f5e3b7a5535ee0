"""The pytest plugin: fixtures for tests of apps that flask_jwtlib guards.

pytest loads it wherever the package is installed, so it imports what a fixture needs when that
fixture is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .issuer import TokenIssuer

__all__ = ["flask_jwtlib_defaults", "token_issuer"]


@pytest.fixture(scope="session")
def token_issuer() -> TokenIssuer:
    """An issuer that signs with RS256: configure its ``public_pem``, send its ``token()``."""
    from .issuer import TokenIssuer  # noqa: PLC0415 - see the module's docstring

    return TokenIssuer()


@pytest.fixture
def flask_jwtlib_defaults() -> Iterator[None]:
    """Put the module API's settings, callbacks and permanent key back after the test."""
    from .module_api import module_api_restored  # noqa: PLC0415 - see the module's docstring

    with module_api_restored():
        yield
