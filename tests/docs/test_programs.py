"""Every program in ``README.rst`` and ``docs/`` runs by itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib.testing import TokenIssuer

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]


@pytest.mark.usefixtures("workplace")
def test_it_runs_by_itself(any_program: Any) -> None:
    """Each program is complete: it needs only the files that the document mentions."""
    with warnings.catch_warnings():
        any_program.run()
