"""Fixtures for the tests of the contracts."""

from __future__ import annotations

from collections.abc import Callable

import pytest


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
