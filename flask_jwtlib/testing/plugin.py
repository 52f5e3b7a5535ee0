"""The pytest plugin: fixtures for tests of apps that use flask_jwtlib.

pytest loads it wherever the package is installed, so it imports what a fixture needs only when the fixture is
used.
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
    """A token issuer that signs with RS256. Configure its ``public_pem``, and send its ``token()``."""
    from .issuer import TokenIssuer  # noqa: PLC0415 - see the module's docstring

    return TokenIssuer()


@pytest.fixture
def flask_jwtlib_defaults() -> Iterator[None]:
    """Restore the module API's settings, callbacks and permanent key after the test."""
    from .module_api import module_api_restored  # noqa: PLC0415 - see the module's docstring

    with module_api_restored():
        yield
