"""Key providers under gevent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import PROCESS_PATIENCE

pytest.importorskip("gevent")


@pytest.mark.parametrize(
    "scenario", ["cold", "ahead", "expired", "search", "timeout", "hanging", "served", "forked"]
)
def test_under_gevent_a_hanging_fetch_never_blocks_the_hub(scenario: str) -> None:
    """While a fetch hangs, other greenlets run; each scenario of the program checks more."""
    program = Path(__file__).with_name("greenlet_program.py")
    done = subprocess.run(
        [sys.executable, str(program), scenario],
        capture_output=True,
        text=True,
        timeout=PROCESS_PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
