"""Fixtures for the tests of the contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib.testing.contracts import (
    ContractError,
    FailureHandlerContract,
    KeyProviderContract,
    TokenExtractorContract,
    TokenValidatorContract,
    check,
)

MAKES: dict[type, str] = {
    TokenExtractorContract: "make_extractor",
    KeyProviderContract: "make_provider",
    TokenValidatorContract: "make_validator",
    FailureHandlerContract: "make_handler",
}


@pytest.fixture
def failures() -> Callable[[object], dict[str, Exception]]:
    """Return a function that runs a contract's tests, and returns the failures with their exceptions."""

    def run(contract: object) -> dict[str, Exception]:
        failed: dict[str, Exception] = {}
        for name in dir(contract):
            if name.startswith("test_"):
                try:
                    getattr(contract, name)()
                except Exception as error:  # noqa: BLE001 - pytest takes any for a failure, too
                    failed[name] = error
        return failed

    return run


@pytest.fixture
def found_by_check(request: pytest.FixtureRequest) -> Callable[[Any], dict[str, Exception]]:
    """Return a function that passes a contract's strategy to ``check``, and returns the failures."""
    if "mixes" not in request.node.name:
        request.getfixturevalue("few_rounds")

    def run(contract: Any) -> dict[str, Exception]:
        (base,) = (each for each in MAKES if isinstance(contract, each))
        strategy = getattr(contract, MAKES[base])()
        samples = {
            name: getattr(contract, name)
            for name in dir(base)
            if not name.startswith(("_", "test_")) and name != MAKES[base]
        }
        with pytest.raises(ContractError) as error:
            check(strategy, **samples)
        assert all(name in str(error.value) for name in error.value.failures)
        return error.value.failures

    return run
