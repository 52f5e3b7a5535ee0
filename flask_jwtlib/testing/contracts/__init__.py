"""The tests that every implementation of a strategy must pass: as one function, and as classes to inherit.

``check(strategy)`` runs them and raises one error that lists all broken promises.

Make a test class with one of the contracts as its base, and implement how to make the strategy and a few
samples. pytest then runs the contract's tests with your strategy::

    class TestCookieTokenExtractor(TokenExtractorContract):
        def make_extractor(self) -> TokenExtractor:
            return CookieTokenExtractor("session")

        def request_with(self, token: str) -> Request:
            return make_request(headers={"Cookie": f"session={token}"})

The tests need no fixtures. They raise ``AssertionError`` explicitly, so they also work under ``python -O``.
"""

from __future__ import annotations

from ._check import ContractError, check
from .extractor import TokenExtractorContract
from .failure_handler import FailureHandlerContract
from .key_provider import KeyProviderContract
from .validator import TokenValidatorContract

__all__ = [
    "ContractError",
    "FailureHandlerContract",
    "KeyProviderContract",
    "TokenExtractorContract",
    "TokenValidatorContract",
    "check",
]
