"""What every implementation of a strategy must keep, as test classes to inherit.

A class of your test suite names one of the contracts as its base and says how to make the strategy
and a few samples; pytest then collects the contract's tests with it::

    class TestCookieTokenExtractor(TokenExtractorContract):
        def make_extractor(self) -> TokenExtractor:
            return CookieTokenExtractor("session")

        def request_with(self, token: str) -> Request:
            return make_request(headers={"Cookie": f"session={token}"})

The tests need no fixtures. They raise ``AssertionError`` by themselves, also under ``python -O``.
"""

from __future__ import annotations

from .extractor import TokenExtractorContract
from .failure_handler import FailureHandlerContract
from .key_provider import KeyProviderContract
from .validator import TokenValidatorContract

__all__ = [
    "FailureHandlerContract",
    "KeyProviderContract",
    "TokenExtractorContract",
    "TokenValidatorContract",
]
