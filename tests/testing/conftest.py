"""What the tests of the contracts share."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def failures() -> Callable[[object], dict[str, Exception]]:
    """Runs a contract's tests, and answers those that fail, each with its exception."""

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
