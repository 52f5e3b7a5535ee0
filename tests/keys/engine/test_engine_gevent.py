"""Providers in a process whose threads are greenlets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gevent")

PATIENCE = 60


@pytest.mark.parametrize(
    "part", ["cold", "ahead", "expired", "search", "timeout", "hanging", "served", "forked"]
)
def test_point_11_under_gevent_the_hub_is_never_blocked(part: str) -> None:
    """While a fetch hangs, other greenlets go on; each part of the program says what else holds."""
    program = Path(__file__).with_name("greenlet_program.py")
    done = subprocess.run(
        [sys.executable, str(program), part],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
