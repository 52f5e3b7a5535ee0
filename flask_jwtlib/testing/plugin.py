"""The pytest plugin: fixtures for tests of apps that use flask_jwtlib.

pytest loads it wherever the package is installed, so it imports what a fixture needs only when the fixture is
used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask

    from .issuer import TokenIssuer

__all__ = ["flask_jwtlib_defaults", "lend", "token_issuer"]


@pytest.fixture(scope="session")
def token_issuer() -> TokenIssuer:
    """A token issuer that signs with RS256. Configure its ``public_pem``, and send its ``token()``."""
    from .issuer import TokenIssuer  # noqa: PLC0415 - see the module's docstring

    return TokenIssuer()


@pytest.fixture
def lend() -> Iterator[Callable[..., TokenIssuer]]:
    """Return ``lend_keys`` as a function: it lends keys until the test ends, and returns the issuer.

    ::

        @pytest.fixture
        def issuer(lend):
            return lend(auth)

        def test_reports(client, issuer):
            assert client.get("/reports", headers=issuer.auth(sub="ada")).status_code == 200
    """
    from .lent_keys import lend_keys  # noqa: PLC0415 - see the module's docstring

    with ExitStack() as loans:

        def lend(to: Any, *issuers: TokenIssuer, app: Flask | None = None) -> TokenIssuer:
            return loans.enter_context(lend_keys(to, *issuers, app=app))

        yield lend


@pytest.fixture
def flask_jwtlib_defaults() -> Iterator[None]:
    """Restore the module API's settings, callbacks and permanent key after the test."""
    from .module_api import module_api_restored  # noqa: PLC0415 - see the module's docstring

    with module_api_restored():
        yield
